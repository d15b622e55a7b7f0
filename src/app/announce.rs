//! What the terminal is told at the start.

use std::{io, net::SocketAddr};

use crate::config::Config;

/// Sources, and processes, that are named before the rest is only counted.
const NAMED: usize = 10;

/// Says in a few lines what is watched and where to look. A standard output that nobody
/// reads is no reason to fail.
pub(super) fn announce(
    config: &Config,
    scheme: &str,
    addresses: &[SocketAddr],
    telemetry_path: &str,
) {
    let _unread = write(
        &mut io::stdout().lock(),
        config,
        scheme,
        addresses,
        telemetry_path,
    );
}

fn write(
    out: &mut impl io::Write,
    config: &Config,
    scheme: &str,
    addresses: &[SocketAddr],
    telemetry_path: &str,
) -> io::Result<()> {
    writeln!(
        out,
        "audio-capture-exporter {} watches:",
        env!("CARGO_PKG_VERSION")
    )?;
    for source in config.sources.iter().take(NAMED) {
        writeln!(out, "  {:<20} {}", source.id.as_str(), source.location)?;
    }
    if config.sources.len() > NAMED {
        writeln!(out, "  … and {} more", config.sources.len() - NAMED)?;
    }
    let watches = &config.memory.watches;
    for watch in watches.iter().take(NAMED) {
        writeln!(
            out,
            "  {:<20} process {}",
            watch.name.as_str(),
            watch.selector
        )?;
    }
    if watches.len() > NAMED {
        writeln!(out, "  … and {} more processes", watches.len() - NAMED)?;
    }
    for address in addresses {
        writeln!(
            out,
            "Look at {scheme}://{address}/ — metrics at {scheme}://{address}{telemetry_path}"
        )?;
    }
    out.flush()
}
