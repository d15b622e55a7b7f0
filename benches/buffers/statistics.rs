//! What statistics cost: the ring with them and without, in one process and in turns.
//!
//! The ring's source is compiled twice more here, with another `switch`: two builds of the
//! program could not take turns.
use std::hint::black_box;

use super::{MONO, PUSH, SHORT, interleave::compare_rounds, with, without};

pub(crate) fn on_and_off() {
    let frames = usize::try_from(MONO.frames_in(SHORT).unwrap()).unwrap();
    for samples in [PUSH, 80] {
        let audio = vec![1_i16; samples];
        let audio = &audio[..];
        let (on, off) = (with::Side::new(frames), without::Side::new(frames));
        let (on_read, off_read) = (with::Side::new(frames), without::Side::new(frames));
        let (on_reader, off_reader) = (on_read.attach(), off_read.attach());
        let (mut on_into, mut off_into) = (vec![0; samples], vec![0; samples]);
        compare_rounds(
            &format!("{} B, ring of 123 kB", samples * 2),
            2_000,
            151,
            vec![
                (
                    "push without statistics",
                    repeat(|| off.push(black_box(audio))),
                ),
                ("push with statistics", repeat(|| on.push(black_box(audio)))),
                (
                    "push and read without",
                    repeat(|| {
                        off_read.push(black_box(audio));
                        black_box(off_read.read(off_reader, &mut off_into));
                    }),
                ),
                (
                    "push and read with",
                    repeat(|| {
                        on_read.push(black_box(audio));
                        black_box(on_read.read(on_reader, &mut on_into));
                    }),
                ),
                (
                    "subscribe and leave without",
                    repeat(|| off.detach(black_box(off.attach()))),
                ),
                (
                    "subscribe and leave with",
                    repeat(|| on.detach(black_box(on.attach()))),
                ),
            ],
        );
    }
}

fn repeat<'a>(mut once: impl FnMut() + 'a) -> Box<dyn FnMut(u64) + 'a> {
    Box::new(move |operations| (0..operations).for_each(|_| once()))
}
