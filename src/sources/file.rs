//! Audio files.

use std::{
    ffi::OsStr,
    fs::{File, metadata},
    io::{self, ErrorKind},
    net::Ipv4Addr,
    path::Path,
};

use super::{FailureReason, OpenError};

/// Endings of names that are audio.
const AUDIO: [&str; 11] = [
    "wav", "wave", "flac", "mp3", "aac", "adts", "m4a", "mp4", "ogg", "oga", "opus",
];

/// An open audio file and what its name says about its contents.
#[derive(Debug)]
pub struct FileSource {
    /// Positioned at the start.
    pub file: File,
    /// The extension in lower case.
    pub extension: Option<String>,
}

/// Whether a file's name ends as those of audio do, in upper or lower case.
pub fn ends_like_audio(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        AUDIO.contains(&&*extension.to_string_lossy().to_ascii_lowercase())
    })
}

/// Opens a regular file. Blocks; call it from the container's thread.
///
/// # Errors
/// [`OpenError`] when it is missing, may not be read or is not a regular file (a FIFO
/// would block until somebody writes).
pub fn open(path: &Path) -> Result<FileSource, OpenError> {
    let found = metadata(path).map_err(|error| failed(path, &error))?;
    if found.is_dir() {
        let text = "this is a directory; to play what is recorded into it write dir:///path";
        return Err(OpenError::new(FailureReason::File, text));
    }
    if !found.is_file() {
        let text = "this is not a regular file; only files can be played";
        return Err(OpenError::new(FailureReason::File, text));
    }
    let file = File::open(path).map_err(|error| failed(path, &error))?;
    let extension = path
        .extension()
        .map(|ext| ext.to_string_lossy().to_ascii_lowercase());
    Ok(FileSource { file, extension })
}

/// What to say of a path where nothing is and that may be the address of a camera instead,
/// with its `rtsp://` forgotten. Looks at the disk; quotes nothing.
pub fn address_hint(path: &Path) -> Option<&'static str> {
    // The dot of a file's name is that of its ending.
    let is_named = path.components().count() > 1 || ends_like_audio(path);
    let host_like = |piece: &&Path| {
        let name = piece.file_name().and_then(OsStr::to_str);
        name.is_some_and(|name| looks_like_host(name, is_named && *piece == path))
    };
    // The disk is looked at only where there is something to look for.
    path.ancestors().find(host_like)?;
    let absent = |piece: &&Path| !piece.as_os_str().is_empty() && !piece.exists();
    let first_absent = path.ancestors().take_while(absent).last();
    first_absent
        .filter(host_like)
        .map(|_| "if it is the address of a camera, write rtsp:// in front of it")
}

/// Whether this part of a path may be `host` or `host:port`; with a dot alone not if it is a
/// file's name.
fn looks_like_host(name: &str, is_file: bool) -> bool {
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (name, None),
    };
    let in_a_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if host.is_empty() || !host.chars().all(in_a_name) || host.starts_with('.') {
        return false;
    }
    match port {
        Some(port) => port.parse::<u16>().is_ok(),
        None if host.parse::<Ipv4Addr>().is_ok() => true,
        None => !is_file && host.contains('.'),
    }
}

pub(super) fn failed(path: &Path, error: &io::Error) -> OpenError {
    let what = match error.kind() {
        ErrorKind::NotFound => match address_hint(path) {
            None => "the file does not exist; check its path".to_owned(),
            Some(hint) => format!("the file does not exist; check its path, or {hint}"),
        },
        ErrorKind::PermissionDenied => {
            "the file may not be read; give this user permission to".to_owned()
        }
        _ => format!("the file cannot be opened: {error}"),
    };
    OpenError::new(FailureReason::File, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_scheme_is_noticed_where_nothing_is() {
        let hinted = |text: &str| address_hint(&std::env::temp_dir().join(text)).is_some();
        for address in [
            "camera.lan/stream1",
            "192.168.1.5:554/x",
            "192.168.1.5",
            "camera:554",
            "camera.lan:8554/a/b.wav",
        ] {
            assert!(hinted(address), "{address}");
        }
        for file in [
            "missing.wav",
            "nowhere/missing.wav",
            "x:y/z",
            ".hidden.d/a",
            "",
        ] {
            assert!(!hinted(file), "{file}");
        }
        assert!(address_hint(Path::new("camera.lan/stream1")).is_some());
        assert!(address_hint(Path::new("camera.lan")).is_some());
        assert!(address_hint(Path::new("missing.wav")).is_none());
    }
}
