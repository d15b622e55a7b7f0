//! Real processes, watched by the real program.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    fs,
    io::Write as _,
    os::unix::process::CommandExt as _,
    process::{ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use support::{Exporter, Running, Scrape, Scratch, write_tone};

const MIB: f64 = (1 << 20) as f64;
/// No series.
const NONE: [f64; 0] = [];

/// A process of `tests/support/recorder.py`.
struct Recorder {
    process: Running,
    orders: ChildStdin,
    port: Option<u16>,
}

impl Recorder {
    /// One that the system knows by this command.
    fn start(command: &str, arguments: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/recorder.py");
        let mut python = Command::new("/usr/bin/python3");
        python.arg0(command).arg(script).args(arguments);
        let pipes = python.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Running::start(pipes.stderr(Stdio::piped()));
        let port = process.wait_for_line(|line| {
            let about: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(about["port"].as_u64())
        });
        let orders = process.stdin();
        Self {
            process,
            orders,
            port: port.and_then(|port| u16::try_from(port).ok()),
        }
    }

    fn order(&mut self, order: &str) {
        let done = |process: &Running| process.output().matches("done").count();
        let before = done(&self.process);
        writeln!(self.orders, "{order}").unwrap();
        let process = &self.process;
        process.until(order, || done(process) > before);
    }

    fn id(&self) -> u32 {
        self.process.id()
    }

    fn end(mut self) {
        writeln!(self.orders, "exit").unwrap();
        self.process.wait(support::PATIENCE);
    }
}

/// A command that no other process of this machine has.
fn command(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// A configuration with one quiet source that reads memory ten times a second.
fn config(scratch: &Scratch, watches: &str) -> std::path::PathBuf {
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 0.2, -20.0);
    scratch.write(
        "config.yaml",
        &format!(
            "sources: [ {{ url: tone.wav }} ]\nwatch:\n{watches}\
             memory: {{ sample_interval: 100ms, analysis_interval: 200ms, baseline_after: 1s }}\n"
        ),
    )
}

fn of(scrape: &Scrape, family: &str, process: &str) -> f64 {
    scrape.value(family, &[("process", process)])
}

fn is_up(scrape: &Scrape, process: &str) -> bool {
    of(scrape, "myaudio_process_up", process) == 1.0
}

fn resident(scrape: &Scrape, process: &str) -> f64 {
    scrape.sum("myaudio_memory_resident_bytes", &[("process", process)])
}

fn pattern(scrape: &Scrape, process: &str) -> String {
    let named = scrape.samples.iter().filter(|(family, labels, value)| {
        family == "myaudio_memory_pattern" && labels["process"] == process && *value == 1.0
    });
    let named: Vec<&str> = named
        .map(|(_, labels, _)| labels["pattern"].as_str())
        .collect();
    assert_eq!(named.len(), 1, "{named:?}");
    named[0].to_owned()
}

#[test]
fn what_a_recorder_and_its_children_hold_is_seen() {
    let scratch = Scratch::new();
    let name = command("bird");
    let mut recorder = Recorder::start(&name, &[]);
    let exporter = Exporter::with_config(&config(
        &scratch,
        &format!("- {{ name: bird, command: {name} }}\n"),
    ));
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
    let counted = fs::read_dir(format!("/proc/{}/fd", recorder.id()))
        .unwrap()
        .count();
    assert_eq!(fds(&exporter.scrape()), counted as f64);

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
fn a_recorder_that_keeps_restarting_is_counted_and_never_a_leak() {
    let scratch = Scratch::new();
    let name = command("restless");
    let exporter = Exporter::with_config(&config(
        &scratch,
        &format!("- {{ name: bird, command: {name} }}\n"),
    ));
    exporter.until("it is looked for", |scrape| {
        scrape.sum(
            "myaudio_process_read_failures_total",
            &[("reason", "not_found")],
        ) >= 1.0
    });
    for nth in 0..8_u32 {
        // Each larger than the one before.
        let size = (4096 * (nth + 1)).to_string();
        let recorder = Recorder::start(&name, &["--hold", &size]);
        exporter.until("it is found again", |scrape| {
            resident(scrape, "bird") > f64::from(nth + 1) * 4.0 * MIB
                && of(scrape, "myaudio_process_restarts_total", "bird") == f64::from(nth)
        });
        for _ in 0..5 {
            let pattern = pattern(&exporter.scrape(), "bird");
            assert!(
                ["unknown", "stable"].contains(&pattern.as_str()),
                "{pattern}"
            );
        }
        recorder.end();
        exporter.until("it is gone", |scrape| !is_up(scrape, "bird"));
    }
    let log = exporter.process.output();
    assert!(!log.contains("memory leaks"), "{log}");
}

#[test]
fn a_pid_file_that_changes_is_followed() {
    let scratch = Scratch::new();
    let name = command("filed");
    let first = Recorder::start(&name, &[]);
    let second = Recorder::start(&name, &["--hold", "65536"]);
    scratch.write("x.pid", &format!("{}\n", first.id()));
    let exporter = Exporter::with_config(&config(&scratch, "- { name: x, pid_file: x.pid }\n"));
    exporter.until("the first is watched", |scrape| {
        is_up(scrape, "x") && resident(scrape, "x") < 60.0 * MIB
    });
    // As long as both live, the file decides.
    scratch.write("x.pid", &format!("{}\n", second.id()));
    exporter.until("the second is watched", |scrape| {
        resident(scrape, "x") > 60.0 * MIB
            && of(scrape, "myaudio_process_restarts_total", "x") == 1.0
    });
    fs::write(scratch.path("x.pid"), "nonsense").unwrap();
    exporter.until("the file says nothing", |scrape| {
        let labels = [("process", "x"), ("reason", "malformed")];
        !is_up(scrape, "x") && scrape.value("myaudio_process_read_failures_total", &labels) > 0.0
    });
}

/// As on a network whose server is gone.
#[test]
fn a_pid_file_that_hangs_holds_up_nobody() {
    let scratch = Scratch::new();
    let hanging = scratch.path("hanging");
    fs::create_dir(&hanging).unwrap();
    let mut recorder = Recorder::start(&command("beside"), &[]);
    let watches = format!(
        "- {{ name: hangs, pid_file: hanging/x.pid }}\n- {{ name: beside, pid: {} }}\n",
        recorder.id()
    );
    let run = "/usr/bin/python3 \"$0\" \"$1\" & \
               until grep -q \"$1\" /proc/self/mounts; do sleep 0.05; done; \
               exec \"$2\" --config.file \"$3\" --web.listen-address 127.0.0.1:0";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh", "-c", run])
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/support/hanging_mount.py"
        ))
        .arg(&hanging)
        .arg(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .arg(config(&scratch, &watches))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let exporter = Exporter::of(Running::start(&mut command));
    let tried = |scrape: &Scrape| {
        let labels = [("process", "hangs"), ("reason", "timeout")];
        scrape.value("myaudio_process_read_failures_total", &labels)
    };
    exporter.until("it is said", |scrape| tried(scrape) > 0.0);
    recorder.order("hold 65536");
    let scrape = exporter.until("the other one is watched on", |scrape| {
        resident(scrape, "beside") > 60.0 * MIB
    });
    // Ten looks a second, of which only the first one waits.
    let (before, began) = (tried(&scrape), Instant::now());
    exporter.until("looks go on", |scrape| tried(scrape) >= before + 20.0);
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
    let said = || {
        let log = exporter.process.output();
        log.contains("the pid file") && log.contains("does not answer")
    };
    exporter.process.until("the log says so", said);
    assert!(
        exporter.process.threads() < 40,
        "one thread hangs, not one for each look"
    );
    exporter.process.signal("TERM");
    let mut exporter = exporter;
    let ended = Instant::now();
    exporter.process.wait(support::PATIENCE);
    assert!(ended.elapsed() < Duration::from_secs(8), "nor the end");
}

#[test]
fn two_of_a_name_are_summed() {
    let scratch = Scratch::new();
    let name = command("twin");
    let one = Recorder::start(&name, &["--hold", "16384"]);
    let exporter = Exporter::with_config(&config(
        &scratch,
        &format!("- {{ name: twins, command: {name} }}\n"),
    ));
    let alone = exporter.until("one is there", |scrape| {
        resident(scrape, "twins") > 16.0 * MIB
    });
    let other = Recorder::start(&name, &["--hold", "16384"]);
    let both = exporter.until("both are there", |scrape| {
        let ratio = resident(scrape, "twins") / resident(&alone, "twins");
        of(scrape, "myaudio_process_count", "twins") == 2.0 && (1.9..2.1).contains(&ratio)
    });
    assert_eq!(of(&both, "myaudio_process_restarts_total", "twins"), 0.0);
    one.end();
    exporter.until("one is left", |scrape| {
        of(scrape, "myaudio_process_count", "twins") == 1.0 && is_up(scrape, "twins")
    });
    other.end();
}

#[test]
fn a_recorder_tells_of_its_own_heap() {
    let scratch = Scratch::new();
    let name = command("gopher");
    let recorder = Recorder::start(&name, &["--metrics"]);
    let port = recorder.port.unwrap();
    let watches = format!(
        "- {{ name: bird, command: {name}, metrics_url: \"http://127.0.0.1:{port}/metrics\" }}\n\
         - {{ name: mute, command: {name}, metrics_url: \"http://127.0.0.1:{port}/token\" }}\n"
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
        let labels = [("process", "mute"), ("reason", "metrics")];
        scrape.value("myaudio_process_read_failures_total", &labels) > 0.0
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
}

#[test]
fn a_reload_keeps_those_it_does_not_name() {
    let scratch = Scratch::new();
    let names = [command("kept"), command("dropped")];
    let [_kept, _dropped] = names.each_ref().map(|name| Recorder::start(name, &[]));
    let watch = |name: &str, command: &str| format!("- {{ name: {name}, command: {command} }}\n");
    let both = watch("kept", &names[0]) + &watch("dropped", &names[1]);
    let exporter = Exporter::with_config(&config(&scratch, &both));
    exporter.until("both have a baseline", |scrape| {
        scrape.matching("myaudio_memory_baseline_bytes", &[]).len() == 3
    });
    config(&scratch, &watch("kept", &names[0]));
    let (status, said) = exporter.reload();
    assert_eq!(status, 200, "{said}");
    let scrape = exporter.scrape();
    assert_eq!(
        scrape.matching("myaudio_process_up", &[("process", "dropped")]),
        NONE
    );
    // Its history went on.
    assert!(of(&scrape, "myaudio_memory_baseline_bytes", "kept") > 0.0);
    config(&scratch, &both);
    assert_eq!(exporter.reload().0, 200);
    let scrape = exporter.until("it is back", |scrape| {
        scrape.matching("myaudio_process_up", &[("process", "dropped")]) == [1.0]
    });
    assert_eq!(of(&scrape, "myaudio_process_restarts_total", "kept"), 0.0);
}

/// The unit that comes with the program must let it see whom `watch` names.
#[test]
fn the_systemd_unit_hides_no_process() {
    let unit = include_str!("../deploy/systemd/audio-capture-exporter.service");
    let settings: Vec<&str> = unit.lines().map(str::trim).collect();
    for needed in ["ProtectProc=default", "ProcSubset=all"] {
        assert!(settings.contains(&needed), "{needed}");
    }
    assert!(
        !settings
            .iter()
            .any(|line| line.starts_with("PrivateUsers=") || line.starts_with("PrivatePIDs="))
    );
}

#[test]
fn processes_may_be_watched_without_any_source() {
    let scratch = Scratch::new();
    let path = scratch.write(
        "config.yaml",
        "watch: [ { name: one, pid: 1, memory_limit: 7MiB } ]\n",
    );
    let exporter = Exporter::with_config(&path);
    let scrape = exporter.until("it watches", |scrape| is_up(scrape, "one"));
    let limit = of(&scrape, "myaudio_memory_limit_bytes", "one");
    assert_eq!(limit, 7.0 * MIB);
}

/// Stops one thread of a process, by its name, until the value is dropped.
fn hold_thread(process: u32, name: &str) -> Running {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let named = |task: &std::path::PathBuf| {
        fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    let thread = tasks.map(|task| task.unwrap().path()).find(named).unwrap();
    let id = thread.file_name().unwrap().to_str().unwrap();
    // PTRACE_SEIZE and PTRACE_INTERRUPT; whoever traces lets go with its end.
    let script = "import ctypes, sys, time\n\
                  trace, thread = ctypes.CDLL(None, use_errno=True).ptrace, int(sys.argv[1])\n\
                  trace.argtypes = [ctypes.c_long] * 4\n\
                  assert trace(0x4206, thread, 0, 0) == 0, ctypes.get_errno()\n\
                  assert trace(0x4207, thread, 0, 0) == 0, ctypes.get_errno()\n\
                  print('held', flush=True)\n\
                  time.sleep(600)\n";
    let mut python = Command::new("/usr/bin/python3");
    let pipes = python.args(["-c", script, id]).stdout(Stdio::piped());
    let holder = Running::start(pipes.stderr(Stdio::piped()));
    holder.until("the thread is held", || holder.output().contains("held"));
    holder
}

#[test]
fn sources_do_not_wait_for_a_watch_that_hangs() {
    let scratch = Scratch::new();
    let path = config(&scratch, "- { name: one, pid: 1 }\n");
    let exporter = Exporter::with_config(&path);
    exporter.until("it watches", |scrape| is_up(scrape, "one"));
    let holder = hold_thread(exporter.process.id(), "memory");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("sources: [", "sources: [ { name: new, url: tone.wav },");
    fs::write(&path, text.replace("name: one", "name: other")).unwrap();
    let (status, said) = exporter.reload();
    assert_eq!(status, 200, "{said}");
    let up = |scrape: &Scrape| scrape.matching("myaudio_source_state", &[("source", "new")]);
    assert!(!up(&exporter.scrape()).is_empty());
    let watches = |scrape: &Scrape, name: &str| {
        !scrape
            .matching("myaudio_process_up", &[("process", name)])
            .is_empty()
    };
    assert!(!watches(&exporter.scrape(), "other"));
    exporter.process.until("the log says so", || {
        let log = exporter.process.output();
        log.contains("memory is not watched") && log.contains("does not answer")
    });
    let about = get(&exporter, "/api/v1/memory/status");
    assert_eq!(about["held_up"], true, "{about}");
    drop(holder);
    exporter.until("the configuration is in force", |scrape| {
        watches(scrape, "other") && !watches(scrape, "one")
    });
    exporter.process.until("the log says that it is over", || {
        exporter
            .process
            .output()
            .contains("memory is watched again")
    });
    assert_eq!(get(&exporter, "/api/v1/memory/status")["held_up"], false);
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
    let denied = [("process", "x"), ("reason", "permission_denied")];
    let denied = scrape.value("myaudio_process_read_failures_total", &denied) > 0.0;
    let fds = scrape.matching("myaudio_process_open_fds", &[("process", "x")]);
    // Kernels before 6.2 do not tell; then it is said.
    assert_eq!(fds.is_empty(), denied, "{fds:?}");
    drop(exporter);

    let exporter = as_nobody(&path, Some("hidepid=2"));
    let scrape = exporter.until("it is hidden", |scrape| {
        let labels = [("process", "x"), ("reason", "hidden")];
        scrape.value("myaudio_process_read_failures_total", &labels) > 0.0
    });
    assert!(!is_up(&scrape, "x") && is_up(&scrape, "self"));
    exporter.process.until("the log says what to do", || {
        let log = exporter.process.output();
        log.contains("hidepid") && log.contains("CAP_SYS_PTRACE")
    });
    drop(exporter);

    let exporter = as_nobody(&path, Some("hidepid=1"));
    exporter.until("it may not be read", |scrape| {
        let labels = [("process", "x"), ("reason", "hidden")];
        scrape.value("myaudio_process_read_failures_total", &labels) > 0.0
    });
}

#[test]
fn our_own_memory_adds_up_while_buffers_fill() {
    let scratch = Scratch::new();
    // Eight minutes of 48 kHz stereo would be 92 MB, of which a file at its own pace fills little.
    write_tone(&scratch.path("long.wav"), 48_000, 2, 5.0, -20.0);
    let path = scratch.write(
        "config.yaml",
        "buffers: { capture: { duration: 8m } }\n\
         sources: [ { url: long.wav, loop: true } ]\n\
         memory: { sample_interval: 100ms, analysis_interval: 200ms, baseline_after: 1s }\n",
    );
    let exporter = Exporter::with_config(&path);
    let filled = |scrape: &Scrape| scrape.sum("myaudio_buffer_size_bytes", &[]);
    let scrape = exporter.until("audio is held, and a baseline", |scrape| {
        filled(scrape) > MIB
            && !scrape
                .matching("myaudio_memory_baseline_bytes", &[])
                .is_empty()
    });
    let own = |family: &str| of(&scrape, &format!("myaudio_memory_{family}_bytes"), "self");
    let resident = resident(&scrape, "self");
    let parts = own("heap") + own("external") + filled(&scrape);
    assert!((parts - resident).abs() < MIB, "{parts} of {resident}");
    // The empty part of the buffer is neither in RAM nor heap.
    assert!(scrape.sum("myaudio_buffer_capacity_bytes", &[]) > 90e6);
    assert!(own("heap") < 20.0 * MIB, "{}", own("heap"));
    let fragmentation = of(&scrape, "myaudio_memory_fragmentation_ratio", "self");
    assert!((0.0..0.9).contains(&fragmentation), "{fragmentation}");
}

/// Sources that fail, come and go, and reloads, for as long as asked.
#[test]
fn churn_does_not_grow_us() {
    let extended = std::env::var_os("EXTENDED").is_some();
    let period = Duration::from_secs(if extended { 300 } else { 12 });
    let scratch = Scratch::new();
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 0.2, -20.0);
    let mut round = 0_u32;
    let mut write = || {
        round += 1;
        let dead =
            (0..8).map(|n| format!("- {{ name: dead{n}, url: \"rtsp://127.0.0.1:9/{round}\" }}\n"));
        let gone = (0..4).filter(|_| round.is_multiple_of(2));
        let gone = gone.map(|n| format!("- {{ name: gone{n}, url: tone.wav, loop: true }}\n"));
        let sources: String = dead.chain(gone).collect();
        scratch.write(
            "config.yaml",
            &format!(
                "sources:\n- {{ url: tone.wav, loop: true }}\n{sources}\
                 connect: {{ backoff: {{ initial: 10ms, max: 20ms }} }}\n\
                 watch: [ {{ name: w{round}, pid: 1 }} ]\n\
                 memory: {{ sample_interval: 100ms, analysis_interval: 1s, baseline_after: 4s }}\n"
            ),
        )
    };
    let exporter = Exporter::with_config(&write());
    let began = Instant::now();
    let mut looks = Vec::new();
    while began.elapsed() < period {
        write();
        assert_eq!(exporter.reload().0, 200);
        let scrape = exporter.scrape();
        let audio = scrape.sum("myaudio_buffer_size_bytes", &[]);
        looks.push(exporter.process.resident() as f64 - audio);
    }
    let third = looks.len() / 3;
    assert!(third > 5, "{}", looks.len());
    let median = |part: &[f64]| {
        let mut part = part.to_vec();
        part.sort_by(f64::total_cmp);
        part[part.len() / 2]
    };
    let (early, late) = (
        median(&looks[third..2 * third]),
        median(&looks[2 * third..]),
    );
    println!("{} reloads: {early} then {late} bytes", looks.len());
    assert!(
        late - early < (0.02 * early).max(4.0 * MIB),
        "{early} then {late}"
    );
    // In so short a time nothing is a leak yet: what is told is that it grows, and how fast.
    let (rate, pattern) = (
        exporter.scrape().sum(
            "myaudio_memory_growth_bytes_per_second",
            &[("process", "self")],
        ),
        pattern(&exporter.scrape(), "self"),
    );
    let third = period.as_secs_f64() / 3.0;
    assert!(rate * third < (0.02 * early).max(4.0 * MIB), "{rate} B/s");
    assert!(
        !extended || pattern == "stable",
        "{pattern} after {period:?}"
    );
    let fds = fs::read_dir(format!("/proc/{}/fd", exporter.process.id()))
        .unwrap()
        .count();
    assert!(fds < 100, "{fds}");
}

/// Runs `leakcheck` on a process for two seconds: its status, and what it printed.
fn leakcheck(pid: u32, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .args(["leakcheck", "--pid", &pid.to_string(), "--for", "2s"])
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

#[test]
fn leakcheck_tells_growth_from_rest() {
    let mut growing = Recorder::start(&command("growing"), &["--hold", "8192"]);
    let pid = growing.id();
    let (status, text) = std::thread::scope(|scope| {
        let check = scope.spawn(|| leakcheck(pid, &["--interval", "100ms"]));
        let began = Instant::now();
        while !check.is_finished() {
            growing.order("hold 1024");
            assert!(began.elapsed() < support::PATIENCE);
        }
        check.join().unwrap()
    });
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("\ngrows: ") && text.contains("pattern: "),
        "{text}"
    );
    assert!(text.lines().count() >= 20, "{text}");

    let (status, text) = leakcheck(growing.id(), &["--format", "json"]);
    assert_eq!(status, 0, "{text}");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let (outcome, samples) = lines.split_last().unwrap();
    assert_eq!(outcome["grows"], false, "{text}");
    assert!(samples.len() >= 20 && samples[0]["resident_bytes"].as_f64().unwrap() > MIB);

    // One that ends meanwhile, one that never was, and too short a look.
    let pid = growing.id();
    let (status, text) = std::thread::scope(|scope| {
        let check = scope.spawn(|| leakcheck(pid, &[]));
        growing.end();
        check.join().unwrap()
    });
    assert!(status == 2 && text.contains("process"), "{status}: {text}");
    let (status, text) = leakcheck(4_194_304, &[]);
    assert_eq!(status, 2, "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    let (status, text) = leakcheck(pid, &["--interval", "1s"]);
    assert!(status == 2 && text.contains("too few"), "{status}: {text}");
}

#[test]
fn leakcheck_tells_of_files_that_are_not_closed() {
    let mut leaky = Recorder::start(&command("leaky"), &[]);
    let pid = leaky.id();
    let (status, text) = std::thread::scope(|scope| {
        let check = scope.spawn(|| leakcheck(pid, &[]));
        while !check.is_finished() {
            leaky.order("files 1");
            std::thread::sleep(Duration::from_millis(50));
        }
        check.join().unwrap()
    });
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("\ngrows: open_fds"), "{text}");
    // It is over; nobody is told to wait.
    assert!(!text.contains("wait"), "{text}");
}

/// A `POST` without a body: status and document.
fn post(exporter: &Exporter, path: &str) -> (u16, serde_json::Value) {
    let (status, _, body) = exporter.request("POST", path, "Content-Length: 0\r\n");
    (status, serde_json::from_slice(&body).unwrap())
}

fn get(exporter: &Exporter, path: &str) -> serde_json::Value {
    let (status, text) = exporter.get(path);
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_api_tells_the_past_and_looks_on_demand() {
    let scratch = Scratch::new();
    let name = command("asked");
    let mut recorder = Recorder::start(&name, &[]);
    let path = config(&scratch, &format!("- {{ name: bird, command: {name} }}\n"));
    let exporter = Exporter::with_config(&path);
    let before = exporter.until("it has a baseline", |scrape| {
        !scrape
            .matching("myaudio_memory_baseline_bytes", &[("process", "bird")])
            .is_empty()
    });
    recorder.order("hold 16384");
    let after = exporter.until("it has grown", |scrape| {
        resident(scrape, "bird") >= resident(&before, "bird") + 16.0 * MIB
    });
    let status = get(&exporter, "/api/v1/memory/status");
    let names: Vec<_> = status["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["bird", "self"]);
    let bird = &status["processes"][0];
    assert_eq!(bird["pids"][0], recorder.id());
    assert!(
        bird["reading"]["anonymous_bytes"].as_f64().unwrap() >= 16.0 * MIB,
        "{bird}"
    );
    assert_eq!(bird["reading"]["heap_bytes"], serde_json::Value::Null);
    let own = &status["processes"][1]["reading"];
    assert!(
        own["heap_bytes"].as_f64().unwrap() > 0.0 && own["tasks"].as_u64() > Some(0),
        "{own}"
    );

    let history = get(&exporter, "/api/v1/memory/history?process=bird&count=5");
    let moments = history["processes"][0]["moments"].as_array().unwrap();
    assert_eq!(moments.len(), 5, "{history}");
    assert_eq!(
        moments[4]["resident_bytes"].as_f64(),
        Some(resident(&after, "bird"))
    );
    let growth = get(&exporter, "/api/v1/memory/growth?process=bird&minutes=30");
    let growth = &growth["processes"][0];
    assert!(
        growth["growth_bytes"].as_f64().unwrap() >= 16.0 * MIB,
        "{growth}"
    );

    let (status, analysis) = post(&exporter, "/api/v1/memory/analyze?process=bird");
    let depth = &analysis["processes"][0]["in_depth"];
    assert!(
        status == 200 && depth["unshared_bytes"].as_f64().unwrap() >= 16.0 * MIB,
        "{analysis}"
    );

    let baseline = |scrape: &Scrape| of(scrape, "myaudio_memory_baseline_bytes", "bird");
    assert!(baseline(&exporter.scrape()) < resident(&after, "bird") - 10.0 * MIB);
    let (status, set) = post(&exporter, "/api/v1/memory/baseline?process=bird");
    assert_eq!((status, &set["baselines_set"]), (200, &1.into()));
    // One sample is not yet a level.
    exporter.until("the baseline is what is held", |scrape| {
        post(&exporter, "/api/v1/memory/baseline?process=bird");
        (baseline(scrape) - resident(&after, "bird")).abs() < MIB
    });

    assert_eq!(exporter.get("/api/v1/memory/status?process=nobody").0, 404);
    assert_eq!(exporter.get("/api/v1/memory/history?count=0").0, 400);
    assert_eq!(exporter.get("/api/v1/memory/analyze").0, 405);
    assert_eq!(exporter.get("/api/v1/memory/other").0, 404);
}

#[test]
fn growth_is_told_with_the_time_that_is_left() {
    let scratch = Scratch::new();
    let name = command("leaking");
    let mut recorder = Recorder::start(&name, &[]);
    let path = config(&scratch, &format!("- {{ name: bird, command: {name} }}\n"));
    let exporter = Exporter::with_config(&path);
    let began = Instant::now();
    let grown = loop {
        recorder.order("hold 512");
        let scrape = exporter.scrape();
        let pattern = pattern(&scrape, "bird");
        if ["linear", "exponential", "leak"].contains(&pattern.as_str()) {
            break scrape;
        }
        assert!(began.elapsed() < support::PATIENCE, "{pattern}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let slope = of(&grown, "myaudio_memory_growth_bytes_per_second", "bird");
    let left = of(&grown, "myaudio_memory_seconds_to_limit", "bird");
    let limit = of(&grown, "myaudio_memory_limit_bytes", "bird");
    let linear = (limit - resident(&grown, "bird")) / slope;
    assert!(
        slope > 0.1 * MIB && (0.2..5.0).contains(&(left / linear)),
        "{slope} {left} {linear}"
    );
    assert!(of(&grown, "myaudio_memory_pattern_confidence_ratio", "bird") >= 0.7);
    // It is the recorder's growth and not ours.
    let own = grown.sum(
        "myaudio_memory_growth_bytes_per_second",
        &[("process", "self")],
    );
    assert!(own < 0.5 * slope, "{own} {slope}");
    let status = get(&exporter, "/api/v1/memory/status?process=bird");
    let verdict = &status["processes"][0]["verdict"];
    let between = |figure: &str, interval: &str| {
        let [low, high] = [0, 1].map(|end| verdict[interval][end].as_f64());
        let figure = verdict[figure].as_f64();
        assert!(low.is_some() && low <= figure, "{verdict}");
        assert!(high.is_none() || figure <= high, "{verdict}");
    };
    between("slope_bytes_per_second", "slope_interval");
    between("seconds_to_limit", "seconds_to_limit_interval");
}

/// Gives an order again and again until something of the process is said to pile up.
fn piles_up(order: &str, what: &str) {
    let scratch = Scratch::new();
    let names = [command("leaky"), command("calm")];
    let mut leaky = Recorder::start(&names[0], &[]);
    let mut calm = Recorder::start(&names[1], &[]);
    let watches = ["leaky", "calm"].into_iter().zip(&names);
    let watches: String = watches
        .map(|(name, command)| format!("- {{ name: {name}, command: {command} }}\n"))
        .collect();
    let exporter = Exporter::with_config(&config(&scratch, &watches));
    exporter.until("both have a baseline", |scrape| {
        scrape.matching("myaudio_memory_baseline_bytes", &[]).len() == 3
    });
    let growing = |process: &str| {
        let path = format!("/api/v1/memory/status?process={process}");
        let document = get(&exporter, &path);
        let growing = document["processes"][0]["growing"].as_array().unwrap();
        let growing = growing.iter().map(|what| what.as_str().unwrap().to_owned());
        growing.collect::<Vec<_>>()
    };
    // A step is none.
    calm.order("files 30");
    assert!(growing("leaky").is_empty());
    let began = Instant::now();
    while !growing("leaky").iter().any(|one| one == what) {
        leaky.order(order);
        assert!(began.elapsed() < support::PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("{what} after {:?}", began.elapsed());
    let none: [&str; 0] = [];
    assert_eq!(growing("calm"), none);
    exporter.process.until("the log says so", || {
        exporter.process.output().contains("piles up")
    });
}

#[test]
fn descriptors_that_are_not_closed_are_told() {
    piles_up("files 1", "open_fds");
}

#[test]
fn children_that_do_not_end_are_told() {
    piles_up("child 1", "processes");
}

/// CPU seconds that a process has used.
fn cpu_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = |n: usize| -> f64 {
        let field = fields.split_ascii_whitespace().nth(n);
        field.unwrap().parse().unwrap()
    };
    (ticks(11) + ticks(12)) / 100.0
}

/// Ten watches cost at most 0.5 % of a core and 5 MB: sampled 300 times as often as usual, all
/// that the program then uses, unoptimised as it is here.
#[test]
fn ten_watches_are_cheap() {
    let scratch = Scratch::new();
    let me = std::process::id();
    let watches = (0..10).map(|n| format!("- {{ name: w{n}, pid: {me} }}\n"));
    let watches: String = watches.collect();
    let memory = "memory: { sample_interval: 100ms, analysis_interval: 400ms }\n";
    let start = |name: &str, watches: &str| {
        let text = format!("sources: []\nwatch:\n{watches}{memory}");
        let exporter = Exporter::with_config(&scratch.write(name, &text));
        let all = watches.lines().count() as f64 + 1.0;
        exporter.until("all are watched", |scrape| {
            scrape.sum("myaudio_process_up", &[]) == all
        });
        exporter
    };
    let one = start("one.yaml", &format!("- {{ name: w, pid: {me} }}\n"));
    let ten = start("ten.yaml", &watches);
    let (began, before) = (Instant::now(), cpu_seconds(ten.process.id()));
    std::thread::sleep(Duration::from_secs(4));
    let used = cpu_seconds(ten.process.id()) - before;
    let share = used / began.elapsed().as_secs_f64() / 300.0;
    let more = ten.process.resident() as f64 - one.process.resident() as f64;
    println!(
        "{:.4} % of a core, {more} bytes more for nine",
        100.0 * share
    );
    assert!(share < 0.005, "{share}");
    assert!(more < 5e6, "{more}");
}
