//! Profiles of the running program.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(all(feature = "profiling", feature = "jemalloc"))]

#[path = "profiles/periodic.rs"]
mod periodic;
#[path = "profiles/proto.rs"]
mod proto;
mod support;

use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use proto::Profile;
use support::{Exporter, PATIENCE, Running, Scratch, Stopwatch, write_tone};

fn demo() -> Exporter {
    let sampling = [("_RJEM_MALLOC_CONF", "prof_active:true".into())];
    let demo = Exporter::start_in(["demo"], sampling);
    demo.until("all three stream", |scrape| {
        scrape.sum("myaudio_source_up", &[]) == 3.0
    });
    demo
}

fn profile(exporter: &Exporter, path: &str) -> Profile {
    let (status, head, body) = exporter.request("GET", path, "");
    assert_eq!(status, 200, "{head}{}", String::from_utf8_lossy(&body));
    Profile::read(&body)
}

#[test]
fn the_heap_profile_names_who_holds_the_audio() {
    let demo = demo();
    let heap = profile(&demo, "/debug/pprof/heap");
    assert_eq!(heap.types, ["inuse_objects", "inuse_space"]);
    let scrape = demo.scrape();
    let capture = scrape.sum(
        "myaudio_tracked_object_bytes",
        &[("object", "capture_buffers")],
    );
    assert!(capture > 10e6, "{capture}");
    let held = heap.sum(1, "buffers::capture::CaptureBuffer::new") as f64;
    // A sample of every 512 KiB sees each of the great ones, and the analysis buffers or not.
    assert!(
        (0.9..1.3).contains(&(held / capture)),
        "{held} of {capture}"
    );
    let inside = |name: &&String| name.contains("_rjem") || name.contains("__rust_alloc");
    let innermost = heap
        .samples
        .iter()
        .filter_map(|sample| sample.stack.first());
    assert_eq!(
        innermost.filter(inside).count(),
        0,
        "the allocator is left out"
    );
}

#[test]
fn samples_are_switched_on_and_then_show_what_comes() {
    let scratch = Scratch::new();
    // Its buffer has 11.5 MB, which no sampling misses.
    write_tone(&scratch.path("tone.wav"), 48_000, 2, 1.0, -20.0);
    let source = |name: &str| format!("- {{ name: {name}, url: tone.wav, loop: true }}\n");
    let config = scratch.write("config.yaml", &format!("sources:\n{}", source("early")));
    let exporter = Exporter::with_config(&config);
    exporter.until_state("early", "streaming");
    let (status, text) = exporter.get("/debug/pprof/heap");
    assert!(
        status == 409 && text.contains("/debug/pprof/start"),
        "{text}"
    );
    assert_eq!(post(&exporter, "start"), 200);
    scratch.write(
        "config.yaml",
        &format!("sources:\n{}{}", source("early"), source("late")),
    );
    assert_eq!(exporter.reload().0, 200);
    exporter.until_state("late", "streaming");
    let held = profile(&exporter, "/debug/pprof/heap").sum(1, "CaptureBuffer::new");
    // That of the one from before is not known.
    assert!((11_000_000..14_000_000).contains(&held), "{held}");
    assert_eq!(
        (post(&exporter, "stop"), exporter.get("/debug/pprof/heap").0),
        (200, 409)
    );
}

#[test]
fn the_cpu_profile_names_functions_and_holds_nobody_up() {
    let demo = demo();
    let (scrapes, refused, (status, _, body)) = std::thread::scope(|scope| {
        let profiling = scope.spawn(|| {
            let path = "/debug/pprof/profile?seconds=3";
            support::request(&demo.address, "GET", path, "")
        });
        let (mut scrapes, mut refused) = (0, 0);
        while !profiling.is_finished() {
            demo.scrape();
            let (status, _, _) = demo.request("GET", "/debug/pprof/heap", "");
            scrapes += 1;
            refused += usize::from(status == 503);
        }
        (scrapes, refused, profiling.join().unwrap())
    });
    // Nobody waits for the three seconds.
    assert!(scrapes >= 3 && refused >= 3, "{scrapes} {refused}");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let cpu = Profile::read(&body);
    assert_eq!(cpu.types, ["samples", "cpu"]);
    let all = cpu.sum(0, "");
    let known = cpu.sum(0, "audio_capture_exporter");
    println!("{known} of {all} samples");
    assert!(all >= 3 && known * 2 > all, "{known} of {all} samples");
    let of_http = cpu.samples.iter().any(|sample| {
        let thread = ("thread".to_owned(), "http".to_owned());
        sample.labels.contains(&thread)
    });
    assert!(of_http, "the scrapes are in it");
    let again = profile(&demo, "/debug/pprof/profile?seconds=1");
    assert!(again.sum(0, "") < all, "the second begins anew");
}

