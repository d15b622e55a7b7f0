//! What an operator and a session rely on, through the public entry points.

mod exposed;
mod refusal;
mod release;
mod sharing;

use std::{sync::Arc, time::Duration};

use super::{switch::STATISTICS, *};
use crate::{
    id::SourceId,
    units::{AudioFormat, ByteSize},
};

const MINUTE: Duration = Duration::from_secs(60);
const MONO: AudioFormat = AudioFormat {
    sample_rate: 48_000,
    channels: 1,
};
const STEREO: AudioFormat = AudioFormat {
    channels: 2,
    ..MONO
};
const CAPTURE: BufferKind = BufferKind::Capture;

fn garden() -> SourceId {
    SourceId::new("garden").unwrap()
}

/// A budget, and the lease of the garden in it.
fn garden_in(budget: u64) -> (Arc<Buffers>, Lease) {
    let buffers = Buffers::new(ByteSize(budget));
    let lease = buffers.lease(garden()).unwrap();
    (buffers, lease)
}

/// Room for ten minutes of mono.
fn roomy() -> (Arc<Buffers>, Lease) {
    garden_in(10 * 5_760_000)
}

fn ask(asker: &Asker, format: AudioFormat) -> Result<Allocation, AllocationError> {
    asker.allocate_if_needed(CAPTURE, format, MINUTE)
}

fn first(allocation: Result<Allocation, AllocationError>) -> Arc<CaptureBuffer> {
    match allocation {
        Ok(Allocation::First(buffer)) => buffer,
        other => panic!("not a first allocation: {other:?}"),
    }
}

fn repeated(allocation: Result<Allocation, AllocationError>) -> Arc<CaptureBuffer> {
    match allocation {
        Ok(Allocation::Repeated(buffer)) => buffer,
        other => panic!("not a repeated allocation: {other:?}"),
    }
}

fn capture_of(buffers: &Buffers) -> Statement {
    let statements = buffers.statements().into_iter();
    let mut capture = statements.filter(|(_, kind, _)| *kind == CAPTURE);
    let (_, _, statement) = capture.next().unwrap();
    assert!(capture.next().is_none(), "one source, one capture buffer");
    statement
}

/// attempted, first, repeated, error.
fn results(buffers: &Buffers) -> Vec<u64> {
    let books = capture_of(buffers).books;
    AllocationResult::ALL
        .iter()
        .map(|r| books.count(*r))
        .collect()
}
