//! A line over time, as SVG that needs nothing from elsewhere.

use std::time::{Duration, SystemTime};

use super::past::Level;
use crate::{http::timestamp, units::ByteSize};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
/// Room for the words above and below.
const MARGIN: f64 = 24.0;
/// Points are joined across less than so many of their usual distances; more is a gap.
const GAP: u32 = 4;

/// Draws the levels, the oldest first; `None` for fewer than two.
pub(super) fn draw(title: &str, levels: &[Level]) -> Option<String> {
    let (first, last) = (levels.first()?, levels.last()?);
    let span = last.at.duration_since(first.at).ok()?;
    if span.is_zero() {
        return None;
    }
    let bottom = levels.iter().map(|level| level.least).min()?;
    let top = levels.iter().map(|level| level.most).max()?;
    let x = |at: SystemTime| {
        let since = at.duration_since(first.at).unwrap_or_default();
        WIDTH * since.as_secs_f64() / span.as_secs_f64()
    };
    let range = (top - bottom).max(1) as f64;
    let y = |bytes: u64| {
        let height = HEIGHT - 2.0 * MARGIN;
        HEIGHT - MARGIN - height * bytes.saturating_sub(bottom) as f64 / range
    };
    let mut line = String::new();
    let usual = usual_distance(levels);
    let mut before: Option<SystemTime> = None;
    for level in levels {
        let apart = before.and_then(|before| level.at.duration_since(before).ok());
        let joined = apart.is_some_and(|apart| apart <= usual * GAP);
        let step = if joined { 'L' } else { 'M' };
        line.push_str(&format!("{step}{:.1} {:.1}", x(level.at), y(level.bytes)));
        before = Some(level.at);
    }
    let time = |at| timestamp::millis(at).unwrap_or_default();
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\"><title>{title}</title><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\
         <path d=\"{line}\" fill=\"none\" stroke=\"#1a6\" stroke-width=\"1.5\"/>\
         <text x=\"4\" y=\"14\">{}</text><text x=\"4\" y=\"{}\">{}</text>\
         <text x=\"{WIDTH}\" y=\"14\" text-anchor=\"end\">{}</text>\
         <text x=\"{WIDTH}\" y=\"{}\" text-anchor=\"end\">{}</text></svg>",
        ByteSize(top),
        HEIGHT - 6.0,
        ByteSize(bottom),
        time(last.at),
        HEIGHT - 6.0,
        format_args!("from {}", time(first.at)),
    ))
}

/// The median distance of two neighbours.
fn usual_distance(levels: &[Level]) -> Duration {
    let mut distances: Vec<Duration> = levels
        .windows(2)
        .filter_map(|pair| pair[1].at.duration_since(pair[0].at).ok())
        .collect();
    distances.sort_unstable();
    distances
        .get(distances.len() / 2)
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn level(minute: u64, bytes: u64) -> Level {
        Level {
            at: UNIX_EPOCH + Duration::from_secs(60 * minute),
            bytes,
            least: bytes,
            most: bytes,
        }
    }

    #[test]
    fn a_line_stays_inside_and_breaks_where_nothing_is_known() {
        let levels = [
            level(0, 5 << 20),
            level(1, 6 << 20),
            level(2, 7 << 20),
            level(60, 4 << 20),
            level(61, 5 << 20),
        ];
        let picture = draw("garden", &levels).unwrap();
        let (_, path) = picture.split_once(" d=\"").unwrap();
        let (path, _) = path.split_once('"').unwrap();
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(path.matches('L').count(), 3, "{path}");
        for point in path.split(['M', 'L']).filter(|point| !point.is_empty()) {
            let (x, y) = point.split_once(' ').unwrap();
            assert!((0.0..=WIDTH).contains(&x.parse().unwrap()), "{path}");
            assert!((0.0..=HEIGHT).contains(&y.parse().unwrap()), "{path}");
        }
        assert!(
            picture.contains("7 MiB") && picture.contains("4 MiB"),
            "{picture}"
        );
        assert_eq!(draw("x", &levels[..1]), None);
        assert_eq!(draw("x", &[]), None);
        assert!(draw("flat", &[level(0, 7), level(1, 7)]).is_some());
    }
}
