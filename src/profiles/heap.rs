//! The heap: what was allocated and not freed, by who allocated it.

#[cfg(feature = "profiling")]
use std::time::{Duration, SystemTime};

use super::{ProfileError, jemalloc};
#[cfg(feature = "profiling")]
use super::{
    proto::{Builder, Functions},
    symbols::Symbols,
};

/// The profile, gzipped.
#[cfg(feature = "profiling")]
pub(super) fn take() -> Result<Vec<u8>, ProfileError> {
    let text = jemalloc::dump()?;
    let wrong = || ProfileError::Failed("the allocator's dump has another form".to_owned());
    let dump = Dump::parse(&text).ok_or_else(wrong)?;
    let mut symbols = Symbols::default();
    let mut profile = Builder::new(
        &[("inuse_objects", "count"), ("inuse_space", "bytes")],
        SystemTime::now(),
        Duration::ZERO,
        (("space", "bytes"), dump.interval),
    );
    for stack in &dump.stacks {
        let places: Vec<Functions> = stack
            .addresses
            .iter()
            .map(|address| symbols.at(address.saturating_sub(1)))
            .collect();
        let asked = places.into_iter().skip_while(is_allocator);
        profile.sample(asked, &stack.estimate(dump.interval), None);
    }
    Ok(profile.finish()?)
}

#[cfg(not(feature = "profiling"))]
pub(super) fn take() -> Result<Vec<u8>, ProfileError> {
    jemalloc::dump().map(String::into_bytes)
}

/// Whether a place is the allocator itself, which allocates for others.
#[cfg(feature = "profiling")]
fn is_allocator(place: &Functions) -> bool {
    const INSIDE: [&str; 7] = [
        "_rjem",
        "prof_",
        "imalloc",
        "tikv_jemallocator",
        "<tikv_jemallocator",
        "__rust",
        "alloc::alloc::",
    ];
    place.iter().all(|name| {
        INSIDE.iter().any(|inside| name.starts_with(inside)) || name.contains("::__rust")
    })
}

/// jemalloc's `heap_v2` format.
#[cfg(any(feature = "profiling", test))]
struct Dump {
    /// Bytes allocated between two samples, on average.
    interval: u64,
    stacks: Vec<Stack>,
}

#[cfg(any(feature = "profiling", test))]
struct Stack {
    /// Return addresses, the innermost first.
    addresses: Vec<usize>,
    /// Sampled objects and their bytes.
    objects: f64,
    bytes: f64,
}

#[cfg(any(feature = "profiling", test))]
impl Dump {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let interval = lines.next()?.strip_prefix("heap_v2/")?.parse().ok()?;
        let mut stacks = Vec::new();
        let mut addresses = None;
        for line in lines {
            if line.starts_with("MAPPED_LIBRARIES") {
                break;
            }
            if let Some(stack) = line.strip_prefix("@") {
                let address = |word: &str| usize::from_str_radix(word.strip_prefix("0x")?, 16).ok();
                let words = stack.split_ascii_whitespace();
                addresses = Some(words.map(address).collect::<Option<_>>()?);
            } else if let Some(all) = line.trim_start().strip_prefix("t*:") {
                // The first one, before any stack, is the sum.
                if let Some(addresses) = addresses.take() {
                    let (objects, rest) = all.split_once(':')?;
                    let bytes = rest.split_ascii_whitespace().next()?;
                    stacks.push(Stack {
                        addresses,
                        objects: objects.trim().parse().ok()?,
                        bytes: bytes.parse().ok()?,
                    });
                }
            }
        }
        Some(Self { interval, stacks })
    }
}

#[cfg(any(feature = "profiling", test))]
impl Stack {
    /// Objects and bytes that the samples stand for. An object of n bytes is sampled with the
    /// probability 1 − exp(−n ÷ interval), as jemalloc's own tool reckons too.
    fn estimate(&self, interval: u64) -> [u64; 2] {
        if self.objects == 0.0 || self.bytes == 0.0 {
            return [0, 0];
        }
        let size = self.bytes / self.objects;
        let sampled = 1.0 - (-size / interval as f64).exp();
        [
            (self.objects / sampled).round() as u64,
            (self.bytes / sampled).round() as u64,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "heap_v2/524288\n  t*: 3: 3145728 [0: 0]\n  t0: 3: 3145728 [0: 0]\n\
        @ 0x10 0x2f 0x3\n  t*: 2: 2097152 [0: 0]\n  t0: 2: 2097152 [0: 0]\n\
        @ 0x40\n  t*: 16: 1024 [0: 0]\n\nMAPPED_LIBRARIES:\n@ 0xzz\n";

    #[test]
    fn a_dump_is_read_and_reckoned_up() {
        let dump = Dump::parse(DUMP).unwrap();
        assert_eq!((dump.interval, dump.stacks.len()), (524_288, 2));
        assert_eq!(dump.stacks[0].addresses, [0x10, 0x2f, 0x3]);
        // 1 MiB objects are hardly ever missed; of 64 bytes one in 8,192 is sampled.
        let [objects, bytes] = dump.stacks[0].estimate(dump.interval);
        assert_eq!(objects, 2);
        assert!((2_097_152..2_500_000).contains(&bytes), "{bytes}");
        let [objects, bytes] = dump.stacks[1].estimate(dump.interval);
        assert!(objects.abs_diff(16 * 8_192) < 100, "{objects}");
        assert!(bytes.abs_diff(8 << 20) < 10_000, "{bytes}");
    }

    #[test]
    fn what_is_no_dump_is_refused() {
        for bad in [
            "",
            "heap_v1/1\n",
            "heap_v2/x\n",
            "heap_v2/1\n@ 12\n",
            "heap_v2/1\n@ 0x1\n t*: 5\n",
            "heap_v2/1\n@ 0x1\n t*: x: 5 [0: 0]\n",
        ] {
            assert!(Dump::parse(bad).is_none(), "{bad:?}");
        }
        assert!(Dump::parse("heap_v2/1\n").unwrap().stacks.is_empty());
    }
}
