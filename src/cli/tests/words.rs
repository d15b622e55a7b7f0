//! The words that are no flags: sources, commands, and slips of either.

use super::*;

#[test]
fn demo_takes_the_shared_flags_on_either_side() {
    for line in [
        "demo --web.listen-address 127.0.0.1:0",
        "--web.listen-address 127.0.0.1:0 demo",
    ] {
        assert_eq!(demo(line).listen, ["127.0.0.1:0"], "{line}");
    }
    assert_eq!(demo("demo").listen, ["127.0.0.1:10480"]);
    assert_eq!(run("./demo").sources[0].name(), "demo");
    assert_eq!(run("demo=rtsp://camera.lan/live").sources[0].name(), "demo");
}

#[test]
fn demo_and_sources_exclude_each_other() {
    for line in [
        "dawn.flac demo",
        "demo dawn.flac",
        "--config.file a.yaml demo",
        "demo --config.file a.yaml",
        "--config.check demo",
    ] {
        assert_eq!(refused(line).code, 2, "{line}");
    }
}

#[test]
fn nothing_to_watch_is_refused_with_a_way_on() {
    for line in ["", "--log.level debug", "--config.check"] {
        let exit = refused(line);
        assert_eq!(exit.code, 2, "{line}");
        assert!(exit.text.contains("nothing to watch"), "{exit}");
        assert!(exit.text.contains("audio-capture-exporter demo"), "{exit}");
    }
}

#[test]
fn credentials_are_refused_and_not_repeated() {
    for line in [
        "rtsp://admin:CANARY@camera.lan/live",
        "garden=rtsp://admin:CANARY@camera.lan/live",
        "dawn.flac admin:CANARY@camera.lan",
        "rtsp://camera.lan/user=a_password=CANARY",
        "--nonsense=rtsp://admin:CANARY@camera.lan/",
        "--log.level rtsp://admin:CANARY@camera.lan/",
        "demo rtsp://admin:CANARY@camera.lan/",
        "-- rtsp://admin:CANARY@camera.lan/",
    ] {
        let exit = refused(line);
        assert_eq!(exit.code, 2, "{line}");
        let shown = format!("{exit} {exit:?}");
        assert!(
            !shown.contains("CANARY") && !shown.contains("admin"),
            "{shown}"
        );
        assert!(
            shown.contains("--config.file") && shown.contains("password_file"),
            "{shown}"
        );
    }
}

#[test]
fn all_wrong_sources_are_told_at_once() {
    let exit = refused("a/b.wav icecast://radio.lan/x the..garden/=y=z ok=b.wav ä=c.wav");
    assert_eq!(exit.code, 2);
    assert!(
        exit.text
            .contains("source argument 2: `icecast` is not supported"),
        "{exit}"
    );
    assert!(
        exit.text.contains("source argument 5: before `=`"),
        "{exit}"
    );
    assert_eq!(exit.text.lines().count(), 2, "{exit}");
}

#[test]
fn a_name_that_is_not_utf_8_is_told_so() {
    use std::os::unix::ffi::OsStringExt as _;

    let mut line = arguments("dawn.flac");
    line.push(OsString::from_vec(b"d\xe4mmerung.wav".to_vec()));
    let exit = parse(line).unwrap_err();
    assert_eq!(exit.code, 2);
    assert!(
        exit.text.contains("source argument 2: not UTF-8; rename"),
        "{exit}"
    );
}

#[test]
fn a_word_that_is_no_source_is_told_the_command_that_was_meant() {
    for (line, meant) in [
        ("prboe rtsp://camera.lan/live", "probe"),
        ("prboe --json rtsp://camera.lan/live", "probe"),
        ("leakchek --pid 1", "leakcheck"),
        ("hlep", "help"),
        ("--log.level debug asets", "assets"),
        ("dem", "demo"),
        ("Demo", "demo"),
    ] {
        let exit = refused(line);
        assert_eq!(exit.code, 2, "{line}");
        let meant = format!("did you mean `{meant}`?");
        assert!(exit.text.contains(&meant), "{line}: {exit}");
        assert!(exit.text.contains("./FILE"), "{line}: {exit}");
    }
    let other = refused("garden");
    assert!(other.text.contains("rtsp://host/path"), "{other}");
    assert!(!other.text.contains("did you mean"), "{other}");
    // What may be what nobody should see is not repeated.
    assert!(!refused("CANARY").text.contains("CANARY"));
    assert!(
        refused("garden prboe wiese")
            .text
            .contains("source argument 3")
    );
}

#[test]
fn an_address_without_its_scheme_is_told_how_it_is_written() {
    for (line, written) in [
        ("camera.lan", "rtsp://camera.lan "),
        ("garden=camera.lan", "rtsp://camera.lan "),
        ("garden=camera.lan:554", "rtsp://camera.lan:554 "),
        ("garden=192.168.1.20", "rtsp://192.168.1.20 "),
        ("camera.lan/stream", "rtsp://camera.lan/… "),
        ("garden=camera:8554/stream", "rtsp://camera:8554/… "),
        ("garden=camera.lan/key/CANARY", "rtsp://camera.lan/… "),
        // Near a command, and none.
        ("demo.lan", "rtsp://demo.lan "),
        ("probe:554", "rtsp://probe:554 "),
    ] {
        let exit = refused(line);
        assert_eq!(exit.code, 2, "{line}");
        let remedy = format!("if it is an address, write {written}");
        assert!(exit.text.contains(&remedy), "{line}: {exit}");
        assert!(exit.text.contains("./FILE"), "{line}: {exit}");
        assert!(!exit.text.contains("CANARY"), "{line}: {exit}");
    }
    for line in [
        "garden=./camera.lan/stream",
        "../camera.lan/stream",
        "/camera.lan/stream",
        "garden=dawn.d/live.wav",
        "garden=src/dawn.dat",
        "src/dawn.dat",
    ] {
        assert_eq!(run(line).sources.len(), 1, "{line}");
    }
}

#[test]
fn a_file_that_is_there_or_yet_to_come_is_a_source() {
    for line in [
        "dawn.flac",
        "dawn.WAV",
        "./prboe",
        "sub/prboe",
        "it=prboe",
        "demo=dawn",
        "demo/dawn",
        // There, as tests run in the package's folder.
        "Cargo.lock",
        "src",
        "-",
        "stdin:",
    ] {
        assert_eq!(run(line).sources.len(), 1, "{line}");
    }
}

#[test]
fn the_first_mistakes_are_told_their_remedy() {
    for (line, remedy) in [
        ("config.yaml", "--config.file"),
        ("garden.YML", "--config.file"),
        ("--config config.yaml", "--config.file"),
        ("--config.fil config.yaml", "--config.file"),
        ("--web.listen-address 8080 dawn.flac", ":port"),
        ("a=rtps://camera.lan/live", "rtsp://"),
    ] {
        let exit = refused(line);
        assert_eq!(exit.code, 2, "{line}");
        assert!(exit.text.contains(remedy), "{line}: {}", exit.text);
    }
    // What follows `--` is a source: advice for programs that take any words.
    assert!(!refused("-c config.yaml").text.contains("-- -c"));
    assert_eq!(run("odd=./config.yaml").sources.len(), 1);
}
