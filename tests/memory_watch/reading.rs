//! What is read of a process and its children.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::{
    MIB, NONE, Recorder, command, config, failures, is_up, of, pattern, resident,
    support::{Exporter, Running, Scrape, Scratch, write_tone},
    watched,
};

#[test]
fn what_a_recorder_and_its_children_hold_is_seen() {
    let (_scratch, mut recorder, exporter) = watched("bird");
    let before = exporter.until("it is found", |scrape| is_up(scrape, "bird"));
    assert_eq!(of(&before, "myaudio_process_count", "bird"), 1.0);
    let started = of(&before, "myaudio_process_start_time_seconds", "bird");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!((now.as_secs_f64() - started).abs() < 60.0, "{started}");
    let limit = of(&before, "myaudio_memory_limit_bytes", "bird");
    assert!(limit > resident(&before, "bird"), "{limit}");

    recorder.order("hold 32768");
    let held = exporter.until("32 MiB more", |scrape| {
        resident(scrape, "bird") - resident(&before, "bird") >= 32.0 * MIB
    });
    // Nobody else sees it differently.
    let told = resident(&held, "bird");
    let seen = recorder.process.resident() as f64;
    assert!((told / seen - 1.0).abs() < 0.05, "{told} is not {seen}");

    recorder.order("files 100");
    let fds = |scrape: &Scrape| of(scrape, "myaudio_process_open_fds", "bird");
    exporter.until("100 files more", |scrape| {
        fds(scrape) == fds(&before) + 100.0
    });
    let counted = recorder.process.descriptors() as f64;
    assert_eq!(fds(&exporter.scrape()), counted);

    recorder.order("child 32768");
    exporter.until("the child counts", |scrape| {
        of(scrape, "myaudio_process_count", "bird") == 2.0
            && resident(scrape, "bird") - told >= 32.0 * MIB
    });
    recorder.order("drop");
    let dropped = exporter.until("32 MiB less", |scrape| {
        resident(scrape, "bird") < told + 20.0 * MIB
    });
    assert_eq!(of(&dropped, "myaudio_process_restarts_total", "bird"), 0.0);

    recorder.end();
    let gone = exporter.until("it has ended", |scrape| !is_up(scrape, "bird"));
    assert_eq!(of(&gone, "myaudio_process_count", "bird"), 0.0);
    assert_eq!(
        gone.matching("myaudio_memory_resident_bytes", &[("process", "bird")]),
        NONE
    );
    assert_eq!(pattern(&gone, "bird"), "unknown");
}

/// A shell whose children burn some CPU time and end, one after another.
#[test]
fn children_that_live_shorter_than_an_interval_count() {
    let scratch = Scratch::new();
    let busy = "while :; do sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'; done";
    let recorder = Running::start(
        Command::new("sh")
            .args(["-c", busy])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 0.2, -20.0);
    let exporter = Exporter::with_config(&scratch.write(
        "config.yaml",
        &format!(
            "sources: [ {{ url: tone.wav }} ]\nwatch: [ {{ name: busy, pid: {} }} ]\n\
             memory: {{ sample_interval: 1s }}\n",
            recorder.id()
        ),
    ));
    // As the kernel told the parent, in ticks of 10 ms.
    let of_children = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", recorder.id())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = |n: usize| -> f64 {
            let field = fields.split_ascii_whitespace().nth(n);
            field.unwrap().parse().unwrap()
        };
        (ticks(13) + ticks(14)) / 100.0
    };
    exporter.until("it is found", |scrape| is_up(scrape, "busy"));
    let before = of_children();
    let counted = |scrape: &Scrape| of(scrape, "myaudio_process_cpu_seconds_total", "busy");
    let first = counted(&exporter.scrape());
    let scrape = exporter.until("a second of CPU time is counted", |scrape| {
        counted(scrape) - first > 1.0
    });
    let (counted, used) = (counted(&scrape) - first, of_children() - before);
    // The samples are up to a second old at either end.
    assert!(
        counted < used + 2.0 && used < counted + 2.0,
        "{counted} of {used}"
    );
}

