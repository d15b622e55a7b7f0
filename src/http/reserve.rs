//! Descriptors kept for the hour when there are none.

use std::fs::File;

/// One for a connection, the others for what answering it opens: the files of `/proc` that a
/// scrape reads.
const KEPT: usize = 4;

/// Descriptors that nobody else gets. When cameras and recorders have taken all the others, the
/// scrape that would show it is answered with these.
#[derive(Debug)]
pub(super) struct Reserve(Vec<File>);

impl Reserve {
    /// As many as there are.
    pub(super) fn new() -> Self {
        let mut reserve = Self(Vec::with_capacity(KEPT));
        reserve.fill();
        reserve
    }

    /// Takes back what was released, as far as it is there.
    pub(super) fn fill(&mut self) {
        while self.0.len() < KEPT
            && let Ok(file) = File::open("/dev/null")
        {
            self.0.push(file);
        }
    }

    /// Gives all of them up; false when there was none.
    pub(super) fn release(&mut self) -> bool {
        let held = !self.0.is_empty();
        self.0.clear();
        held
    }
}
