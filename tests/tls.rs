//! `rtsps://`: real TLS in front of a real RTSP server, and every way it is refused.

mod support;
#[path = "support/tls_front.rs"]
#[allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a panic is how a test fails; a test file is a crate"
)]
mod tls_front;

use std::process::{Command, Stdio};

use support::{Exporter, Running, Scrape, Scratch, Server};
use tls_front::{Authority, Identity};

const LABEL: &str = "source";

fn audio_seconds(scrape: &Scrape, source: &str) -> f64 {
    scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, source)])
}

/// A configuration of sources: name, URL, `tls` section.
fn start(scratch: &Scratch, sources: &[(&str, String, String)]) -> Exporter {
    let mut text =
        String::from("connect: { timeout: 2s, backoff: { initial: 500ms, max: 1s } }\nsources:\n");
    for (name, url, tls) in sources {
        let line =
            format!("- {{ name: {name}, url: \"{url}\", stall_after: 3s, tls: {{ {tls} }} }}\n");
        text.push_str(&line);
    }
    Exporter::with_config(&scratch.write("config.yaml", &text))
}

#[test]
fn audio_comes_through_tls_by_authority_and_by_pin() {
    let server = Server::gstreamer(&["--mounts", "/aac,/l16s"]);
    let scratch = Scratch::new();
    let authority = Authority::new();
    scratch.write("authority.pem", &authority.pem());
    let signed = authority.sign("127.0.0.1", |_| {});
    let named = authority.sign("camera.example", |_| {});
    let own = Identity::self_signed("nobody.example");
    let url = |identity: &Identity, path: &str, old| {
        let port = tls_front::start(identity, server.port, old);
        format!("rtsps://127.0.0.1:{port}/{path}")
    };
    let by_authority = || "ca_file: authority.pem".to_owned();
    let by_name = "ca_file: authority.pem, server_name: camera.example".to_owned();
    let by_pin = format!("pin_sha256: \"{}\"", own.fingerprint());
    let sources = [
        ("by-authority", url(&signed, "aac", false), by_authority()),
        ("by-name", url(&named, "aac", true), by_name),
        // 192 KB/s: more than one TLS record in each 100 ms.
        ("by-pin", url(&own, "l16s", false), by_pin.clone()),
        ("by-pin-1-2", url(&own, "l16s", true), by_pin),
    ];
    let exporter = start(&scratch, &sources);
    let all = |least: f64| {
        exporter.until("audio of each", |scrape| {
            sources.iter().all(|s| audio_seconds(scrape, s.0) >= least)
        })
    };
    let (begun, later) = (all(1.0), all(6.0));
    for (source, ..) in &sources {
        let dbfs = later.dbfs_since(&begun, source);
        assert!((dbfs + 15.0).abs() < 0.5, "{source} reads {dbfs}");
        for quiet in [
            "lost_packets",
            "decode_errors",
            "discontinuities",
            "disconnects",
        ] {
            let name = format!("myaudio_source_{quiet}_total");
            assert_eq!(
                later.sum(&name, &[(LABEL, source)]),
                0.0,
                "{source} {quiet}"
            );
        }
        assert!(later.unexplained_seconds(source).abs() < 1.5, "{source}");
    }
}

#[test]
fn a_server_that_dies_behind_tls_is_noticed_and_found_again() {
    let server = Server::hostile(&[]);
    let own = Identity::self_signed("camera");
    let port = tls_front::start(&own, server.port, false);
    let scratch = Scratch::new();
    let pin = format!("pin_sha256: \"{}\"", own.fingerprint());
    let url = format!("rtsps://127.0.0.1:{port}/hang-up/100");
    let exporter = start(&scratch, &[("cam", url, pin)]);
    let scrape = exporter.until("closed twice and back", |scrape| {
        let labels = [(LABEL, "cam"), ("reason", "closed")];
        scrape.value("myaudio_source_disconnects_total", &labels) >= 2.0
            && audio_seconds(scrape, "cam") >= 5.0
    });
    assert_eq!(scrape.ledger("cam")[1], 1.0, "one buffer");
    let sessions = [("object", "tls_sessions")];
    for left in [1.0, 0.0] {
        exporter.until("each session is counted, and none is left", |scrape| {
            scrape.sum("myaudio_tracked_objects", &sessions) == left
        });
    }
}

