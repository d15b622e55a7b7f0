//! The sources among the arguments, and words that are none.

use std::{ffi::OsString, path::Path};

use super::{Exit, command, values, wrong};
use crate::{
    config::{SourceArgument, nearest},
    sources::{address_hint, ends_like_audio},
};

/// Reads every source argument, and reports all that are wrong.
///
/// Looks at the disk: a word that is no address may be a mistyped command or host, which as the
/// path of a file that is yet to come would be waited for in silence.
pub(super) fn read(arguments: &[OsString]) -> Result<Vec<SourceArgument>, Exit> {
    let mut sources = Vec::with_capacity(arguments.len());
    let mut mistakes = Vec::new();
    for (nth, argument) in (1..).zip(arguments) {
        let mut mistake = |text: &str| mistakes.push(format!("source argument {nth}: {text}"));
        match argument
            .to_str()
            .map(|text| (text, SourceArgument::parse(text)))
        {
            _ if values::is_configuration(argument) => {
                mistake("a configuration is given as --config.file FILE");
            }
            Some((text, Ok(source))) => match refusal(text, &source) {
                Some(refusal) => mistake(&refusal),
                None => sources.push(source),
            },
            Some((_, Err(error))) => mistake(&error.to_string()),
            None => mistake("not UTF-8; rename the file"),
        }
    }
    if mistakes.is_empty() {
        Ok(sources)
    } else {
        Err(wrong(mistakes.join("\nerror: ")))
    }
}

/// Why a file that is not there is not waited for, if so.
fn refusal(text: &str, source: &SourceArgument) -> Option<String> {
    let path = source.file()?;
    // In a directory that is there, or with the ending of audio, it is meant as a file.
    let first = path.iter().next().map(Path::new);
    let may_be_address = first.is_some_and(|first| !first.exists()) && !ends_like_audio(path);
    let hint = may_be_address.then(|| address_hint(path));
    match hint.flatten() {
        Some(hint) => Some(format!(
            "there is no such file; {hint}\n  a file that is yet to come is written ./FILE"
        )),
        None => names_nothing(text).then(|| no_such_word(text)),
    }
}

/// Refuses a first word that is nearly a command. What follows it would be judged as the
/// program's own flags, and the answer be about them.
pub(super) fn refuse_mistyped_command(arguments: &[OsString]) -> Result<(), Exit> {
    let Some(word) = arguments.get(1).and_then(|word| word.to_str()) else {
        return Ok(());
    };
    let known = word.starts_with('-') || word.contains(':') || is_command(word);
    match nearest_command(word) {
        Some(_) if !known && names_nothing(word) => Err(wrong(no_such_word(word))),
        _ => Ok(()),
    }
}

/// Whether a word can be no file: it has no directory and no name in front, does not end like
/// audio, and there is nothing of this name.
fn names_nothing(word: &str) -> bool {
    let path = Path::new(word);
    !word.is_empty() && !word.contains(['/', '=']) && !ends_like_audio(path) && !path.exists()
}

/// Does not repeat the word, which may be what should not be seen.
fn no_such_word(word: &str) -> String {
    format!(
        "neither a command nor an address nor a file that is there{}\n  \
         commands are in --help; write a camera as rtsp://host/path, a file that is yet to come as ./FILE",
        meant(word)
    )
}

/// What a command that takes the name of another says of a word that is none.
pub(super) fn no_such_command(asker: &str, word: &str) -> Exit {
    wrong(format!(
        "no command of this name{}\n  \
         `{asker}` takes the name of one command, or nothing; commands are in --help",
        meant(word)
    ))
}

fn meant(word: &str) -> String {
    let command = nearest_command(word);
    command.map_or_else(String::new, |command| {
        format!("; did you mean `{command}`?")
    })
}

fn names() -> Vec<String> {
    let line = command();
    let names = line.get_subcommands().map(|sub| sub.get_name().to_owned());
    names.collect()
}

fn is_command(word: &str) -> bool {
    names().iter().any(|name| name == word)
}

/// None for what has a dot, as hosts have and commands have not.
fn nearest_command(word: &str) -> Option<String> {
    if word.contains('.') {
        return None;
    }
    let names = names();
    nearest(word, names.iter().map(String::as_str)).map(str::to_owned)
}
