use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    alarms::kind::{AlarmKind, Scope},
    id::SourceId,
    memory::{
        ProcessStatus, ReadFailure, Unreadable,
        verdict::{Pattern, Severity as Urgency},
    },
    objects, signal,
    sources::{SourceKind, State},
    status::SourceStatus,
    units::ByteSize,
};

fn source(state: State) -> SourceStatus {
    let id = SourceId::new("garden").unwrap();
    SourceStatus {
        signal: (state == State::Streaming).then_some(signal::View {
            window: None,
            peak: 0.5,
            clipped: 0.0,
            silent: false,
            stuck: false,
            measured: Duration::from_secs(120),
            silence_undecided: false,
        }),
        reader_lag: Some(0.1),
        ..SourceStatus::new(id, SourceKind::Rtsp, state)
    }
}

fn snapshot(sources: Vec<SourceStatus>) -> Snapshot {
    Snapshot {
        budget: (ByteSize(10), ByteSize(100)),
        ..Snapshot::of(sources)
    }
}

fn of_source(source: SourceStatus) -> BTreeMap<AlarmKind, Reading> {
    let snapshot = snapshot(vec![source]);
    let options = AlarmOptions::default();
    let seen = seen(&snapshot, &options);
    let own = seen.filter(|(key, _)| key.subject.scope == Scope::Source);
    own.map(|(key, reading)| (key.kind, reading)).collect()
}

/// The alarms whose condition holds, with their severities.
fn raised(source: SourceStatus) -> Vec<(AlarmKind, Severity)> {
    let readings = of_source(source).into_iter();
    let raised = readings.filter_map(|(kind, reading)| match reading {
        Reading::Raised(evidence) => Some((kind, evidence.severity)),
        _ => None,
    });
    raised.collect()
}

use AlarmKind::{SourceDown, SourceStalled, TrackedObjects};
use Severity::{Critical, Warning};

type Change = fn(&mut SourceStatus);

#[test]
fn each_fault_raises_its_own_alarm() {
    assert_eq!(raised(source(State::Streaming)), []);
    let table: [(AlarmKind, Severity, Change); 7] = [
        (AlarmKind::Silent, Critical, |s| {
            s.signal.as_mut().unwrap().silent = true;
        }),
        (AlarmKind::Stuck, Critical, |s| {
            s.signal.as_mut().unwrap().stuck = true;
        }),
        (AlarmKind::Clipping, Warning, |s| {
            s.signal.as_mut().unwrap().clipped = 0.02;
        }),
        (AlarmKind::FormatMismatch, Warning, |s| {
            s.mismatches.push("codec");
        }),
        (AlarmKind::ReaderLag, Warning, |s| s.reader_lag = Some(0.81)),
        (AlarmKind::ReaderLag, Critical, |s| {
            s.reader_lag = Some(0.96);
        }),
        (AlarmKind::RepeatedAllocations, Warning, |s| {
            s.allocation_anomaly = Some(crate::buffers::AllocationAnomaly {
                kind: crate::buffers::AnomalyKind::Repeating,
                per_second: 0.2,
                lasting: Duration::from_secs(60),
            });
        }),
    ];
    for (kind, severity, change) in table {
        let mut source = source(State::Streaming);
        change(&mut source);
        assert_eq!(raised(source), [(kind, severity)]);
    }
    let down = (AlarmKind::SourceDown, Critical);
    assert_eq!(raised(source(State::BackingOff)), [down]);
    assert_eq!(
        raised(source(State::Stalled)),
        [down, (AlarmKind::SourceStalled, Critical)]
    );
    assert_eq!(raised(source(State::Disabled)), []);
    assert_eq!(raised(source(State::Ended)), []);
}

