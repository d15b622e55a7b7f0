use proptest::prelude::*;

use super::*;

fn source(name: &str) -> SourceId {
    SourceId::new(name).unwrap()
}

/// The shards that watch a source.
fn owners(name: &SourceId, total: u16) -> Vec<u16> {
    let shards = (0..total).map(|index| Shard::new(index, total).unwrap());
    shards
        .filter(|shard| shard.owns(name))
        .map(Shard::index)
        .collect()
}

proptest! {
    #[test]
    fn every_source_belongs_to_exactly_one_shard(name in "[A-Za-z0-9._:-]{1,63}", total in 1u16..64) {
        prop_assert_eq!(owners(&source(&name), total).len(), 1);
    }

    /// So a reload, which knows other sources, never moves this one, and one exporter more takes
    /// sources without shuffling the rest.
    #[test]
    fn one_shard_more_moves_sources_to_the_new_one_only(
        name in "[A-Za-z0-9._:-]{1,63}",
        total in 1u16..64,
    ) {
        let (before, after) = (owners(&source(&name), total), owners(&source(&name), total + 1));
        prop_assert!(after == before || after == [total], "{:?} to {:?}", before, after);
    }
}

/// The division is part of the interface: a new version must not move what an old one watches.
#[test]
fn the_division_is_the_published_one() {
    // FNV's own test vectors.
    assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    // Of the paper's function, as other implementations test it.
    assert_eq!(jump(1, 1), 0);
    assert_eq!(jump(42, 57), 43);
    assert_eq!(jump(0xDEAD_10CC, 666), 361);
    assert_eq!(jump(256, 1_024), 520);
}

#[test]
fn a_thousand_names_that_differ_by_a_number_are_divided_evenly() {
    for total in [2u16, 3, 5, 10] {
        let mut counts = vec![0; usize::from(total)];
        for nth in 0..1_000 {
            counts[usize::from(owners(&source(&format!("camera-{nth:03}")), total)[0])] += 1;
        }
        let fair = 1_000 / i32::from(total);
        for count in &counts {
            assert!((count - fair).abs() * 3 <= fair, "{total}: {counts:?}");
        }
    }
}

#[test]
fn a_pod_is_the_shard_of_its_number() {
    assert_eq!(Shard::of_pod("audio-exporter-2", 3), Shard::new(2, 3));
    assert_eq!(Shard::of_pod("a-0", 1), Ok(Shard::WHOLE));
    for (name, total) in [
        ("exporter", 2),
        ("exporter-", 2),
        ("exporter-x", 2),
        ("", 2),
        ("e-+1", 2),
    ] {
        assert_eq!(
            Shard::of_pod(name, total),
            Err(InvalidShard::PodName),
            "{name}"
        );
    }
    let beyond = Shard::of_pod("exporter-3", 3).unwrap_err().to_string();
    assert!(
        beyond.contains("replicas") && beyond.contains("0 to 2"),
        "{beyond}"
    );
    assert!(Shard::of_pod("exporter-70000", 3).is_err());
}

#[test]
fn shards_are_counted_from_zero() {
    let beyond = Shard::new(2, 2).unwrap_err().to_string();
    assert!(beyond.contains("0 to 1"), "{beyond}");
    assert_eq!(Shard::new(0, 0), Err(InvalidShard::Total(0)));
    assert!(Shard::new(0, Shard::MAX_TOTAL + 1).is_err());
    assert_eq!(Shard::of_pod("e-0", 0), Err(InvalidShard::Total(0)));
}
