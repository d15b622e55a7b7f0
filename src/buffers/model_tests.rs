//! The ring against a plain list of everything that was ever written.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{switch::STATISTICS, *};
use crate::{
    id::SourceId,
    units::{AudioFormat, ByteSize},
};

#[derive(Clone, Debug)]
enum Step {
    /// Write this many frames.
    Push(usize),
    /// The chosen reader asks for this many samples.
    Read(usize, usize),
    Subscribe(StartAt),
    Unsubscribe(usize),
}

fn steps(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let start = prop_oneof![
        Just(StartAt::Oldest),
        Just(StartAt::Now),
        (0..longest as u64).prop_map(StartAt::Newest),
        (0..4 * longest as u64).prop_map(StartAt::Position),
    ];
    let step = prop_oneof![
        5 => (0..longest).prop_map(Step::Push),
        5 => (0..8usize, 0..longest * 2).prop_map(|(who, room)| Step::Read(who, room)),
        1 => start.prop_map(Step::Subscribe),
        1 => (0..8usize).prop_map(Step::Unsubscribe),
    ];
    prop::collection::vec(step, 1..80)
}

/// The sample at this place in the stream.
fn number(at: usize) -> i16 {
    ((at % 65_536) as u16).cast_signed()
}

/// Every sample ever written, and what the readers should have seen.
struct Model {
    written: Vec<i16>,
    channels: usize,
    capacity: usize,
}

impl Model {
    fn head(&self) -> usize {
        self.written.len() / self.channels
    }

    fn tail(&self) -> usize {
        self.head().saturating_sub(self.capacity)
    }

    fn samples(&self, from: usize, frames: usize) -> &[i16] {
        &self.written[from * self.channels..(from + frames) * self.channels]
    }
}

struct Follower {
    reader: Reader,
    position: usize,
}

/// Bytes dropped and read, writes, overflows.
fn counted(seen: &Statement) -> [u64; 4] {
    let Counters {
        dropped_bytes,
        read_bytes,
        writes,
        overflows,
        ..
    } = seen.counters;
    [dropped_bytes, read_bytes, writes[0], overflows]
}

/// What happened, or nothing where nothing is counted.
fn if_counted(happened: [u64; 4]) -> [u64; 4] {
    if STATISTICS { happened } else { [0; 4] }
}

