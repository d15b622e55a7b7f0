//! The list of every key that may stand in the file.

mod alarms;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use crate::units::{ByteSize, Dbfs, PcmEncoding, parse_duration};

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its place, with `[]` for any item of a list: `sources[].url`.
    pub path: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// What holds when it is left out.
    pub default: Fallback,
}

/// What holds when a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// It must not be left out.
    Required,
    /// Nothing: the feature is not used, or there is no opinion.
    Nothing,
    /// This value, as it would be written.
    Value(&'static str),
    /// Something worked out at load, in words.
    Computed(&'static str),
}

impl fmt::Display for Fallback {
    /// As `docs/config.md` gives it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str("required"),
            Self::Nothing => f.write_str("none"),
            Self::Value(value) => write!(f, "`{value}`"),
            Self::Computed(words) => f.write_str(words),
        }
    }
}

/// What may stand behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A mapping of further keys.
    Section,
    /// A list of mappings.
    Sections,
    /// A list of texts.
    Texts,
    /// A text.
    Text,
    /// A text whose value is never shown.
    Hidden,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A duration with a unit, between two bounds.
    Duration(&'static str, &'static str),
    /// A number of bytes, between two bounds.
    Bytes(&'static str, &'static str),
    /// A whole number, between two bounds.
    Integer(u32, u32),
    /// A level in dBFS, between two bounds.
    Level(i16, i16),
}

impl fmt::Display for Kind {
    /// The type and range in words, as messages and `docs/config.md` give it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section => f.write_str("section"),
            Self::Sections => f.write_str("list of sections"),
            Self::Texts => f.write_str("list of texts"),
            Self::Text | Self::Hidden => f.write_str("text"),
            Self::Boolean => f.write_str("true or false"),
            Self::Choice(words) => f.write_str(&words.join(" or ")),
            Self::Duration(min, max) => write!(f, "duration, {min} to {max}"),
            Self::Bytes(min, max) => write!(f, "size, {min} to {max}"),
            Self::Integer(min, max) => write!(f, "number, {min} to {max}"),
            Self::Level(min, max) => write!(f, "dBFS, {min} to {max}"),
        }
    }
}

const fn key(path: &'static str, kind: Kind, default: Fallback) -> Key {
    Key {
        path,
        kind,
        default,
    }
}

use Fallback::{Computed, Nothing, Required, Value};
use Kind::{
    Boolean, Bytes, Choice, Duration as Span, Hidden, Integer, Level, Section, Sections, Text,
    Texts,
};

/// Every key.
pub const KEYS: &[Key] = &joined::<{ COMMON.len() + alarms::KEYS.len() }>(COMMON, alarms::KEYS);

