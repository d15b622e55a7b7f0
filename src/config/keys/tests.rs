use super::*;

#[test]
fn every_bound_and_default_is_readable_and_in_range() {
    for key in KEYS {
        match (key.kind, key.default) {
            (Kind::Duration(min, max), Value(text)) => {
                let value = parse_duration(text).unwrap();
                assert!(duration_within(value, min, max), "{}", key.path);
            }
            (Kind::Duration(..), _) => panic!("{} needs a default", key.path),
            (Kind::Bytes(min, max), _) => {
                assert!(ByteSize::parse(min).unwrap() < ByteSize::parse(max).unwrap());
            }
            (Kind::Integer(min, max), Value(_)) => {
                assert!((min..=max).contains(&key.default_integer()), "{}", key.path);
            }
            (Kind::Integer(min, max), _) => assert!(min < max, "{}", key.path),
            (Kind::Level(min, max), default) => {
                let Value(text) = default else {
                    panic!("{} needs a default", key.path);
                };
                let range = Dbfs::new(min)..=Dbfs::new(max);
                assert!(range.contains(&Dbfs::parse(text).unwrap()), "{}", key.path);
            }
            (Kind::Boolean, default) => {
                assert!(matches!(default, Value("true" | "false")), "{}", key.path);
            }
            _ => {}
        }
    }
}

#[test]
fn every_key_stands_inside_a_listed_section() {
    for key in KEYS {
        let Some((parent, _)) = key.path.rsplit_once('.') else {
            continue;
        };
        let parent = parent.trim_end_matches("[]");
        assert!(find(parent).is_some(), "{} has no parent", key.path);
    }
    assert_eq!(
        Keys(KEYS).inside("connect").collect::<Vec<_>>(),
        ["timeout", "per_host", "total", "backoff"]
    );
    assert_eq!(
        Keys(KEYS).inside("").collect::<Vec<_>>(),
        [
            "buffers", "sources", "connect", "watch", "memory", "probe", "objects", "profiles",
            "history", "web", "alarms", "notify"
        ]
    );
}
