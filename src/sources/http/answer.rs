//! What a server's answer means, in the words of a stream's owner.

use std::io;

use http::{HeaderMap, StatusCode, header};

use crate::{
    net::refused_late,
    sources::{DisconnectReason, FailureReason as R, OpenError, SessionEnd, explain},
};

/// Whether the body of this answer may be audio; what is said of it when so.
pub(super) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    with_credentials: bool,
) -> Result<Option<String>, OpenError> {
    let refused = |reason, text: &str| Err(OpenError::new(reason, text));
    match status.as_u16() {
        200 | 206 => {}
        401 if with_credentials => {
            return refused(
                R::Unauthorized,
                "the server refuses this user name or password (401); correct username and \
                 password_file",
            );
        }
        401 => {
            return refused(
                R::Unauthorized,
                "the server wants a user name and password (401); set username and password_file",
            );
        }
        403 => {
            return refused(
                R::Unauthorized,
                "the server forbids this user the stream (403); allow it there, or use another user",
            );
        }
        code @ (404 | 410) => {
            let text = format!(
                "the server has no such stream at the moment ({code}); check the path of the URL, \
                 and that its source is running"
            );
            return Err(OpenError::new(R::NotFound, text));
        }
        code => {
            let text = format!(
                "the server refused the stream with status {code}; check the port (a camera's \
                 RTSP port wants rtsp:// in the URL), and whether the server is busy"
            );
            return Err(OpenError::new(R::Rejected, text));
        }
    }
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return refused(
            R::Unsupported,
            "the server compresses the stream, which nobody asked it to; switch its \
             Content-Encoding off",
        );
    }
    claimed(headers)
}

/// What the content type means, as a file's extension.
fn claimed(headers: &HeaderMap) -> Result<Option<String>, OpenError> {
    let written = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = written.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    let playlist = ["mpegurl", "x-scpls", "scpls", "pls+xml", "xspf", "dash+xml"];
    if playlist.iter().any(|word| kind.contains(word)) {
        let text =
            "this is a playlist, not audio; put the address inside it into the configuration";
        return Err(OpenError::new(R::Unsupported, text));
    }
    let page = kind.starts_with("text/")
        || kind.starts_with("image/")
        || [
            "application/json",
            "application/xml",
            "application/xhtml+xml",
        ]
        .contains(&kind.as_str());
    if page {
        let what = kind.split('/').next_back().unwrap_or_default();
        let what: String = what
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c))
            .take(20)
            .collect();
        let text = format!(
            "the server answers with a page ({what}) instead of audio; check the path of the URL"
        );
        return Err(OpenError::new(R::Protocol, text));
    }
    Ok(match kind.as_str() {
        "audio/flac" | "audio/x-flac" => Some("flac".to_owned()),
        _ => None,
    })
}

/// Why no answer came.
pub(super) fn no_answer(error: &hyper::Error) -> OpenError {
    if error.is_parse_too_large() {
        let text = "the server's answer has a head of more than 64 KiB or 100 lines; check that \
                    the port is the stream's";
        OpenError::new(R::Oversized, text)
    } else if error.is_parse() {
        let text = "what the server answered is not HTTP; check the scheme and the port";
        OpenError::new(R::Protocol, text)
    } else if let Some(refusal) = source(error).and_then(refused_late) {
        explain::tls(&refusal)
    } else {
        closed_early()
    }
}

fn source(error: &hyper::Error) -> Option<&io::Error> {
    std::error::Error::source(error)?.downcast_ref()
}

/// The connection ended before any audio.
pub(super) fn closed_early() -> OpenError {
    let text = "the server closed the connection without sending audio; is its listener limit \
                reached?";
    OpenError::new(R::Closed, text)
}

/// A redirect that is not followed.
pub(super) fn redirected(status: StatusCode, where_to: &str) -> OpenError {
    let code = status.as_u16();
    let text = format!(
        "the server redirects {where_to} ({code}), which is not followed; put the right address \
         into the configuration"
    );
    OpenError::new(R::Redirected, text)
}

/// The end of a stream that was open.
pub(super) fn end(error: &hyper::Error) -> SessionEnd {
    // A chunk that is none comes as an error of input.
    let kind = source(error).map(io::Error::kind);
    let malformed = matches!(
        kind,
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
    );
    if error.is_parse() || malformed {
        let text = "the server broke the protocol in the middle of the stream";
        SessionEnd::new(DisconnectReason::Protocol, text)
    } else {
        let text = "the connection to the server broke";
        SessionEnd::new(DisconnectReason::Closed, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, kind: &str) -> Result<Option<String>, R> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        judge(status, &headers, false).map_err(|error| error.reason)
    }

    #[test]
    fn each_answer_has_its_reason() {
        for (status, reason) in [
            (401, R::Unauthorized),
            (403, R::Unauthorized),
            (404, R::NotFound),
            (410, R::NotFound),
            (204, R::Rejected),
            (503, R::Rejected),
        ] {
            assert_eq!(judged(status, "audio/mpeg"), Err(reason), "{status}");
        }
    }

    #[test]
    fn pages_and_playlists_are_no_audio() {
        for (kind, expected) in [
            ("text/html; charset=utf-8", Err(R::Protocol)),
            ("application/json", Err(R::Protocol)),
            ("audio/x-mpegurl", Err(R::Unsupported)),
            ("application/vnd.apple.mpegurl", Err(R::Unsupported)),
            ("audio/x-scpls", Err(R::Unsupported)),
            ("audio/mpeg", Ok(None)),
            ("application/octet-stream", Ok(None)),
            ("audio/flac", Ok(Some("flac".to_owned()))),
            ("", Ok(None)),
        ] {
            assert_eq!(judged(200, kind), expected, "{kind}");
        }
    }

    #[test]
    fn a_compressed_stream_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        let error = judge(StatusCode::OK, &headers, false).unwrap_err();
        assert_eq!(error.reason, R::Unsupported);
        headers.insert(header::CONTENT_ENCODING, "identity".parse().unwrap());
        assert!(judge(StatusCode::OK, &headers, false).is_ok());
    }
}
