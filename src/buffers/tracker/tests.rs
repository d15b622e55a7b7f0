use super::*;

const FORMAT: AudioFormat = AudioFormat {
    sample_rate: 8_000,
    channels: 1,
};

#[track_caller]
fn note(tracker: &Tracker, source: &str, outcome: AllocationResult) {
    tracker.note(
        Location::caller(),
        (&SourceId::new(source).unwrap(), BufferKind::Capture),
        (FORMAT, Duration::from_secs(1)),
        (outcome, None),
    );
}

#[test]
fn the_newest_attempts_and_backtraces_are_kept_and_all_are_counted() {
    let tracker = Tracker::default();
    tracker.set(Tracking {
        on: true,
        backtraces: true,
    });
    let all = KEPT_ATTEMPTS + 20;
    for n in 0..all {
        let outcome = match n {
            0 => AllocationResult::FirstAllocation,
            _ => AllocationResult::RepeatedBlocked,
        };
        note(&tracker, "garden", outcome);
    }
    let recording = tracker.recording(None, usize::MAX);
    assert_eq!(recording.attempts.len(), KEPT_ATTEMPTS);
    assert_eq!(recording.attempts[0].number, all as u64);
    assert_eq!(recording.callers.len(), 1, "one line asked");
    assert_eq!(
        recording.callers[0].1.outcomes,
        [all as u64, 1, all as u64 - 1, 0]
    );
    let traced = |attempt: &TrackedAttempt| attempt.backtrace.is_some();
    let (new, old) = recording.attempts.split_at(KEPT_BACKTRACES);
    assert!(new.iter().all(traced) && !old.iter().any(traced));
    let trace = new[0].backtrace();
    assert!(trace.len() > 1 && trace.len() <= FRAMES, "{trace:?}");
    let named = |frame: &String| frame.contains("the_newest_attempts_and_backtraces");
    assert!(trace.iter().any(named), "{trace:?}");
    assert!(!trace[0].contains("Backtrace"), "{trace:?}");
    assert!(
        !trace.iter().any(|frame| frame.contains(".rs")),
        "{trace:?}"
    );
}

#[test]
fn a_new_recording_forgets_the_old_one_and_an_ended_one_stays() {
    let tracker = Tracker::default();
    let on = |backtraces| Tracking {
        on: true,
        backtraces,
    };
    tracker.set(on(false));
    note(&tracker, "garden", AllocationResult::Error);
    note(&tracker, "gate", AllocationResult::Error);
    tracker.set(on(true));
    assert_eq!(tracker.recording(None, 9).recorded, 2, "only changed");
    let garden = SourceId::new("garden").unwrap();
    let recording = tracker.recording(Some(&garden), 9);
    assert_eq!((recording.attempts.len(), recording.callers.len()), (1, 1));
    assert!(recording.attempts[0].backtrace().is_empty());
    tracker.set(Tracking::default());
    assert_eq!(tracker.tracking(), Tracking::default());
    assert_eq!(tracker.recording(None, 1).attempts.len(), 1);
    tracker.set(on(false));
    assert_eq!(tracker.recording(None, 9).recorded, 0);
}

#[test]
fn callers_are_bounded_and_the_longest_silent_goes() {
    let tracker = Tracker::default();
    tracker.set(Tracking {
        on: true,
        backtraces: false,
    });
    for n in 0..KEPT_CALLERS + 3 {
        note(&tracker, &format!("s{n}"), AllocationResult::Error);
    }
    let callers = tracker.recording(None, 0).callers;
    assert_eq!(callers.len(), KEPT_CALLERS);
    let newest = format!("s{}", KEPT_CALLERS + 2);
    assert!(callers.iter().any(|row| row.0.source.as_str() == newest));
    assert!(!callers.iter().any(|row| row.0.source.as_str() == "s0"));
}

#[test]
fn a_site_is_told_relative_to_the_crate_and_has_a_name() {
    let site = CallSite::of(Location::caller());
    assert_eq!(site.file, "src/buffers/tracker/tests.rs");
    assert_eq!(site.module(), "buffers::tracker::tests");
    let folder = CallSite {
        file: "src/pipeline/mod.rs",
        line: 1,
    };
    assert_eq!(folder.module(), "pipeline");
}
