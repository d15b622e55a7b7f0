//! Samples on their way from one thread to one other, without a lock.
//!
//! The writer is a sound system's own thread, which must neither wait nor allocate.

use std::sync::{
    Arc,
    atomic::{
        AtomicU32, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};

#[derive(Debug)]
struct Slots {
    /// Bits of `f32`; as many as a power of two.
    samples: Box<[AtomicU32]>,
    /// Samples written and read so far; they wrap around.
    written: AtomicUsize,
    read: AtomicUsize,
}

/// The end that samples go into.
#[derive(Debug)]
pub(super) struct Writer(Arc<Slots>);

/// The end that samples come out of.
#[derive(Debug)]
pub(super) struct Reader(Arc<Slots>);

/// A ring that holds at least `capacity` samples.
pub(super) fn ring(capacity: usize) -> (Writer, Reader) {
    let slots = Arc::new(Slots {
        samples: (0..capacity.next_power_of_two())
            .map(|_| AtomicU32::new(0))
            .collect(),
        written: AtomicUsize::new(0),
        read: AtomicUsize::new(0),
    });
    (Writer(Arc::clone(&slots)), Reader(slots))
}

impl Slots {
    fn slot(&self, position: usize) -> &AtomicU32 {
        &self.samples[position & (self.samples.len() - 1)]
    }
}

impl Writer {
    /// Takes all of the samples, or none: false when there is no room for all.
    pub(super) fn push(&mut self, samples: impl ExactSizeIterator<Item = f32>) -> bool {
        let slots = &*self.0;
        let begin = slots.written.load(Relaxed);
        let held = begin.wrapping_sub(slots.read.load(Acquire));
        let count = samples.len();
        if count > slots.samples.len() - held {
            return false;
        }
        for (offset, sample) in samples.take(count).enumerate() {
            let slot = slots.slot(begin.wrapping_add(offset));
            slot.store(sample.to_bits(), Relaxed);
        }
        // What was stored above is seen by whoever sees this.
        slots.written.store(begin.wrapping_add(count), Release);
        true
    }
}

impl Reader {
    /// Appends everything there is.
    pub(super) fn drain(&mut self, into: &mut Vec<f32>) {
        let slots = &*self.0;
        let begin = slots.read.load(Relaxed);
        let count = slots.written.load(Acquire).wrapping_sub(begin);
        into.extend(
            (0..count)
                .map(|offset| slots.slot(begin.wrapping_add(offset)))
                .map(|slot| f32::from_bits(slot.load(Relaxed))),
        );
        slots.read.store(begin.wrapping_add(count), Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shutdown::{TaskKind, Tasks};

    #[test]
    fn what_does_not_fit_is_refused_whole() {
        let (mut writer, mut reader) = ring(8);
        let mut out = Vec::new();
        assert!(writer.push([1.0, 2.0, 3.0, 4.0, 5.0].into_iter()));
        assert!(!writer.push([6.0; 4].into_iter()));
        assert!(writer.push([6.0; 3].into_iter()));
        reader.drain(&mut out);
        assert_eq!(out, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0, 6.0]);
        assert!(writer.push([7.0; 8].into_iter()), "the room is back");
        assert!(!writer.push([8.0; 1].into_iter()));
    }

    #[test]
    fn two_threads_pass_every_sample_once_and_in_order() {
        const COUNT: u32 = 2_000_000;
        let (mut writer, mut reader) = ring(1024);
        let write = move || {
            let mut next = 0;
            while next < COUNT {
                let block = (next..COUNT.min(next + 97)).map(|n| n as f32);
                if writer.push(block.collect::<Vec<_>>().into_iter()) {
                    next = COUNT.min(next + 97);
                } else {
                    std::thread::yield_now();
                }
            }
        };
        let tasks = Tasks::default();
        tasks.thread(TaskKind::Device, "writes", write).unwrap();
        let (mut out, mut seen) = (Vec::new(), 0);
        while seen < COUNT {
            out.clear();
            reader.drain(&mut out);
            for sample in &out {
                assert_eq!(*sample, seen as f32);
                seen += 1;
            }
            std::thread::yield_now();
        }
        assert_eq!(tasks.panics().map(|(_, count)| count).sum::<u64>(), 0);
    }
}
