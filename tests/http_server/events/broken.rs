//! Clients that break the protocol, and those who only come close to it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use audio_capture_exporter::http::Rejection;

use super::{BINARY, CLOSE, EVENTS, FIN, KEY, PING, PONG, Socket, TEXT, UPGRADE, serving};
use crate::{
    client::{ask, get},
    fixture::{eventually, source},
};

#[test]
fn a_handshake_that_is_none_is_told_why() {
    let server = serving(source("garden"));
    let plain = get(server.address, EVENTS);
    assert_eq!(
        (plain.status, plain.header("upgrade")),
        (426, Some("websocket"))
    );
    plain.problem();
    let old = UPGRADE.replace("13", "8") + KEY;
    let answer = ask(server.address, "GET", EVENTS, &old);
    assert_eq!(
        (answer.status, answer.header("sec-websocket-version")),
        (426, Some("13"))
    );
    for key in [
        "",
        "Sec-WebSocket-Key: c2hvcnQ=\r\n",
        "Sec-WebSocket-Key: ?\r\n",
        &[KEY, KEY].concat(),
    ] {
        let answer = ask(server.address, "GET", EVENTS, &[UPGRADE, key].concat());
        assert_eq!(answer.status, 400, "{key}");
        answer.problem();
    }
    let change = ask(server.address, "POST", EVENTS, &[UPGRADE, KEY].concat());
    assert_eq!((change.status, change.header("allow")), (405, Some("GET")));
}

#[test]
fn only_our_own_page_may_listen() {
    let server = serving(source("garden"));
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Origin: http://localhost:1\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        assert_eq!(
            Socket::try_open(server.address, foreign).err(),
            Some(403),
            "{foreign}"
        );
    }
    assert_eq!(server.rejected(Rejection::Origin), 4);
    let mut own = Socket::try_open(server.address, "Origin: http://localhost\r\n").unwrap();
    assert_eq!(own.message()["type"], "snapshot");
    // A name that was made to point here.
    let rebound = format!("GET {EVENTS} HTTP/1.1\r\nHost: evil.example\r\n{UPGRADE}{KEY}\r\n");
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(rebound.as_bytes()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 421");
}

#[test]
fn pings_are_answered_also_between_fragments() {
    let server = serving(source("garden"));
    let mut socket = Socket::open(&server);
    socket.send(FIN | PING, b"are you there");
    assert_eq!(socket.next(PONG), b"are you there");
    socket.send(TEXT, b"{\"a");
    socket.send(FIN | PING, b"still");
    assert_eq!(socket.next(PONG), b"still");
    // Nothing that a client could say is understood.
    socket.send(FIN, b"\":1}");
    assert_eq!(socket.closed_with(), 1003);
    let mut polite = Socket::open(&server);
    polite.send(FIN | CLOSE, &1000u16.to_be_bytes());
    assert_eq!(polite.closed_with(), 1000);
    assert_eq!(server.rejected_at_all(), 0);
}

type Frames = &'static [(u8, &'static [u8])];

#[test]
fn what_breaks_the_protocol_is_closed_with_the_right_code() {
    let server = serving(source("garden"));
    let long: &'static [u8] = &[b'x'; 5_000];
    let cases: [(&str, Frames, u16); 11] = [
        ("a reserved opcode", &[(FIN | 3, b"")], 1002),
        ("a reserved bit", &[(FIN | 0x40 | TEXT, b"x")], 1002),
        ("a ping in pieces", &[(PING, b"x")], 1002),
        ("a ping that is too long", &[(FIN | PING, &[0; 126])], 1002),
        ("the middle of nothing", &[(FIN, b"x")], 1002),
        (
            "a message inside another",
            &[(TEXT, b"x"), (FIN | TEXT, b"y")],
            1002,
        ),
        ("half a close code", &[(FIN | CLOSE, b"x")], 1002),
        ("too much at once", &[(FIN | BINARY, &[b'x'; 5_000])], 1009),
        (
            "too much in pieces",
            &[(TEXT, &[b'x'; 3_000]), (FIN, &[b'x'; 3_000])],
            1009,
        ),
        ("no UTF-8", &[(FIN | TEXT, b"\xff\xfe")], 1007),
        ("binary", &[(FIN | BINARY, b"x")], 1003),
    ];
    for (what, frames, code) in cases {
        let mut socket = Socket::open(&server);
        for (first, payload) in frames {
            socket.send(*first, payload);
        }
        assert_eq!(socket.closed_with(), code, "{what}");
    }
    let mut unmasked = Socket::open(&server);
    unmasked.0.write_all(&[FIN | TEXT, 1, b'x']).unwrap();
    assert_eq!(unmasked.closed_with(), 1002, "without a mask");
    let mut endless = Socket::open(&server);
    let claim = [
        [FIN | BINARY, 0x80 | 0x7f].as_slice(),
        &[0x7f; 8],
        &[0; 4],
        long,
    ]
    .concat();
    endless.0.write_all(&claim).unwrap();
    assert_eq!(endless.closed_with(), 1009, "a length without end");
    eventually("all are counted", || {
        server.rejected(Rejection::Malformed) == 9 && server.rejected(Rejection::Oversized) == 3
    });
    // All of that took nothing away from others.
    assert_eq!(Socket::open(&server).message()["type"], "snapshot");
}
