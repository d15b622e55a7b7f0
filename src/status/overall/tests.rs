//! The verdict is never better than the truth.

use std::sync::Arc;

use super::*;
use crate::{
    buffers::{AllocationAnomaly, AnomalyKind},
    id::SourceId,
    memory::{ReadFailure, Unreadable},
    sources::SourceKind,
    units::ByteSize,
};

fn source(name: &str, state: State) -> SourceStatus {
    SourceStatus {
        since: Duration::from_secs(60),
        ..SourceStatus::new(SourceId::new(name).unwrap(), SourceKind::Rtsp, state)
    }
}

fn snapshot(sources: Vec<SourceStatus>) -> Snapshot {
    Snapshot {
        budget: (ByteSize(1), ByteSize(512 << 20)),
        ..Snapshot::of(sources)
    }
}

fn overall(snapshot: &Snapshot) -> Overall {
    Overall::of(Some(snapshot), Duration::from_secs(1))
}

#[test]
fn only_what_streams_or_rests_is_well() {
    for state in State::ALL {
        let all = overall(&snapshot(vec![
            source("well", State::Streaming),
            source("other", *state),
        ]));
        let well = matches!(state, State::Streaming | State::Ended | State::Disabled);
        assert_eq!(all.level == Level::Ok, well, "{state}");
        assert_eq!(all.reasons.is_empty(), well, "{state}");
    }
    let mut starting = source("starting", State::Connecting);
    let all = overall(&snapshot(vec![starting.clone()]));
    let told = (all.level, all.text());
    assert_eq!(
        told,
        (Level::Warning, "The source sends no audio.".to_owned())
    );
    starting.problem = Some("the name does not resolve".to_owned());
    assert_eq!(overall(&snapshot(vec![starting])).level, Level::Critical);
}

#[test]
fn a_source_of_which_much_is_missing_is_not_well() {
    let missing = |over: u64, audio_seconds: f64, state| {
        let mut flapping = source("flapping", state);
        flapping.detail.coverage.hour = crate::status::Covered {
            over: Duration::from_secs(over),
            expected_seconds: over as f64,
            audio_seconds,
            disconnects: 7,
        };
        overall(&snapshot(vec![flapping]))
    };
    let all = missing(85, 41.7, State::Streaming);
    assert_eq!(all.level, Level::Warning);
    let text = &all.reasons[0].text;
    assert!(
        text.contains("only 49 %") && text.contains("7 sessions ended"),
        "{text}"
    );
    assert_eq!(missing(85, 81.0, State::Streaming).level, Level::Ok);
    assert_eq!(
        missing(59, 1.0, State::Streaming).level,
        Level::Ok,
        "too early"
    );
    assert_eq!(missing(85, 1.0, State::Ended).level, Level::Ok);
}

#[test]
fn the_worst_comes_first_and_decides() {
    let mut odd = source("a", State::Streaming);
    odd.problem = Some("the sample rate is 8000 instead of 48000 Hz".to_owned());
    let mut picture = snapshot(vec![odd, source("b", State::Stalled)]);
    picture.program.reload_failed = true;
    let mut all = overall(&picture);
    assert_eq!(all.level, Level::Critical);
    let subjects = |all: &Overall| -> Vec<_> {
        all.reasons
            .iter()
            .map(|reason| reason.subject.clone())
            .collect()
    };
    assert_eq!(subjects(&all), ["b", "a", "configuration"]);
    assert!(all.reasons[1].text.contains("sample rate"), "{all:?}");
    all.add(reason("alarm", Level::Critical, "it rings"), true);
    assert_eq!(subjects(&all), ["b", "alarm", "a", "configuration"]);
    // What is known already is not told twice, but as what it has become.
    let of_source = |text: &str| Reason {
        about: About::Source,
        ..reason("a", Level::Critical, text)
    };
    all.add(of_source("an alarm of it"), true);
    assert_eq!(subjects(&all), ["b", "alarm", "a", "configuration"]);
    assert_eq!(all.reasons[2].level, Level::Critical);
    assert!(all.reasons[2].text.contains("sample rate"), "{all:?}");
    assert!(!all.reasons[2].text.contains("an alarm"), "{all:?}");
    assert_eq!(all.reasons[2].alarms, [""; 0]);
    // Another matter is told, and once, and can be told from the rest.
    let behind = Reason {
        alarms: vec!["a reader is behind".to_owned()],
        ..of_source("a reader is behind")
    };
    all.add(behind.clone(), false);
    all.add(behind, false);
    assert_eq!(all.reasons[2].alarms, ["a reader is behind"]);
    assert!(
        all.reasons[2]
            .text
            .ends_with("48000 Hz; a reader is behind")
    );
    // Nor is a process the source of its name.
    all.add(reason("a", Level::Warning, "no source"), true);
    assert_eq!(all.reasons.last().unwrap().text, "no source");
}

fn with(process: ProcessStatus) -> Overall {
    overall(&Snapshot {
        memory: vec![Arc::new(process)],
        ..snapshot(vec![source("well", State::Streaming)])
    })
}

