//! What hangs holds up nobody.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    MIB, Recorder, command, config, failures, get, is_up, resident,
    support::{self, Exporter, Running, Scrape, Scratch, Stopwatch},
};

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
    let tried = |scrape: &Scrape| failures(scrape, "hangs", "timeout");
    exporter.until("it is said", |scrape| tried(scrape) > 0.0);
    recorder.order("hold 65536");
    let scrape = exporter.until("the other one is watched on", |scrape| {
        resident(scrape, "beside") > 60.0 * MIB
    });
    // Ten looks a second, of which only the first one waits.
    let (before, began) = (tried(&scrape), Stopwatch::start());
    exporter.until("looks go on", |scrape| tried(scrape) >= before + 20.0);
    assert!(
        began.promised() < Duration::from_secs(15),
        "{:?}",
        began.promised()
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
    let ended = Stopwatch::start();
    exporter.process.wait(support::PATIENCE);
    assert!(ended.promised() < Duration::from_secs(8), "nor the end");
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
