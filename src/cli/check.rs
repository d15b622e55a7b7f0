//! `--config.check`.

use super::{Exit, Options};
use crate::{
    config,
    http::{Access, Grantee, Role, Roles},
};

/// Validates the configuration and the web file of `--config.check`: what to print, and status 0
/// or 1.
pub fn check(options: &Options) -> Exit {
    let path = options.config_file.as_deref();
    let config = config::load_shard(path, &options.sources, options.shard);
    let web_file = options.web_config_file.as_deref().map(config::load_web);
    let mut mistakes = Vec::new();
    if let Some(Err(bad)) = &web_file {
        mistakes.push(bad.errors.to_string());
    }
    match config {
        Ok(config) if mistakes.is_empty() => {
            let needed = config.configured;
            let plural = if needed == 1 { "" } else { "s" };
            let mut lines = config.doubts();
            if let Some(Ok(file)) = web_file {
                lines.extend(strangers(&config.web.roles, &file.access));
            }
            lines.push(format!(
                "the configuration is valid: {needed} source{plural}"
            ));
            lines.extend(config.share(options.shard));
            Exit {
                code: 0,
                text: lines.join("\n"),
            }
        }
        config => {
            mistakes.extend(config.err().map(|errors| errors.to_string()));
            Exit {
                code: 1,
                text: mistakes.join("\n"),
            }
        }
    }
}

/// Users who have a role and cannot log in.
fn strangers(roles: &Roles, access: &Access) -> Vec<String> {
    let mut lines = Vec::new();
    for role in Role::ALL {
        for grantee in roles.of(*role).unwrap_or_default() {
            if let Grantee::User(name) = grantee
                && !access.users.contains(name)
            {
                lines.push(format!(
                    "web.roles.{role}: the web file has no user `{}`",
                    name.escape_debug()
                ));
            }
        }
    }
    lines
}
