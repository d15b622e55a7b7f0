//! The clock of a source against the host's: jitter and skew, out of when RTP packets
//! came and which media time they carry.
//!
//! Packets are taken off the wire every 100 ms ([`crate::net::Relay`]), so the moment at
//! which a packet inside such a batch came is not known. A batch therefore counts once,
//! with its latest packet. Jitter below the 100 ms of the grid does not show, and a steady
//! source may read up to the duration of one packet.
//!
//! Pure: it is told the times and does no I/O.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Packets this close together came in one batch.
const BATCH: Duration = Duration::from_millis(50);
/// A media time that runs ahead of the clock by more than this within one packet has
/// jumped: the grid's 100 ms, and what a packet and a burst may add.
const JUMP: f64 = 0.35;
/// What a lost packet may have held, in seconds.
const LOST_PACKET: f64 = 0.2;
/// The gain of the jitter estimator (RFC 3550 §6.4.1).
const GAIN: f64 = 1.0 / 16.0;
/// One point of the slope is taken from so many seconds.
const SPAN: f64 = 30.0;
/// So many points at most: an hour.
const MAX_POINTS: usize = 120;
/// No slope is told before the points lie this far apart, in seconds.
const SPEAKS_AFTER: f64 = 600.0;
/// A transit time that moves further than this from one point to the next, in seconds, is
/// no drift but another beginning: a crystal is wrong by 1 part in 1,000 at the very most.
const STEP: f64 = 0.25;

/// What a scrape reads of a source's clock.
#[derive(Debug)]
pub(super) struct ClockReading {
    jitter: AtomicU64,
    skew: AtomicU64,
}

impl Default for ClockReading {
    fn default() -> Self {
        Self {
            jitter: AtomicU64::new(0),
            skew: AtomicU64::new(f64::NAN.to_bits()),
        }
    }
}

impl ClockReading {
    /// Interarrival jitter in seconds, 0 before a session's second batch.
    pub(super) fn jitter(&self) -> f64 {
        f64::from_bits(self.jitter.load(Relaxed))
    }

    /// The relative error of the source's clock, positive when it is fast; not a number
    /// before it is known.
    pub(super) fn skew(&self) -> f64 {
        f64::from_bits(self.skew.load(Relaxed))
    }

    pub(super) fn set(&self, jitter: f64, skew: Option<f64>) {
        self.jitter.store(jitter.to_bits(), Relaxed);
        self.skew.store(skew.unwrap_or(f64::NAN).to_bits(), Relaxed);
    }
}

/// A packet's arrival and media time, both in seconds since the session's first packet.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    host: f64,
    media: f64,
}

impl Arrival {
    /// The relative transit time (RFC 3550 §A.8).
    fn transit(&self) -> f64 {
        self.host - self.media
    }
}

/// What one packet told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    /// Nothing new yet.
    Same,
    /// A batch is complete: there is a new reading.
    Batch,
    /// The media time jumped.
    Jump,
}

/// The clock of one session.
#[derive(Debug)]
pub(super) struct Clock {
    /// Units of media time in a second.
    rate: f64,
    origin: Option<(Instant, i64)>,
    previous: Option<Arrival>,
    /// When the batch under way began.
    batch: f64,
    /// The end of the batch before.
    last_batch: Option<Arrival>,
    jitter: f64,
    skew: Skew,
}

impl Clock {
    /// For media times in units of `clock_rate` Hz.
    pub(super) fn new(clock_rate: u32) -> Self {
        Self {
            rate: f64::from(clock_rate.max(1)),
            origin: None,
            previous: None,
            batch: 0.0,
            last_batch: None,
            jitter: 0.0,
            skew: Skew::default(),
        }
    }

    /// Takes the next packet: when it came, its media time without wraps, and how many
    /// were lost right before it.
    pub(super) fn packet(&mut self, at: Instant, media: i64, lost: u16) -> Tick {
        let (start, first) = *self.origin.get_or_insert((at, media));
        let now = Arrival {
            host: at.saturating_duration_since(start).as_secs_f64(),
            media: media.saturating_sub(first) as f64 / self.rate,
        };
        let Some(previous) = self.previous.replace(now) else {
            return Tick::Same;
        };
        let (passed, advanced) = (now.host - previous.host, now.media - previous.media);
        if advanced < 0.0 || advanced > passed + JUMP + f64::from(lost) * LOST_PACKET {
            self.last_batch = None;
            self.batch = now.host;
            self.skew = Skew::default();
            return Tick::Jump;
        }
        if now.host - self.batch < BATCH.as_secs_f64() {
            return Tick::Same;
        }
        self.batch = now.host;
        self.end_batch(previous);
        Tick::Batch
    }

    fn end_batch(&mut self, end: Arrival) {
        if let Some(before) = self.last_batch.replace(end) {
            let difference = (end.transit() - before.transit()).abs();
            self.jitter += (difference - self.jitter) * GAIN;
        }
        self.skew.add(end);
    }

    /// Interarrival jitter in seconds.
    pub(super) fn jitter(&self) -> f64 {
        self.jitter
    }

    /// The relative error of the source's clock, once it is known.
    pub(super) fn skew(&self) -> Option<f64> {
        self.skew.slope
    }
}

/// A robust slope. Of each [`SPAN`] only the arrival with the least transit counts, which
/// queues and stalls have delayed the least; the slope is the median of those between all
/// pairs of points (Theil–Sen).
#[derive(Debug, Default)]
struct Skew {
    points: Vec<Arrival>,
    span_start: f64,
    least: Option<Arrival>,
    slope: Option<f64>,
}

impl Skew {
    fn add(&mut self, arrival: Arrival) {
        let Some(least) = self.least else {
            self.span_start = arrival.host;
            self.least = Some(arrival);
            return;
        };
        if arrival.host - self.span_start < SPAN {
            if arrival.transit() < least.transit() {
                self.least = Some(arrival);
            }
            return;
        }
        self.span_start = arrival.host;
        self.least = Some(arrival);
        self.point(least);
    }

    fn point(&mut self, point: Arrival) {
        let stepped = |before: &Arrival| (point.transit() - before.transit()).abs() > STEP;
        if self.points.last().is_some_and(stepped) {
            self.points.clear();
        }
        if self.points.len() == MAX_POINTS {
            self.points.remove(0);
        }
        self.points.push(point);
        self.slope = self
            .points
            .first()
            .filter(|first| point.host - first.host >= SPEAKS_AFTER)
            .map(|_| median_slope(&self.points));
    }
}

/// How much faster media time runs than the host's, as a ratio.
fn median_slope(points: &[Arrival]) -> f64 {
    let mut slopes: Vec<f64> = points
        .iter()
        .enumerate()
        .flat_map(|(i, a)| points[i + 1..].iter().map(move |b| (a, b)))
        .map(|(a, b)| (a.transit() - b.transit()) / (b.host - a.host))
        .collect();
    let middle = slopes.len() / 2;
    *slopes.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests;
