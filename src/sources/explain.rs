//! What went wrong, in the words of a camera's owner, and its place in the closed sets.
//!
//! No text here holds an address, a URL or anything a server sent, except the host of a
//! redirect, the media kinds and the codec's name, which are cut to what is harmless.

use std::{fmt, io, time::Duration};

use super::{DisconnectReason, FailureReason as R, OpenError, SessionEnd};
use crate::net::{DialError, RelayReport, RtpTransport, TlsError, Violation};

pub(super) fn dial(error: &DialError) -> OpenError {
    let reason = match error {
        DialError::Dns | DialError::DnsTimeout(_) => R::Dns,
        DialError::Timeout(_) => R::Timeout,
        DialError::Refused => R::Refused,
        DialError::Unreachable => R::Unreachable,
        DialError::Local(_) => R::Local,
    };
    OpenError::new(reason, error.to_string())
}

pub(super) fn local(error: &io::Error) -> OpenError {
    OpenError::new(
        R::Local,
        format!("this machine could not start the loopback relay: {error}"),
    )
}

pub(super) fn tls(error: &TlsError) -> OpenError {
    OpenError::new(R::Tls, error.to_string())
}

pub(super) fn phase_timeout(phase: &str, limit: Duration) -> OpenError {
    let text = format!(
        "the server did not answer {phase} within {limit:?}; restart it, or raise connect.timeout"
    );
    OpenError::new(R::Timeout, text)
}

pub(super) fn unsupported(codec: &str) -> OpenError {
    let codec = harmless(codec);
    let text = format!(
        "the codec {codec} cannot be decoded here; set the camera's audio to AAC-LC or G.711"
    );
    OpenError {
        codec: Some(codec),
        ..OpenError::new(R::Unsupported, text)
    }
}

pub(super) fn no_audio_track(others: &[&str]) -> OpenError {
    let others = match others {
        [] => "nothing".to_owned(),
        kinds => harmless(kinds.join(" and ")),
    };
    let text = format!(
        "the stream offers {others} but no audio; switch audio on in the camera, or use another \
         path of it"
    );
    OpenError::new(R::NoAudioTrack, text)
}

/// A request that the server refused, or that broke: by the status code, else by what the
/// relay saw.
pub(super) fn refusal(
    phase: &str,
    status: Option<u16>,
    report: &RelayReport,
    with_credentials: bool,
    transport: RtpTransport,
) -> OpenError {
    if let Some(violation) = report.violation {
        return OpenError::new(
            match violation {
                Violation::NotRtsp | Violation::Restarted => R::Protocol,
                Violation::HeadTooLarge | Violation::BodyTooLarge => R::Oversized,
            },
            format!("{violation}; check that the port is the camera's RTSP port"),
        );
    }
    if let Some(error) = &report.tls {
        return tls(error);
    }
    let status = status.filter(|code| !(200..300).contains(code));
    match status {
        Some(401) if with_credentials => OpenError::new(
            R::Unauthorized,
            "the server refuses this user name or password (401); correct username and password_file",
        ),
        Some(401) => OpenError::new(
            R::Unauthorized,
            "the server wants a user name and password (401); set username and password_file",
        ),
        Some(403) => OpenError::new(
            R::Unauthorized,
            "the server forbids this user the stream (403); allow it there, or use another user",
        ),
        Some(code @ (404 | 454)) => OpenError::new(
            R::NotFound,
            format!("the server has no such stream ({code}); check the path of the URL"),
        ),
        Some(code @ 300..=399) => {
            let host = report
                .redirect_host
                .as_deref()
                .map_or("another address".into(), harmless);
            let text = format!(
                "the server redirects to {host} ({code}), which is not followed; put the right \
                 address into the configuration"
            );
            OpenError::new(R::Redirected, text)
        }
        Some(461) => OpenError::new(
            R::Rejected,
            match transport {
                RtpTransport::Tcp => {
                    "the server does not offer RTP over TCP (461); allow it in the camera, or set \
                     transport: udp"
                }
                RtpTransport::Udp => {
                    "the server does not offer RTP over UDP (461); set transport: tcp"
                }
            },
        ),
        Some(code) => OpenError::new(
            R::Rejected,
            format!(
                "the server refused {phase} with status {code}; check the URL, and whether the \
                 server is busy: its own log may say"
            ),
        ),
        None if report.camera_closed => OpenError::new(
            R::Closed,
            format!(
                "the server closed the connection during {phase}; is its session limit reached?"
            ),
        ),
        None => OpenError::new(
            R::Protocol,
            format!("the server's answer to {phase} could not be understood"),
        ),
    }
}