#[test]
fn of_a_source_that_does_not_stream_the_signal_is_unknown() {
    let readings = of_source(source(State::BackingOff));
    for kind in [
        AlarmKind::Silent,
        AlarmKind::Stuck,
        AlarmKind::Clipping,
        AlarmKind::FormatMismatch,
        AlarmKind::ReaderLag,
    ] {
        assert_eq!(readings[&kind], Reading::Unknown, "{kind}");
    }
    let ended = of_source(source(State::Ended));
    assert!(ended.values().all(|reading| *reading == Reading::Clear));
}

#[test]
fn what_has_not_been_listened_to_for_long_enough_is_not_over() {
    let known = |measured, undecided| {
        let mut source = source(State::Streaming);
        let signal = source.signal.as_mut().unwrap();
        signal.measured = Duration::from_secs(measured);
        signal.silence_undecided = undecided;
        let readings = of_source(source);
        let kinds = [AlarmKind::Silent, AlarmKind::Stuck, AlarmKind::Clipping];
        kinds.map(|kind| readings[&kind] == Reading::Clear)
    };
    assert_eq!(known(1, true), [false, false, false]);
    assert_eq!(known(20, true), [false, true, false]);
    assert_eq!(known(60, false), [true, true, true]);
}

#[test]
fn a_source_that_comes_and_goes_is_down_although_it_streams_now() {
    let down = |state, audio_seconds, disconnects| {
        let mut source = source(state);
        source.without_audio = Some(Duration::from_secs(5));
        source.detail.coverage.minutes = crate::status::Covered {
            over: Duration::from_secs(85),
            expected_seconds: 85.0,
            audio_seconds,
            disconnects,
        };
        of_source(source).remove(&SourceDown).unwrap()
    };
    for state in [State::Streaming, State::BackingOff] {
        let Reading::Raised(found) = down(state, 41.7, 7) else {
            panic!("{state}")
        };
        assert_eq!(found.severity, Warning, "{state}");
        assert!(found.trigger.contains("49 %") && found.trigger.contains("7 sessions"));
    }
    assert_eq!(down(State::Streaming, 75.0, 7), Reading::Between);
    assert_eq!(down(State::Streaming, 80.0, 7), Reading::Clear);
    assert_eq!(
        down(State::Streaming, 30.0, 1),
        Reading::Clear,
        "one outage"
    );
    // It does not come back any more.
    let mut gone = source(State::BackingOff);
    gone.detail.coverage.minutes.disconnects = 7;
    gone.without_audio = Some(Duration::from_secs(60));
    assert_eq!(raised(gone), [(SourceDown, Critical)]);
}

#[test]
fn there_is_a_band_in_which_nothing_changes() {
    let lagging = |share| {
        let mut source = source(State::Streaming);
        source.reader_lag = Some(share);
        of_source(source).remove(&AlarmKind::ReaderLag).unwrap()
    };
    assert_eq!(lagging(0.75), Reading::Between);
    assert_eq!(lagging(0.70), Reading::Clear);
    let budget = |used| {
        let mut snapshot = snapshot(Vec::new());
        snapshot.budget.0 = ByteSize(used);
        let options = AlarmOptions::default();
        let first = seen(&snapshot, &options).next().unwrap();
        first.1
    };
    assert_eq!(budget(85), Reading::Clear);
    assert_eq!(budget(90), Reading::Between);
    assert!(matches!(budget(91), Reading::Raised(_)));
}

#[test]
fn what_is_switched_off_is_not_there() {
    let mut snapshot = snapshot(vec![source(State::Stalled)]);
    snapshot.objects.push(objects::Status {
        name: "cache".to_owned(),
        own: false,
        amount: objects::Amount::of(11),
        peak: objects::Amount::of(12),
        thresholds: objects::Thresholds {
            max_count: Some(10),
            max_bytes: None,
        },
        over: true,
        growing: false,
        reports: Vec::new(),
    });
    let kinds = |options: &AlarmOptions| -> Vec<AlarmKind> {
        let raised = |(_, reading): &(Key, Reading)| matches!(reading, Reading::Raised(_));
        let seen = seen(&snapshot, options).filter(raised);
        seen.map(|(key, _)| key.kind).collect()
    };
    let mut options = AlarmOptions::default();
    assert_eq!(kinds(&options), [SourceDown, SourceStalled, TrackedObjects]);
    options.disabled = vec![TrackedObjects];
    let garden = options.sources.entry(SourceId::new("garden").unwrap());
    garden.or_default().disabled = vec![SourceDown];
    assert_eq!(kinds(&options), [SourceStalled]);
}

