//! Every fault tried for real and judged by the same five questions: is it seen, as what,
//! where do the seconds go, does audio come back, into the same buffer? The answers are the
//! table of `docs/faults.md`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

#[path = "faults/catalogue.rs"]
mod catalogue;
#[path = "faults/drive.rs"]
mod drive;
#[path = "faults/fault.rs"]
mod fault;
#[path = "faults/half_open.rs"]
mod half_open;
#[path = "faults/rig.rs"]
mod rig;

use std::{
    cell::RefCell,
    process::{Command, Stdio},
    rc::Rc,
};

use drive::{CONNECT, Case, drive, healthy};
use fault::Fault;
use rig::{Frozen, Mishap, Mortal, Nobody, Recorder, Switch};
use support::{
    Exporter, Running, Scrape, Scratch, Server,
    icecast::{Icecast, MP3},
    mp3, run,
};

/// What memory may grow by in all faults together, in bytes.
const GROWTH: u64 = 16 << 20;

const RESTS: &str = "- { name: rests, url: rests.wav, enabled: false }\n";

#[test]
fn every_fault_is_seen_for_what_it_is_and_got_over() {
    let scratch = Scratch::new();
    let path = scratch.write("config.yaml", &format!("{CONNECT}{RESTS}"));
    let exporter = Exporter::with_config(&path);
    exporter.until_state("rests", "disabled");
    let empty = exporter.process.descriptors();

    let audio = mp3(&scratch);
    let mut servers = Vec::new();
    let mut cases = switched(&audio, &mut servers);
    cases.extend(processes(&audio, &scratch));
    cases.extend(files(&scratch));
    cases.extend(wraps(&mut servers));
    let sources: String = cases.iter().map(Case::source).collect();
    scratch.write("config.yaml", &format!("{CONNECT}{RESTS}{sources}"));
    assert_eq!(exporter.reload().0, 200);

    assert_nothing_yet(&healthy(&exporter, &cases), &cases);
    let (descriptors, threads) = (exporter.process.descriptors(), exporter.process.threads());
    let resident = exporter.process.resident();
    let _alive = drive(&exporter, cases);
    exporter.until("both have wrapped", |scrape| {
        ["wrap", "wrap-udp"].iter().all(|source| {
            let labels = [(fault::LABEL, *source)];
            let packets = scrape.value("myaudio_source_received_packets_total", &labels);
            let quiet = ["lost_packets", "discontinuities", "disconnects"];
            let quiet =
                quiet.map(|name| scrape.sum(&format!("myaudio_source_{name}_total"), &labels));
            assert_eq!(quiet, [0.0; 3], "{source}");
            packets > f64::from(catalogue::WRAPS_AT) + 50.0
        })
    });

    exporter.until("descriptors and threads are as before", |_| {
        exporter.process.descriptors() <= descriptors && exporter.process.threads() <= threads
    });
    let grown = exporter.process.resident().saturating_sub(resident);
    println!(
        "{descriptors} descriptors, {threads} threads; memory grew by {grown} bytes over {resident}"
    );
    assert!(grown < GROWTH, "memory grew by {grown} bytes");
    assert_eq!(
        exporter
            .scrape()
            .sum("audio_capture_exporter_task_panics_total", &[]),
        0.0
    );
    scratch.write("config.yaml", &format!("{CONNECT}{RESTS}"));
    assert_eq!(exporter.reload().0, 200);
    exporter.until("every descriptor is given back", |_| {
        exporter.process.descriptors() <= empty
    });
}

/// Nothing has gone wrong so far.
#[track_caller]
fn assert_nothing_yet(scrape: &Scrape, cases: &[Case]) {
    for Case { fault, .. } in cases {
        for quiet in [
            "lost_packets",
            "discontinuities",
            "disconnects",
            "connect_failures",
        ] {
            assert_eq!(fault.count(scrape, quiet), 0.0, "{} {quiet}", fault.source);
        }
    }
}

/// What the two servers can be ordered to do.
fn switched(audio: &str, servers: &mut Vec<Server>) -> Vec<Case> {
    let (rtsp, orders) = Server::switched("hostile_rtsp.py", &[]);
    let rtsp_orders = Rc::new(RefCell::new(orders));
    let (http, orders) = Server::switched("hostile_http.py", &["--audio", audio]);
    let http_orders = Rc::new(RefCell::new(orders));
    let case = |(fault, way): &(Fault, &'static str)| {
        let path = format!("/switch/{}", fault.source);
        let (url, orders) = if fault.against == catalogue::HTTP {
            (http.http_url(&path), &http_orders)
        } else {
            (rtsp.url(&path), &rtsp_orders)
        };
        let switch = Switch {
            orders: Rc::clone(orders),
            mount: fault.source,
            way,
        };
        Case::new(*fault, url, Box::new(switch))
    };
    let cases = catalogue::SWITCHED.iter().map(case).collect();
    servers.extend([rtsp, http]);
    cases
}

