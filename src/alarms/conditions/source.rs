//! The alarms of a source.
//!
//! While a source does not stream, nothing is known of its signal, its format and its readers:
//! their alarms neither fire nor end then. One that has ended or is switched off has none.

use std::time::Duration;

use super::{evidence, judged, raised_if, with};
use crate::{
    alarms::{
        alarm::{Evidence, Key, Subject},
        kind::{AlarmKind, Scope, Severity},
        machine::Reading,
    },
    signal,
    sources::State,
    status::{SourceStatus, in_words},
    units::Roughly,
};

/// Part of the samples of a minute that may be clipped, and below which the alarm ends.
const CLIPPED: (f64, f64) = (0.01, 0.001);
/// Share of its buffer that a reader may lag behind, and below which the alarm ends.
const LAG: (f64, f64) = (0.80, 0.70);
/// Above this share audio is about to be lost.
const LAG_CRITICAL: f64 = 0.95;

/// The longest piece of audio that is noticed to come again lasts 4 s; half of it may be silent, and
/// 5 s of sound must repeat.
const STUCK_KNOWN_AFTER: Duration = Duration::from_secs(15);
/// The minute that is looked at.
const CLIPPING_KNOWN_AFTER: Duration = Duration::from_secs(60);

/// Part of the audio of the last minutes that may be missing where sessions end again and again, and
/// below which the alarm ends.
const FLAPPING: (f64, f64) = (0.25, 0.10);
/// How many sessions end then, and how long they must have been counted.
const FLAPPING_SESSIONS: u64 = 3;
const FLAPPING_KNOWN_AFTER: Duration = Duration::from_secs(60);
/// A source without audio for so long has stopped to come back.
const GONE_AFTER: Duration = Duration::from_secs(60);

pub(super) fn readings(source: &SourceStatus) -> impl Iterator<Item = (Key, Reading)> {
    let subject = Subject::new(Scope::Source, source.id.as_str());
    AlarmKind::of(Scope::Source).map(move |kind| {
        let mut reading = reading(source, kind);
        if let Reading::Raised(evidence) = &mut reading {
            add_figures(source, evidence);
        }
        (Key::new(kind, subject.clone()), reading)
    })
}

fn reading(source: &SourceStatus, kind: AlarmKind) -> Reading {
    if !source.is_expected() {
        return Reading::Clear;
    }
    let streaming = source.state == State::Streaming;
    match kind {
        AlarmKind::SourceDown => down_or_flapping(source),
        AlarmKind::SourceStalled => stalled(source),
        AlarmKind::RepeatedAllocations => {
            let Some(anomaly) = source.allocation_anomaly else {
                return Reading::Clear;
            };
            let text = anomaly.to_string();
            let (what, remedy) = text.split_once(": ").unwrap_or((&text, ""));
            let found = evidence(Severity::Warning, what.to_owned(), remedy);
            Reading::Raised(with(found, anomaly.per_second, 0.1))
        }
        _ if !streaming => Reading::Unknown,
        AlarmKind::FormatMismatch if source.format.is_none() && source.mismatches.is_empty() => {
            Reading::Unknown
        }
        AlarmKind::FormatMismatch => raised_if(!source.mismatches.is_empty(), || {
            evidence(
                Severity::Warning,
                format!(
                    "it sends another {} than `expect` says",
                    source.mismatches.join(" and ")
                ),
                "Set the source back, or correct `expect` if the new format is meant.",
            )
        }),
        AlarmKind::ReaderLag => source.reader_lag.map_or(Reading::Clear, lag),
        _ => source
            .signal
            .as_ref()
            .map_or(Reading::Unknown, |signal| of_signal(signal, kind)),
    }
}

/// A source that is there again and again for a moment is down, too.
fn down_or_flapping(source: &SourceStatus) -> Reading {
    let minutes = &source.detail.coverage.minutes;
    let ended = minutes.disconnects;
    let measured = minutes.over >= FLAPPING_KNOWN_AFTER && ended >= FLAPPING_SESSIONS;
    let missing = minutes.ratio().filter(|_| measured).map(|came| 1.0 - came);
    let flaps = missing.map(|missing| {
        judged(missing, FLAPPING.0, FLAPPING.1, || {
            let (percent, over) = ((1.0 - missing) * 100.0, Roughly(minutes.over));
            let found = evidence(
                Severity::Warning,
                format!(
                    "audio arrives only {percent:.0} % of the time: {ended} sessions ended in the \
                     last {over}"
                ),
                source.problem.as_deref().unwrap_or(
                    "See why sessions end: the log names the reason. Often it is the network, or \
                     a camera that restarts.",
                ),
            );
            with(found, missing, FLAPPING.0)
        })
    });
    let gone_for_good = source
        .without_audio
        .is_none_or(|without| without >= GONE_AFTER);
    match flaps {
        Some(flapping @ Reading::Raised(_))
            if source.state == State::Streaming || !gone_for_good =>
        {
            flapping
        }
        _ if source.state != State::Streaming => Reading::Raised(down(source)),
        flaps => flaps.unwrap_or(Reading::Clear),
    }
}

