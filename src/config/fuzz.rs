//! What the configuration promises about any text.

use std::{collections::BTreeSet, path::Path};

use super::{
    ConfigErrors, MAX_SOURCES, SourceArgument,
    address::{self, Address},
    carries_credentials,
    load::of_text,
    web_file,
};
use crate::{config::Config, fuzzing::Input, id::SourceId, shard::Shard, sources::Location};

fn loaded(text: &str) -> Result<Config, ConfigErrors> {
    let path = Path::new("/nowhere/fuzz.yaml");
    of_text(Some(path), Some(Ok(text.to_owned())), &[], Shard::WHOLE)
}

/// Any file: it loads, or every mistake stands on a line that the file has, with a remedy, on
/// one line of its own.
pub(crate) fn yaml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match loaded(&text) {
        Ok(config) => {
            let names: BTreeSet<&SourceId> = config.sources.iter().map(|s| &s.id).collect();
            assert_eq!(names.len(), config.sources.len(), "each name once");
            assert!((1..=MAX_SOURCES).contains(&config.sources.len()));
            assert!(config.probe_targets.iter().all(|id| names.contains(id)));
        }
        Err(errors) => told(&text, &errors),
    }
    // The same of the web file, which may also be empty.
    if let Err(bad) = web_file::of_text(Path::new("/nowhere/web.yaml"), Ok(text.to_string())) {
        told(&text, &bad.errors);
    }
}

/// Every mistake stands on a line that the file has, with a remedy, on one line of its own.
fn told(text: &str, errors: &ConfigErrors) {
    let lines = 1 + text.replace("\r\n", "\n").matches(['\n', '\r']).count();
    for mistake in errors.mistakes() {
        let line = mistake.line.unwrap_or(1);
        assert!((1..=lines).contains(&line), "{mistake:?} of {lines}");
        assert!(!mistake.problem.is_empty() && !mistake.remedy.is_empty());
    }
    let shown = errors.to_string();
    let expected = errors.mistakes().len().min(101);
    assert_eq!(shown.lines().count(), expected, "{shown}");
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!shown.contains(control), "{shown:?}");
}

/// A piece of the password. It stands nowhere else, so that wherever it shows it has leaked.
const MARK: &str = "hunter";

/// A password in an address or under its key, with anything around and inside it: no message
/// and no debug output shows a piece of it.
pub(crate) fn secrets(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let manner = input.byte();
    let scheme = input.one_of(&[
        "rtsp", "rtsps", "http", "https", "RTSP", "file", "fifo", "dir", "stdin", "x", "", "alsa",
    ]);
    let [user, first, second, host, tail] = std::array::from_fn(|_| input.text());
    let around = input.text();
    let given = [&user, &first, &second, &host, &tail, &around];
    if given.iter().any(|text| text.to_lowercase().contains(MARK)) {
        return;
    }
    let password = format!("{first}{MARK}{second}{MARK}");
    let url = format!("{scheme}://{user}:{password}@{host}{tail}");

    match address::parse(&url, Path::new("/nowhere")) {
        // A path has no password: what looks like one is the name of a file.
        Ok(Address::File { .. } | Address::Live { .. }) => {}
        Ok(address) => assert_hides(&format!("{address:?}"), &url),
        Err(error) => assert_hides(&format!("{error} {error:?}"), &url),
    }
    for argument in [url.clone(), format!("{around}={url}")] {
        let refused = SourceArgument::parse(&argument).expect_err("credentials in an argument");
        assert_hides(&format!("{refused} {refused:?}"), &argument);
    }
    // In a file: a password on one line, for a server.
    if !matches!(scheme, "rtsp" | "rtsps" | "http" | "https" | "RTSP")
        || url.contains(char::is_control)
    {
        return;
    }
    let file = written(manner, &url, &password, &around);
    match loaded(&file) {
        Ok(config) => assert_hides(&format!("{config:?}"), &file),
        Err(errors) => assert_hides(&format!("{errors} {errors:?}"), &file),
    }
}

/// A file with the address or the password in it, in one of YAML's ways to write a text.
fn written(manner: u8, url: &str, password: &str, around: &str) -> String {
    let quoted = |text: &str| match manner & 3 {
        0 => text.to_owned(),
        1 => format!("'{}'", text.replace('\'', "''")),
        2 => format!("{text:?}"),
        _ => format!("\"{text}\""),
    };
    let (url, password) = (quoted(url), quoted(password));
    match manner >> 2 & 15 {
        0 => format!("sources:\n  - url: {url}\n    {around}\n"),
        1 => format!("sources:\n  - {{ url: {url}, name: a }}\n{around}\n"),
        2 => format!("sources:\n  - url: rtsp://h/\n    username: {password}\n    {around}\n"),
        3 => format!("sources:\n  - url: rtsp://h/\n    username: u\n    password: {password}\n"),
        4 => format!("sources:\n  - url: rtsp://h/\n    password_env: {password}\n{around}"),
        5 => format!("sources:\n  - url: [{url}]\n    username: {{ {password}: 1 }}\n"),
        6 => format!("sources: [ {url} ]\n{around}\n"),
        7 => format!("sources:\n  - name: {url}\n    url: {url}\n    transport: {url}\n"),
        8 => format!("sources:\n  - url: rtsp://h/\n    stall_after: {url}\n    expect: {url}\n"),
        9 => format!("buffers:\n  memory_budget: {url}\n{url}: 1\n"),
        _ => format!("{around}\nsources:\n- url: {url}\n  password_file: {password}\n"),
    }
}

fn assert_hides(shown: &str, given: &str) {
    let leaks = shown.to_lowercase().contains(MARK);
    assert!(!leaks, "{given:?} is told by {shown:?}");
}

/// Any address: what it means can be said again, and credentials never stay in it.
pub(crate) fn address(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let parsed = address::parse(&text, Path::new("/base"));
    match &parsed {
        Ok(
            Address::Rtsp {
                url,
                name,
                username,
                password,
            }
            | Address::Http {
                url,
                name,
                username,
                password,
            },
        ) => {
            assert_eq!((url.username(), url.password()), ("", None));
            assert!(url.host_str().is_some_and(|host| !host.is_empty()));
            assert!(username.is_some() || password.is_none());
            // An @ elsewhere may have cut a password in two.
            assert_eq!(username.is_some(), text.contains('@'));
            assert!(username.is_none() || carries_credentials(text.trim()));
            let again = address::parse(url.as_str(), Path::new("/base"));
            let same = matches!(again, Ok(Address::Rtsp { url: again, .. }
                | Address::Http { url: again, .. }) if again == *url);
            assert!(same, "{url}");
            assert!(name.len() <= 260 && !name.contains(['@', '/']));
        }
        Ok(Address::File { path, .. }) => assert!(path.is_absolute()),
        Ok(Address::Device { device, .. }) => assert!(!device.is_empty()),
        Ok(Address::Live { .. }) => {}
        Err(error) => {
            let said = error.to_string();
            assert!(said.matches("; ").count() == 1, "{said}");
        }
    }
    if let Ok(argument) = SourceArgument::parse(&text) {
        SourceId::new(argument.name()).expect("a source's name");
        match &argument.location {
            Location::Rtsp(target) => assert!(target.credentials.is_none()),
            Location::Http(target) => assert!(target.credentials.is_none()),
            Location::File { .. } | Location::Live(_) | Location::Device(_) => {}
        }
    }
}
