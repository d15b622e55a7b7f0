//! What shells and `man` want to know of the command line.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{Exit, sources::no_such_command, wrong};

#[derive(Args)]
pub(super) struct CompletionsArguments {
    /// bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

#[derive(Args)]
pub(super) struct ManArguments {
    /// A subcommand, for its own page
    #[arg(value_name = "SUBCOMMAND")]
    subcommand: Option<String>,
}

impl CompletionsArguments {
    /// The script for the shell.
    pub(super) fn script(self, mut line: Command) -> Exit {
        let mut script = Vec::new();
        let name = line.get_name().to_owned();
        clap_complete::generate(self.shell, &mut line, name, &mut script);
        printed(&script)
    }
}

impl ManArguments {
    /// The page, in roff.
    pub(super) fn page(self, line: &Command) -> Exit {
        let about = match self.subcommand.as_deref() {
            None => line.clone(),
            Some(name) => match line.find_subcommand(name) {
                Some(found) => found.clone(),
                None => return no_such_command("man", name),
            },
        };
        let page = clap_mangen::Man::new(about)
            .source(format!(
                "audio-capture-exporter {}",
                env!("CARGO_PKG_VERSION")
            ))
            .manual("Commands of audio-capture-exporter");
        let mut roff = Vec::new();
        match page.render(&mut roff) {
            Ok(()) => printed(&roff),
            Err(error) => wrong(error),
        }
    }
}

fn printed(bytes: &[u8]) -> Exit {
    Exit {
        code: 0,
        text: String::from_utf8_lossy(bytes).into_owned(),
    }
}
