//! One source: from its section of the file, or from an argument.

use std::{path::Path, time::Duration};

use super::{
    address::{self, Address},
    alarms,
    argument::SourceArgument,
    keys,
    local::LocalKeys,
    mistake::shown,
    nearest::nearest,
    secrets,
    section::Section,
    silence::silence,
    transport,
};
use crate::{
    alarms::SourcePolicy,
    codec_name,
    id::SourceId,
    secret::Secret,
    sources::{
        Credentials, Expectation, HttpTarget, LiveLocation, Location, RtspTarget, SilenceOptions,
        SourceOptions,
    },
};

/// A source and where it was named, for messages about several sources.
pub(super) struct Placed {
    pub(super) options: SourceOptions,
    /// What differs for its alarms.
    pub(super) alarms: SourcePolicy,
    pub(super) path: String,
    pub(super) line: Option<usize>,
}

/// How long each source's buffers are.
#[derive(Clone, Copy)]
pub(super) struct BufferLengths {
    pub(super) capture: Duration,
    pub(super) analysis: Duration,
}

/// Reads one item of `sources`. `None` when too little is right to go on; the mistakes are
/// noted in any case.
pub(super) fn from_section(
    section: &Section<'_>,
    base: &Path,
    lengths: BufferLengths,
) -> Option<Placed> {
    // Everything is read before anything is given up, so that every mistake shows.
    section.choice("transport", "write one of the two, or remove the key");
    let (enabled, looped) = (section.flag("enabled"), section.flag("loop"));
    let local = LocalKeys::read(section);
    let stall_after = section.duration("stall_after");
    let expect = expectation(&section.section("expect"));
    let silence = silence(&section.section("silence"));
    let alarms = alarms::policy(&section.section("alarms"));
    let name = given_name(section);
    let credentials = Given::read(section, base);
    let tls = transport::tls(&section.section("tls"), base);
    let address = read_address(section, base);
    let (location, default_name) = match address? {
        Address::Rtsp {
            url,
            name,
            username,
            password,
        } => {
            no_loop(section, looped);
            let credentials = credentials.combine(section, username, password);
            local.apply(section, None);
            let transport = transport::read(section, url.scheme() == "rtsps");
            let target = RtspTarget {
                url,
                transport,
                tls,
                credentials,
            };
            (Location::Rtsp(target), name)
        }
        Address::Http {
            url,
            name,
            username,
            password,
        } => {
            mean_nothing(section, &["transport", "loop"], "an HTTP stream");
            let credentials = credentials.combine(section, username, password);
            local.apply(section, None);
            if section.has("tls") && url.scheme() != "https" {
                section.mistake(
                    "tls",
                    "means nothing without TLS",
                    "write https:// in the url",
                );
            }
            let target = HttpTarget {
                url,
                credentials,
                tls,
            };
            (Location::Http(target), name)
        }
        Address::File { path, name } => {
            no_server(section, "a file");
            let followed = local
                .follow
                .then(|| LiveLocation::Follow { path: path.clone() });
            if local.follow && looped {
                let problem = "a file that is followed has no end to start again at";
                section.mistake("loop", problem, "keep loop or follow");
            }
            let file = Location::File { path, looped };
            (
                local.apply(section, followed).map_or(file, Location::Live),
                name,
            )
        }
        Address::Live { place, name } => {
            no_server(section, "a file");
            no_loop(section, looped);
            (Location::Live(local.apply(section, Some(place))?), name)
        }
        Address::Device { device, name } => {
            no_server(section, "a device");
            no_loop(section, looped);
            local.apply(section, None);
            (Location::Device(device), name)
        }
    };
    let id = id(section, name, &default_name)?;
    Some(Placed {
        options: SourceOptions {
            id,
            location,
            enabled,
            stall_after,
            expect,
            capture: lengths.capture,
            analysis: lengths.analysis,
            silence,
        },
        alarms,
        path: section.path().to_owned(),
        line: section.line(),
    })
}

fn id(section: &Section<'_>, name: Name, default_name: &str) -> Option<SourceId> {
    match name {
        Name::Given(id) => Some(id),
        Name::Wrong => None,
        Name::Left => SourceId::new(default_name).ok().or_else(|| {
            let problem = "no name can be made from the address";
            section.mistake("name", problem, "give the source a `name`");
            None
        }),
    }
}

/// Builds the source of the `nth` argument, from 1.
pub(super) fn from_argument(
    argument: &SourceArgument,
    nth: usize,
    lengths: BufferLengths,
) -> Placed {
    let stall_after = keys::find("sources[].stall_after").map(keys::Key::default_duration);
    Placed {
        options: SourceOptions {
            id: argument.id.clone(),
            location: argument.location.clone(),
            enabled: true,
            stall_after: stall_after.unwrap_or_default(),
            expect: Expectation::default(),
            capture: lengths.capture,
            analysis: lengths.analysis,
            silence: SilenceOptions::default(),
        },
        alarms: SourcePolicy::default(),
        path: format!("source argument {nth}"),
        line: None,
    }
}

/// Notes keys that were given for a place that has no use for them.
fn mean_nothing(section: &Section<'_>, keys: &[&str], place: &str) {
    for key in keys.iter().filter(|key| section.has(key)) {
        let problem = format!("means nothing for {place}");
        section.mistake(key, problem, "remove the key");
    }
}

