//! The address of a source: what it says, and the credentials split off it.
//!
//! No error here quotes the address: what cannot be understood may be a password.

use std::{
    net::Ipv6Addr,
    path::{Path, PathBuf},
};

use url::Url;

use crate::{
    id::SourceId,
    secret::Secret,
    sources::{LiveLocation, NO_DEVICES, SegmentFolder},
};

/// An understood address.
#[derive(Debug)]
pub(super) enum Address {
    Rtsp {
        /// Without credentials.
        url: Url,
        /// `host[:port]`.
        name: String,
        username: Option<Secret>,
        password: Option<Secret>,
    },
    /// `http` or `https`.
    Http {
        /// Without credentials.
        url: Url,
        /// `host[:port]`.
        name: String,
        username: Option<Secret>,
        password: Option<Secret>,
    },
    File {
        path: PathBuf,
        /// The file's name without its extension, as far as a source name allows.
        name: String,
    },
    /// A directory, a FIFO or the standard input.
    Live { place: LiveLocation, name: String },
    /// An input device, by the sound system's name for it.
    Device { device: String, name: String },
}

/// Why an address cannot be used; the text tells what to write instead and quotes nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// Nothing there.
    #[error("the address is empty; write rtsp://host/path or the path of an audio file")]
    Empty,
    /// A scheme that is known, but not for audio here.
    #[error(
        "`{0}` is not supported; supported are rtsp://, rtsps://, http://, https://, \
         files (a path or file:///path), dir:///path, fifo:///path, stdin: and device:NAME"
    )]
    Unsupported(&'static str),
    /// Something else before `://`.
    #[error(
        "unknown scheme before `://`; supported are rtsp://, rtsps://, http://, https://, \
         files (a path or file:///path), dir:///path, fifo:///path, stdin: and device:NAME"
    )]
    UnknownScheme,
    /// `user:password@host` without a scheme.
    #[error(
        "looks like an address with a password, but without rtsp:// in front; \
         if it is a file, write file:///path with %40 for @"
    )]
    MissingScheme,
    /// No `//` after the scheme.
    #[error(
        "two slashes are missing after the scheme; write rtsp://host/path, file:///path, dir:///path or fifo:///path"
    )]
    MissingSlashes,
    /// A space or control character.
    #[error("a space or control character in the URL; write a space as %20")]
    Whitespace,
    /// An `@` behind the host, so that a password may have been cut in two.
    #[error(
        "an @ after the host; in a password write / as %2F, ? as %3F, # as %23 and @ as %40 \
         (or use password_file), in a path write @ as %40"
    )]
    StrayAt,
    /// A `#` and what follows, which no server gets to see.
    #[error("a # in the URL; write it as %23")]
    Fragment,
    /// No usable host.
    #[error(
        "no usable host; write rtsp://host/path with a name or address \
         (IPv6 in [ ], letters beyond ASCII as xn--…), or the password has a / ? or # \
         that must be written as %2F, %3F or %23"
    )]
    Host,
    /// No usable port.
    #[error(
        "no usable port; write rtsp://host:554/path with a port from 1 to 65535, \
         or the password has a / ? or # that must be written as %2F, %3F or %23"
    )]
    Port,
    /// Credentials that are not text once decoded.
    #[error(
        "the user name or password has a control character or is not UTF-8 after percent-decoding; \
         check its %.. (a plain % is written %25)"
    )]
    Credentials,
    /// Not a local path behind `file:`.
    #[error("not a local file; write file:///path with an absolute path and no ? or #")]
    FileUrl,
    /// Something behind `stdin:`.
    #[error("the standard input has no path; write stdin: alone, and fifo:///path for a FIFO")]
    StandardInput,
    /// No usable name behind `device:`.
    #[error(
        "no usable name of an audio device; write device:default, or device: and a name \
         such as hw:CARD=1,DEV=0, without // in front"
    )]
    DeviceName,
    /// A build without the feature `device`.
    #[error("{NO_DEVICES}")]
    NoDevices,
}

