//! Growth as long as it goes on: since when, and whether it is a leak by now.

use super::{bucket::PICKS, ended::Ended, scales::Scale, trend::Trend};

const HOUR: f64 = 3600.0;
/// Growth by so much is a leak, whatever came before.
const LARGE: f64 = 0.50;
/// If it took at least so long, seconds; by more if it was quicker, as caches are.
const LARGE_WITHIN: f64 = 2.0 * HOUR;
/// Growth by so much is one where a day is known in which it was not part of the rhythm.
const UNUSUAL: f64 = 0.10;
const DAY: f64 = 24.0 * HOUR;
/// No growth is a leak before it has lasted so long, seconds.
const SHORTEST: f64 = HOUR;
/// Growth that outlasts a day is no part of a daily rhythm, seconds.
const LONGEST: f64 = 25.0 * HOUR;
/// Even growth of so much an hour and more is told as such after so many seconds; slower growth,
/// by the square of the speed, later.
const BRISK: (f64, f64) = (0.087, 42.0 * 60.0);
/// After so many seconds also where it is as slow as this, an hour.
const SLOW: (f64, f64) = (0.0074, 4.0 * HOUR);
/// Slower growth is in no hurry: by this power of the speed later.
const SLOWER: f64 = 1.5;
/// A window says that growth is even for a time of which it covers at least this part.
const EVEN_COVERED: f64 = 0.6;
/// At least this part of even growth is above all that was held before it began. What fell before
/// it rose comes and goes.
const NEW_HEIGHTS: f64 = 0.75;
/// How often in succession it must look like a leak.
const VOTES: u8 = 3;
/// Growth by less is not called exponential.
const RACING: f64 = 0.2;
/// The window that shows the growth covers at least this part of it.
const COVERED: f64 = 0.4;
/// Nothing seen for this part of the growth, or of so many of the finest buckets, is its end.
const PATIENCE: (f64, f64) = (0.25, 8.0);
/// A shorter window is believed when even its lowest slope is so many times the longest one's.
const FASTER: f64 = 1.5;

/// Growth that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Growth {
    /// Since when, seconds.
    pub since: f64,
    /// What was held then, bytes.
    pub level: f64,
    /// When it was last seen, seconds.
    pub seen: f64,
    /// What shows it.
    pub trend: Trend,
    /// How far the strongest evidence exceeds what is needed.
    pub evidence: f64,
    /// Since when growth would have been noticed, seconds.
    known_since: f64,
    votes: [u8; 2],
    /// The most that was held before it began, by floors and by middles, bytes. By the coarser
    /// scales: noise is no height.
    most_before: [f64; 2],
    /// For long enough for its speed it has not slowed down by more than noise explains.
    pub even: bool,
    /// It is more, or longer, than anything bounded explains.
    pub leak: bool,
    /// It grows with what has grown.
    pub exponential: bool,
}

impl Growth {
    /// Growth relative to what was held at its beginning.
    pub(super) fn ratio(&self) -> f64 {
        let lasting = self.trend.to - self.since;
        // A step in between is in the difference of levels, but not in the slope.
        (self.trend.top - self.level).min(1.3 * self.trend.slope * lasting) / self.level.max(1.0)
    }

    /// Whether this window shows growth for as long as its speed asks for.
    fn lasts_for_its_speed(&self, window: &Trend) -> bool {
        let hourly = window.slope / window.level.max(1.0) * HOUR;
        let needed = (BRISK.1 * (BRISK.0 / hourly).powi(2)).clamp(BRISK.1, SLOW.1)
            * (SLOW.0 / hourly).max(1.0).powf(SLOWER);
        let before = self.most_before[window.pick];
        let new = window.top - before >= NEW_HEIGHTS * (window.top - self.level);
        new && window.to - self.since >= needed && window.span() >= EVEN_COVERED * needed
    }

