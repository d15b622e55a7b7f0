//! What the server answers (RFC 2326 §7).

use std::fmt::Write as _;

/// A status code and its phrase (§7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(u16, &'static str);

impl Status {
    pub(super) const OK: Self = Self(200, "OK");
    pub(super) const BAD_REQUEST: Self = Self(400, "Bad Request");
    pub(super) const NOT_FOUND: Self = Self(404, "Not Found");
    pub(super) const METHOD_NOT_ALLOWED: Self = Self(405, "Method Not Allowed");
    pub(super) const TOO_LARGE: Self = Self(413, "Request Entity Too Large");
    pub(super) const SESSION_NOT_FOUND: Self = Self(454, "Session Not Found");
    pub(super) const NOT_VALID_IN_STATE: Self = Self(455, "Method Not Valid in This State");
    pub(super) const UNSUPPORTED_TRANSPORT: Self = Self(461, "Unsupported Transport");
    pub(super) const INTERNAL: Self = Self(500, "Internal Server Error");
    pub(super) const NOT_IMPLEMENTED: Self = Self(501, "Not Implemented");
}

/// A reply under construction.
#[derive(Debug)]
pub(super) struct Reply {
    head: String,
    body: String,
}

impl Reply {
    /// A reply to the request numbered `cseq`, which is left out where it is unknown.
    pub(super) fn new(Status(code, phrase): Status, cseq: Option<u32>) -> Self {
        let mut head = format!("RTSP/1.0 {code} {phrase}\r\n");
        if let Some(cseq) = cseq {
            push(&mut head, "CSeq", cseq);
        }
        push(
            &mut head,
            "Server",
            concat!("audio-capture-exporter/", env!("CARGO_PKG_VERSION")),
        );
        Self {
            head,
            body: String::new(),
        }
    }

    /// Adds a header. The value must have no line break in it.
    pub(super) fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        push(&mut self.head, name, value);
        self
    }

    /// Sets the body and the headers that describe it.
    pub(super) fn body(mut self, kind: &str, body: String) -> Self {
        push(&mut self.head, "Content-Type", kind);
        push(&mut self.head, "Content-Length", body.len());
        self.body = body;
        self
    }

    /// Appends the finished reply to what is to be sent.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body.as_bytes());
    }
}

fn push(head: &mut String, name: &str, value: impl std::fmt::Display) {
    write!(head, "{name}: {value}\r\n").expect("a String takes everything");
}
