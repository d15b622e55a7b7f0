use super::*;

fn arguments(line: &str) -> Vec<OsString> {
    std::iter::once("audio-capture-exporter")
        .chain(line.split_whitespace())
        .map(OsString::from)
        .collect()
}

fn refused(line: &str) -> Exit {
    parse(arguments(line)).expect_err(line)
}

fn run(line: &str) -> Options {
    match parse(arguments(line)) {
        Ok(Command::Run(options)) => options,
        other => panic!("{line}: {other:?}"),
    }
}

fn demo(line: &str) -> Options {
    match parse(arguments(line)) {
        Ok(Command::Demo(options)) => options,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn defaults_are_the_documented_ones() {
    let options = run("rtsp://camera.lan/live");
    assert_eq!(options.listen, ["127.0.0.1:10480"]);
    assert_eq!(options.telemetry_path, "/metrics");
    assert_eq!(options.max_requests, 40);
    assert_eq!(options.web_config_file, None);
    assert!(!options.systemd_socket);
    assert_eq!(run("--web.max-requests 0 a.wav").max_requests, 0);
    assert_eq!(options.log_level, LogLevel::Info);
    assert_eq!(options.log_format, LogFormat::Logfmt);
    assert_eq!(options.config_file, None);
}

#[test]
fn every_flag_is_understood_before_and_after_the_sources() {
    let flags = "--web.listen-address :9000 --web.listen-address=[::1]:9001 \
        --web.telemetry-path /m/x --web.max-requests 7 --log.level debug --log.format json \
        --web.config.file b.yaml --config.file a.yaml";
    for line in [
        format!("{flags} garden=rtsp://camera.lan/live dawn.flac"),
        format!("garden=rtsp://camera.lan/live dawn.flac {flags}"),
    ] {
        let options = run(&line);
        assert_eq!(options.listen, [":9000", "[::1]:9001"]);
        assert_eq!(options.telemetry_path, "/m/x");
        assert_eq!(options.max_requests, 7);
        assert_eq!(options.log_level, LogLevel::Debug);
        assert_eq!(options.log_format, LogFormat::Json);
        assert_eq!(options.config_file, Some(PathBuf::from("a.yaml")));
        assert_eq!(options.web_config_file, Some(PathBuf::from("b.yaml")));
        let names: Vec<&str> = options.sources.iter().map(SourceArgument::name).collect();
        assert_eq!(names, ["garden", "dawn"]);
    }
}

#[test]
fn sockets_that_are_passed_have_their_addresses_already() {
    assert!(run("--web.systemd-socket a.wav").systemd_socket);
    let both = refused("--web.systemd-socket --web.listen-address :9 a.wav");
    assert_eq!(both.code, 2);
    assert!(both.text.contains("cannot be used with"), "{both}");
}

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
fn addresses_and_paths_are_checked() {
    for good in [
        "127.0.0.1:0",
        ":10480",
        "[::]:1",
        "localhost:65535",
        "recorder-1.lan:80",
    ] {
        assert!(values::listen_address(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "10480",
        "localhost",
        "::1:80",
        "[::1]",
        "a:65536",
        "a:-1",
        "a:+1",
        "a b:1",
        "[x]:1",
    ] {
        assert!(values::listen_address(bad).is_err(), "{bad}");
    }
    for good in ["/metrics", "/m", "/a/b.txt", "/metrics/api"] {
        assert!(values::telemetry_path(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "metrics",
        "/",
        "//x",
        "/-/healthy",
        "/-",
        "/api/v1",
        "/probe",
        "/openapi.json",
        "/a?b",
        "/a b",
        "/debug/pprof",
        "/grafana/x",
        "/alerts",
    ] {
        assert!(values::telemetry_path(bad).is_err(), "{bad}");
    }
    assert_eq!(refused("--web.telemetry-path /api a.wav").code, 2);
    assert_eq!(refused("--web.max-requests 1025 a.wav").code, 2);
    assert_eq!(refused("--log.level loud a.wav").code, 2);
}

#[test]
fn help_fits_a_screen_and_names_every_flag() {
    for line in ["--help", "-h"] {
        let exit = refused(line);
        assert_eq!(exit.code, 0);
        let lines = exit.text.lines().count();
        assert!(lines <= 24, "{lines} lines:\n{exit}");
        for flag in Line::command().get_opts().filter_map(clap::Arg::get_long) {
            assert!(
                exit.text.contains(&format!("--{flag}")),
                "{flag} in\n{exit}"
            );
        }
        assert!(exit.text.contains("demo"), "{exit}");
        assert!(
            exit.text.lines().all(|line| line.chars().count() <= 100),
            "{exit}"
        );
    }
}

#[test]
fn the_demo_has_a_help_of_its_own() {
    let exit = refused("demo --help");
    assert_eq!(exit.code, 0);
    assert!(exit.text.contains("--web.listen-address"), "{exit}");
    assert!(!exit.text.contains("--config.file"), "{exit}");
}

#[test]
fn the_version_is_the_packages() {
    let exit = refused("--version");
    assert_eq!(exit.code, 0);
    let expected = concat!("audio-capture-exporter ", env!("CARGO_PKG_VERSION"));
    assert!(exit.text.starts_with(expected), "{exit}");
}

#[test]
fn checking_ends_with_0_or_1() {
    let options = |line| match parse(arguments(line)) {
        Ok(Command::Check(options)) => options,
        other => panic!("{line}: {other:?}"),
    };
    let good = check(&options("--config.check a.wav b.wav"));
    assert_eq!(
        (good.code, good.text.as_str()),
        (0, "the configuration is valid: 2 sources")
    );
    let bad = check(&options("--config.check a.wav x/a.wav"));
    assert_eq!(bad.code, 1);
    assert!(
        bad.text.contains("already that of source argument 1"),
        "{bad}"
    );
}

/// The help of the program and of each subcommand.
fn helps() -> Vec<(String, String)> {
    let mut names = vec![String::new()];
    names.extend(
        command()
            .get_subcommands()
            .map(|sub| sub.get_name().to_owned())
            // It is help itself.
            .filter(|name| name != "help"),
    );
    names
        .into_iter()
        .map(|name| {
            let exit = refused(&format!("{name} --help"));
            assert_eq!(exit.code, 0, "{name}");
            (name, exit.text)
        })
        .collect()
}

#[test]
fn help_fits_a_screen() {
    let helps = helps();
    assert!(helps.len() >= 6);
    for (name, text) in helps {
        assert!(text.lines().count() <= 24, "{name}:\n{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
    }
}

#[test]
fn a_shell_and_man_are_told_all_flags_that_the_help_has() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = refused(&format!("completions {shell}"));
        assert_eq!(script.code, 0, "{shell}");
        for known in ["config.file", "shard.total", "password-file", "leakcheck"] {
            assert!(script.text.contains(known), "{shell}: {known}");
        }
    }
    let page = refused("man").text;
    for known in ["config.file", "shard.total"] {
        assert!(page.contains(known), "{known}:\n{page}");
    }
    assert!(refused("man probe").text.contains("password"), "probe");
    assert_eq!(refused("man prob").code, 2);
    assert_eq!(refused("completions tcsh").code, 2);
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
fn help_is_asked_for_in_every_usual_way() {
    let help = refused("--help");
    for line in ["-h", "help"] {
        assert_eq!(refused(line), help, "{line}");
    }
    for name in ["probe", "leakcheck", "demo", "completions"] {
        let help = refused(&format!("help {name}"));
        let usage = format!("Usage: audio-capture-exporter {name}");
        assert_eq!(help.code, 0, "{name}");
        assert!(help.text.contains(&usage), "{name}: {help}");
        assert_eq!(refused(&format!("{name} --help")), help, "{name}");
    }
    assert_eq!(run("./help").sources[0].name(), "help");
}

#[test]
fn a_mistyped_command_is_told_the_nearest_wherever_one_is_named() {
    for (line, asker) in [
        ("help prboe", "help"),
        ("--log.level debug help prboe", "help"),
        ("help help prboe", "help"),
        ("man prboe", "man"),
    ] {
        let exit = refused(line);
        assert_eq!(exit.code, 2, "{line}");
        let told = format!("did you mean `probe`?\n  `{asker}` takes the name");
        assert!(exit.text.contains(&told), "{line}: {exit}");
    }
    for line in ["help CANARY", "man CANARY", "help probe CANARY"] {
        let exit = refused(line);
        assert_eq!(exit.code, 2, "{line}");
        assert!(!exit.text.contains("did you mean"), "{line}: {exit}");
        assert!(
            exit.text.contains("no command of this name"),
            "{line}: {exit}"
        );
        assert!(!exit.text.contains("CANARY"), "{line}: {exit}");
    }
}

#[test]
fn every_page_of_the_manual_has_a_full_header() {
    for page in ["", "probe", "demo", "leakcheck", "assets"] {
        let text = refused(&format!("man {page}")).text;
        let header = text.lines().find(|line| line.starts_with(".TH ")).unwrap();
        let version = format!("\"audio-capture-exporter {}\"", env!("CARGO_PKG_VERSION"));
        assert!(
            header.contains(&version) && header.ends_with("\"Commands of audio-capture-exporter\""),
            "{page}: {header}"
        );
    }
}

#[test]
fn a_shard_is_one_of_its_number() {
    let shard = run("dawn.flac --shard.total 3 --shard.index 2").shard;
    assert_eq!(shard, Shard::new(2, 3).unwrap());
    assert_eq!(run("dawn.flac").shard, Shard::WHOLE);
    for (line, remedy) in [
        ("dawn.flac --shard.index 1", "--shard.total"),
        ("dawn.flac --shard.total 2 --shard.index 2", "0 to 1"),
        ("dawn.flac --shard.total 0 --shard.index 0", "1 to 1024"),
        ("dawn.flac --shard.total 2", "POD_NAME"),
        ("--shard.total 2 --shard.index 0", "nothing to watch"),
        ("--shard.total 2 --shard.index 0 demo", "its own sources"),
    ] {
        let exit = refused(line);
        assert_eq!(exit.code, 2, "{line}");
        assert!(exit.text.contains(remedy), "{line}: {}", exit.text);
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