    fn is_beyond_bounds(&self) -> bool {
        let lasting = self.trend.to - self.since;
        if !self.trend.keeps_on() || lasting < SHORTEST || self.trend.span() < COVERED * lasting {
            return false;
        }
        let known = self.since - self.known_since >= DAY;
        let enough = if known {
            UNUSUAL
        } else {
            LARGE * (LARGE_WITHIN / lasting).max(1.0)
        };
        self.ratio() >= enough || lasting >= LONGEST
    }
}

/// What becomes of the growth once a bucket has closed at `now`, and of what has `ended`.
pub(super) fn next(
    before: Option<Growth>,
    ended: &mut Option<Ended>,
    scales: &[Scale],
    known_since: f64,
    now: f64,
) -> Option<Growth> {
    let finest = scales.first()?;
    let newest = finest.ring.iter().rev().take(2).map(|b| b.ceiling);
    let held = newest.fold(0.0, f64::max);
    let told = ended.as_ref();
    let goes_on = |trend: &Trend| {
        trend.is_held(held)
            && !told.is_some_and(|ended| ended.covers(trend))
            && !trend.has_ended(scales)
    };
    let all = scales.iter().flat_map(|scale| &scale.trends);
    let all: Vec<&Trend> = all.filter(|trend| goes_on(trend)).collect();
    let by_span = |a: &&&Trend, b: &&&Trend| a.span().total_cmp(&b.span());
    let Some(longest) = all.iter().max_by(by_span) else {
        let before = before?;
        let patience = (PATIENCE.0 * (before.seen - before.since)).max(PATIENCE.1 * finest.width);
        if !goes_on(&before.trend) {
            // What was given back has no level that it could go on from.
            if before.trend.is_held(held) {
                *ended = Some(Ended::now(now, &finest.ring));
            }
            return None;
        }
        let lasts = now - before.seen <= patience;
        return lasts.then_some(Growth {
            even: false,
            ..before
        });
    };
    let faster = all
        .iter()
        .filter(|trend| trend.interval.0 > FASTER * longest.slope)
        .max_by(by_span);
    let (mut since, mut level) = (longest.from, longest.level);
    if let Some(before) = before.filter(|before| before.since <= since) {
        (since, level) = (before.since, before.level);
    }
    let most_before = before.filter(|before| before.since == since);
    let mut growth = Growth {
        since,
        level,
        seen: now,
        trend: **faster.unwrap_or(longest),
        evidence: all.iter().map(|trend| trend.evidence).fold(1.0, f64::max),
        known_since,
        most_before: most_before
            .map_or_else(|| most_until(scales, since), |before| before.most_before),
        even: false,
        votes: before.map_or([0; 2], |before| before.votes),
        leak: before.is_some_and(|before| before.leak),
        exponential: before.is_some_and(|before| before.exponential),
    };
    growth.even = all.iter().any(|window| growth.lasts_for_its_speed(window))
        && !all.iter().any(|window| window.bends());
    let beyond = all.iter().any(|window| {
        let growth = Growth {
            trend: **window,
            ..growth
        };
        growth.is_beyond_bounds()
    });
    let races = growth.ratio() >= RACING
        && all.iter().any(|long| {
            let within = |short: &&Trend| short.span() <= 0.8 * long.span() && short.accelerates();
            long.accelerates() && all.iter().any(within)
        });
    for (votes, so) in growth.votes.iter_mut().zip([beyond, races]) {
        *votes = if so { (*votes + 1).min(VOTES) } else { 0 };
    }
    growth.leak = growth.votes[0] == VOTES || (growth.leak && !longest.flattens());
    growth.exponential = growth.votes[1] == VOTES || (growth.exponential && races);
    Some(growth)
}

/// The most that was held before `since`, by each of [`PICKS`], as far as the coarser scales
/// remember.
fn most_until(scales: &[Scale], since: f64) -> [f64; 2] {
    PICKS.map(|pick| {
        let coarser = scales.iter().skip(1);
        let before = coarser.flat_map(|scale| {
            let ends = scale.width / 2.0;
            let past = scale.ring.iter();
            past.take_while(move |bucket| bucket.at + ends < since)
        });
        before.map(pick).fold(0.0, f64::max)
    })
}
