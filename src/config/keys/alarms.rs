//! The keys of alarms and of who is told of them.

use super::{
    Fallback::{Computed, Nothing, Value},
    Key,
    Kind::{Boolean, Bytes, Duration as Span, Hidden, Integer, Section, Sections, Text, Texts},
    key,
};

pub(super) const KEYS: &[Key] = &[
    key("sources[].alarms", Section, Nothing),
    key("sources[].alarms.disabled", Texts, Value("[]")),
    key("sources[].alarms.quiet_hours", Texts, Value("[]")),
    key("sources[].alarms.timezone", Text, Value("UTC")),
    key("sources[].alarms.for", Section, Nothing),
    hold("sources[].alarms.for.source_down", "2m"),
    hold("sources[].alarms.for.source_stalled", "0s"),
    hold("sources[].alarms.for.silent", "0s"),
    hold("sources[].alarms.for.stuck", "10s"),
    hold("sources[].alarms.for.clipping", "1m"),
    hold("sources[].alarms.for.format_mismatch", "10s"),
    hold("sources[].alarms.for.repeated_allocations", "5m"),
    hold("sources[].alarms.for.reader_lag", "10s"),
    key("alarms", Section, Nothing),
    key("alarms.max_per_hour", Integer(1, 1_000), Value("10")),
    key("alarms.max_per_hour_each", Integer(1, 1_000), Value("3")),
    key("alarms.keep_firing", Span("0s", "1d"), Value("1m")),
    key("alarms.reopen_after", Span("1m", "30d"), Value("1d")),
    key("alarms.disabled", Texts, Value("[]")),
    key(
        "alarms.state_file",
        Text,
        Computed("none: a restart forgets"),
    ),
    key("notify", Section, Nothing),
    key("notify.external_url", Text, Nothing),
    key("notify.repeat_interval", Span("1m", "7d"), Value("4h")),
    key("notify.file", Section, Nothing),
    key("notify.file.path", Text, Computed("none; needed")),
    key(
        "notify.file.max_bytes",
        Bytes("4KiB", "1GiB"),
        Value("10MiB"),
    ),
    key("notify.file.keep", Integer(0, 100), Value("5")),
    key("notify.webhooks", Sections, Nothing),
    key("notify.webhooks[].url", Hidden, Computed("none; needed")),
    key("notify.webhooks[].headers_file", Hidden, Nothing),
    key(
        "notify.webhooks[].timeout",
        Span("100ms", "5m"),
        Value("10s"),
    ),
    key("notify.webhooks[].send_resolved", Boolean, Value("true")),
    key("notify.webhooks[].patterns", Boolean, Value("false")),
    key("notify.webhooks[].tls", Section, Nothing),
    key("notify.webhooks[].tls.ca_file", Text, Nothing),
    key("notify.webhooks[].tls.pin_sha256", Text, Nothing),
    key("notify.webhooks[].tls.server_name", Text, Nothing),
    key("notify.alertmanagers", Sections, Nothing),
    key(
        "notify.alertmanagers[].url",
        Hidden,
        Computed("none; needed"),
    ),
    key("notify.alertmanagers[].headers_file", Hidden, Nothing),
    key(
        "notify.alertmanagers[].timeout",
        Span("100ms", "5m"),
        Value("10s"),
    ),
    key(
        "notify.alertmanagers[].resend",
        Span("1s", "1h"),
        Value("1m"),
    ),
    key("notify.alertmanagers[].tls", Section, Nothing),
    key("notify.alertmanagers[].tls.ca_file", Text, Nothing),
    key("notify.alertmanagers[].tls.pin_sha256", Text, Nothing),
    key("notify.alertmanagers[].tls.server_name", Text, Nothing),
];

/// How long a condition must hold.
const fn hold(path: &'static str, default: &'static str) -> Key {
    key(path, Span("0s", "7d"), Value(default))
}
