//! What a single client may take.

use std::time::{Duration, Instant};

use audio_capture_exporter::http::{Limits, Rejection};

use crate::{
    client::{Client, PATIENCE, get},
    fixture::{Setup, eventually, start},
};

/// Long enough for who asks at once, also on a busy machine.
const SHORT: Duration = Duration::from_millis(500);

fn with(change: impl FnOnce(&mut Limits)) -> Setup {
    let mut setup = Setup::default();
    change(&mut setup.limits);
    setup
}

#[test]
fn a_head_has_a_size() {
    let server = start(Setup::default());
    let mut client = Client::connect(server.address);
    let head = |filler: usize| {
        format!(
            "GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
            "y".repeat(filler)
        )
    };
    client.send(head(16_000));
    assert_eq!(client.answer(false).status, 200, "a cookie jar passes");
    client.send(head(16_384));
    assert_eq!(client.answer(false).status, 431);
    client.expect_close();
    eventually("it is counted", || {
        server.rejected(Rejection::Oversized) == 1
    });
}

#[test]
fn a_head_can_be_limited_below_what_is_buffered() {
    let server = start(with(|limits| limits.head_bytes = 1024));
    let mut client = Client::connect(server.address);
    let filler = format!("x: {}\r\n", "y".repeat(2000));
    assert_eq!(client.ask("GET", "/", &filler).status, 431);
}

#[test]
fn an_endless_head_ends() {
    let server = start(Setup::default());
    let mut client = Client::connect(server.address);
    client.send("GET / HTTP/1.1\r\nhost: localhost\r\n");
    // Far more than every socket buffer on the way holds.
    let line = format!("x: {}\r\n", "y".repeat(4000));
    let sent = (0..20_000)
        .take_while(|_| client.try_send(&line).is_ok())
        .count();
    assert!(sent < 20_000, "80 MB of header lines were read");
    eventually("it is counted", || {
        server.rejected(Rejection::Oversized) == 1
    });
}

#[test]
fn a_body_has_a_size() {
    let server = start(Setup::default());
    for framing in ["content-length: 1000000", "transfer-encoding: chunked"] {
        let mut client = Client::connect(server.address);
        client.send(format!(
            "POST /-/reload HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\r\n"
        ));
        // The server answers before all of it is sent, and may close.
        let chunk = format!("10000\r\n{}\r\n", "z".repeat(0x10000));
        for _ in 0..2 {
            if client.try_send(&chunk).is_err() {
                break;
            }
        }
        assert_eq!(client.answer(false).status, 413, "{framing}");
    }
    assert_eq!(server.rejected(Rejection::Oversized), 2);
}

#[test]
fn a_dripping_head_is_cut_off_in_time() {
    let server = start(with(|limits| limits.head = SHORT));
    let started = Instant::now();
    let mut client = Client::connect(server.address);
    client.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n");
    while !client.is_closed_within(Duration::from_millis(10)) {
        assert!(started.elapsed() < PATIENCE, "still open");
        // A failure shows as a closed connection in the next round.
        client.try_send("x").ok();
    }
    assert!(started.elapsed() >= SHORT);
    eventually("it is counted", || {
        server.rejected(Rejection::SlowRequest) == 1
    });
}

#[test]
fn silence_is_cut_off_and_counted_only_when_nothing_was_ever_asked() {
    let server = start(with(|limits| limits.head = SHORT));
    let mut kept = Client::connect(server.address);
    assert_eq!(kept.ask("GET", "/-/healthy", "").status, 200);
    kept.expect_close();
    let mut silent = Client::connect(server.address);
    silent.expect_close();
    eventually("the silent one is counted", || {
        server.rejected(Rejection::SlowRequest) > 0
    });
    assert_eq!(server.rejected_at_all(), 1);
}

#[test]
fn a_dripping_body_is_cut_off_in_time() {
    let mut server = start(with(|limits| limits.body = SHORT));
    let mut client = Client::connect(server.address);
    client.send("POST /-/reload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nabc");
    let answer = client.answer(false);
    assert_eq!(answer.status, 408);
    client.expect_close();
    assert_eq!(server.rejected(Rejection::SlowRequest), 1);
    assert!(server.commands.try_recv().is_err());
}

#[test]
fn a_client_that_does_not_read_is_dropped_and_its_turn_comes_back() {
    let mut setup = with(|limits| limits.write = SHORT);
    (setup.bulk, setup.max_requests) = (200_000, 1);
    let server = start(setup);
    let mut client = Client::connect(server.address);
    client.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n");
    eventually("it is dropped", || {
        server.rejected(Rejection::SlowReader) == 1
    });
    let page = || get(server.address, "/").status;
    eventually("its turn comes back", || page() == 200);
}

#[test]
fn requests_in_progress_are_counted_until_they_are_read() {
    let server = start(Setup {
        bulk: 200_000,
        max_requests: 1,
        ..Setup::default()
    });
    let mut slow = Client::connect(server.address);
    slow.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n");
    eventually("the second is refused", || {
        let answer = get(server.address, "/page/style.css");
        if answer.status == 503 {
            answer.problem();
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        answer.status == 503
    });
    assert!(server.rejected(Rejection::Requests) >= 1);
    assert_eq!(
        get(server.address, "/-/healthy").status,
        200,
        "busy is not dead"
    );
    let whole = slow.answer(false);
    assert_eq!(
        whole.text().matches("\nbulk_events_total{").count(),
        200_000
    );
    assert_eq!(get(server.address, "/page/style.css").status, 200);
}

#[test]
fn no_limit_on_requests_means_none() {
    let server = start(Setup {
        max_requests: 0,
        ..Setup::default()
    });
    assert_eq!(get(server.address, "/metrics").status, 200);
}

#[test]
fn what_is_not_http_is_counted_and_closed() {
    let server = start(Setup::default());
    let mut client = Client::connect(server.address);
    client.send("\x16\x03\x01 this is no request\r\n\r\n");
    assert_eq!(client.answer(false).status, 400);
    client.expect_close();
    eventually("it is counted", || {
        server.rejected(Rejection::Malformed) == 1
    });
}
