//! All connections together: the cap, their age, the end of the program, and a system
//! without descriptors.

use std::{fs::File, process::Command, time::Duration};

use audio_capture_exporter::http::Rejection;

use crate::{
    client::{Client, PATIENCE, get},
    fixture::{Setup, eventually, start},
};

const RELOAD: &str = "POST /-/reload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";

fn with_connections(connections: usize) -> Setup {
    let mut setup = Setup::default();
    setup.limits.connections = connections;
    setup
}

#[test]
fn silent_connections_do_not_lock_out_a_scrape() {
    let server = start(with_connections(3));
    let mut silent: Vec<_> = (0..3).map(|_| Client::connect(server.address)).collect();
    for round in 0..3 {
        assert_eq!(get(server.address, "/metrics").status, 200, "round {round}");
        silent.push(Client::connect(server.address));
    }
    // Those that waited longest made room.
    silent[0].expect_close();
    assert!(server.rejected(Rejection::Connections) >= 1);
}

#[test]
fn busy_connections_are_not_evicted() {
    let mut server = start(with_connections(1));
    let mut busy = Client::connect(server.address);
    busy.send(RELOAD);
    let reply = server.next_reload();
    let mut late = Client::connect(server.address);
    let answer = late.answer(false);
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    late.expect_close();
    assert_eq!(server.rejected(Rejection::Connections), 1);
    reply.send(Ok("done".to_owned())).unwrap();
    assert_eq!(busy.answer(false).status, 200);
}

#[test]
fn an_old_connection_is_closed_between_two_answers() {
    let mut setup = Setup::default();
    setup.limits.age = Duration::from_millis(500);
    let server = start(setup);
    let mut client = Client::connect(server.address);
    assert_eq!(client.ask("GET", "/-/healthy", "").status, 200);
    client.expect_close();
    assert_eq!(server.rejected_at_all(), 0);
}

#[test]
fn a_request_in_progress_finishes_while_the_program_stops() {
    let mut server = start(Setup::default());
    let mut client = Client::connect(server.address);
    client.send(RELOAD);
    let reply = server.next_reload();
    server.tasks.cancel();
    eventually("no new connection is accepted", || {
        Client::try_connect(server.address).is_err()
    });
    reply.send(Ok("done".to_owned())).unwrap();
    let answer = client.answer(false);
    assert_eq!((answer.status, answer.text()), (200, "done\n"));
    client.expect_close();
    assert!(server.drain(PATIENCE));
}

#[test]
fn idle_connections_do_not_hold_up_the_end() {
    let server = start(Setup::default());
    let mut kept = Client::connect(server.address);
    assert_eq!(kept.ask("GET", "/-/healthy", "").status, 200);
    let mut silent = Client::connect(server.address);
    // Accepted in order: when this is answered, the silent one is being served.
    assert_eq!(get(server.address, "/-/healthy").status, 200);
    assert!(server.drain(PATIENCE));
    kept.expect_close();
    silent.expect_close();
}

#[test]
fn a_stuck_request_does_not_hold_up_the_end_for_ever() {
    let mut setup = Setup::default();
    setup.limits.drain = Duration::from_millis(100);
    let mut server = start(setup);
    let mut client = Client::connect(server.address);
    client.send(RELOAD);
    let _never_answered = server.next_reload();
    assert!(server.drain(PATIENCE));
    client.expect_close();
}

#[test]
fn without_descriptors_a_scrape_is_answered() {
    // A process of its own: the limit concerns all that runs beside this test.
    let this = std::env::current_exe().unwrap();
    let only = [
        "--exact",
        "--ignored",
        "connections::with_few_descriptors",
        "--nocapture",
    ];
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$@\"", "sh"])
        .arg(this)
        .args(only)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
#[ignore = "needs a low limit of descriptors; run by the test above"]
fn with_few_descriptors() {
    let server = start(Setup::default());
    // An answer proves that the server has its reserve.
    let mut first = Client::connect(server.address);
    assert_eq!(first.ask("GET", "/-/healthy", "").status, 200);
    let mut held = Vec::new();
    // The watch over memory takes and gives back some meanwhile: not every try finds none left.
    let mut tries = 0;
    while server.rejected(Rejection::Accept) == 0 {
        tries += 1;
        assert!(tries < 100, "there is always one left");
        held.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
        assert!(held.len() < 64, "the limit is in place");
        // One for the client's end; the server's comes out of its reserve.
        held.pop();
        if let Ok(mut scrape) = Client::try_connect(server.address) {
            assert_eq!(scrape.ask("GET", "/metrics", "").status, 200);
        }
    }
    held.clear();
    let mut next = Client::connect(server.address);
    assert_eq!(next.ask("GET", "/-/healthy", "").status, 200);
}