#[test]
fn who_leaves_frees_the_turn() {
    let demo = demo();
    let mut stream = TcpStream::connect(&demo.address).unwrap();
    let question = format!(
        "GET /debug/pprof/profile?seconds=60 HTTP/1.1\r\nHost: {}\r\n\r\n",
        demo.address
    );
    stream.write_all(question.as_bytes()).unwrap();
    let heap = || demo.request("GET", "/debug/pprof/heap", "").0;
    eventually("the turn is taken", || heap() == 503);
    drop(stream);
    let left = Stopwatch::start();
    eventually("the turn is free", || heap() == 200);
    assert!(left.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_is_not_meant_so_is_refused() {
    let demo = demo();
    let cross_site = "Sec-Fetch-Site: cross-site\r\n";
    let empty = "Content-Length: 0\r\n";
    for (method, path, headers, status) in [
        ("GET", "profile?seconds=0", "", 400),
        ("GET", "profile?seconds=61", "", 400),
        ("GET", "profile?seconds=x", "", 400),
        ("GET", "profile?seconds=1&seconds=1", "", 400),
        ("GET", "profile?minutes=1", "", 400),
        ("GET", "heap?seconds=1", "", 400),
        ("GET", "heap", cross_site, 403),
        ("HEAD", "profile", "", 405),
        ("POST", "heap", empty, 405),
        ("GET", "write", "", 405),
        ("GET", "start", "", 405),
        (
            "POST",
            "write",
            "Content-Length: 0\r\nOrigin: http://evil.example\r\n",
            403,
        ),
        ("POST", "write", empty, 409),
        ("GET", "goroutine", "", 404),
        ("GET", "", "", 404),
    ] {
        let answer = demo.request(method, &format!("/debug/pprof/{path}"), headers);
        assert_eq!(answer.0, status, "{method} {path}: {}", answer.1);
    }
}

fn post(exporter: &Exporter, what: &str) -> u16 {
    let path = format!("/debug/pprof/{what}");
    exporter.request("POST", &path, "Content-Length: 0\r\n").0
}

fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Stopwatch::start();
    while !condition() {
        assert!(
            started.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn with_profiles(scratch: &Scratch, profiles: &str) -> Exporter {
    // Its buffer has 11.5 MB, which no sampling misses.
    write_tone(&scratch.path("tone.wav"), 48_000, 2, 1.0, -20.0);
    let text = format!("sources: [ {{ url: tone.wav, loop: true }} ]\nprofiles: {profiles}\n");
    Exporter::with_config(&scratch.write("config.yaml", &text))
}

#[test]
fn one_call_writes_all_and_a_signal_the_heap() {
    let scratch = Scratch::new();
    let exporter = with_profiles(&scratch, "{ directory: kept, every: 7d }");
    let path = "/debug/pprof/write?seconds=1";
    let (status, _, body) = exporter.request("POST", path, "Content-Length: 0\r\n");
    let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 200, "{said}");
    let mut written: Vec<String> = serde_json::from_value(said["written"].clone()).unwrap();
    written.sort();
    let directory = scratch.path("kept");
    assert_eq!(names(&directory), written);
    assert!(written[0].starts_with("cpu-") && written[1].starts_with("heap-"));
    exporter.process.signal("USR1");
    eventually("the signal's profile", || names(&directory).len() == 3);
    let total = exporter.until("both are counted", |scrape| {
        scrape.sum("audio_capture_exporter_profiles_written_total", &[]) == 3.0
    });
    assert_eq!(
        total.sum("audio_capture_exporter_profile_failures_total", &[]),
        0.0
    );
}

#[test]
fn a_directory_that_cannot_be_is_counted_and_nothing_stops() {
    let scratch = Scratch::new();
    let exporter = with_profiles(&scratch, "{ directory: tone.wav/below, every: 1s }");
    exporter.until("two failed", |scrape| {
        scrape.sum("audio_capture_exporter_profile_failures_total", &[]) >= 2.0
            && scrape.sum("myaudio_source_up", &[]) == 1.0
    });
    let (status, _, body) = exporter.request("POST", "/debug/pprof/write", "Content-Length: 0\r\n");
    let said = String::from_utf8_lossy(&body);
    assert!(
        status == 500 && said.contains("Check the directory"),
        "{said}"
    );
    assert!(exporter.process.output().contains("no profile was written"));
}

#[test]
fn samples_end_with_the_configuration_that_asked_for_them() {
    let scratch = Scratch::new();
    let exporter = with_profiles(&scratch, "{ directory: kept, every: 7d }");
    let heap = || exporter.request("GET", "/debug/pprof/heap", "").0;
    let configure = |profiles: &str| {
        let text = format!("sources: [ {{ url: tone.wav, loop: true }} ]\n{profiles}");
        scratch.write("config.yaml", &text);
        assert_eq!(exporter.reload().0, 200);
    };
    assert_eq!(heap(), 200);
    configure("");
    assert_eq!(heap(), 409, "nobody wants them any more");
    configure("profiles: { directory: kept, every: 7d }\n");
    assert_eq!(heap(), 200);
    assert_eq!(post(&exporter, "start"), 200);
    configure("");
    assert_eq!(heap(), 200, "somebody has asked for them");
}

#[test]
fn an_old_profile_that_cannot_be_removed_does_not_make_the_new_one_fail() {
    let scratch = Scratch::new();
    write_tone(&scratch.path("tone.wav"), 48_000, 2, 1.0, -20.0);
    let text = "sources: [ { url: tone.wav, loop: true } ]\nprofiles: { directory: kept, every: 7d, keep: 1 }\n";
    let config = scratch.write("config.yaml", text);
    fs::create_dir(scratch.path("kept")).unwrap();
    let stuck = "heap-20200101T000000.000Z.pb.gz";
    let old = "heap-20200101T000001.000Z.pb.gz";
    for name in [stuck, old] {
        scratch.write(&format!("kept/{name}"), "");
    }
    // What something is mounted on cannot be removed.
    let script = "mount --bind \"$1\" \"$1\" && exec \"$2\" --config.file \"$3\" \
                  --web.listen-address 127.0.0.1:0";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(scratch.path("kept").join(stuck))
        .arg(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .arg(&config)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let exporter = Exporter::of(Running::start(&mut command));
    assert_eq!(post(&exporter, "write"), 200);
    let scrape = exporter.scrape();
    let heap = [("profile", "heap")];
    let count = |name| scrape.sum(name, &heap);
    assert_eq!(count("audio_capture_exporter_profiles_written_total"), 1.0);
    assert_eq!(count("audio_capture_exporter_profile_failures_total"), 0.0);
    let kept = names(&scratch.path("kept"));
    assert!(
        kept.len() == 2 && kept[0] == stuck,
        "the other one went: {kept:?}"
    );
    assert!(exporter.process.output().contains("stay"));
}

#[test]
fn a_cpu_profile_without_a_temporary_directory_names_it() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing");
    let demo = Exporter::start_in(["demo"], [("TMPDIR", missing.clone())]);
    let path = "/debug/pprof/profile?seconds=1";
    let (status, text) = demo.get(path);
    assert!(
        status == 500 && text.contains("TMPDIR") && text.contains("/missing"),
        "{status} {text}"
    );
    fs::create_dir(&missing).unwrap();
    let again = demo.request("GET", path, "").0;
    assert_eq!(again, 200, "it is asked for each time anew");
    // The profiler keeps a file of its own there.
    let tried = |name: &String| name.starts_with(".audio-capture-exporter");
    assert!(!names(&missing).iter().any(tried), "nothing is left of it");
}

#[test]
fn a_program_without_the_allocators_profiler_says_how_to_start_it() {
    let without = [("_RJEM_MALLOC_CONF", "prof:false".into())];
    let demo = Exporter::start_in(["demo"], without);
    let (status, text) = demo.get("/debug/pprof/heap");
    assert_eq!(status, 501, "{text}");
    assert!(text.contains("_RJEM_MALLOC_CONF=prof:true"), "{text}");
}
