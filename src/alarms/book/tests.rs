use std::{collections::BTreeMap, time::UNIX_EPOCH};

use super::*;
use crate::alarms::{
    alarm::{Evidence, Key, Subject},
    kind::{AlarmState, Severity},
};

fn changes(count: usize) -> Outcome {
    let key = Key::new(AlarmKind::MemoryBudget, Subject::exporter());
    let change = |number: usize| {
        let since = UNIX_EPOCH + Duration::from_secs(number as u64);
        let alarm = AlarmStatus {
            id: key.id(since),
            key: key.clone(),
            state: AlarmState::Resolved,
            evidence: Evidence {
                severity: Severity::Warning,
                trigger: String::new(),
                value: None,
                threshold: None,
                figures: BTreeMap::new(),
                recommendations: Vec::new(),
            },
            since,
            fired_at: since,
            resolved_at: Some(since),
            resolution: Some(Resolution::Cleared),
            known: true,
            acknowledged: None,
            resolved_by: None,
            runbook: String::new(),
        };
        Change {
            at: since,
            event: Event::Resolved,
            alarm,
        }
    };
    Outcome {
        changes: (0..count).map(change).collect(),
        ..Outcome::default()
    }
}

#[test]
fn who_stores_changes_gets_each_of_them_and_what_he_misses_is_counted() {
    let book = Book::default();
    let mut events = book.subscribe();
    let mut stored = book.store();
    let outcome = changes(STORED);
    book.tell(&outcome);
    assert_eq!(book.lost(), 0);
    book.tell(&changes(3));
    assert_eq!(book.lost(), 3);
    for change in &outcome.changes {
        assert_eq!(*stored.try_recv().unwrap(), *change);
    }
    assert!(stored.try_recv().is_err());
    // A listener who is behind is told how far.
    let behind = broadcast::error::TryRecvError::Lagged((STORED + 3 - HEARD) as u64);
    assert_eq!(events.try_recv(), Err(behind));
}

#[test]
fn the_latest_that_are_over_are_remembered() {
    let book = Book::default();
    let outcome = changes(RECENT + 5);
    book.lock().remember(&outcome);
    let recent = book.snapshot();
    assert_eq!(recent.len(), RECENT);
    assert_eq!(recent[0], outcome.changes[RECENT + 4].alarm);
}