/// Those of all else than alarms.
const COMMON: &[Key] = &[
    key("buffers", Section, Nothing),
    key("buffers.capture", Section, Nothing),
    key(
        "buffers.capture.duration",
        Span("100ms", "1h"),
        Value("60s"),
    ),
    key("buffers.analysis", Section, Nothing),
    key("buffers.analysis.duration", Span("1s", "1m"), Value("3s")),
    key(
        "buffers.memory_budget",
        Bytes("64KiB", "1TiB"),
        Computed("the smaller of 512MiB and 25 % of the memory available"),
    ),
    key("buffers.pool", Bytes("0", "1TiB"), Value("0")),
    key("sources", Sections, Nothing),
    key(
        "sources[].name",
        Text,
        Computed("host[:port], or the name of the file or directory without its extension"),
    ),
    key("sources[].url", Hidden, Required),
    key("sources[].username", Hidden, Nothing),
    key("sources[].password_file", Hidden, Nothing),
    key("sources[].password_env", Hidden, Nothing),
    key("sources[].transport", Choice(&["tcp", "udp"]), Value("tcp")),
    key("sources[].tls", Section, Nothing),
    key("sources[].tls.ca_file", Text, Nothing),
    key("sources[].tls.pin_sha256", Text, Nothing),
    key("sources[].tls.server_name", Text, Nothing),
    key("sources[].enabled", Boolean, Value("true")),
    key("sources[].loop", Boolean, Value("false")),
    key("sources[].follow", Boolean, Value("false")),
    key(
        "sources[].pattern",
        Text,
        Computed("every name that ends like audio"),
    ),
    key("sources[].pcm", Section, Nothing),
    key(
        "sources[].pcm.format",
        Choice(PcmEncoding::NAMES),
        Computed("none; needed"),
    ),
    key(
        "sources[].pcm.sample_rate",
        Integer(1, 768_000),
        Computed("none; needed"),
    ),
    key(
        "sources[].pcm.channels",
        Integer(1, 26),
        Computed("none; needed"),
    ),
    key("sources[].stall_after", Span("1s", "1h"), Value("10s")),
    key("sources[].expect", Section, Nothing),
    key("sources[].expect.codec", Text, Nothing),
    key("sources[].expect.sample_rate", Integer(1, 768_000), Nothing),
    key("sources[].expect.channels", Integer(1, 32), Nothing),
    key("sources[].silence", Section, Nothing),
    key("sources[].silence.below_dbfs", Level(-120, 0), Value("-60")),
    key("sources[].silence.after", Span("1s", "7d"), Value("2m")),
    key("sources[].silence.quiet_hours", Texts, Value("[]")),
    key("sources[].silence.timezone", Text, Value("UTC")),
    key("connect", Section, Nothing),
    key("connect.timeout", Span("100ms", "5m"), Value("10s")),
    key("connect.per_host", Integer(1, 1_000), Value("4")),
    key("connect.total", Integer(1, 1_000), Value("32")),
    key("connect.backoff", Section, Nothing),
    key("connect.backoff.initial", Span("10ms", "1h"), Value("1s")),
    key("connect.backoff.max", Span("10ms", "1d"), Value("30s")),
    key(
        "connect.backoff.stable_after",
        Span("10ms", "1d"),
        Value("30s"),
    ),
    key("watch", Sections, Nothing),
    key(
        "watch[].name",
        Text,
        Computed("the command, or the unit without `.service`; else needed"),
    ),
    key("watch[].command", Text, Nothing),
    key("watch[].pid", Integer(1, 4_194_304), Nothing),
    key("watch[].pid_file", Text, Nothing),
    key("watch[].cgroup", Text, Nothing),
    key("watch[].systemd", Text, Nothing),
    key("watch[].metrics_url", Hidden, Nothing),
    key("watch[].memory_limit", Bytes("1MiB", "1TiB"), Nothing),
    key("memory", Section, Nothing),
    key("memory.sample_interval", Span("100ms", "1h"), Value("30s")),
    key("memory.analysis_interval", Span("100ms", "1d"), Value("2m")),
    key("memory.baseline_after", Span("0s", "7d"), Value("10m")),
    key("memory.window", Integer(2, 1_000), Value("20")),
    key("memory.min_points", Integer(2, 1_000), Value("5")),
    key("memory.confidence", Integer(1, 100), Value("70")),
    key("memory.limit", Bytes("1MiB", "1TiB"), Nothing),
    key("memory.thresholds", Section, Nothing),
    key(
        "memory.thresholds.growth_percent",
        Integer(1, 100_000),
        Value("20"),
    ),
    key(
        "memory.thresholds.external",
        Bytes("1KiB", "1TiB"),
        Value("80MiB"),
    ),
    key(
        "memory.thresholds.resident_to_heap_percent",
        Integer(1, 100_000),
        Value("150"),
    ),
    key(
        "memory.thresholds.resident",
        Bytes("1KiB", "1TiB"),
        Value("200MiB"),
    ),
    key(
        "memory.thresholds.growth_per_minute",
        Bytes("1KiB", "1TiB"),
        Value("5MiB"),
    ),
    key(
        "memory.thresholds.task_growth_percent",
        Integer(1, 100_000),
        Value("50"),
    ),
    key(
        "memory.thresholds.pressure_percent",
        Integer(1, 100),
        Value("5"),
    ),
    key(
        "memory.thresholds.idle_heap_percent",
        Integer(1, 100),
        Value("50"),
    ),
    key("probe", Section, Nothing),
    key("probe.targets", Texts, Computed("the names of all sources")),
    key("objects", Sections, Nothing),
    key("objects[].name", Text, Computed("none; needed")),
    key("objects[].max_count", Integer(0, u32::MAX), Nothing),
    key("objects[].max_bytes", Bytes("0", "1024TiB"), Nothing),
    key("objects[].expire_after", Span("1s", "7d"), Value("1m")),
    key("profiles", Section, Nothing),
    key("profiles.directory", Text, Computed("none; needed")),
    key("profiles.every", Span("1s", "7d"), Value("1h")),
    key("profiles.keep", Integer(1, 1_000), Value("24")),
    key("profiles.max_bytes", Bytes("1MiB", "1TiB"), Value("64MiB")),
    key("history", Section, Nothing),
    key("history.path", Text, Computed("none; needed")),
    key("history.max_size", Bytes("16MiB", "1TiB"), Value("500MB")),
    key("history.retain", Section, Nothing),
    key("history.retain.samples", Span("1m", "3650d"), Value("7d")),
    key("history.retain.consumers", Span("1m", "3650d"), Value("7d")),
    key("history.retain.alarms", Span("1m", "3650d"), Value("30d")),
    key(
        "history.retain.operations",
        Span("1m", "3650d"),
        Value("24h"),
    ),
    key("web", Section, Nothing),
    key("web.allowed_hosts", Texts, Value("[]")),
    key("web.audio", Boolean, Value("false")),
];