/// Schemes someone may try, so that the answer can name them.
const UNSUPPORTED: [&str; 16] = [
    "rtspu", "pipe", "rtp", "srtp", "udp", "tcp", "rtmp", "rtmps", "srt", "hls", "ws", "wss",
    "icecast", "icy", "pulse", "jack",
];

/// How names of parameters end whose value is a secret, such as `api_key` or `access_token`.
/// Some cameras take the password in the path: `/user=a_password=b_channel=1`.
const SECRET_KEYS: [&str; 12] = [
    "password=",
    "passwd=",
    "pwd=",
    "pass=",
    "passphrase=",
    "token=",
    "key=",
    "auth=",
    "authorization=",
    "secret=",
    "sig=",
    "signature=",
];

/// Whether a text looks as if it carried credentials, such as a command-line argument that
/// every user of the machine can read. Errs on the side of yes.
pub fn carries_credentials(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return looks_like_userinfo(text);
    };
    let readable = String::from_utf8_lossy(&percent_decoded(rest)).to_ascii_lowercase();
    rest.contains('@') || SECRET_KEYS.iter().any(|key| readable.contains(key))
}

/// `something:something@something`.
fn looks_like_userinfo(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(_, rest)| rest.contains('@'))
}

/// Understands an address; a relative path starts at `base`.
pub(super) fn parse(text: &str, base: &Path) -> Result<Address, AddressError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    let text = if text == "-" { "stdin:" } else { text };
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (String::new(), ""),
    };
    if let Some(known) = UNSUPPORTED.iter().find(|known| **known == scheme) {
        return Err(AddressError::Unsupported(known));
    }
    match (scheme.as_str(), rest.strip_prefix("//")) {
        (scheme @ ("rtsp" | "rtsps"), Some(rest)) => {
            let (url, name, [username, password]) = remote(scheme, rest)?;
            Ok(Address::Rtsp {
                url,
                name,
                username,
                password,
            })
        }
        (scheme @ ("http" | "https"), Some(rest)) => {
            let (url, name, [username, password]) = remote(scheme, rest)?;
            Ok(Address::Http {
                url,
                name,
                username,
                password,
            })
        }
        ("file", Some(_)) => Ok(file(local_path(rest)?)),
        ("stdin", None) if rest.is_empty() => Ok(stdin()),
        ("stdin", _) => Err(AddressError::StandardInput),
        ("dir", Some(_)) => Ok(directory(local_path(rest)?)),
        ("fifo", Some(_)) => Ok(fifo(local_path(rest)?)),
        ("device" | "alsa", _) => device(rest),
        ("rtsp" | "rtsps" | "http" | "https" | "file" | "dir" | "fifo", None) => {
            Err(AddressError::MissingSlashes)
        }
        (_, Some(_)) => Err(AddressError::UnknownScheme),
        _ if looks_like_userinfo(text) => Err(AddressError::MissingScheme),
        _ if text.contains("://") => Err(AddressError::UnknownScheme),
        _ if text.contains(char::is_control) => Err(AddressError::Whitespace),
        _ => Ok(file(base.join(text))),
    }
}

/// What stands behind `scheme://`: the address without credentials, its host and port as a
/// name, and the credentials.
fn remote(scheme: &str, rest: &str) -> Result<(Url, String, [Option<Secret>; 2]), AddressError> {
    // The URL parser would drop tabs and line ends without a word.
    if rest.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(AddressError::Whitespace);
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    // `user:pa/ss@host`: everything before the @ could be a piece of a password, also
    // what now looks like the host, so nothing of it may be used or shown.
    if tail.contains('@') {
        return Err(AddressError::StrayAt);
    }
    if tail.contains('#') {
        return Err(AddressError::Fragment);
    }
    let (userinfo, host_port) = match authority.rsplit_once('@') {
        Some((userinfo, host_port)) => (Some(userinfo), host_port),
        None => (None, authority),
    };
    let name = check_host_port(host_port)?;
    let (username, password) = match userinfo.map(|text| text.split_once(':').unwrap_or((text, "")))
    {
        None => (None, None),
        Some((username, password)) => {
            let named = userinfo.is_some_and(|text| text.contains(':'));
            let password = named.then(|| secret(password)).transpose()?;
            (Some(secret(username)?), password)
        }
    };
    let url = format!("{scheme}://{host_port}{tail}");
    let url = Url::parse(&url).map_err(|_| AddressError::Host)?;
    Ok((url, name, [username, password]))
}

