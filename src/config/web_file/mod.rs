//! The file of `--web.config.file`: TLS, headers and users, in the format of Prometheus'
//! exporter-toolkit.
//!
//! What the format has and this server has not is refused, never ignored: an operator who wrote
//! it down relies on it.

mod headers;
mod keys;
mod pem;
mod tls;
mod users;

use std::path::{Path, PathBuf};

pub use self::keys::WEB_KEYS;
use self::pem::Files;
use super::{
    keys::Keys,
    load::{Unreadable, read},
    mistake::{ConfigErrors, Mistakes},
    section::Section,
    yaml,
};
use crate::http::Access;

/// What a web file says, and where it was read from.
#[derive(Debug)]
pub struct WebFile {
    /// What is to hold.
    pub access: Access,
    /// The files that were read, or looked for: when one of them changes, it is to be read again.
    pub files: Vec<PathBuf>,
}

/// A web file with mistakes; files as in [`WebFile`].
#[derive(Debug)]
pub struct BadWebFile {
    /// Every mistake.
    pub errors: ConfigErrors,
    /// The files that were read, or looked for.
    pub files: Vec<PathBuf>,
}

/// Reads the file at `path` and the certificates it names, whose relative paths start at its
/// directory. Blocks.
///
/// # Errors
/// [`BadWebFile`] with every mistake, free of secrets.
pub fn load_web(path: &Path) -> Result<WebFile, BadWebFile> {
    of_text(path, read(path))
}

/// As [`load_web`], of what the file was found to hold.
pub(super) fn of_text(
    path: &Path,
    text: Result<String, Unreadable>,
) -> Result<WebFile, BadWebFile> {
    let mistakes = Mistakes::default();
    let files = Files::new(path);
    let text = text.map_err(|(problem, remedy)| {
        mistakes.add(None, &path.display().to_string(), problem, remedy);
    });
    let root = match text.as_deref().map(yaml::parse) {
        Ok(Ok(root)) => root,
        Ok(Err(error)) => {
            mistakes.add(Some(error.line), "", error.problem, error.remedy);
            None
        }
        Err(()) => None,
    };
    let top = Section::top(Keys(WEB_KEYS), root.as_ref(), text.is_ok(), &mistakes);
    let access = Access {
        tls: tls::tls(&top, &files),
        users: users::users(&top).into(),
        headers: headers::headers(&top.section("http_server_config")),
    };
    let files = files.read();
    match mistakes.into_result(Some(path)) {
        Ok(()) => Ok(WebFile { access, files }),
        Err(errors) => Err(BadWebFile { errors, files }),
    }
}
