//! Growth that is too fast to wait for: what the newest samples show by themselves.
//!
//! The scales need half an hour and the warm-up before it; at a mebibyte a second a small
//! machine is full by then.

use super::{
    recent::Recent,
    statistics::{MOST_POINTS, line, median, swing},
};

/// The fewest samples that show a rate.
const FEWEST: usize = 5;
/// A shorter look at the newest half has at least so many.
const HALF: usize = 10;
/// Standard deviations from random order for a rate, for one to be sure of, and for a pattern.
const SCORES: [f64; 3] = [2.0, 3.0, 4.0];
/// A rate is told of a rise by this part of what was held.
const LEAST_PART: f64 = 0.05;
/// And by so many bytes.
const LEAST_BYTES: f64 = 4.0 * 1024.0 * 1024.0;
/// A pattern is named of a rise by this part, and by so many bytes; once it is, a rate keeps it.
const LARGE: (f64, f64) = (0.30, 32.0 * 1024.0 * 1024.0);
/// Times by which a rise exceeds what came and went.
const OVER_SWING: f64 = 1.5;
/// A larger part of the rise within one interval is a step.
const STEP_SHARE: f64 = 0.5;
/// Each third has at least so much of its mean share.
const LEAST_SHARE: f64 = 0.35;

/// Growth of the newest samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Early {
    /// Bytes per second.
    pub slope: f64,
    /// Bounds of the slope in 95 of 100 cases.
    pub interval: (f64, f64),
    /// First sample that shows it, seconds.
    pub since: f64,
    /// How far the evidence exceeds what naming a pattern needs.
    pub evidence: f64,
    /// Whether it is beyond chance.
    pub sure: bool,
    /// Whether it is so clear and so large that it is growth, whatever it will become.
    pub named: bool,
}

/// What is known from before the newest samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The largest swing at any scale, bytes.
    pub swing: f64,
    /// The most that was held, bytes.
    pub most: f64,
    /// Seconds between samples that are a gap.
    pub gap: f64,
    /// The fewest samples that say anything.
    pub least: usize,
}

/// Growth among the newest samples, if there is any. `before` is what was found a sample ago.
pub(super) fn early(recent: &Recent, known: Known, before: Option<Early>) -> Option<Early> {
    let (mut times, mut values) = ([0.0; MOST_POINTS], [0.0; MOST_POINTS]);
    let mut from = MOST_POINTS;
    for (at, bytes) in recent.newest() {
        if from == 0 || (from < MOST_POINTS && times[from] - at > known.gap) {
            break;
        }
        from -= 1;
        (times[from], values[from]) = (at, bytes);
    }
    let (times, values) = (&times[from..], &values[from..]);
    let n = values.len();
    if n < FEWEST.max(known.least) {
        return None;
    }
    let swing = known.swing.max(swing(values.iter().copied()));
    let half = (n / 2 >= HALF).then_some(n / 2);
    [Some(0), half].into_iter().flatten().find_map(|skip| {
        let earlier = values[..skip].iter().copied().fold(known.most, f64::max);
        rise(&times[skip..], &values[skip..], swing, earlier, before)
    })
}

fn rise(
    times: &[f64],
    values: &[f64],
    swing: f64,
    most_before: f64,
    before: Option<Early>,
) -> Option<Early> {
    let n = values.len();
    let edges: [f64; 4] = std::array::from_fn(|i| {
        // Medians around the beginning, the thirds and the end.
        let middle = i * (n - 1) / 3;
        let (low, high) = (middle.saturating_sub(n / 8), (middle + n / 8).min(n - 1));
        let mut part = [0.0; MOST_POINTS];
        let part = &mut part[..=high - low];
        part.copy_from_slice(&values[low..=high]);
        median(part)
    });
    let (held, rise) = (edges[0], edges[3] - edges[0]);
    let least = (held * LEAST_PART).max(LEAST_BYTES).max(OVER_SWING * swing);
    if rise < least || edges[3] < most_before {
        return None;
    }
    let even = edges
        .windows(2)
        .all(|pair| pair[1] - pair[0] >= LEAST_SHARE * rise / 3.0);
    let jump = values.windows(2).map(|pair| pair[1] - pair[0]);
    if !even || jump.fold(0.0, f64::max) > STEP_SHARE * rise {
        return None;
    }
    let line = line(times, values, 1.0);
    let [rate, sure, clear] = SCORES;
    if line.score < rate || line.slope <= 0.0 {
        return None;
    }
    let evidence = (line.score / clear).min(rise / (held * LARGE.0).max(LARGE.1));
    let kept = before.is_some_and(|before| before.named) && line.score >= sure;
    Some(Early {
        slope: line.slope,
        interval: line.interval,
        since: before.map_or(times[0], |before| before.since).min(times[0]),
        evidence: evidence.max(1.0),
        sure: line.score >= sure,
        named: evidence >= 1.0 || kept,
    })
}
