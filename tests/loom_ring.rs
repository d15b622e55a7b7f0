//! The ring under every interleaving that the memory model allows: one writer, two readers, and
//! a write position that comes round.
//!
//! `ring.rs` and `cursors.rs` are compiled here a second time, with loom's primitives.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]
#![allow(
    unreachable_pub,
    unused_imports,
    dead_code,
    reason = "the included files are a library's, and not all of them is used here"
)]

#[path = "../src/closed_set.rs"]
mod closed_set;
#[path = "../src/coarse_clock.rs"]
mod coarse_clock;
#[path = "../src/buffers/cursors.rs"]
mod cursors;
#[path = "../src/buffers/ring.rs"]
mod ring;

mod sync {
    pub use loom::sync::{Mutex, MutexGuard, atomic::AtomicBool};
}

mod switch {
    pub const STATISTICS: bool = true;
}

use cursors::{ReaderId, ReaderKind, StartAt};
use loom::{sync::Arc, thread};
use ring::Ring;

/// Frames that the ring holds, and that the writer writes at a time.
const CAPACITY: u64 = 4;
const BLOCK: u64 = 2;

/// Attached as long as it lives, like the library's own.
struct Reader {
    ring: Arc<Ring>,
    id: ReaderId,
    /// Frames that it has accounted for: read or known to be missed.
    seen: u64,
    read: u64,
    missed: u64,
}

impl Reader {
    fn new(ring: &Arc<Ring>) -> Self {
        Self {
            ring: Arc::clone(ring),
            id: ring.attach(ReaderKind::Live, StartAt::Oldest),
            seen: 0,
            read: 0,
            missed: 0,
        }
    }

    /// One hold of the lock: every sample must be the right one.
    fn copy(&mut self, room: usize, continued: bool) -> usize {
        let mut into = vec![-1; room];
        let copied = self.ring.copy_next(self.id, &mut into, continued);
        if continued {
            assert_eq!(copied.missed, 0, "what continues has no gap");
        }
        if copied.frames > 0 || !continued {
            assert_eq!(copied.position, self.seen + copied.missed);
        }
        for (frame, sample) in (copied.position..).zip(&into[..copied.frames]) {
            assert_eq!(*sample, sample_at(frame), "frame {frame}");
        }
        assert!(into[copied.frames..].iter().all(|sample| *sample == -1));
        self.read += copied.frames as u64;
        self.missed += copied.missed;
        self.seen += copied.missed + copied.frames as u64;
        copied.frames
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.ring.detach(self.id);
    }
}

/// No two frames of a few laps are alike.
fn sample_at(frame: u64) -> i16 {
    100 + frame as i16
}

fn write(ring: &Ring, from: u64) {
    let block: Vec<i16> = (from..from + BLOCK).map(sample_at).collect();
    ring.push(&block).unwrap();
}

fn ring() -> Arc<Ring> {
    Arc::new(Ring::new(1, CAPACITY as usize, Vec::new()).unwrap())
}

/// Switches of threads that a lock did not ask for, at most: races need one or two.
fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

#[test]
fn two_readers_of_a_writer_that_laps_them_get_right_frames_and_exact_counts() {
    model(|| {
        const WRITTEN: u64 = 8;
        let ring = ring();
        write(&ring, 0);
        let readers = [2, 3].map(|room| {
            let mut reader = Reader::new(&ring);
            thread::spawn(move || {
                // A read of two holds, as the library's are where much is to be copied.
                if reader.copy(room, false) > 0 {
                    reader.copy(room, true);
                }
                reader
            })
        });
        for from in (BLOCK..WRITTEN).step_by(BLOCK as usize) {
            write(&ring, from);
        }
        let (mut read, mut missed) = (0, 0);
        for reader in readers {
            let mut reader = reader.join().unwrap();
            while reader.copy(3, false) > 0 {}
            assert_eq!(reader.seen, WRITTEN);
            assert_eq!(reader.read + reader.missed, WRITTEN);
            read += reader.read;
            missed += reader.missed;
        }
        ring.inspect(|ring| {
            let totals = ring.cursors.totals(ring.tail);
            assert_eq!((totals.frames, totals.missed), (read, missed));
            assert_eq!((ring.head, ring.tail), (WRITTEN, WRITTEN - CAPACITY));
            assert_eq!(ring.tally.writes, WRITTEN / BLOCK);
            assert!(ring.cursors.attached().is_empty());
            let lost = missed > 0;
            assert!(
                !lost || ring.tally.overflows > 0,
                "no loss without an overflow"
            );
        });
    });
}

#[test]
fn a_reader_that_leaves_in_the_middle_is_gone_and_its_loss_stays() {
    model(|| {
        let ring = ring();
        write(&ring, 0);
        let mut leaver = Reader::new(&ring);
        let stayer = Reader::new(&ring);
        let parting = thread::spawn(move || {
            leaver.copy(1, false);
            // Dropped between two holds of one read.
        });
        let looks = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                ring.inspect(|ring| {
                    let attached = ring.cursors.attached().len();
                    assert!((1..=2).contains(&attached), "{attached}");
                    let totals = ring.cursors.totals(ring.tail);
                    assert!(totals.frames <= 1 && totals.missed <= 2 * ring.tail);
                });
            })
        };
        write(&ring, BLOCK);
        write(&ring, 2 * BLOCK);
        parting.join().unwrap();
        looks.join().unwrap();
        ring.inspect(|ring| {
            let [left] = ring.cursors.attached() else {
                panic!("{:?}", ring.cursors)
            };
            assert_eq!(left.id, stayer.id);
            // The stayer has read nothing and lost the first two; the leaver read one frame and
            // lost between none and two.
            let totals = ring.cursors.totals(ring.tail);
            assert_eq!(totals.frames, 1);
            assert!((2..=4).contains(&totals.missed), "{totals:?}");
        });
        drop(stayer);
        ring.inspect(|ring| assert!(ring.cursors.attached().is_empty()));
    });
}

#[test]
fn what_a_reader_had_lost_when_it_left_is_counted_to_the_frame() {
    model(|| {
        let ring = ring();
        write(&ring, 0);
        let mut leaver = Reader::new(&ring);
        let reads = thread::spawn(move || {
            leaver.copy(1, false);
            leaver
        });
        write(&ring, BLOCK);
        write(&ring, 2 * BLOCK);
        let leaver = reads.join().unwrap();
        let unread = BLOCK.saturating_sub(leaver.seen);
        let lost = leaver.missed + unread;
        drop(leaver);
        ring.inspect(|ring| {
            let totals = ring.cursors.totals(ring.tail);
            assert_eq!((ring.tail, totals.frames, totals.missed), (BLOCK, 1, lost));
        });
    });
}