#[test]
fn the_sentence_names_what_makes_the_level_and_is_not_counted() {
    let mut all = with(ProcessStatus::judged(Pattern::Leak, Severity::Critical));
    let sentence = "The source is streaming; critical: process recorder.";
    assert_eq!(all.text(), sentence);
    // What is less urgent is no part of it.
    all.add(reason("history", Level::Warning, "it is full"), false);
    assert_eq!(all.text(), sentence);
    for subject in ["cache", "budget", "notify"] {
        all.add(reason(subject, Level::Critical, "too much"), false);
    }
    assert_eq!(
        all.text(),
        "The source is streaming; critical: process recorder, cache and 2 more."
    );
    let mut well = overall(&snapshot(vec![source("well", State::Streaming)]));
    assert_eq!(well.text(), "The source is streaming.");
    // One that streams and is not well, whoever says so.
    let of_source = |subject| Reason {
        about: About::Source,
        ..reason(subject, Level::Warning, "it is silent")
    };
    well.add(of_source("well"), false);
    assert_eq!(
        well.text(),
        "The source is streaming; warning: source well."
    );
    let mut odd = source("odd", State::Streaming);
    odd.problem = Some("the sample rate is 8000 instead of 48000 Hz".to_owned());
    let all = overall(&snapshot(vec![odd, source("well", State::Streaming)]));
    assert_eq!(
        all.text(),
        "All 2 sources are streaming; warning: source odd."
    );
    // Nor does the count tell of one that has ended.
    let mut ended = source("dawn", State::Ended);
    ended.allocation_anomaly = Some(AllocationAnomaly {
        kind: AnomalyKind::Repeating,
        per_second: 3.0,
        lasting: Duration::from_secs(600),
    });
    let all = overall(&snapshot(vec![ended, source("well", State::Streaming)]));
    assert_eq!(all.text(), "The source is streaming; warning: source dawn.");
    // Of one that does not, the count says it.
    let mut all = overall(&snapshot(vec![
        source("gone", State::Stalled),
        source("well", State::Streaming),
    ]));
    let of_gone = Reason {
        level: Level::Critical,
        ..of_source("gone")
    };
    all.add(of_gone, false);
    assert_eq!(all.text(), "1 of 2 sources is streaming.");
    assert_eq!(Overall::of(None, Duration::ZERO).text(), "Starting.");
    let late = Overall::of(None, STALE_AFTER * 2);
    assert_eq!(late.text(), "Nothing is known yet; critical: capture.");
}

#[test]
fn one_is_no_number_of_them() {
    let mut picture = snapshot(vec![source("well", State::Streaming)]);
    let told = |picture: &Snapshot| overall(picture).reasons[0].text.clone();
    picture.program.panics = 1;
    assert!(told(&picture).starts_with("1 task ended"));
    picture.program.panics = 2;
    assert!(told(&picture).starts_with("2 tasks ended"));
}

#[test]
fn growth_that_soon_fills_the_memory_is_critical_before_it_has_a_name() {
    let level = |pattern, severity| {
        let all = with(ProcessStatus::judged(pattern, severity));
        let told = all
            .reasons
            .iter()
            .any(|reason| reason.text.contains("99 s"));
        assert_eq!(told, all.level != Level::Ok);
        all.level
    };
    assert_eq!(level(Pattern::Unknown, Severity::Critical), Level::Critical);
    assert_eq!(level(Pattern::Leak, Severity::High), Level::Warning);
    for severity in [Severity::None, Severity::Low] {
        assert_eq!(level(Pattern::Unknown, severity), Level::Ok);
    }
}

#[test]
fn no_crossing_hides_behind_another() {
    let crossing = |threshold, value, limit| Crossing {
        threshold,
        value,
        limit,
    };
    let all = with(ProcessStatus {
        crossings: vec![
            crossing(Threshold::Growth, 0.3, 0.2),
            crossing(Threshold::Pressure, 0.31, 0.05),
            // Of memory as good as none.
            crossing(Threshold::IdleHeap, 0.9, 0.5),
        ],
        ..ProcessStatus::judged(Pattern::Stable, Severity::None)
    });
    let text = &all.reasons[0].text;
    assert!(text.contains("30 %") && text.contains("31.0 %"), "{text}");
    assert!(!text.contains("90 %"), "{text}");
}

#[test]
fn an_old_picture_proves_nothing() {
    let well = snapshot(vec![source("well", State::Streaming)]);
    let level = |age| Overall::of(Some(&well), age).level;
    assert_eq!(level(LATE_AFTER), Level::Ok);
    assert_eq!(level(STALE_AFTER), Level::Warning);
    assert_eq!(level(STALE_AFTER + Duration::from_secs(1)), Level::Critical);
    assert_eq!(Overall::of(None, Duration::ZERO).level, Level::Warning);
    assert_eq!(overall(&snapshot(Vec::new())).level, Level::Warning);
}

#[test]
fn every_state_has_words_of_its_own() {
    let words: std::collections::BTreeSet<_> = State::ALL.iter().map(|s| in_words(*s).1).collect();
    assert_eq!(words.len(), State::COUNT);
}

#[test]
fn whom_nobody_could_look_at_is_told_although_it_runs() {
    let all = with(ProcessStatus {
        up: true,
        problem: Some(Unreadable {
            reason: ReadFailure::Local,
            problem: "no descriptor left".to_owned(),
        }),
        ..ProcessStatus::judged(Pattern::Stable, Severity::None)
    });
    assert!(all.text().contains("recorder"), "{}", all.text());
}
