//! The subcommand `assets`.

use std::path::PathBuf;

use clap::Args;

/// Where dashboards, rules and runbooks go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetsOptions {
    /// The directory; made if it is not there.
    pub directory: PathBuf,
    /// The address below which the runbooks are published, for the links of the alerts; `None`
    /// leaves them at the exporter's own default address.
    pub runbooks: Option<String>,
}

/// Writes what belongs beside the program: `grafana/` (dashboards and their provisioning),
/// `alerts/` (rules for Prometheus) and `runbooks/`. Files of the same names are replaced.
#[derive(Args)]
pub(super) struct Arguments {
    /// Where to; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Where you publish runbooks [default: the exporter]
    #[arg(long = "runbooks", value_name = "URL", value_parser = url)]
    runbooks: Option<String>,
}

fn url(text: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_ascii_graphic() && !"\"'{}\\".contains(c);
    let known = text.starts_with("https://") || text.starts_with("http://");
    if known && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("write http:// or https:// and a path, without blanks, quotes and braces")
    }
}

impl Arguments {
    pub(super) fn into_options(self) -> AssetsOptions {
        AssetsOptions {
            directory: self.directory,
            runbooks: self.runbooks,
        }
    }
}