/// Those whose numbers wrap by themselves, a while after their session began.
fn wraps(servers: &mut Vec<Server>) -> Vec<Case> {
    let server = Server::hostile(&[]);
    let url = server.url(&format!("/wrap/{}", catalogue::WRAPS_AT));
    servers.push(server);
    let case = |fault: &Fault| Case::new(*fault, url.clone(), Box::new(Nobody));
    catalogue::WRAPS.iter().map(case).collect()
}

/// Processes that are killed or frozen.
fn processes(audio: &str, scratch: &Scratch) -> Vec<Case> {
    let gstreamer =
        |keys: &[&str], port: &str| Server::gstreamer(&[keys, &["--port", port]].concat());
    let mut cases = Vec::new();
    for (fault, before, after) in [
        (catalogue::KILLED, PCMU, PCMU),
        (catalogue::KILLED_UDP, PCMU, PCMU),
        (catalogue::REPLACED, PCMU, L16S),
    ] {
        let Server { process, port } = gstreamer(&before, "0");
        let url = format!("rtsp://127.0.0.1:{port}/cam");
        let successor = move || gstreamer(&after, &port.to_string()).process;
        cases.push(Case::new(
            fault,
            url,
            Box::new(Mortal::new(process, successor)),
        ));
    }
    for fault in [catalogue::FROZEN, catalogue::FROZEN_UDP] {
        let server = gstreamer(&PCMU, "0");
        let url = server.url("/cam");
        cases.push(Case::new(fault, url, Box::new(Frozen(server.process))));
    }
    let stream =
        |audio: &str, port: &str| Server::hostile_http(&["--audio", audio, "--port", port]);
    let frozen = stream(audio, "0");
    let url = frozen.http_url("/play");
    let frozen = Box::new(Frozen(frozen.process));
    cases.push(Case::new(catalogue::FROZEN_HTTP, url, frozen));
    let killed = stream(audio, "0");
    let (url, port, audio) = (
        killed.http_url("/play"),
        killed.port.to_string(),
        audio.to_owned(),
    );
    let killed = Mortal::new(killed.process, move || stream(&audio, &port).process);
    cases.push(Case::new(catalogue::KILLED_HTTP, url, Box::new(killed)));

    let icecast = Icecast::start("private");
    let url = icecast.url("garden");
    let mount = Mortal::new(icecast.feed("garden", &MP3), move || {
        icecast.feed("garden", &MP3)
    });
    cases.push(Case::new(catalogue::MOUNT, url, Box::new(mount)));

    for fault in [catalogue::FIFO_DIES, catalogue::FIFO_FREEZES] {
        let fifo = scratch.path(fault.source);
        let fifo = fifo.to_str().unwrap().to_owned();
        run("mkfifo", &[&fifo], "");
        let url = format!("fifo://{fifo}");
        let writer = move || write_into(&fifo);
        let rig: Box<dyn rig::Rig> = if fault.disconnect.is_some() {
            Box::new(Mortal::new(writer(), writer))
        } else {
            Box::new(Frozen(writer()))
        };
        cases.push(Case::new(fault, url, rig));
    }
    cases
}

const PCMU: [&str; 2] = ["--alias", "/cam=/pcmu"];
const L16S: [&str; 2] = ["--alias", "/cam=/l16s"];

/// ffmpeg, which opens the FIFO as soon as somebody reads it.
fn write_into(fifo: &str) -> Running {
    let source = "-v error -re -f lavfi -i sine=frequency=440:sample_rate=48000 -f wav -y";
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(source.split(' ')).arg(fifo);
    ffmpeg
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Running::start(&mut ffmpeg)
}

/// Files that are followed.
fn files(scratch: &Scratch) -> Vec<Case> {
    let case = |(fault, mishap): &(Fault, Mishap)| {
        let path = scratch.path(&format!("{}.wav", fault.source));
        let recorder = Recorder::start(&path, *mishap);
        let url = path.to_str().unwrap().to_owned();
        Case::new(*fault, url, Box::new(recorder))
    };
    catalogue::FILES.iter().map(case).collect()
}
