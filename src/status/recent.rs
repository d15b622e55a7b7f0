//! The last five minutes of every live buffer, in coarse steps.
//!
//! A point is 32 bytes, so a buffer's series is 1,920 and a thousand sources' 2 MB. Snapshots
//! share a series; it is written anew with every point.

use std::{collections::HashMap, iter::once, sync::Arc, time::Duration};

use super::coverage::Coverages;
use crate::{
    buffers::{BufferKind, BufferStats, Buffers},
    coarse_clock::CoarseInstant,
    id::SourceId,
    units::BYTES_PER_SAMPLE,
};

/// Time between two points.
pub const STEP: Duration = Duration::from_secs(5);
/// Points of a series, at most.
pub const POINTS: usize = 60;

/// A buffer at the end of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When that was.
    pub at: CoarseInstant,
    /// Pushes a second in the step.
    pub pushes: f32,
    /// Bytes pushed a second in the step.
    pub bytes: f32,
    /// Part of the capacity that held audio, 0 to 1.
    pub fill: f32,
    /// How far the slowest attached reader was behind, in seconds.
    pub worst_lag: f32,
    /// Level of the newest audio then: root mean square, full scale 1; `None` where none came.
    pub rms: Option<f32>,
}

/// A buffer's points, the oldest first.
pub type Series = Arc<[Point]>;

/// A source's series by [`BufferKind::index`]; `None` for a kind without a live buffer, and in a
/// build without statistics.
pub type RecentOfSource = [Option<Series>; BufferKind::COUNT];

/// The recent past of all sources. The heartbeat keeps it.
#[derive(Debug, Default)]
pub struct Recent {
    pub(super) coverages: Coverages,
    of: HashMap<SourceId, [Option<Track>; BufferKind::COUNT]>,
    last_step: Option<CoarseInstant>,
}

#[derive(Debug)]
struct Track {
    /// What the last point was made from, without its readers.
    last: BufferStats,
    series: Series,
}

impl Recent {
    /// Whether a step has passed; to be followed by [`step`](Self::step) for each source.
    pub(super) fn is_due(&self, now: CoarseInstant) -> bool {
        // Heartbeats come about once a second: a little early is nearer than a second late.
        let slack = Duration::from_millis(500);
        self.last_step
            .is_none_or(|last| now.saturating_since(last) + slack >= STEP)
    }

    /// Adds a point to the series of each source's live buffers, and forgets everybody else's.
    pub(super) fn step<'a>(
        &mut self,
        now: CoarseInstant,
        buffers: &Buffers,
        sources: impl Iterator<Item = (&'a SourceId, Option<f64>)>,
    ) {
        self.last_step = Some(now);
        let mut before = std::mem::take(&mut self.of);
        for (source, rms) in sources {
            let mut tracks = before.remove(source).unwrap_or_default();
            for (track, kind) in tracks.iter_mut().zip(BufferKind::ALL) {
                let stats = buffers.get(source, *kind).and_then(|buffer| buffer.stats());
                *track = stats.map(|stats| Track::after(track.take(), stats, rms));
            }
            if tracks.iter().any(Option::is_some) {
                self.of.insert(source.clone(), tracks);
            }
        }
    }

    /// A source's series, as they are.
    pub(super) fn of(&self, source: &SourceId) -> RecentOfSource {
        let tracks = self.of.get(source);
        std::array::from_fn(|at| {
            let track = tracks?[at].as_ref()?;
            Some(Arc::clone(&track.series))
        })
    }
}

