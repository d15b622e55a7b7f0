//! Clients that take every descriptor of the program: it goes on capturing, still answers a scrape,
//! says what happened, and takes nobody for ended whom it could not look at.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "http_server/client.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod client;
mod support;

use std::{
    io::Write as _,
    net::TcpStream,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use client::Client;
use support::{Exporter, PATIENCE, Running, Scrape, Scratch, Server, Stopwatch, write_tone};

const LIMIT: usize = 80;
const CLIENTS: usize = 300;
/// What it may have at the most.
const HARD: u64 = 1024;
const REFUSED: &str = "cannot accept HTTP connections";

/// The program with few descriptors, fewer than it would take connections.
fn cramped(arguments: &[&str]) -> Exporter {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {LIMIT}; exec \"$@\""), "sh"])
        .arg(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .args(arguments)
        .args(["--web.listen-address", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Exporter::of(Running::start(&mut command))
}

fn rejected(scrape: &Scrape, reason: &str) -> f64 {
    let labels = [("reason", reason)];
    scrape.value("audio_capture_exporter_http_rejected_total", &labels)
}

#[test]
fn clients_that_take_every_descriptor_cost_no_audio_and_no_scrape() {
    let scratch = Scratch::new();
    let wav = scratch.path("dawn.wav");
    write_tone(&wav, 8000, 1, 120.0, -20.0);
    let camera = Server::gstreamer(&[]);
    let garden = format!("garden={}", camera.url("/pcmu"));
    let exporter = cramped(&[&garden, wav.to_str().unwrap()]);
    for source in ["garden", "dawn"] {
        exporter.until_state(source, "streaming");
    }
    let before = exporter.scrape();
    let began = Instant::now();

    let mut held: Vec<_> = (0..CLIENTS)
        .map(|_| TcpStream::connect(&exporter.address).unwrap())
        .collect();
    exporter.process.until("it can accept no more", || {
        exporter.process.output().contains(REFUSED)
    });
    // While all of them are still there.
    // Those that were there first have nothing to ask.
    exporter.until("a scrape tells of both", |scrape| {
        rejected(scrape, "accept") >= 1.0 && rejected(scrape, "connections") >= 1.0
    });
    // Waiting for descriptors is not a loop without pauses.
    let cpu = exporter.process.cpu_seconds();
    let second = Instant::now() + Duration::from_secs(1);
    exporter.until("a second has passed", |_| Instant::now() > second);
    let cpu = exporter.process.cpu_seconds() - cpu;
    assert!(cpu < 0.8, "{cpu} s of CPU time within a second");

    held.truncate(CLIENTS / 10);
    let after = exporter.until("the rest is accepted", |_| {
        exporter.process.descriptors() < LIMIT / 2 + CLIENTS / 10
    });
    for source in ["garden", "dawn"] {
        assert_eq!(after.state(source), "streaming");
        let labels = [("source", source)];
        let name = "myaudio_source_audio_seconds_total";
        let seconds = after.value(name, &labels) - before.value(name, &labels);
        let passed = began.elapsed().as_secs_f64();
        assert!(
            (seconds - passed).abs() < 1.0,
            "{source}: {seconds} s of audio in {passed} s"
        );
        let gaps = |scrape: &Scrape| scrape.sum("myaudio_source_gap_seconds_total", &labels);
        assert_eq!(gaps(&after), gaps(&before), "{source}");
        let attempts = "myaudio_source_connect_attempts_total";
        assert_eq!(after.value(attempts, &labels), 1.0, "{source}");
    }
    // Once a minute, not for each of them, and with their number.
    let log = exporter.process.output();
    let counted = |line: &&str| line.contains(REFUSED) && line.contains(" not_logged=");
    let said = log.lines().filter(counted).count() as u64;
    assert_eq!(log.matches(REFUSED).count() as u64, said, "{log}");
    let minutes = began.elapsed().as_secs() / 60;
    assert!((1..=1 + minutes).contains(&said), "{said} times");
}

/// Lets a running process open so many descriptors more than it has.
fn leave(process: &Running, free: usize) {
    let limit = process.descriptors() + free;
    let arguments = [
        format!("--pid={}", process.id()),
        format!("--nofile={limit}:{HARD}"),
    ];
    support::run("prlimit", &arguments.each_ref().map(String::as_str), "");
}

/// Whatever it can still open: what it says of others is the truth, or nothing.
#[test]
fn whom_it_has_no_descriptor_to_look_at_has_not_ended() {
    let scratch = Scratch::new();
    write_tone(&scratch.path("dawn.wav"), 8000, 1, 0.2, -20.0);
    let command = format!("bird-{}", std::process::id());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/recorder.py");
    let mut python = Command::new("/usr/bin/python3");
    let pipes = python.arg0(&command).arg(script).stdin(Stdio::piped());
    let mut recorder = Running::start(pipes.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut orders = recorder.stdin();
    orders.write_all(b"child 8192\nchild 8192\n").unwrap();
    let config = scratch.write(
        "config.yaml",
        &format!(
            "sources: [ {{ url: dawn.wav }} ]\n\
             watch:\n- {{ name: called, command: {command} }}\n- {{ name: numbered, pid: {} }}\n\
             memory: {{ sample_interval: 100ms, analysis_interval: 200ms, baseline_after: 1s }}\n",
            recorder.id()
        ),
    );
    let exporter = Exporter::with_config(&config);
    let of =
        |scrape: &Scrape, family: &str, process: &str| scrape.sum(family, &[("process", process)]);
    let watches = ["called", "numbered"];
    let failures = |scrape: &Scrape, process: &str, reason: &str| {
        let labels = [("process", process), ("reason", reason)];
        scrape.value("myaudio_process_read_failures_total", &labels)
    };
    let all_are_seen = |scrape: &Scrape| {
        let seen = |watch| of(scrape, "myaudio_process_count", watch) == 3.0;
        watches.into_iter().all(seen)
    };
    exporter.until("it and its children are watched", |scrape| {
        let held = |watch| of(scrape, "myaudio_memory_resident_bytes", watch) > 16e6;
        all_are_seen(scrape) && watches.into_iter().all(held)
    });
    // A connection that needs no other descriptor.
    let mut client = Client::connect(exporter.address.parse().unwrap());
    let mut scrape = || Scrape::parse(client.ask("GET", "/metrics", "").text());
    let before = scrape();
    let is_true = |scrape: &Scrape, free: usize| {
        for watch in watches {
            let count = of(scrape, "myaudio_process_count", watch);
            assert!(count == 3.0 || count == 0.0, "{free}: {watch} has {count}");
            for family in [
                "myaudio_memory_resident_bytes",
                "myaudio_memory_limit_bytes",
            ] {
                let (was, is) = (of(&before, family, watch), of(scrape, family, watch));
                let tells = count == 3.0;
                assert!(
                    !tells || is > was * 0.9,
                    "{free}: {watch}: {family} {is}, not {was}"
                );
            }
            assert_eq!(
                of(scrape, "myaudio_process_up", watch),
                1.0,
                "{free}: {watch}"
            );
            for counted in ["restarts", "oom_kills"] {
                let name = format!("myaudio_process_{counted}_total");
                assert_eq!(of(scrape, &name, watch), 0.0, "{free}: {watch} {counted}");
            }
            for reason in ["not_found", "vanished", "malformed"] {
                assert_eq!(failures(scrape, watch, reason), 0.0, "{free}: {reason}");
            }
        }
        assert_eq!(of(scrape, "myaudio_process_up", "self"), 1.0, "{free}");
    };
    for free in 0..6 {
        leave(&exporter.process, free);
        let failed = |scrape: &Scrape| {
            let local = |watch| failures(scrape, watch, "local");
            watches.into_iter().map(local).fold(f64::INFINITY, f64::min)
        };
        let began = failed(&scrape());
        let mut looks = 0;
        let watch = Stopwatch::start();
        // Either several looks fail, or all is told as ever.
        while failed(&scrape()) < began + 3.0 && looks < 20 {
            assert!(watch.elapsed() < PATIENCE, "{free}: neither of both");
            let now = scrape();
            is_true(&now, free);
            looks += u32::from(all_are_seen(&now));
            std::thread::sleep(Duration::from_millis(50));
        }
        let more = failed(&scrape()) - began;
        println!("{free} free: {more} looks failed");
        assert!(free > 0 || more >= 3.0, "looks without a descriptor");
        leave(&exporter.process, usize::try_from(HARD).unwrap() / 2);
        exporter.until("all are seen again", all_are_seen);
        is_true(&exporter.scrape(), free);
    }
    let log = exporter.process.output();
    assert!(log.contains("this program has no descriptor left"), "{log}");
}
