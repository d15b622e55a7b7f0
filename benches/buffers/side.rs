// One side of the comparison in `statistics.rs`: `with.rs` and `without.rs` include this.

use cursors::{ReaderId, ReaderKind, StartAt};

pub(crate) struct Side {
    ring: ring::Ring,
}

#[derive(Clone, Copy)]
pub(crate) struct Attached(ReaderId);

impl Side {
    pub(crate) fn new(frames: usize) -> Self {
        let ring = ring::Ring::new(1, frames, Vec::new()).unwrap();
        // Beyond the first lap.
        (0..3).for_each(|_| ring.push(&vec![1; frames - 1]).unwrap());
        Self { ring }
    }

    pub(crate) fn push(&self, audio: &[i16]) {
        self.ring.push(audio).unwrap();
    }

    pub(crate) fn attach(&self) -> Attached {
        Attached(self.ring.attach(ReaderKind::Live, StartAt::Now))
    }

    pub(crate) fn detach(&self, reader: Attached) {
        self.ring.detach(reader.0);
    }

    pub(crate) fn read(&self, reader: Attached, into: &mut [i16]) -> usize {
        self.ring.copy_next(reader.0, into, false).frames
    }
}
