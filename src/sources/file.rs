//! Audio files.

use std::{
    ffi::OsStr,
    fs::{File, metadata},
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
};

use super::{FailureReason, OpenError};

/// Endings of names that are audio.
const AUDIO: [&str; 11] = [
    "wav", "wave", "flac", "mp3", "aac", "adts", "m4a", "mp4", "ogg", "oga", "opus",
];

/// Endings of files that are no audio which is played, and of no host.
const OTHER_FILES: [&str; 14] = [
    "pcm", "raw", "bin", "aif", "aiff", "caf", "wma", "mka", "mkv", "webm", "txt", "log", "part",
    "tmp",
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

/// What to say of a path where nothing is and that may be an address instead, with its `rtsp://`
/// forgotten. Looks at the disk; quotes host and port alone, as what stands around them may be a
/// secret.
pub fn address_hint(path: &Path) -> Option<String> {
    // The disk is looked at only where there is something to look for.
    path.ancestors().find_map(host_of)?;
    let absent = |piece: &&Path| !piece.as_os_str().is_empty() && !piece.exists();
    let first_absent = path.ancestors().take_while(absent).last()?;
    let host = host_of(first_absent)?;
    let more = if first_absent == path { "" } else { "/…" };
    Some(format!(
        "if it is an address, write rtsp://{host}{more} (http:// for a web stream)"
    ))
}

/// The `host` or `host:port` that the last piece of a path may be, without a user in front.
fn host_of(path: &Path) -> Option<&str> {
    let piece = path.file_name()?.to_str()?;
    let written = piece.rsplit_once('@').map_or(piece, |(_, host)| host);
    let (host, port) = match written.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (written, None),
    };
    let in_brackets = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Some(address) = in_brackets {
        address.parse::<Ipv6Addr>().ok()?;
    } else {
        let in_a_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if !host.chars().all(in_a_name) || host.split('.').any(str::is_empty) {
            return None;
        }
    }
    let right = match port {
        Some(port) => port.parse::<u16>().is_ok(),
        None if in_brackets.is_some() || host.parse::<Ipv4Addr>().is_ok() => true,
        // The dot of a file's name is that of its ending.
        None => host.contains('.') && !ends_like_a_file(Path::new(host)),
    };
    right.then_some(written)
}

fn ends_like_a_file(name: &Path) -> bool {
    let ending = name.extension().and_then(OsStr::to_str);
    let other = ending.is_some_and(|ending| OTHER_FILES.contains(&&*ending.to_ascii_lowercase()));
    other || ends_like_audio(name)
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
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_forgotten_scheme_is_noticed_where_nothing_is() {
        let folder = std::env::temp_dir();
        for (address, url) in [
            ("camera.lan", "rtsp://camera.lan"),
            ("camera.lan:554", "rtsp://camera.lan:554"),
            ("camera.lan/stream1", "rtsp://camera.lan/…"),
            ("192.168.1.5:554/x", "rtsp://192.168.1.5:554/…"),
            ("192.168.1.5", "rtsp://192.168.1.5"),
            ("camera:554", "rtsp://camera:554"),
            ("camera.lan:8554/a/b.wav", "rtsp://camera.lan:8554/…"),
            ("www.radio.org/live.mp3", "rtsp://www.radio.org/…"),
            ("[fe80::1]", "rtsp://[fe80::1]"),
            ("[fe80::1]:554/x", "rtsp://[fe80::1]:554/…"),
            ("CANARY@camera.lan/x?CANARY", "rtsp://camera.lan/…"),
        ] {
            let expected = format!("if it is an address, write {url} (http:// for a web stream)");
            for path in [PathBuf::from(address), folder.join(address)] {
                assert_eq!(address_hint(&path), Some(expected.clone()), "{path:?}");
            }
        }
        for file in [
            "missing.wav",
            "missing.MP3",
            "missing.pcm",
            "nowhere/missing.wav",
            "x:y/z",
            "camera.lan:99999",
            "[x]:554",
            ".hidden.d/a",
            "",
        ] {
            for path in [PathBuf::from(file), folder.join(file)] {
                assert_eq!(address_hint(&path), None, "{path:?}");
            }
        }
    }

    #[test]
    fn what_is_there_is_no_address() {
        let folder = std::env::temp_dir().join(format!("hint-{}.lan", std::process::id()));
        let file = folder.join("stream");
        assert!(address_hint(&file).is_some());
        std::fs::create_dir(&folder).unwrap();
        let hint = address_hint(&file);
        std::fs::remove_dir(&folder).unwrap();
        assert_eq!(hint, None);
    }
}