#[test]
fn each_refusal_says_what_is_wrong_and_what_to_do() {
    let server = Server::hostile(&[]);
    let scratch = Scratch::new();
    let authority = Authority::new();
    scratch.write("authority.pem", &authority.pem());
    let ca = || "ca_file: authority.pem".to_owned();
    let front = |identity: &Identity| {
        let port = tls_front::start(identity, server.port, false);
        format!("rtsps://127.0.0.1:{port}/play")
    };
    let ymd = rcgen::date_time_ymd;
    let expired = authority.sign("127.0.0.1", |parameters| {
        parameters.not_before = ymd(2000, 1, 1);
        parameters.not_after = ymd(2001, 1, 1);
    });
    let early = authority.sign("127.0.0.1", |parameters| {
        parameters.not_before = ymd(4000, 1, 1);
        parameters.not_after = ymd(4001, 1, 1);
    });
    let own = Identity::self_signed("127.0.0.1");
    let other_pin = format!("pin_sha256: {:064x}", 7);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("rtsps://{}/play", silent.local_addr().unwrap());
    let cases = [
        ("expired", front(&expired), ca(), "expired"),
        ("early", front(&early), ca(), "not valid yet"),
        (
            "wrong-name",
            front(&authority.sign("other.example", |_| {})),
            ca(),
            "another name",
        ),
        ("self-signed", front(&own), ca(), "self-signed"),
        ("pin", front(&own), other_pin, "tls.pin_sha256"),
        (
            "plain",
            server.url("/garbage").replace("rtsp:", "rtsps:"),
            ca(),
            "TLS",
        ),
        ("silent", silent_url, ca(), "does this port speak TLS"),
    ];
    let sources: Vec<_> = cases
        .iter()
        .map(|c| (c.0, c.1.clone(), c.2.clone()))
        .collect();
    let exporter = start(&scratch, &sources);
    let failures = "myaudio_source_connect_failures_total";
    let scrape = exporter.until("each failed twice", |scrape| {
        let tls = |source| scrape.value(failures, &[(LABEL, source), ("reason", "tls")]);
        cases.iter().all(|case| tls(case.0) >= 2.0)
    });
    let log = exporter.process.output();
    for (source, _, _, words) in &cases {
        let tls = scrape.value(failures, &[(LABEL, source), ("reason", "tls")]);
        assert_eq!(tls, scrape.sum(failures, &[(LABEL, source)]), "{source}");
        assert_eq!(scrape.ledger(source), [0.0; 4], "{source}");
        let said = log
            .lines()
            .any(|line| line.contains(&format!("source={source} ")) && line.contains(words));
        assert!(said, "{source} does not say {words:?}:\n{log}");
    }
}

/// OpenSSL's own server, and its port.
fn openssl(pem: &std::path::Path, how: &[&str]) -> (Running, u16) {
    let mut command = Command::new("openssl");
    command
        .args(["s_server", "-accept", "127.0.0.1:0", "-cert"])
        .arg(pem)
        .args(how)
        // It ends with its standard input.
        .stdin(Stdio::piped());
    let mut server = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let port = server.wait_for_line(|line| {
        let address = line.strip_prefix("ACCEPT ")?;
        address.rsplit(':').next()?.trim().parse().ok()
    });
    (server, port)
}

#[test]
fn what_a_server_says_against_its_client_is_passed_on_and_not_blamed_on_its_age() {
    let scratch = Scratch::new();
    let own = Identity::self_signed("camera.example");
    let pem = scratch.write("camera.pem", &own.pem());
    let second = pem.to_str().unwrap_or_default();
    let pin = || format!("pin_sha256: \"{}\"", own.fingerprint());
    let by_name = [
        &["-servername", "camera.example", "-servername_fatal"][..],
        &["-cert2", second, "-key2", second],
    ]
    .concat();
    let other_name = format!("{}, server_name: other.example", pin());
    let age = "no TLS 1.2 or 1.3";
    let cases = [
        ("name", "rtsps", by_name, other_name, "knows no such name"),
        (
            "early",
            "rtsps",
            vec!["-Verify", "1", "-tls1_2"],
            pin(),
            "a certificate of its client",
        ),
        (
            "late",
            "rtsps",
            vec!["-Verify", "1", "-tls1_3"],
            pin(),
            "a certificate of its client",
        ),
        (
            "stream",
            "https",
            vec!["-Verify", "1", "-tls1_3"],
            pin(),
            "a certificate of its client",
        ),
        (
            "old",
            "rtsps",
            vec!["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
            pin(),
            age,
        ),
    ];
    let servers = cases.each_ref().map(|case| openssl(&pem, &case.2));
    let sources: Vec<_> = cases
        .iter()
        .zip(&servers)
        .map(|((name, scheme, _, tls, _), (_, port))| {
            (*name, format!("{scheme}://127.0.0.1:{port}/x"), tls.clone())
        })
        .collect();
    let exporter = start(&scratch, &sources);
    let failures = "myaudio_source_connect_failures_total";
    exporter.until("each failed twice for it", |scrape| {
        let tls = |source| scrape.value(failures, &[(LABEL, source), ("reason", "tls")]);
        cases.iter().all(|case| tls(case.0) >= 2.0)
    });
    let log = exporter.process.output();
    for (source, .., words) in &cases {
        let of_it = |line: &&str| line.contains(&format!("source={source} "));
        let lines: Vec<_> = log.lines().filter(of_it).collect();
        let said = |words: &str| lines.iter().any(|line| line.contains(words));
        assert!(said(words), "{source} does not say {words:?}:\n{log}");
        assert_eq!(said(age), *words == age, "{source}:\n{log}");
    }
}
