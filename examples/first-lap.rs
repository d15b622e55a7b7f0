//! What the first lap of a minute's ring costs, and how much memory rings take: `first-lap
//! lazy|touched RINGS`.
//!
//! The same writing as the library's ring, without its lock, so that memory can be touched
//! beforehand, which the library does not do. With jemalloc, `_RJEM_MALLOC_CONF=thp:always`
//! shows huge pages. Prints ns a push of 2,048 B by lap and MiB resident.
#![allow(clippy::unwrap_used, reason = "a measurement fails by a panic")]

use std::{hint::black_box, time::Instant};

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// 60 s of 48 kHz mono.
const SAMPLES: usize = 2_880_000;
const PUSH: usize = 1_024;

struct Ring {
    samples: Vec<i16>,
    offset: usize,
}

impl Ring {
    fn new(touched: bool) -> Self {
        let mut samples = Vec::new();
        samples.reserve_exact(SAMPLES);
        if touched {
            samples.resize(SAMPLES, 1);
            black_box(&mut samples);
            samples.clear();
        }
        Self { samples, offset: 0 }
    }

    fn push(&mut self, audio: &[i16]) {
        let (first, wrapped) = audio.split_at(audio.len().min(SAMPLES - self.offset));
        if self.offset == self.samples.len() {
            self.samples.extend_from_slice(first);
        } else {
            self.samples[self.offset..self.offset + first.len()].copy_from_slice(first);
        }
        self.samples[..wrapped.len()].copy_from_slice(wrapped);
        self.offset = (self.offset + audio.len()) % SAMPLES;
    }
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<f64>().unwrap() / 1024.0
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let touched = arguments.next().as_deref() == Some("touched");
    let count: usize = arguments.next().map_or(10, |count| count.parse().unwrap());
    let before = resident_mib();
    let start = Instant::now();
    let mut rings: Vec<Ring> = (0..count).map(|_| Ring::new(touched)).collect();
    let made = start.elapsed().as_secs_f64() * 1e6 / count as f64;
    print!("made in {made:.0} us, {:.1} MiB", resident_mib() - before);
    let audio = [1; PUSH];
    let pushes = SAMPLES / PUSH;
    let mut laps = vec![Vec::new(); 3];
    for part in 0..12_u8 {
        for ring in &mut rings {
            let start = Instant::now();
            for _ in 0..pushes / 4 {
                ring.push(black_box(&audio));
            }
            laps[usize::from(part) / 4]
                .push(start.elapsed().as_secs_f64() * 1e9 / (pushes / 4) as f64);
        }
        if part == 0 || part == 3 {
            let laps = f64::from(part + 1) / 4.0;
            print!("; after {laps} laps {:.1} MiB", resident_mib() - before);
        }
    }
    for times in &mut laps {
        times.sort_by(f64::total_cmp);
        print!("; {:.1}", times[times.len() / 2]);
    }
    println!(" ns a push in the laps");
}
