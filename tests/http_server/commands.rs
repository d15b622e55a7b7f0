//! Commands over HTTP: reload, reconnect.

use std::time::Duration;

use audio_capture_exporter::{
    http::{Limits, Rejection},
    supervisor::ReconnectRefused,
};

use crate::{
    client::{Client, ask},
    fixture::{Setup, start},
};

const REQUEST: &str = "POST /-/reload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";

#[test]
fn a_reload_that_worked_says_what_changed() {
    let mut server = start(Setup::default());
    for method in ["POST", "PUT"] {
        let mut client = Client::connect(server.address);
        client.send(REQUEST.replace("POST", method));
        server
            .next_reload()
            .send(Ok("1 source added".to_owned()))
            .unwrap();
        let answer = client.answer(false);
        assert_eq!((answer.status, answer.text()), (200, "1 source added\n"));
    }
}

#[test]
fn a_refused_reload_tells_every_mistake() {
    let mut server = start(Setup::default());
    let mut client = Client::connect(server.address);
    client.send(REQUEST);
    let mistakes = "line 3: `url` is missing\nline 9: unknown key `<b>`";
    server.next_reload().send(Err(mistakes.to_owned())).unwrap();
    let answer = client.answer(false);
    assert_eq!(answer.status, 422);
    assert_eq!(answer.problem()["detail"], mistakes);
}

#[test]
fn a_capture_side_that_does_not_answer_is_not_waited_for() {
    let limits = Limits {
        command: Duration::from_millis(50),
        ..Setup::default().limits
    };
    let mut server = start(Setup {
        limits,
        ..Setup::default()
    });
    // The first stays in the channel, which has room for one.
    for detail in ["not answered", "still waiting"] {
        let answer = ask(server.address, "POST", "/-/reload", "");
        assert_eq!(answer.status, 503);
        let problem = answer.problem();
        assert!(
            problem["detail"].as_str().unwrap().contains(detail),
            "{problem}"
        );
        assert!(answer.header("retry-after").is_some());
    }
    drop(server.next_reload());
    server.commands.close();
    let answer = ask(server.address, "POST", "/-/reload", "");
    assert_eq!(answer.status, 503);
    answer.problem();
}

#[test]
fn a_command_that_is_dropped_is_not_waited_for() {
    let mut server = start(Setup::default());
    let mut client = Client::connect(server.address);
    client.send(REQUEST);
    drop(server.next_reload());
    assert_eq!(client.answer(false).status, 503);
}

#[test]
fn nothing_but_an_honest_request_reloads() {
    let mut server = start(Setup::default());
    for (method, headers, status) in [
        ("GET", "", 405),
        ("HEAD", "", 405),
        ("POST", "origin: http://evil.example\r\n", 403),
        ("POST", "origin: null\r\n", 403),
        ("POST", "sec-fetch-site: cross-site\r\n", 403),
        ("PUT", "origin: http://localhost:3000\r\n", 403),
    ] {
        assert_eq!(
            ask(server.address, method, "/-/reload", headers).status,
            status,
            "{method} {headers}"
        );
    }
    assert!(server.commands.try_recv().is_err(), "no command was sent");
    assert_eq!(server.rejected(Rejection::Origin), 4);
}

#[test]
fn a_source_is_connected_anew_or_it_is_said_why_not() {
    let mut server = start(Setup::default());
    let request = "POST /api/v1/sources/door%3A1/reconnect HTTP/1.1\r\nhost: localhost\r\n\
                   content-length: 0\r\n\r\n";
    for (outcome, status, retry) in [
        (Ok(()), 202, None),
        (Err(ReconnectRefused::Unknown), 404, None),
        (Err(ReconnectRefused::Disabled), 409, None),
        (
            Err(ReconnectRefused::TooSoon(Duration::from_millis(2_500))),
            429,
            Some("3"),
        ),
    ] {
        let mut client = Client::connect(server.address);
        client.send(request);
        let (source, reply) = server.next_reconnect();
        assert_eq!(source.as_str(), "door:1");
        reply.send(outcome).unwrap();
        let answer = client.answer(false);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), retry);
    }
    let answer = ask(
        server.address,
        "GET",
        "/api/v1/sources/garden/reconnect",
        "",
    );
    assert_eq!(answer.status, 405);
}
