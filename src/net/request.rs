//! The client's side of the relay: its requests, and the pass that proves who it is.

/// The largest request head the client may send, in bytes; it sends a few hundred.
const MAX_REQUEST: usize = 16 * 1024;

/// The client broke the rules, or is not our client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotOurs;

/// Takes the client's bytes, checks that each request carries the pass in its
/// `User-Agent`, and yields the requests without it.
///
/// The pass is what keeps other local users from using the relay: it is 128 random bits
/// that only our own RTSP client was told. It stands in a header that is no part of a
/// digest (RFC 2617 §3.2.2), so removing it invalidates no signature.
#[derive(Debug)]
pub(super) struct Requests {
    pass: String,
    pending: Vec<u8>,
}

impl Requests {
    pub(super) fn new(pass: &str) -> Self {
        Self {
            pass: format!(" ({pass})"),
            pending: Vec::new(),
        }
    }

    /// Adds bytes; returns the complete requests so far, ready for the camera.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>, NotOurs> {
        self.pending.extend_from_slice(bytes);
        let mut out = Vec::new();
        while let Some(end) = find(&self.pending, b"\r\n\r\n") {
            let request: Vec<u8> = self.pending.drain(..end + 4).collect();
            let at = find(&request, self.pass.as_bytes()).ok_or(NotOurs)?;
            out.extend_from_slice(&request[..at]);
            out.extend_from_slice(&request[at + self.pass.len()..]);
        }
        if self.pending.len() > MAX_REQUEST {
            return Err(NotOurs);
        }
        Ok(out)
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pass_is_demanded_of_each_request_and_never_passed_on() {
        let mut requests = Requests::new("secret");
        let one = b"DESCRIBE rtsp://h/ RTSP/1.0\r\nUser-Agent: us (secret)\r\n\r\n".as_slice();
        assert_eq!(requests.feed(&one[..30]).unwrap(), b"");
        let clean = b"DESCRIBE rtsp://h/ RTSP/1.0\r\nUser-Agent: us\r\n\r\n".as_slice();
        assert_eq!(requests.feed(&one[30..]).unwrap(), clean);
        assert_eq!(
            requests.feed(&[one, one].concat()[..]).unwrap(),
            [clean, clean].concat()
        );
        assert_eq!(
            requests.feed(b"OPTIONS * RTSP/1.0\r\nUser-Agent: x\r\n\r\n"),
            Err(NotOurs)
        );
        assert_eq!(
            Requests::new("p").feed(&vec![b'x'; MAX_REQUEST + 1]),
            Err(NotOurs)
        );
    }
}
