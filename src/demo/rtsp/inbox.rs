//! What a client sends: requests (RFC 2326 §6) and interleaved packets (§10.12).

use bytes::{Buf as _, BytesMut};

use super::reply::Status;

/// The most a request may take, head and body together, in bytes.
pub(super) const MAX_REQUEST: usize = 16 * 1024;

/// One request. Its body has been skipped: nothing this server does needs one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) uri: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A header's value; names are compared without regard to case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The sequence number that the reply repeats; `None` when missing or no number.
    pub(super) fn cseq(&self) -> Option<u32> {
        self.header("CSeq")?.parse().ok()
    }
}

/// Why a connection cannot go on: where the next request starts is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) Status);

/// Bytes received and not understood yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) bytes: BytesMut,
    /// Bytes still to be thrown away: an interleaved packet or a body.
    skip: usize,
}

impl Inbox {
    /// The next complete request, or `None` when more bytes are needed. Interleaved
    /// packets (receiver reports) are dropped as they come, never gathered.
    pub(super) fn next(&mut self) -> Result<Option<Request>, Refusal> {
        loop {
            let skipped = self.skip.min(self.bytes.len());
            self.bytes.advance(skipped);
            self.skip -= skipped;
            match self.bytes.first() {
                None => return Ok(None),
                // Empty lines between requests are harmless (RFC 2326 §4 by way of HTTP).
                Some(b'\r' | b'\n') => self.skip = 1,
                Some(b'$') => match self.bytes.get(2..4) {
                    Some(length) => {
                        self.skip = 4 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                    }
                    None => return Ok(None),
                },
                Some(_) => return self.request(),
            }
        }
    }

    fn request(&mut self) -> Result<Option<Request>, Refusal> {
        let window = &self.bytes[..self.bytes.len().min(MAX_REQUEST)];
        let Some(end) = end_of_head(window) else {
            return if self.bytes.len() < MAX_REQUEST {
                Ok(None)
            } else {
                Err(Refusal(Status::TOO_LARGE))
            };
        };
        let head = self.bytes.split_to(end);
        let request = std::str::from_utf8(&head)
            .ok()
            .and_then(parse_head)
            .ok_or(Refusal(Status::BAD_REQUEST))?;
        if let Some(length) = request.header("Content-Length") {
            let length: usize = length.parse().map_err(|_| Refusal(Status::BAD_REQUEST))?;
            if length > MAX_REQUEST - end {
                return Err(Refusal(Status::TOO_LARGE));
            }
            self.skip = length;
        }
        Ok(Some(request))
    }
}

/// The length of the head with its empty line. Lines may end with LF alone (§4).
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        if matches!(&bytes[line_start..at], b"" | b"\r") {
            return Some(at + 1);
        }
        line_start = at + 1;
    }
    None
}

fn parse_head(head: &str) -> Option<Request> {
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, uri, version) = (first.next()?, first.next()?, first.next()?);
    let is_token =
        !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if !is_token || uri.is_empty() || version != "RTSP/1.0" || first.next().is_some() {
        return None;
    }
    let headers = lines
        .take_while(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Request {
        method: method.to_owned(),
        uri: uri.to_owned(),
        headers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(inbox: &mut Inbox, bytes: &[u8]) -> Result<Vec<Request>, Refusal> {
        inbox.bytes.extend_from_slice(bytes);
        std::iter::from_fn(|| inbox.next().transpose()).collect()
    }

    const PING: &[u8] =
        b"GET_PARAMETER rtsp://h/m RTSP/1.0\r\ncseq: 7\r\nContent-Length: 3\r\n\r\nabc";

    #[test]
    fn requests_come_out_whole_however_the_bytes_are_cut() {
        let mut all = b"\r\n$\x01\x00\x05hello".to_vec();
        all.extend_from_slice(PING);
        all.extend_from_slice(b"$\x01\x00\x00OPTIONS * RTSP/1.0\nCSeq:8\n\n");
        for cut in 1..all.len() {
            let mut inbox = Inbox::default();
            let mut requests = Vec::new();
            for part in all.chunks(cut) {
                requests.extend(feed(&mut inbox, part).unwrap());
            }
            let seen: Vec<_> = requests.iter().map(|r| (&*r.method, r.cseq())).collect();
            assert_eq!(
                seen,
                [("GET_PARAMETER", Some(7)), ("OPTIONS", Some(8))],
                "cut {cut}"
            );
            assert!(inbox.bytes.is_empty());
        }
    }

    #[test]
    fn nonsense_and_too_much_are_refused() {
        let long = format!("OPTIONS * RTSP/1.0\r\nX: {}", "x".repeat(MAX_REQUEST));
        for (bytes, status) in [
            ("GET / HTTP/1.1\r\n\r\n", Status::BAD_REQUEST),
            ("OPTIONS  * RTSP/1.0\r\n\r\n", Status::BAD_REQUEST),
            (
                "OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n",
                Status::BAD_REQUEST,
            ),
            (
                "A * RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
                Status::BAD_REQUEST,
            ),
            (
                "A * RTSP/1.0\r\nContent-Length: 20000\r\n\r\n",
                Status::TOO_LARGE,
            ),
            (&long, Status::TOO_LARGE),
        ] {
            let refused = feed(&mut Inbox::default(), bytes.as_bytes());
            assert_eq!(
                refused,
                Err(Refusal(status)),
                "{}",
                &bytes[..20.min(bytes.len())]
            );
        }
    }

    #[test]
    fn an_interleaved_packet_is_never_gathered() {
        let mut inbox = Inbox::default();
        feed(&mut inbox, b"$\x01\xFF\xFF").unwrap();
        for _ in 0..65 {
            assert!(feed(&mut inbox, &[b'$'; 1_000]).unwrap().is_empty());
            assert!(inbox.bytes.is_empty());
        }
    }
}
