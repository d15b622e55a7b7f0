//! A source named on the command line: `NAME=URL` or `URL`.

use std::{fmt, path::Path};

use super::address::{self, Address, AddressError, carries_credentials};
use crate::{
    id::{InvalidSourceId, SourceId},
    net::{RtpTransport, TlsOptions},
    sources::{HttpTarget, Location, RtspTarget},
};

/// A checked source argument. It carries no credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceArgument {
    pub(super) id: SourceId,
    pub(super) location: Location,
}

/// Why an argument is no source; the text quotes nothing of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ArgumentError {
    /// Arguments can be read by every user of the machine.
    #[error(
        "credentials in an argument can be read by every user of this machine; \
         write the source into a file for --config.file, with username and password_file"
    )]
    Credentials,
    /// What stands before `=` is no source name.
    #[error("before `=`: {0}")]
    Name(#[from] InvalidSourceId),
    /// The address yields no name.
    #[error("no name can be made from the address; write NAME=URL")]
    Unnamed,
    /// The address cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
}

impl SourceArgument {
    /// The source's name.
    pub fn name(&self) -> &str {
        self.id.as_str()
    }

    /// The path of the file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.location {
            Location::File { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Reads `NAME=URL` or `URL`, where a URL may also be the path of a file. A file with a
    /// `=` in its name is written with a directory: `./a=b.wav`.
    ///
    /// # Errors
    /// [`ArgumentError`], also for anything that looks like credentials.
    pub fn parse(text: &str) -> Result<Self, ArgumentError> {
        if carries_credentials(text) {
            return Err(ArgumentError::Credentials);
        }
        let (name, address) = match text.split_once('=') {
            Some((name, address))
                if !name.contains(['/', '\\', '?']) && !address::is_device(text) =>
            {
                (Some(SourceId::new(name)?), address)
            }
            _ => (None, text),
        };
        let (location, default_name) = match address::parse(address, Path::new(""))? {
            Address::Rtsp { url, name, .. } => {
                let credentials = None;
                let target = RtspTarget {
                    url,
                    credentials,
                    transport: RtpTransport::default(),
                    tls: TlsOptions::default(),
                };
                (Location::Rtsp(target), name)
            }
            Address::Http { url, name, .. } => {
                let target = HttpTarget {
                    url,
                    credentials: None,
                    tls: TlsOptions::default(),
                };
                (Location::Http(target), name)
            }
            Address::File { path, name } => {
                let looped = false;
                (Location::File { path, looped }, name)
            }
            Address::Live { place, name } => (Location::Live(place), name),
            Address::Device { device, name } => (Location::Device(device), name),
        };
        let id = match name {
            Some(id) => id,
            None => SourceId::new(&default_name).map_err(|_| ArgumentError::Unnamed)?,
        };
        Ok(Self { id, location })
    }
}

impl fmt::Debug for SourceArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A path or query can hold what nobody recognised as a password.
        write!(f, "SourceArgument({}=…)", self.id)
    }
}
