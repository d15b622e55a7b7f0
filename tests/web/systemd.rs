//! Sockets that are passed, and what the service manager is told.

use std::{
    io::ErrorKind,
    net::TcpListener,
    os::unix::net::UnixDatagram,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Exporter, PATIENCE, Running, Scratch, request};

const PROGRAM: &str = env!("CARGO_BIN_EXE_audio-capture-exporter");
const SOURCE: &str = "x=rtsp://127.0.0.1:9/";

fn piped(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::piped()).stderr(Stdio::piped())
}

#[test]
fn systemd_passes_the_listener_and_the_first_client_is_served() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let mut command = Command::new("systemd-socket-activate");
    command.args(["-l", &free, PROGRAM, "--web.systemd-socket", SOURCE]);
    let mut process = Running::start(piped(&mut command));
    process.wait_for_line(|line| line.contains("Listening on").then_some(()));
    // Nothing runs before the first client comes, and that one waits for it.
    assert_eq!(request(&free, "GET", "/page/style.css", "").0, 200);
    let exporter = Exporter::of(process);
    assert_eq!(exporter.address, free);
    assert_eq!(exporter.get("/").0, 200);
}

#[test]
fn without_a_socket_or_with_another_kind_it_says_what_to_do() {
    let refused = |command: &mut Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(Command::new(PROGRAM).args(["--web.systemd-socket", SOURCE]));
    assert!(said.contains(".socket unit"), "{said}");
    let folder = Scratch::new();
    let path = folder.path("socket");
    let mut command = Command::new("systemd-socket-activate");
    command.args([
        "-l",
        path.to_str().unwrap(),
        PROGRAM,
        "--web.systemd-socket",
        SOURCE,
    ]);
    let mut process = Running::start(piped(&mut command));
    process.wait_for_line(|line| line.contains("Listening on").then_some(()));
    let _client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    process.wait_for_line(|line| line.contains("ListenStream=").then_some(()));
}

/// The next message that begins with this.
fn told(socket: &UnixDatagram, words: &str) -> String {
    let started = Instant::now();
    let mut seen = Vec::new();
    while started.elapsed() < PATIENCE {
        let mut buffer = [0; 4096];
        match socket.recv(&mut buffer) {
            Ok(length) => {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.starts_with(words) {
                    return text;
                }
                seen.push(text);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("not told {words}: {seen:?}");
}

#[test]
fn the_manager_is_told_when_it_serves_lives_and_ends() {
    let folder = Scratch::new();
    let path = folder.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .args(["--web.listen-address", "127.0.0.1:0", SOURCE])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "4000000")
        .env_remove("WATCHDOG_PID");
    let mut exporter = Exporter::of(Running::start(piped(&mut command)));
    let ready = told(&manager, "READY=1");
    assert!(ready.contains("STATUS=1 added"), "{ready}");
    for _ in 0..3 {
        told(&manager, "WATCHDOG=1");
    }
    assert_eq!(exporter.reload().0, 200);
    told(&manager, "STATUS=");
    // Frozen, as by a deadlock: no sign of life any more.
    exporter.process.signal("STOP");
    manager
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    let mut buffer = [0; 4096];
    let quiet = (0..10).any(|_| manager.recv(&mut buffer).is_err());
    assert!(quiet, "it is told on");
    exporter.process.signal("CONT");
    told(&manager, "WATCHDOG=1");
    exporter.process.signal("TERM");
    told(&manager, "STOPPING=1");
    assert!(exporter.process.wait(PATIENCE).success());
}

#[test]
fn a_manager_that_means_another_process_or_does_not_read_disturbs_nothing() {
    let folder = Scratch::new();
    let path = folder.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .args(["--web.listen-address", "127.0.0.1:0", SOURCE])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "1000000")
        .env("WATCHDOG_PID", "1");
    let exporter = Exporter::of(Running::start(piped(&mut command)));
    told(&manager, "READY=1");
    drop(manager);
    exporter.until("three beats", |scrape| {
        let beats = "audio_capture_exporter_capture_heartbeat_timestamp_seconds";
        let started = "process_start_time_seconds";
        scrape.value(beats, &[]) > scrape.value(started, &[]) + 3.0
    });
    assert_eq!(exporter.reload().0, 200, "there is nobody to tell");
}