impl Track {
    fn after(before: Option<Self>, mut stats: BufferStats, rms: Option<f64>) -> Self {
        let (last, series) = match before {
            Some(track) => (Some(track.last), track.series),
            None => (None, Series::default()),
        };
        // Another format is another buffer, which counts from its own beginning.
        let earlier = last.filter(|last| last.created_at == stats.created_at);
        let earlier = earlier.as_ref();
        let frame_bytes = f64::from(stats.format.channels) * BYTES_PER_SAMPLE as f64;
        let point = Point {
            at: stats.taken_at,
            pushes: stats.push_rate(earlier) as f32,
            bytes: (stats.frame_rate(earlier) * frame_bytes) as f32,
            fill: stats.fill_frames as f32 / stats.capacity_frames.max(1) as f32,
            worst_lag: stats.worst_lag().as_secs_f32(),
            rms: rms.map(|rms| rms as f32),
        };
        let kept = &series[(series.len() + 1).saturating_sub(POINTS)..];
        let series = kept.iter().copied().chain(once(point)).collect();
        stats.readers = Vec::new();
        Self {
            last: stats,
            series,
        }
    }
}

#[cfg(test)]
#[cfg(feature = "buffer-stats")]
mod tests {
    use super::*;
    use crate::{
        buffers::{CaptureBuffer, Lease, ReaderKind, StartAt},
        units::{AudioFormat, ByteSize},
    };

    fn format(channels: u16) -> AudioFormat {
        AudioFormat {
            sample_rate: 1_000,
            channels,
        }
    }

    fn buffer(lease: &Lease, channels: u16) -> Arc<CaptureBuffer> {
        let second = Duration::from_secs(1);
        let asker = lease.asker();
        asker
            .allocate_if_needed(BufferKind::Capture, format(channels), second)
            .unwrap()
            .into_buffer()
    }

    fn spin(time: Duration) {
        let start = std::time::Instant::now();
        while start.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_series_has_rates_levels_and_an_end() {
        assert_eq!(size_of::<Point>() * POINTS, 1_920);
        let buffers = Buffers::new(ByteSize(1 << 20));
        let garden = SourceId::new("garden").unwrap();
        let lease = buffers.lease(garden.clone()).unwrap();
        let mut recent = Recent::default();
        let step = |recent: &mut Recent| {
            let one = std::iter::once((&garden, Some(0.5)));
            recent.step(CoarseInstant::now(), &buffers, one);
            recent.of(&garden)[BufferKind::Capture.index()].clone()
        };
        assert_eq!(step(&mut recent), None, "no buffer, no series");

        let stereo = buffer(&lease, 2);
        let _reader = stereo.subscribe(ReaderKind::Live, StartAt::Now);
        step(&mut recent).unwrap();
        spin(Duration::from_millis(50));
        stereo.push(&[1; 500]).unwrap();
        let series = step(&mut recent).unwrap();
        let [first, second] = series[..] else {
            panic!("{series:?}")
        };
        let seconds = second.at.saturating_since(first.at).as_secs_f32();
        assert!((second.pushes * seconds - 1.0).abs() < 1e-3, "{second:?}");
        assert!((second.bytes * seconds - 1_000.0).abs() < 0.1, "{second:?}");
        assert_eq!((second.fill, second.worst_lag), (0.25, 0.25));
        assert_eq!(second.rms, Some(0.5));

        // Another format counts from its own beginning, in the same series.
        spin(Duration::from_millis(20));
        let mono = buffer(&lease, 1);
        spin(Duration::from_millis(50));
        mono.push(&[1; 100]).unwrap();
        let series = step(&mut recent).unwrap();
        let newest = series[2];
        let since = newest.at.saturating_since(mono.stats().unwrap().created_at);
        assert!((newest.pushes * since.as_secs_f32() - 1.0).abs() < 1e-3);

        for _ in 0..POINTS {
            step(&mut recent).unwrap();
        }
        let full = step(&mut recent).unwrap();
        assert_eq!(full.len(), POINTS);
        assert!(full.is_sorted_by_key(|point| point.at));
        assert!(!full.contains(&newest), "the oldest went");
        lease.clear();
        assert_eq!(step(&mut recent), None);
        assert!(recent.of.is_empty());
    }

    #[test]
    fn a_step_is_due_every_five_seconds() {
        let mut recent = Recent::default();
        let now = CoarseInstant::now();
        assert!(recent.is_due(now));
        recent.last_step = Some(now);
        assert!(!recent.is_due(now));
    }
}