/// The end of a session that was open.
pub(super) fn end(report: &RelayReport) -> SessionEnd {
    match report.violation {
        Some(Violation::NotRtsp) => SessionEnd::new(
            DisconnectReason::Protocol,
            "the server sent something that is not RTSP",
        ),
        Some(violation @ Violation::Restarted) => {
            SessionEnd::new(DisconnectReason::Protocol, violation.to_string())
        }
        Some(violation) => SessionEnd::new(DisconnectReason::Oversized, violation.to_string()),
        None if report.camera_closed => {
            SessionEnd::new(DisconnectReason::Closed, "the server closed the connection")
        }
        None => SessionEnd::new(
            DisconnectReason::Protocol,
            "the server broke the protocol: a bad packet, a changed SSRC or a missed keep-alive",
        ),
    }
}

/// A directory of segments that cannot be read.
pub(super) fn folder(error: &io::Error) -> OpenError {
    let what = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "the directory may not be read; give this user permission to".to_owned()
        }
        io::ErrorKind::NotFound => {
            "the directory does not exist; check its path, and that its disk is mounted".to_owned()
        }
        io::ErrorKind::NotADirectory => {
            "this is not a directory; name one, or the file itself without dir:".to_owned()
        }
        kind => format!("the directory cannot be read: {kind}"),
    };
    OpenError::new(R::File, what)
}

pub(super) fn fifo(error: &io::Error) -> OpenError {
    let what = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "the FIFO may not be read; give this user permission to".to_owned()
        }
        kind => format!("the FIFO cannot be read: {kind}"),
    };
    OpenError::new(R::File, what)
}

pub(super) fn stdin(error: &io::Error) -> OpenError {
    let kind = error.kind();
    let text = format!(
        "the standard input is no pipe ({kind}); pipe a recorder into it, or name the file itself"
    );
    OpenError::new(R::File, text)
}

/// Nobody is left to read this.
pub(super) fn unwanted() -> OpenError {
    OpenError::new(R::Local, "the session ended")
}

/// What a server said, cut to 40 characters that need no escaping anywhere.
pub(super) fn harmless(text: impl AsRef<str> + fmt::Display) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "._:- ".contains(*c);
    text.as_ref().chars().filter(allowed).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(status: Option<u16>, report: &RelayReport) -> R {
        refusal("DESCRIBE", status, report, false, RtpTransport::Tcp).reason
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let quiet = RelayReport::default();
        for (status, expected) in [
            (401, R::Unauthorized),
            (403, R::Unauthorized),
            (404, R::NotFound),
            (302, R::Redirected),
            (453, R::Rejected),
            (503, R::Rejected),
        ] {
            assert_eq!(reason(Some(status), &quiet), expected);
        }
        // The library reports a bad SDP with the status of the reply that carried it.
        assert_eq!(reason(Some(200), &quiet), R::Protocol);
        let closed = RelayReport {
            camera_closed: true,
            ..quiet.clone()
        };
        assert_eq!(reason(None, &closed), R::Closed);
        let large = RelayReport {
            violation: Some(Violation::BodyTooLarge),
            ..closed
        };
        assert_eq!(reason(None, &large), R::Oversized);
    }

    #[test]
    fn nothing_a_server_says_can_inject() {
        let host = "evil\u{1b}[2J<script>\n".to_owned() + &"x".repeat(100);
        let report = RelayReport {
            redirect_host: Some(host),
            ..RelayReport::default()
        };
        let text = refusal("DESCRIBE", Some(301), &report, false, RtpTransport::Tcp).problem;
        assert!(
            !text.contains(['<', '\u{1b}', '\n']) && text.len() < 200,
            "{text}"
        );
        assert!(
            !unsupported("x\"}\n# TYPE")
                .codec
                .unwrap()
                .contains(['"', '\n', '#'])
        );
    }
}
