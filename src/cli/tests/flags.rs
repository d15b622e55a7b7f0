//! What flags are taken, and what they say when they are not.

use super::*;

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
