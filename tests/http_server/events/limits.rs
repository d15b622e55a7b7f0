//! How many there may be, and who is dropped.

use std::time::{Duration, Instant};

use audio_capture_exporter::http::Rejection;

use super::{FIN, PING, PONG, Socket};
use crate::{
    client::{PATIENCE, get},
    fixture::{Setup, eventually, source, start},
};

#[test]
fn there_are_only_so_many_and_each_gives_its_place_back() {
    let mut setup = Setup::default();
    setup.limits.sockets = 3;
    setup.max_requests = 2;
    let server = start(setup);
    server.publish(Duration::ZERO, vec![source("garden")]);
    for _ in 0..3 {
        let mut held: Vec<_> = (0..3).map(|_| Socket::open(&server)).collect();
        assert_eq!(Socket::try_open(server.address, "").err(), Some(503));
        for socket in &mut held {
            assert_eq!(socket.message()["type"], "snapshot");
        }
        // Sockets do not count as requests in progress.
        assert_eq!(get(server.address, "/metrics").status, 200);
        drop(held);
        eventually("the places are free again", || {
            let mut free = Vec::new();
            while let Ok(socket) = Socket::try_open(server.address, "") {
                free.push(socket);
                assert!(free.len() <= 3, "more than there may be");
            }
            free.len() == 3
        });
        eventually("and again", || Socket::try_open(server.address, "").is_ok());
    }
}

#[test]
fn one_that_never_answers_a_ping_is_dropped() {
    let mut setup = Setup::default();
    setup.limits.socket_silence = Duration::from_millis(600);
    let server = start(setup);
    server.publish(Duration::ZERO, vec![source("garden")]);
    let mut alive = Socket::open(&server);
    let mut mute = Socket::open(&server);
    let (sender, closed) = std::sync::mpsc::channel();
    let began = Instant::now();
    let watching = std::thread::Builder::new()
        .spawn(move || sender.send(mute.closed_with()))
        .unwrap();
    while closed
        .try_recv()
        .map(|code| assert_eq!(code, 1008))
        .is_err()
    {
        assert!(began.elapsed() < PATIENCE);
        alive.next(PING);
        alive.send(FIN | PONG, b"");
    }
    watching.join().unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(600));
    server.publish(Duration::ZERO, vec![source("other")]);
    while alive.message()["sources"][0]["name"] != "other" {}
}

#[test]
fn one_that_takes_nothing_is_dropped_and_others_are_told() {
    let mut setup = Setup::default();
    setup.limits.write = Duration::from_millis(500);
    let server = start(setup);
    let many: Vec<_> = (0..400).map(|n| source(&format!("source-{n}"))).collect();
    server.publish(Duration::ZERO, many.clone());
    let slow = Socket::open(&server);
    let mut quick = Socket::open(&server);
    eventually("the slow one is dropped", || {
        server.publish(Duration::ZERO, many.clone());
        assert_eq!(quick.message()["sources"].as_array().unwrap().len(), 400);
        server.rejected(Rejection::SlowReader) == 1
    });
    drop(slow);
    server.publish(Duration::ZERO, vec![source("still")]);
    while quick.message()["sources"][0]["name"] != "still" {}
}
