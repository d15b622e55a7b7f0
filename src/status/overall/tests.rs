//! The verdict is never better than the truth.

use super::*;
use crate::{id::SourceId, sources::SourceKind, units::ByteSize};

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
    let told = (all.level, all.text.as_str());
    assert_eq!(told, (Level::Warning, "The source sends no audio."));
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
