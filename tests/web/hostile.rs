//! Clients that mean ill, or do not know better, over TLS and before it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    stage::{Stage, tls, users},
    support::PATIENCE,
};

fn rejected(stage: &Stage, reason: &str) -> f64 {
    let series = format!("audio_capture_exporter_http_rejected_total{{reason=\"{reason}\"}}");
    stage.value("https", "ada", &series)
}

fn connect(stage: &Stage) -> TcpStream {
    let stream = TcpStream::connect(&stage.exporter.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Everything until the server hangs up.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    // A reset ends it as well.
    let _ended = stream.read_to_end(&mut all);
    all
}

#[test]
fn a_handshake_that_never_ends_is_ended() {
    let stage = Stage::set(&(tls("") + &users()), "");
    let started = Instant::now();
    // Says nothing; the beginning of a record; one byte of it a second.
    let silent = connect(&stage);
    let mut half = connect(&stage);
    half.write_all(b"\x16\x03\x01\x02\x00\x01\x00").unwrap();
    let mut drip = connect(&stage);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
                .iter()
                .chain([0; 60].iter())
            {
                if drip.write_all(&[*byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(500));
            }
            panic!("it could drip on");
        });
        scope.spawn(|| rest(silent));
        scope.spawn(|| rest(half));
        // Meanwhile others are served.
        assert_eq!(stage.curl("https", "/-/healthy", &[]).status, 200);
    });
    let took = started.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(rejected(&stage, "slow_request"), 3.0);
}

#[test]
fn many_half_open_handshakes_do_not_lock_out_a_scrape() {
    let stage = Stage::set(&(tls("") + &users()), "");
    let held: Vec<_> = (0..600)
        .map(|_| {
            let mut stream = connect(&stage);
            // The server may have hung up already.
            let _sent = stream.write_all(b"\x16\x03\x01");
            stream
        })
        .collect();
    assert_eq!(
        stage
            .curl("https", "/metrics", &["-u", "ada:ada-pw"])
            .status,
        200
    );
    assert!(rejected(&stage, "connections") >= 300.0);
    drop(held);
}

#[test]
fn who_does_not_speak_tls_is_told_and_counted() {
    let stage = Stage::set(&(tls("") + &users()), "");
    let answer = stage.curl("http", "/metrics", &[]);
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("https://"), "{answer:?}");
    let mut junk = connect(&stage);
    junk.write_all(b"\x16\x03\x01\x00\x05hello").unwrap();
    // An alert at most: not one byte of HTTP.
    let said = rest(junk);
    assert!(
        said.len() <= 7 && !said.windows(4).any(|w| w == b"HTTP"),
        "{said:?}"
    );
    stage
        .exporter
        .process
        .until("both are counted", || rejected(&stage, "tls") == 2.0);
}

/// Speaks TLS for us; what we write is encrypted.
fn encrypted(stage: &Stage, text: &str) -> String {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-no_ign_eof",
            "-connect",
            &stage.exporter.address,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    // The server may hang up before the end.
    let _sent = input.write_all(text.as_bytes());
    let mut output = String::new();
    client
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    drop(input);
    client.wait().unwrap();
    output
}

#[test]
fn heads_are_bounded_in_size_and_time_over_tls_too() {
    let stage = Stage::set(&(tls("") + &users()), "");
    let big = format!(
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    let answer = encrypted(&stage, &big);
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let started = Instant::now();
    encrypted(&stage, "GET /metrics HTTP/1.1\r\nHost: loc");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(rejected(&stage, "oversized"), 1.0);
    assert_eq!(rejected(&stage, "slow_request"), 1.0);
}

#[test]
fn guesses_do_not_hold_up_who_is_known() {
    let web = users();
    let stage = Stage::set(&web, "");
    // The highest cost that is taken: seconds each.
    let hash = bcrypt::hash("eve-pw", 4)
        .unwrap()
        .replacen("$04$", "$15$", 1);
    let slow: String = web
        .lines()
        .map(|line| match line.strip_prefix("  eve:") {
            Some(_) => format!("  eve: \"{hash}\"\n"),
            None => format!("{line}\n"),
        })
        .collect();
    assert_eq!(stage.status(Some("ada"), "GET", "/"), 200);
    stage.replace("web.yaml", &slow);
    stage.exporter.process.until("it is in force", || {
        stage
            .exporter
            .process
            .output()
            .contains("in force as they are")
    });
    let statuses = std::thread::scope(|scope| {
        let guess = || stage.curl("http", "/", &["-u", "eve:guess"]).status;
        let guesses: Vec<_> = (0..24).map(|_| scope.spawn(guess)).collect();
        stage.exporter.process.until("they crowd", || {
            let series = "audio_capture_exporter_http_rejected_total{reason=\"requests\"}";
            stage.value("http", "ada", series) >= 8.0
        });
        assert_eq!(stage.status(Some("ada"), "GET", "/metrics"), 200);
        // She did not wait for her turn behind those that are not turned away at once.
        let waiting = guesses.iter().filter(|guess| !guess.is_finished()).count();
        assert!(waiting >= 8, "{waiting} of 24");
        // They would wait for as long as the checks take.
        stage.exporter.process.signal("TERM");
        guesses
            .into_iter()
            .map(|guess| guess.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(
        statuses.iter().filter(|status| **status == 503).count() >= 8,
        "{statuses:?}"
    );
    assert!(!statuses.contains(&200), "{statuses:?}");
}
