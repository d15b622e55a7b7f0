//! `web.roles`: who may ask for what.

use super::{mistake::shown, section::Section};
use crate::http::{Grantee, Role, Roles};

/// Stands for everybody, also who does not say who it is.
pub(super) const ANONYMOUS: &str = "anonymous";
/// Stands for everybody who has proved who it is.
pub(super) const AUTHENTICATED: &str = "authenticated";
/// Begins a name in a client's certificate.
const CERTIFICATE: &str = "cert:";

/// Reads `web.roles`.
pub(super) fn roles(web: &Section<'_>) -> Roles {
    let section = web.section("roles");
    let mut roles = Roles::default();
    for role in Role::ALL {
        let key = role.as_str();
        let written = section.texts(key);
        if section.has(key) {
            let read = |text: &&str| grantee(&section, key, text);
            roles.set(*role, written.iter().filter_map(read).collect());
        }
    }
    roles
}

fn grantee(section: &Section<'_>, key: &str, text: &str) -> Option<Grantee> {
    if let Some(name) = text
        .strip_prefix(CERTIFICATE)
        .filter(|name| !name.is_empty())
    {
        return Some(Grantee::Certificate(name.to_owned()));
    }
    match text {
        ANONYMOUS => Some(Grantee::Anyone),
        AUTHENTICATED => Some(Grantee::Authenticated),
        name if !name.is_empty() && !name.contains(':') => Some(Grantee::User(name.to_owned())),
        other => {
            let problem = format!("{} is nobody", shown(other));
            let remedy = "write the name of a user of the web file, cert:NAME for a name in a \
                          client's certificate, authenticated or anonymous";
            section.mistake(key, problem, remedy);
            None
        }
    }
}