fn check(capacity: usize, channels: u16, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let buffers = Buffers::new(ByteSize(1 << 30));
    let lease = buffers.lease(SourceId::new("s").unwrap()).unwrap();
    // At 1,000 Hz a frame lasts a millisecond.
    let format = AudioFormat {
        sample_rate: 1_000,
        channels,
    };
    let duration = Duration::from_millis(capacity as u64);
    let buffer: Arc<CaptureBuffer> = lease
        .asker()
        .allocate_if_needed(BufferKind::Capture, format, duration)
        .unwrap()
        .into_buffer();
    let frame_bytes = u64::from(channels) * 2;
    let channels = usize::from(channels);
    let mut model = Model {
        written: Vec::new(),
        channels,
        capacity,
    };
    let mut followers: Vec<Follower> = Vec::new();
    let (mut missed, mut read, mut writes, mut overflows) = (0_u64, 0_u64, 0, 0);

    for step in steps {
        match step {
            Step::Push(frames) => {
                let at = model.written.len();
                let fresh: Vec<i16> = (at..at + frames * channels).map(number).collect();
                buffer.push(&fresh).unwrap();
                model.written.extend(fresh);
                writes += 1;
                overflows += u64::from(followers.iter().any(|f| f.position < model.tail()));
            }
            Step::Read(who, room) if !followers.is_empty() => {
                let count = followers.len();
                let follower = &mut followers[who % count];
                let mut into = vec![-1; room];
                let got = follower.reader.read(&mut into);
                let position = follower.position.max(model.tail());
                let frames = (model.head() - position).min(room / channels);
                prop_assert_eq!(got.missed, (position - follower.position) as u64);
                prop_assert_eq!(got.position, position as u64);
                prop_assert_eq!(got.frames, frames);
                prop_assert_eq!(&into[..frames * channels], model.samples(position, frames));
                prop_assert!(into[frames * channels..].iter().all(|s| *s == -1));
                follower.position = position + frames;
                missed += got.missed;
                read += got.frames as u64;
            }
            Step::Subscribe(from) if followers.len() < 8 => {
                let position = match from {
                    StartAt::Oldest => model.tail(),
                    StartAt::Now => model.head(),
                    StartAt::Newest(n) => model.head().saturating_sub(n as usize).max(model.tail()),
                    StartAt::Position(p) => (p as usize).clamp(model.tail(), model.head()),
                };
                let reader = buffer.subscribe(ReaderKind::Live, from);
                prop_assert_eq!(reader.position(), position as u64);
                followers.push(Follower { reader, position });
            }
            Step::Unsubscribe(who) if !followers.is_empty() => {
                let gone = followers.swap_remove(who % followers.len());
                missed += model.tail().saturating_sub(gone.position) as u64;
            }
            Step::Read(..) | Step::Subscribe(_) | Step::Unsubscribe(_) => {}
        }
        let seen = buffers.statements().remove(0).2;
        let behind = |f: &Follower| model.tail().saturating_sub(f.position) as u64;
        let pending: u64 = followers.iter().map(behind).sum();
        let dropped = (missed + pending) * frame_bytes;
        prop_assert_eq!(
            counted(&seen),
            if_counted([dropped, read * frame_bytes, writes, overflows])
        );
        prop_assert_eq!(seen.counters.write_bytes, model.head() as u64 * frame_bytes);
        prop_assert_eq!(seen.counters.wraparounds, (model.head() / capacity) as u64);
        prop_assert_eq!(seen.levels.readers, followers.len() as u64);
        let size = (model.head() - model.tail()) as u64 * frame_bytes;
        prop_assert_eq!(seen.levels.size_bytes, size);
        let lag = followers
            .iter()
            .map(|f| model.head() - f.position)
            .max()
            .unwrap_or(0);
        let expected = lag.min(capacity) as f64 / capacity as f64;
        prop_assert!((seen.levels.utilization - expected).abs() < 1e-9);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Small rings: wraps, long pushes and overtaken readers at every step.
    #[test]
    fn readers_get_exact_samples_or_an_exact_count(
        capacity in 1usize..40, channels in 1u16..4, steps in steps(60)
    ) {
        check(capacity, channels, steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// Reads longer than one hold of the lock.
    #[test]
    fn long_reads_are_seamless(channels in 1u16..4, steps in steps(120_000)) {
        check(90_000, channels, steps)?;
    }
}

fn mono(frames: u64) -> (Lease, Arc<CaptureBuffer>) {
    let buffers = Buffers::new(ByteSize(1 << 30));
    let lease = buffers.lease(SourceId::new("s").unwrap()).unwrap();
    let format = AudioFormat {
        sample_rate: 1_000,
        channels: 1,
    };
    let asker = lease.asker();
    let length = Duration::from_millis(frames);
    let allocation = asker.allocate_if_needed(BufferKind::Capture, format, length);
    (lease, allocation.unwrap().into_buffer())
}

#[test]
fn a_read_never_splices_over_what_the_writer_overtook() {
    let (_lease, buffer) = mono(8);
    let ring = buffer.ring();
    let id = ring.attach(ReaderKind::Live, StartAt::Oldest);
    buffer.push(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    let mut into = [-1; 3];
    assert_eq!(ring.copy_next(id, &mut into, false).frames, 3);
    // The writer comes in between two holds of one read, and goes beyond frame 3.
    buffer.push(&[8, 9, 10, 11, 12]).unwrap();
    let rest = ring.copy_next(id, &mut into, true);
    assert_eq!((rest.frames, rest.missed), (0, 0), "the read ends here");
    let next = ring.copy_next(id, &mut into, false);
    assert_eq!((next.position, next.frames, next.missed), (5, 3, 2));
    assert_eq!(into, [5, 6, 7]);
}

/// A writer at full speed, readers that follow it, and copies: every run of samples is
/// seamless, and what was read and missed adds up to what was written.
#[test]
fn readers_of_a_busy_writer_get_no_torn_audio() {
    const FRAMES: u64 = 20_000_000;
    // More than one hold of the lock copies.
    let (_lease, buffer) = mono(50_000);
    let seamless = |position: u64, samples: &[i16]| {
        let expected = (position..).map(|frame| frame as i16);
        assert!(samples.iter().copied().eq(expected.take(samples.len())));
    };
    std::thread::scope(|scope| {
        let mut reader = buffer.subscribe(ReaderKind::Live, StartAt::Oldest);
        let follow = scope.spawn(move || {
            let mut into = vec![0; 50_000];
            let mut seen = 0;
            while seen < FRAMES {
                let read = reader.read(&mut into);
                seamless(read.position, &into[..read.frames]);
                seen += read.missed + read.frames as u64;
                assert_eq!(seen, read.position + read.frames as u64);
            }
            assert_eq!(seen, FRAMES);
        });
        let copies = scope.spawn(|| {
            let mut into = vec![0; 50_000];
            while buffer.position() < FRAMES {
                let mut reader = buffer.subscribe(ReaderKind::Clip, StartAt::Newest(50_000));
                let read = reader.read(&mut into);
                seamless(read.position, &into[..read.frames]);
            }
        });
        for start in (0..FRAMES).step_by(1_000) {
            let audio: [i16; 1_000] = std::array::from_fn(|i| (start + i as u64) as i16);
            buffer.push(&audio).unwrap();
        }
        follow.join().unwrap();
        copies.join().unwrap();
    });
}