/// Notes `loop` where nothing can start again.
fn no_loop(section: &Section<'_>, looped: bool) {
    if looped {
        section.mistake("loop", "only a file can start again", "remove the key");
    }
}

/// Notes the keys that only a server has a use for.
fn no_server(section: &Section<'_>, place: &str) {
    let keys = [
        "transport",
        "tls",
        "username",
        "password_file",
        "password_env",
    ];
    mean_nothing(section, &keys, place);
}

enum Name {
    Given(SourceId),
    /// Given, but not usable; the mistake is noted.
    Wrong,
    Left,
}

fn given_name(section: &Section<'_>) -> Name {
    let Some(written) = section.text("name") else {
        return Name::Left;
    };
    SourceId::new(written).map_or_else(
        |error| {
            let problem = format!("{} is not a source name", shown(written));
            section.mistake("name", problem, error.to_string().trim_end());
            Name::Wrong
        },
        Name::Given,
    )
}

fn read_address(section: &Section<'_>, base: &Path) -> Option<Address> {
    let Some(written) = section.text("url") else {
        if !section.has("url") {
            let remedy = "add `url: rtsp://host/path`, `http://host/path` or the path of a file";
            section.mistake("url", "missing", remedy);
        }
        return None;
    };
    match address::parse(written, base) {
        Ok(address) => Some(address),
        Err(error) => {
            let text = error.to_string();
            let (problem, remedy) = text.split_once("; ").unwrap_or((&text, "correct it"));
            section.mistake("url", problem, remedy);
            None
        }
    }
}

fn expectation(section: &Section<'_>) -> Expectation {
    let codec = section.text("codec").and_then(|written| {
        let right = codec_name::known(written).is_some();
        if !right {
            let problem = format!("{} is no codec that can be heard here", shown(written));
            let meant = nearest(written, codec_name::names()).map_or_else(
                || format!("write {}", codec_name::USUAL.join(", ")),
                |name| format!("did you mean `{name}`?"),
            );
            let remedy = format!("{meant}; docs/sources.md has all names");
            section.mistake("codec", problem, remedy);
        }
        right.then(|| written.to_owned())
    });
    Expectation {
        codec,
        sample_rate: section.integer("sample_rate"),
        channels: section
            .integer("channels")
            .and_then(|n| u16::try_from(n).ok()),
    }
}

/// The credentials that stand beside the address.
struct Given {
    username: Option<Secret>,
    password: Option<Secret>,
    /// The key of the password, also of one that could not be had.
    password_key: Option<&'static str>,
}

impl Given {
    fn read(section: &Section<'_>, base: &Path) -> Self {
        let username = section.text("username").and_then(|written| {
            let wrong = written.is_empty() || written.contains(char::is_control);
            if wrong {
                section.mistake(
                    "username",
                    "empty, or has a control character",
                    "correct it",
                );
            }
            (!wrong).then(|| Secret::new(written))
        });
        let file = section.text("password_file");
        let environment = section.text("password_env");
        if file.is_some() && environment.is_some() {
            let problem = "there is a password_file as well";
            section.mistake("password_env", problem, "keep one of the two");
        }
        let (password_key, read) = match (file, environment) {
            (Some(written), _) => {
                let read = secrets::from_file(&base.join(written)).map(|read| {
                    if read.world_readable {
                        let key = format!("{}.password_file", section.path());
                        tracing::warn!(key, "every user of this machine can read the password");
                    }
                    read.password
                });
                (Some("password_file"), Some(read))
            }
            (None, Some(written)) => {
                let read = secrets::from_environment(written);
                (Some("password_env"), Some(read))
            }
            (None, None) => (None, None),
        };
        let password = match (password_key, read) {
            (Some(key), Some(Err(error))) => {
                section.mistake(key, error.problem, error.remedy);
                None
            }
            (_, read) => read.and_then(Result::ok),
        };
        Self {
            username,
            password,
            password_key,
        }
    }

    /// Joins them with what the address carried; a thing given twice is a mistake.
    fn combine(
        self,
        section: &Section<'_>,
        url_username: Option<Secret>,
        url_password: Option<Secret>,
    ) -> Option<Credentials> {
        let in_url = "it also stands in the url";
        if self.username.is_some() && url_username.is_some() {
            section.mistake("username", in_url, "keep one of the two");
        }
        if let (Some(key), Some(_)) = (self.password_key, &url_password) {
            section.mistake(key, in_url, "keep one of the two");
        }
        let from_url = url_username.is_some();
        match (self.username.or(url_username), self.password_key) {
            (None, Some(key)) => {
                if !section.has("username") {
                    section.mistake(key, "a password without a user", "add `username`");
                }
                None
            }
            (None, None) => None,
            (Some(_), None) if !from_url => {
                let remedy = "add `password_file` or `password_env`; \
                    for a camera with an empty password write rtsp://user:@host/path";
                section.mistake("username", "a user without a password", remedy);
                None
            }
            (Some(username), _) => Some(Credentials {
                username,
                password: self
                    .password
                    .or(url_password)
                    .unwrap_or_else(|| Secret::new("")),
            }),
        }
    }
}
