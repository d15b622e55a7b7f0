//! Passwords from files and from the environment.

use std::{fs::File, io::Read as _, path::Path};

use crate::secret::Secret;

/// The longest password, in bytes.
const LONGEST: u64 = 4096;

/// A password that could not be had: what is wrong and what to do. Quotes neither the
/// path nor the variable, which may be a password at the wrong key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoPassword {
    pub(super) problem: &'static str,
    pub(super) remedy: &'static str,
}

const fn no_password(problem: &'static str, remedy: &'static str) -> NoPassword {
    NoPassword { problem, remedy }
}

/// A password and whether everybody on the machine can read its file.
#[derive(Debug)]
pub(super) struct FromFile {
    pub(super) password: Secret,
    pub(super) world_readable: bool,
}

/// Reads the file's one line.
pub(super) fn from_file(path: &Path) -> Result<FromFile, NoPassword> {
    let unreadable = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => no_password(
            "the file does not exist",
            "create it with the password in it; \
             a relative path starts at the configuration file's directory",
        ),
        std::io::ErrorKind::PermissionDenied => no_password(
            "the file may not be read",
            "let the user of this process read it (chown, or chmod 0400)",
        ),
        _ => no_password("the file could not be read", "check it and its disk"),
    };
    // Asked before it is opened: opening a FIFO waits for a writer.
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(no_password(
            "not a regular file",
            "write the password into a file",
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(no_password(
            "the file is larger than 4 KiB",
            "write only the password into it",
        ));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| no_password("the file is not UTF-8", "save it as UTF-8 text"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(FromFile {
        password: checked(line)?,
        world_readable: world_readable(&metadata),
    })
}

/// Reads an environment variable.
pub(super) fn from_environment(name: &str) -> Result<Secret, NoPassword> {
    // `var_os` panics on neither, but such a name cannot exist.
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(no_password(
            "not the name of an environment variable",
            "write the variable's name, not its value",
        ));
    }
    match std::env::var(name) {
        Ok(text) => checked(&text),
        Err(_) => Err(no_password(
            "no environment variable of that name holds a text",
            "set it for this process; write the variable's name, not its value",
        )),
    }
}

fn checked(text: &str) -> Result<Secret, NoPassword> {
    if text.is_empty() {
        return Err(no_password(
            "the password is empty",
            "write the password there; for a camera with an empty password \
             write rtsp://user:@host/path",
        ));
    }
    if text.contains(char::is_control) {
        return Err(no_password(
            "more than one line, or a control character",
            "write the password alone, on one line",
        ));
    }
    Ok(Secret::new(text))
}

#[cfg(unix)]
fn world_readable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn world_readable(_: &std::fs::Metadata) -> bool {
    false
}
