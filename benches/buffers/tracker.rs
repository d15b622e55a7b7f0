//! What the tracker of attempts costs, on against off.

use audio_capture_exporter::{
    buffers::{Buffers, Tracking},
    units::ByteSize,
};
use stats_alloc::Region;

use super::{HEAP, MINUTE, ask, interleave::compare_rounds, source};

const MODES: [(&str, Tracking); 3] = [
    (
        "repeated `allocate_if_needed`, tracker off",
        Tracking {
            on: false,
            backtraces: false,
        },
    ),
    (
        "the same, on",
        Tracking {
            on: true,
            backtraces: false,
        },
    ),
    (
        "the same, with backtraces",
        Tracking {
            on: true,
            backtraces: true,
        },
    ),
];

pub(crate) fn attempts() {
    let sets: Vec<_> = MODES
        .iter()
        .map(|(name, tracking)| {
            let buffers = Buffers::new(ByteSize(1 << 30));
            let lease = buffers.lease(source(0)).unwrap();
            drop(ask(&lease.asker(), MINUTE));
            buffers.tracker().set(*tracking);
            (*name, lease)
        })
        .collect();
    let candidates = sets.iter().map(|(name, lease)| {
        let asker = lease.asker();
        let run: Box<dyn FnMut(u64)> = Box::new(move |operations| {
            (0..operations).for_each(|_| drop(ask(&asker, MINUTE)));
        });
        (*name, run)
    });
    compare_rounds("one attempt", 1_000, 61, candidates.collect());

    println!("\n| heap allocations of 1,000 attempts | |\n|---|---|");
    for (name, lease) in &sets {
        let asker = lease.asker();
        let region = Region::new(HEAP);
        (0..1_000).for_each(|_| drop(ask(&asker, MINUTE)));
        let change = region.change();
        println!("| {name} | {} |", change.allocations + change.reallocations);
    }
}