fn down(source: &SourceStatus) -> Evidence {
    let remedy = source.problem.as_deref();
    evidence(
        Severity::Critical,
        format!("no audio arrives: {}", in_words(source.state).1),
        remedy.unwrap_or("See that the source runs and can be reached; the page names the cause."),
    )
}

/// An attempt to mend it says nothing yet.
fn stalled(source: &SourceStatus) -> Reading {
    match source.state {
        State::Stalled => Reading::Raised(evidence(
            Severity::Critical,
            "the session is open, but no audio comes".to_owned(),
            "The camera's encoder or microphone hangs: restart it. A recorder beside us probably \
             hangs as well.",
        )),
        State::Connecting | State::BackingOff => Reading::Between,
        _ => Reading::Clear,
    }
}

/// What has not been listened to for long enough is not well yet.
fn of_signal(signal: &signal::View, kind: AlarmKind) -> Reading {
    let (undecided, found) = match kind {
        AlarmKind::Silent => (signal.silence_undecided, silent_or_not(signal)),
        AlarmKind::Stuck => (signal.measured < STUCK_KNOWN_AFTER, stuck_or_not(signal)),
        AlarmKind::Clipping => (signal.measured < CLIPPING_KNOWN_AFTER, clipping(signal)),
        _ => (false, Reading::Clear),
    };
    match found {
        Reading::Clear if undecided => Reading::Unknown,
        found => found,
    }
}

fn silent_or_not(signal: &signal::View) -> Reading {
    raised_if(signal.silent, || {
        let how = match signal.silence() {
            Some(signal::Silence::Digital) => "digitally silent: every sample is the same",
            _ => "quieter than `silence.below_dbfs`",
        };
        evidence(
            Severity::Critical,
            format!("the audio has been {how}, for longer than `silence.after`"),
            "Check the microphone, its cable and its power; if silence is normal at this hour, set \
             `silence.quiet_hours`.",
        )
    })
}

fn stuck_or_not(signal: &signal::View) -> Reading {
    raised_if(signal.stuck, || {
        evidence(
            Severity::Critical,
            "the same audio comes again and again".to_owned(),
            "The source repeats a piece of audio: restart it.",
        )
    })
}

fn clipping(signal: &signal::View) -> Reading {
    judged(signal.clipped, CLIPPED.0, CLIPPED.1, || {
        let percent = signal.clipped * 100.0;
        let found = evidence(
            Severity::Warning,
            format!("{percent:.1} % of the last minute's samples are clipped"),
            "Lower the gain of the microphone or camera.",
        );
        with(found, signal.clipped, CLIPPED.0)
    })
}

fn lag(share: f64) -> Reading {
    judged(share, LAG.0, LAG.1, || {
        let critical = share > LAG_CRITICAL;
        let (severity, limit) = if critical {
            (Severity::Critical, LAG_CRITICAL)
        } else {
            (Severity::Warning, LAG.0)
        };
        let percent = share * 100.0;
        let found = evidence(
            severity,
            format!("a reader is behind by {percent:.0} % of its buffer"),
            "Whoever takes the audio is too slow: look at its CPU time and network, or lengthen \
             buffers.capture.duration.",
        );
        with(found, share, limit)
    })
}

fn add_figures(source: &SourceStatus, evidence: &mut Evidence) {
    let mut add = |name: &str, value: f64| evidence.figures.insert(name.to_owned(), value);
    add("state_seconds", source.since.as_secs_f64());
    add("audio_seconds", source.audio_seconds);
    add("expected_seconds", source.expected_seconds);
    if let Some(signal) = &source.signal {
        add("peak", signal.peak);
        add("clipped", signal.clipped);
        if let Some(window) = &signal.window {
            add("rms", window.rms);
        }
    }
}
