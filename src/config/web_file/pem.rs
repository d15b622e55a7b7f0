//! Certificates and keys, from files or written out.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use crate::config::section::Section;

/// A file of certificates is smaller.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Certificates in one at most.
const MAX_CERTIFICATES: usize = 1_000;

/// What is wrong, and what to do.
type Problem = (String, &'static str);

/// The files that were asked for, from the directory of the web file.
#[derive(Debug)]
pub(super) struct Files {
    base: PathBuf,
    read: RefCell<Vec<PathBuf>>,
}

impl Files {
    /// The web file alone.
    pub(super) fn new(web_file: &Path) -> Self {
        Self {
            base: web_file.parent().map_or_else(PathBuf::new, Path::to_owned),
            read: RefCell::new(vec![web_file.to_owned()]),
        }
    }

    /// All of them.
    pub(super) fn read(self) -> Vec<PathBuf> {
        self.read.into_inner()
    }

    /// What stands at the key `inline`, or in the file at the key `file`; and at which of them.
    /// `None` without either, or with a mistake that has been noted.
    fn text(
        &self,
        section: &Section<'_>,
        inline: &'static str,
        file: &'static str,
    ) -> Option<(&'static str, Vec<u8>)> {
        // An empty one counts as absent.
        let given = |key| section.text(key).filter(|text| !text.is_empty());
        match (given(inline), given(file)) {
            (Some(_), Some(_)) => {
                let problem = format!("`{file}` says it as well");
                section.mistake(inline, problem, "keep one of the two");
                None
            }
            (Some(text), None) => Some((inline, text.as_bytes().to_vec())),
            (None, Some(written)) => {
                let path = self.base.join(written);
                let bytes = read(&path);
                self.read.borrow_mut().push(path);
                bytes
                    .map_err(|(problem, remedy)| section.mistake(file, problem, remedy))
                    .ok()
                    .map(|bytes| (file, bytes))
            }
            (None, None) => None,
        }
    }

    /// Certificates in PEM form.
    pub(super) fn certificates(
        &self,
        section: &Section<'_>,
        inline: &'static str,
        file: &'static str,
    ) -> Option<Vec<CertificateDer<'static>>> {
        let (key, bytes) = self.text(section, inline, file)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes)
            .take(MAX_CERTIFICATES)
            .collect();
        let certificates = certificates.ok().filter(|found| !found.is_empty());
        if certificates.is_none() {
            let remedy = "put it there in PEM form: -----BEGIN CERTIFICATE----- and so on";
            section.mistake(key, "holds no certificate", remedy);
        }
        certificates
    }

    /// A private key in PEM form.
    pub(super) fn key(
        &self,
        section: &Section<'_>,
        inline: &'static str,
        file: &'static str,
    ) -> Option<PrivateKeyDer<'static>> {
        let (key, bytes) = self.text(section, inline, file)?;
        let found = PrivateKeyDer::from_pem_slice(&bytes).ok();
        if found.is_none() {
            let remedy = "put it there in PEM form and without a passphrase: \
                          -----BEGIN PRIVATE KEY----- and so on";
            section.mistake(key, "holds no private key", remedy);
        }
        found
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let readable = "name a PEM file that the user of this process may read; a relative path starts \
                    at the web file's directory";
    // Asked before it is opened: opening a FIFO waits for a writer.
    let read = match std::fs::metadata(path) {
        Ok(file) if !file.is_file() => return Err(("not a file".into(), readable)),
        Ok(file) if file.len() > MAX_FILE => {
            return Err(("the file is larger than 4 MiB".into(), readable));
        }
        Ok(_) => std::fs::read(path),
        Err(error) => Err(error),
    };
    read.map_err(|error| (format!("cannot be read: {}", error.kind()), readable))
}
