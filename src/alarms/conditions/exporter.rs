//! The alarms of the program as a whole, and of tracked objects.

use super::{evidence, judged, raised_if, with};
use crate::{
    alarms::{
        alarm::{Evidence, Key, Subject},
        kind::{AlarmKind, Scope, Severity},
        machine::Reading,
    },
    history::{HistoryState, HistoryStatus},
    objects,
    sources::State,
    status::Snapshot,
};

/// Part of the budget that may be in use, and below which the alarm ends.
const BUDGET: (f64, f64) = (0.90, 0.85);

pub(super) fn readings(snapshot: &Snapshot) -> impl Iterator<Item = (Key, Reading)> + '_ {
    let budget = Key::new(AlarmKind::MemoryBudget, Subject::exporter());
    let objects = snapshot.objects.iter().flat_map(object);
    let history = Key::new(AlarmKind::HistoryFailing, Subject::exporter());
    let own = [
        (budget, of_budget(snapshot)),
        (history, of_history(&snapshot.history)),
    ];
    own.into_iter().chain(objects)
}

fn of_budget(snapshot: &Snapshot) -> Reading {
    let (used, size) = snapshot.budget;
    let share = used.0 as f64 / size.0.max(1) as f64;
    let mut sources = snapshot.sources.iter();
    let refused = sources.any(|source| source.state == State::OverBudget);
    let remedy = "Raise buffers.memory_budget or shorten buffers.capture.duration.";
    let figures = |found: Evidence| {
        let mut found = with(found, share, BUDGET.0);
        let bytes = [("used_bytes", used), ("budget_bytes", size)];
        let bytes = bytes.map(|(name, bytes)| (name.to_owned(), bytes.0 as f64));
        found.figures.extend(bytes);
        found
    };
    if refused {
        let trigger = "a source's buffer does not fit into the memory budget".to_owned();
        return Reading::Raised(figures(evidence(Severity::Critical, trigger, remedy)));
    }
    judged(share, BUDGET.0, BUDGET.1, || {
        let trigger = format!("audio buffers hold {used} of {size}");
        figures(evidence(Severity::Warning, trigger, remedy))
    })
}

fn of_history(status: &HistoryStatus) -> Reading {
    let failing = match status.state {
        HistoryState::Off | HistoryState::Writing => false,
        HistoryState::Failing | HistoryState::Refused => true,
    };
    raised_if(failing, || {
        let problem = status.problem.as_deref().unwrap_or("the log says why");
        let mut found = evidence(
            Severity::Warning,
            format!("no history is kept: {problem}"),
            "Mend what it says; it is tried again at least every 5 minutes. Capture and metrics go on.",
        );
        found
            .figures
            .insert("records_lost".to_owned(), status.lost as f64);
        found
    })
}

/// Too many, and ever more, are two alarms.
fn object(status: &objects::Status) -> [(Key, Reading); 2] {
    let key = |aspect: &str| {
        let subject = Subject::new(Scope::Object, &status.name);
        let key = Key::new(AlarmKind::TrackedObjects, subject);
        Key {
            aspect: aspect.to_owned(),
            ..key
        }
    };
    let (count, limit) = (status.amount.count, status.thresholds.max_count);
    let over = raised_if(status.over, || {
        let found = evidence(
            Severity::Warning,
            format!("there are {count}, more than its threshold allows"),
            "See who holds them, and whether they are given back.",
        );
        Evidence {
            value: Some(count as f64),
            threshold: limit.map(|limit| limit as f64),
            ..figures(status, found)
        }
    });
    let growing = raised_if(status.growing, || {
        let found = evidence(
            Severity::Warning,
            format!("there are {count}, ever more for ten minutes"),
            "Something takes them and does not give them back.",
        );
        Evidence {
            value: Some(count as f64),
            ..figures(status, found)
        }
    });
    [(key("over"), over), (key("growing"), growing)]
}

fn figures(status: &objects::Status, mut evidence: Evidence) -> Evidence {
    let bytes = status.amount.bytes.map(|bytes| ("bytes", bytes));
    let figures = [("count", status.amount.count), ("peak", status.peak.count)];
    let figures = figures.into_iter().chain(bytes);
    let figures = figures.map(|(name, figure)| (name.to_owned(), figure as f64));
    evidence.figures.extend(figures);
    evidence
}
