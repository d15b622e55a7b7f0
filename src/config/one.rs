//! One source for a probe, without a file around it.

use std::{path::Path, time::Duration};

use super::{
    argument::SourceArgument,
    secrets,
    source::{self, BufferLengths},
};
use crate::{
    secret::Secret,
    sources::{Credentials, Location, SourceOptions},
};

/// Where the password of a source argument is.
#[derive(Clone, Copy, Debug)]
pub enum PasswordFrom<'a> {
    /// In a file, on its one line.
    File(&'a Path),
    /// In an environment variable of this name.
    Environment(&'a str),
}

/// Why the credentials cannot be used; the text quotes nothing of them.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CredentialsError {
    /// One without the other.
    #[error("a user name and a password belong together; give both or none")]
    Half,
    /// Nothing would ask for them.
    #[error("credentials mean nothing for what is no RTSP or HTTP server; leave them out")]
    NotAsked,
    /// The password could not be had.
    #[error("the password: {0}; {1}")]
    Password(&'static str, &'static str),
}

/// The source of one argument, with all defaults and these credentials. Reads the
/// password's file, blocking.
///
/// # Errors
/// [`CredentialsError`].
pub fn one(
    argument: &SourceArgument,
    username: Option<&str>,
    password: Option<PasswordFrom<'_>>,
) -> Result<SourceOptions, CredentialsError> {
    // A probe has buffers of its own.
    let lengths = BufferLengths {
        capture: Duration::from_secs(1),
        analysis: Duration::from_secs(1),
    };
    let mut options = source::from_argument(argument, 1, lengths).options;
    let (username, from) = match (username, password) {
        (None, None) => return Ok(options),
        (Some(username), Some(from)) => (username, from),
        _ => return Err(CredentialsError::Half),
    };
    let credentials = match &mut options.location {
        Location::Rtsp(target) => &mut target.credentials,
        Location::Http(target) => &mut target.credentials,
        Location::File { .. } | Location::Live(_) | Location::Device(_) => {
            return Err(CredentialsError::NotAsked);
        }
    };
    let password = match from {
        PasswordFrom::File(path) => secrets::from_file(path).map(|read| read.password),
        PasswordFrom::Environment(name) => secrets::from_environment(name),
    };
    let password =
        password.map_err(|error| CredentialsError::Password(error.problem, error.remedy))?;
    *credentials = Some(Credentials {
        username: Secret::new(username),
        password,
    });
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_whatever_server_there_is_and_to_no_file() {
        let given = |address: &str| {
            let argument = SourceArgument::parse(address).unwrap();
            let password = PasswordFrom::Environment("PATH");
            one(&argument, Some("recorder"), Some(password)).map(|options| options.location)
        };
        let Ok(Location::Http(target)) = given("http://radio.lan/live") else {
            panic!("refused");
        };
        assert!(target.credentials.is_some());
        assert!(matches!(
            given("rtsp://camera.lan/live"),
            Ok(Location::Rtsp(target)) if target.credentials.is_some()
        ));
        assert_eq!(given("dawn.flac"), Err(CredentialsError::NotAsked));
    }
}
