//! The forms of values.

use std::{ffi::OsStr, path::Path};

/// Checks the form; whether the host exists is found out by binding.
pub(super) fn listen_address(text: &str) -> Result<String, &'static str> {
    const FORM: &str = "write host:port, [ipv6]:port or :port";
    let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host_is_right = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)),
    };
    let port_is_right =
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if host_is_right && port_is_right {
        Ok(text.to_owned())
    } else {
        Err(FORM)
    }
}

/// The first segments of the paths that other routes have.
const TAKEN: [&str; 10] = [
    "",
    "-",
    "api",
    "alerts",
    "debug",
    "grafana",
    "openapi.json",
    "page",
    "probe",
    "runbooks",
];

pub(super) fn telemetry_path(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix('/').ok_or("it begins with /")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/._~-".contains(c);
    if !rest.chars().all(allowed) || text.contains("//") {
        return Err("it is a plain path: letters, digits and . _ ~ - between single slashes");
    }
    let first = rest.split('/').next().unwrap_or_default();
    if TAKEN.contains(&first) {
        return Err("another route has this path");
    }
    Ok(text.to_owned())
}

/// Whether an argument without a name is a YAML file, which no source is.
pub(super) fn is_configuration(argument: &OsStr) -> bool {
    let extension = Path::new(argument).extension();
    let yaml = |end: &OsStr| end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml");
    extension.is_some_and(yaml) && !argument.to_string_lossy().contains('=')
}