const fn joined<const N: usize>(first: &[Key], second: &[Key]) -> [Key; N] {
    let mut all = [first[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() {
            first[at]
        } else {
            second[at - first.len()]
        };
        at += 1;
    }
    all
}

/// The key at a path of the list.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The names of the keys directly inside the section at `path` (empty: the top).
pub(super) fn inside(path: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(move |key| {
        let rest = if path.is_empty() {
            key.path
        } else {
            key.path.strip_prefix(path)?.strip_prefix('.')?
        };
        (!rest.contains(['.', '['])).then_some(rest)
    })
}

impl Key {
    /// The default as a duration; zero for a key without one.
    pub(super) fn default_duration(&self) -> Duration {
        match self.default {
            Value(text) => parse_duration(text).unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// The default as a whole number; zero for a key without one.
    pub(super) fn default_integer(&self) -> u32 {
        match self.default {
            Value(text) => text.parse().unwrap_or_default(),
            _ => 0,
        }
    }

    /// The default as a size; zero for a key without one.
    pub(super) fn default_bytes(&self) -> ByteSize {
        match self.default {
            Value(text) => ByteSize::parse(text).unwrap_or_default(),
            _ => ByteSize(0),
        }
    }

    /// The default as a level; full scale for a key without one.
    pub(super) fn default_level(&self) -> Dbfs {
        match self.default {
            Value(text) => Dbfs::parse(text).unwrap_or(Dbfs::new(0)),
            _ => Dbfs::new(0),
        }
    }

    /// Whether the default is `true`.
    pub(super) fn default_flag(&self) -> bool {
        self.default == Value("true")
    }
}

/// Whether a duration lies within the bounds of [`Kind::Duration`].
pub(super) fn duration_within(value: Duration, min: &str, max: &str) -> bool {
    parse_duration(min).is_some_and(|min| value >= min)
        && parse_duration(max).is_some_and(|max| value <= max)
}

/// Whether a size lies within the bounds of [`Kind::Bytes`].
pub(super) fn bytes_within(value: ByteSize, min: &str, max: &str) -> bool {
    ByteSize::parse(min).is_some_and(|min| value >= min)
        && ByteSize::parse(max).is_some_and(|max| value <= max)
}