#[test]
fn a_recorder_tells_of_its_own_heap() {
    let scratch = Scratch::new();
    let name = command("gopher");
    let recorder = Recorder::start(&name, &["--metrics"]);
    let port = recorder.port.unwrap();
    let watches = format!(
        "- {{ name: bird, command: {name}, metrics_url: \"http://127.0.0.1:{port}/metrics\" }}\n\
         - {{ name: mute, command: {name}, metrics_url: \"http://127.0.0.1:{port}/token\" }}\n\
         - {{ name: other, command: {name}, metrics_url: \"http://127.0.0.1:{port}/others\" }}\n"
    );
    let exporter = Exporter::with_config(&config(&scratch, &watches));
    let scrape = exporter.until("it has told", |scrape| {
        scrape.sum("myaudio_memory_heap_bytes", &[("process", "bird")]) == MIB
    });
    assert_eq!(
        of(&scrape, "myaudio_memory_fragmentation_ratio", "bird"),
        0.5
    );
    let rest = resident(&scrape, "bird") - of(&scrape, "myaudio_memory_external_bytes", "bird");
    assert_eq!(rest, MIB);
    let scrape = exporter.until("the other one's address is wrong", |scrape| {
        failures(scrape, "mute", "metrics") > 0.0
    });
    assert!(is_up(&scrape, "mute"));
    assert_eq!(
        scrape.matching("myaudio_memory_heap_bytes", &[("process", "mute")]),
        NONE
    );
    exporter.process.until("the log says why", || {
        exporter
            .process
            .output()
            .contains("answered with status 404")
    });
    let log = exporter.process.output();
    assert!(!log.contains("token"), "{log}");
    let scrape = exporter.until("metrics without a heap are told", |scrape| {
        failures(scrape, "other", "metrics") > 0.0
    });
    assert!(is_up(&scrape, "other"));
    exporter.process.until("the log says what is missing", || {
        let log = exporter.process.output();
        log.contains("tells no figures of Go, Node.js or Java; check metrics_url")
    });
}

/// Runs the program as another user, in a mount namespace of its own whose `/proc` is mounted
/// with these options.
fn as_nobody(config: &std::path::Path, proc: Option<&str>) -> Exporter {
    let mount = proc.map(|options| format!("mount -t proc -o {options} proc /proc &&"));
    let run = format!(
        "{} exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
         --bounding-set=-all \"$0\" --config.file \"$1\" --web.listen-address 127.0.0.1:0",
        mount.unwrap_or_default()
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &run]);
    command
        .arg(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .arg(config);
    let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Exporter::of(Running::start(pipes))
}

#[test]
fn another_users_process_is_read_as_far_as_the_system_lets() {
    let scratch = Scratch::new();
    let recorder = Recorder::start(&command("foreign"), &[]);
    let watches = format!("- {{ name: x, pid: {} }}\n", recorder.id());
    let path = config(&scratch, &watches);
    let exporter = as_nobody(&path, None);
    let scrape = exporter.until("it is read", |scrape| is_up(scrape, "x"));
    assert!(resident(&scrape, "x") > MIB);
    let denied = failures(&scrape, "x", "files_denied") > 0.0;
    let fds = scrape.matching("myaudio_process_open_fds", &[("process", "x")]);
    // Kernels before 6.2 do not tell; then it is said.
    assert_eq!(fds.is_empty(), denied, "{fds:?}");
    drop(exporter);

    let exporter = as_nobody(&path, Some("hidepid=2"));
    let scrape = exporter.until("it is hidden", |scrape| {
        failures(scrape, "x", "hidden") > 0.0
    });
    assert!(!is_up(&scrape, "x") && is_up(&scrape, "self"));
    exporter.process.until("the log says what to do", || {
        let log = exporter.process.output();
        log.contains("hidepid") && log.contains("CAP_SYS_PTRACE")
    });
    drop(exporter);

    // The group sees what is hidden, but not of what only tracers may see.
    let exporter = as_nobody(&path, Some("hidepid=2,gid=65534"));
    exporter.until("the group reads it", |scrape| is_up(scrape, "x"));
    drop(exporter);
    let exporter = as_nobody(&path, Some("hidepid=ptraceable,gid=65534"));
    let scrape = exporter.until("it is hidden from the group", |scrape| {
        failures(scrape, "x", "hidden") > 0.0
    });
    assert!(!is_up(&scrape, "x"));
    exporter
        .process
        .until("the log names no group that would help", || {
            let log = exporter.process.output();
            log.contains("gid= does not help") && log.contains("CAP_SYS_PTRACE")
        });
    drop(exporter);

    let exporter = as_nobody(&path, Some("hidepid=1"));
    exporter.until("it may not be read", |scrape| {
        failures(scrape, "x", "hidden") > 0.0
    });
}