/// What fills the memory within the hour waits for no name; what else has none says nothing.
#[test]
fn growth_that_soon_fills_the_memory_is_told_whatever_its_pattern() {
    let memory_pattern = |aspect: &str, pattern, severity| {
        let mut snapshot = snapshot(Vec::new());
        snapshot.memory = vec![Arc::new(ProcessStatus::judged(pattern, severity))];
        let options = AlarmOptions::default();
        let mut seen = seen(&snapshot, &options);
        let found =
            seen.find(|(key, _)| key.kind == AlarmKind::MemoryPattern && key.aspect == aspect);
        found.unwrap().1
    };
    let fills = memory_pattern("limit", Pattern::Unknown, Urgency::Critical);
    let Reading::Raised(evidence) = fills else {
        panic!("not told: {fills:?}");
    };
    assert_eq!(evidence.severity, Critical);
    assert!(evidence.trigger.contains("a minute"), "{evidence:?}");
    assert!(evidence.recommendations[0].contains("99 s"), "{evidence:?}");
    for (aspect, pattern, severity, told) in [
        ("", Pattern::Unknown, Urgency::Critical, Reading::Unknown),
        // It is over before anything has a name.
        ("limit", Pattern::Unknown, Urgency::Low, Reading::Clear),
        ("", Pattern::Unknown, Urgency::Low, Reading::Unknown),
        // It has one.
        ("limit", Pattern::Linear, Urgency::Critical, Reading::Clear),
        ("limit", Pattern::Stable, Urgency::None, Reading::Clear),
        ("", Pattern::Stable, Urgency::None, Reading::Clear),
    ] {
        let reading = memory_pattern(aspect, pattern, severity);
        assert_eq!(reading, told, "{aspect} {pattern} {severity}");
    }
}

#[test]
fn a_jump_is_told_without_a_rate() {
    let mut snapshot = snapshot(Vec::new());
    snapshot.memory = vec![Arc::new(ProcessStatus::judged(
        Pattern::Spike,
        Urgency::Medium,
    ))];
    let options = AlarmOptions::default();
    let mut seen = seen(&snapshot, &options);
    let found = seen.find(|(key, _)| key.kind == AlarmKind::MemorySpike);
    let Reading::Raised(evidence) = found.unwrap().1 else {
        panic!("not told");
    };
    assert!(evidence.trigger.contains("has just jumped"), "{evidence:?}");
    assert!(!evidence.trigger.contains("a minute"), "{evidence:?}");
    assert_eq!(evidence.value, None);
}

#[test]
fn whom_nobody_could_look_at_is_not_down() {
    for (reason, is_down) in [(ReadFailure::NotFound, true), (ReadFailure::Local, false)] {
        let mut snapshot = snapshot(Vec::new());
        let problem = "what is wrong".to_owned();
        snapshot.memory = vec![Arc::new(ProcessStatus {
            up: false,
            problem: Some(Unreadable { reason, problem }),
            ..ProcessStatus::judged(Pattern::Stable, Urgency::None)
        })];
        let options = AlarmOptions::default();
        let mut seen = seen(&snapshot, &options);
        let found = seen.find(|(key, _)| key.kind == AlarmKind::ProcessDown);
        match found.unwrap().1 {
            Reading::Raised(evidence) => {
                assert!(is_down);
                assert!(evidence.trigger.contains("what is wrong"), "{evidence:?}");
            }
            other => assert!(!is_down && other == Reading::Unknown, "{other:?}"),
        }
    }
}
