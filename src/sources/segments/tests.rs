use super::*;

#[test]
fn patterns_take_what_they_say() {
    for (pattern, name, fits) in [
        ("*.wav", "a.wav", true),
        ("*.wav", "a.wav.part", false),
        ("rec-??.flac", "rec-07.flac", true),
        ("rec-??.flac", "rec-7.flac", false),
        ("*-*-*.wav", "a-b-c.wav", true),
        ("*-*-*.wav", "a-b.wav", false),
        ("*", "anything", true),
        ("", "x", false),
    ] {
        assert_eq!(
            matches(pattern.as_bytes(), name.as_bytes()),
            fits,
            "{pattern} {name}"
        );
    }
    // A pattern made to go back again and again must not take for ever.
    assert!(!matches(
        "*a".repeat(50).as_bytes(),
        "b".repeat(250).as_bytes()
    ));
    let audio = SegmentFolder {
        path: PathBuf::new(),
        pattern: None,
    };
    for (name, taken) in [
        ("a.WAV", true),
        ("a.wav.tmp", false),
        (".a.wav", false),
        ("a", false),
    ] {
        assert_eq!(audio.takes(OsStr::new(name)), taken, "{name}");
    }
}
