use std::{collections::BTreeMap, fs, path::Path};

use super::*;

/// Mutations of each seed; `EXTENDED=1` tries more.
const MUTATIONS: u64 = 40;
const EXTENDED_MUTATIONS: u64 = 2_000;

/// The seeds by target, in a fixed order.
fn seeds() -> BTreeMap<String, Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut seeds = BTreeMap::new();
    for target in fs::read_dir(folder).unwrap() {
        let target = target.unwrap();
        let mut files: Vec<_> = fs::read_dir(target.path())
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        let bytes = files.iter().map(|file| fs::read(file).unwrap()).collect();
        seeds.insert(target.file_name().into_string().unwrap(), bytes);
    }
    seeds
}

/// A small generator, so that a failure repeats.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// Changes, drops, doubles or cuts a little.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(6) {
                _ if bytes.is_empty() => bytes.push(self.below(256) as u8),
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                3 => {
                    let end = (at + self.below(20)).min(bytes.len());
                    bytes.drain(at..end);
                }
                4 => {
                    let end = (at + self.below(20)).min(bytes.len());
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
                _ => bytes.truncate(at),
            }
        }
    }
}

/// Whether the target keeps its promise; if not, shows the input.
fn holds(name: &str, bytes: &[u8]) -> bool {
    let kept = std::panic::catch_unwind(|| run(name, bytes)).is_ok();
    if !kept {
        eprintln!("{name}: b\"{}\"", bytes.escape_ascii());
    }
    kept
}

#[test]
fn every_promise_holds_for_the_seeds_and_their_mutations() {
    let extended = std::env::var_os("EXTENDED").is_some();
    let mutations = if extended {
        EXTENDED_MUTATIONS
    } else {
        MUTATIONS
    };
    let mut broken = Vec::new();
    for (name, seeds) in seeds() {
        let mut inputs = (1..).zip(&seeds).flat_map(|(nth, seed)| {
            let mutated = (1..=mutations).map(move |round| {
                let mut bytes = seed.clone();
                Chance(round << 20 | nth).mutate(&mut bytes);
                bytes
            });
            std::iter::once(seed.clone()).chain(mutated)
        });
        if !inputs.all(|bytes| holds(&name, &bytes)) {
            broken.push(name);
        }
    }
    assert_eq!(broken, Vec::<String>::new(), "see above");
}

#[test]
fn every_target_has_seeds_and_a_fuzzer() {
    let named: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(named.len(), TARGETS.len(), "a name twice");
    let seeds = seeds();
    let seeded: BTreeSet<&str> = seeds.keys().map(String::as_str).collect();
    assert_eq!(seeded, named, "folders in fuzz/seeds");
    assert!(seeds.values().all(|seeds| !seeds.is_empty()));

    let manifest = include_str!("../../fuzz/Cargo.toml");
    let binaries = manifest.split("[[bin]]").skip(1);
    let built: BTreeSet<&str> = binaries
        .filter_map(|binary| binary.split('"').nth(1))
        .collect();
    assert_eq!(built, named, "binaries in fuzz/Cargo.toml");

    let documented = include_str!("../../docs/fuzzing.md");
    for name in named {
        let row = format!("| `{name}` |");
        assert!(documented.contains(&row), "docs/fuzzing.md lacks {name}");
    }
}

#[test]
fn pieces_make_the_whole() {
    let bytes: Vec<u8> = (0..=255).collect();
    for seed in 0..=255 {
        assert_eq!(cut(&bytes, seed).concat(), bytes, "{seed}");
    }
}