/// Checks `host[:port]` and gives it as a name.
fn check_host_port(host_port: &str) -> Result<String, AddressError> {
    let (host, port) = match host_port.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(AddressError::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| AddressError::Host)?;
            let port = match port.strip_prefix(':') {
                None if !port.is_empty() => return Err(AddressError::Host),
                port => port,
            };
            (host, port)
        }
        None => match host_port.split_once(':') {
            Some((_, rest)) if rest.contains(':') => return Err(AddressError::Host),
            Some((host, port)) => (host, Some(port)),
            None => (host_port, None),
        },
    };
    let in_a_host = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    if host.is_empty() || host.len() > 253 || !host.chars().all(in_a_host) {
        return Err(AddressError::Host);
    }
    let Some(port) = port else {
        return Ok(host.to_owned());
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(port.parse(), Ok(1..=u16::MAX))
    {
        return Err(AddressError::Port);
    }
    Ok(format!("{host}:{port}"))
}

fn secret(encoded: &str) -> Result<Secret, AddressError> {
    let text =
        String::from_utf8(percent_decoded(encoded)).map_err(|_| AddressError::Credentials)?;
    if text.contains(char::is_control) {
        return Err(AddressError::Credentials);
    }
    Ok(Secret::new(text))
}

/// Decodes `%2F` and the like (RFC 3986 §2.1); a `%` without two hexadecimal digits stays.
fn percent_decoded(text: &str) -> Vec<u8> {
    let hex = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                bytes = ahead;
            }
            _ => decoded.push(byte),
        }
    }
    decoded
}

/// The path behind `//`, an empty host and an absolute path.
fn local_path(rest: &str) -> Result<PathBuf, AddressError> {
    // The URL parser would drop tabs and line ends without a word.
    if rest.contains(char::is_control) {
        return Err(AddressError::Whitespace);
    }
    let url = Url::parse(&format!("file:{rest}")).map_err(|_| AddressError::FileUrl)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::FileUrl);
    }
    match url.to_file_path() {
        Ok(path) if path.file_name().is_some() => Ok(path),
        _ => Err(AddressError::FileUrl),
    }
}

/// Whether a text is the address of a device, whose name may have a `=` in it.
pub(super) fn is_device(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        ["device", "alsa"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

fn device(device: &str) -> Result<Address, AddressError> {
    let right = (1..=255).contains(&device.len())
        && !device.starts_with("//")
        && !device.contains(char::is_control);
    if !right {
        return Err(AddressError::DeviceName);
    }
    if !cfg!(feature = "device") {
        return Err(AddressError::NoDevices);
    }
    Ok(Address::Device {
        device: device.to_owned(),
        name: as_name(device),
    })
}

fn stdin() -> Address {
    let (path, pcm) = (None, None);
    Address::Live {
        place: LiveLocation::Pipe { path, pcm },
        name: "stdin".to_owned(),
    }
}

fn fifo(path: PathBuf) -> Address {
    let name = as_name(&path.file_stem().unwrap_or_default().to_string_lossy());
    let (path, pcm) = (Some(path), None);
    Address::Live {
        place: LiveLocation::Pipe { path, pcm },
        name,
    }
}

fn directory(path: PathBuf) -> Address {
    let name = as_name(&path.file_name().unwrap_or_default().to_string_lossy());
    let pattern = None;
    Address::Live {
        place: LiveLocation::Segments(SegmentFolder { path, pattern }),
        name,
    }
}

fn file(path: PathBuf) -> Address {
    let name = as_name(&path.file_stem().unwrap_or_default().to_string_lossy());
    Address::File { path, name }
}

/// A text as far as a source name allows.
fn as_name(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    text.chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .take(SourceId::MAX_LEN)
        .collect()
}

#[cfg(test)]
mod tests;
