use super::*;
use crate::demo::{
    Content,
    rtsp::{Media, inbox::Inbox},
};

/// A dialogue with two mounts, and the client's side of it.
struct Client {
    dialogue: Dialogue,
    cseq: u32,
}

impl Client {
    fn new() -> Self {
        let mounts = ["one", "two"]
            .map(|path| Mount::new(path, Media::pcmu(Content::Silence)))
            .into();
        Self {
            dialogue: Dialogue::new(mounts, 0, Duration::from_secs(60)),
            cseq: 0,
        }
    }

    /// Sends a request and returns the reply, whose sequence number has been checked.
    fn ask(&mut self, line: &str, headers: &str) -> String {
        self.cseq += 1;
        let text = format!("{line} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.cseq);
        let mut inbox = Inbox::default();
        inbox.bytes.extend_from_slice(text.as_bytes());
        let request = inbox.next().unwrap().unwrap();
        let mut out = Vec::new();
        self.dialogue.answer(&request, Instant::now(), &mut out);
        let reply = String::from_utf8(out).unwrap();
        assert!(
            reply.contains(&format!("\r\nCSeq: {}\r\n", self.cseq)),
            "{reply}"
        );
        reply
    }

    fn status(&mut self, line: &str, headers: &str) -> u16 {
        self.ask(line, headers)[9..12].parse().unwrap()
    }

    fn set_up(&mut self, mount: &str) -> String {
        let line = format!("SETUP rtsp://h:9/{mount}/track1");
        let reply = self.ask(&line, "Transport: RTP/AVP/TCP;unicast;interleaved=6-7\r\n");
        let id = header(&reply, "Session")
            .strip_suffix(";timeout=60")
            .unwrap();
        format!("Session: {id}\r\n")
    }
}

fn header<'a>(reply: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    reply
        .lines()
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap()
}

#[test]
fn a_session_from_description_to_teardown() {
    let mut client = Client::new();
    assert!(
        client
            .ask("OPTIONS *", "")
            .contains("Public: OPTIONS, DESCRIBE, SETUP")
    );
    let described = client.ask("DESCRIBE rtsp://cam.lan:9/one?user=x", "");
    assert_eq!(header(&described, "Content-Base"), "rtsp://cam.lan:9/one/");
    let (head, body) = described.split_once("\r\n\r\n").unwrap();
    assert_eq!(header(head, "Content-Length"), body.len().to_string());

    let session = client.set_up("one");
    let played = client.ask("PLAY rtsp://h:9/one/", &session);
    let info = header(&played, "RTP-Info");
    assert!(info.starts_with("url=rtsp://h:9/one/track1;seq="), "{info}");
    assert!(client.dialogue.next_due().is_some());

    for keepalive in ["GET_PARAMETER", "SET_PARAMETER", "OPTIONS", "PLAY"] {
        assert_eq!(
            client.status(&format!("{keepalive} rtsp://h:9/one"), &session),
            200
        );
    }
    assert_eq!(client.status("TEARDOWN rtsp://h:9/one", &session), 200);
    assert!(client.dialogue.next_due().is_none());
    assert_eq!(client.status("GET_PARAMETER rtsp://h:9/one", &session), 454);
}

#[test]
fn what_is_not_there_or_not_now_is_refused() {
    let mut client = Client::new();
    for (line, status) in [
        ("DESCRIBE rtsp://h/three", 404),
        ("DESCRIBE rtsp://h/one/track2", 404),
        ("DESCRIBE rtsp://h/onetrack1", 404),
        ("DESCRIBE one", 400),
        ("PAUSE rtsp://h/one", 405),
        ("RECORD rtsp://h/one", 405),
        ("BREW rtsp://h/one", 501),
        ("PLAY rtsp://h/one", 454),
        ("TEARDOWN rtsp://h/one", 454),
        ("SETUP rtsp://h/one", 400),
    ] {
        assert_eq!(client.status(line, ""), status, "{line}");
    }
    assert_eq!(
        client.status("PLAY rtsp://h/one", "Session: 12345678\r\n"),
        454
    );

    let session = client.set_up("one");
    assert_eq!(client.status("PLAY rtsp://h/two", &session), 455);
    assert_eq!(client.status("PLAY rtsp://h/one", &session), 200);
    let transport = format!("{session}Transport: RTP/AVP/TCP\r\n");
    assert_eq!(client.status("SETUP rtsp://h/one/track1", &transport), 455);
}

#[test]
fn only_a_transport_inside_the_connection_is_granted() {
    for (transport, granted) in [
        ("RTP/AVP/TCP", Some("interleaved=0-1;")),
        (
            "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=2-3",
            Some("interleaved=2-3;"),
        ),
        ("RTP/AVP;unicast;client_port=5000-5001", None),
        ("RTP/AVP/UDP;unicast;client_port=5000-5001", None),
        ("RTP/AVP/TCP;multicast", None),
        ("RTP/AVP/TCP;interleaved=255-256", None),
        ("RTP/AVP/TCP;interleaved=4-4", None),
    ] {
        let headers = format!("Transport: {transport}\r\n");
        let reply = Client::new().ask("SETUP rtsp://h/one/track1", &headers);
        match granted {
            Some(channels) => assert!(header(&reply, "Transport").contains(channels), "{reply}"),
            None => assert!(reply.starts_with("RTSP/1.0 461 "), "{transport}: {reply}"),
        }
    }
}
