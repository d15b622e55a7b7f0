//! The alarms of a process. One that cannot be looked at has a memory of which nothing is known.

use std::sync::Arc;

use super::{evidence, raised_if, with};
use crate::{
    alarms::{
        alarm::{Evidence, Key, Subject},
        kind::{AlarmKind, Scope, Severity},
        machine::Reading,
    },
    memory::{
        ProcessStatus, ReadFailure,
        thresholds::{Crossing, Threshold},
        verdict::{Pattern, Severity as Urgency, Verdict},
    },
    units::ByteSize,
};

pub(super) fn readings(status: &Arc<ProcessStatus>) -> impl Iterator<Item = (Key, Reading)> {
    let subject = Subject::new(Scope::Process, status.name.as_str());
    let mut all = vec![(AlarmKind::ProcessDown, "", down(status))];
    for kind in [
        AlarmKind::MemoryPattern,
        AlarmKind::MemoryLeak,
        AlarmKind::MemorySpike,
    ] {
        all.push((kind, "", behaviour(status, kind)));
    }
    all.push((AlarmKind::MemoryPattern, "limit", nameless(status)));
    for threshold in Threshold::ALL {
        let reading = crossed(status, *threshold);
        all.push((AlarmKind::MemoryThreshold, threshold.as_str(), reading));
    }
    all.into_iter().map(move |(kind, aspect, mut reading)| {
        let mut key = Key::new(kind, subject.clone());
        aspect.clone_into(&mut key.aspect);
        if let Reading::Raised(evidence) = &mut reading {
            add_figures(status, evidence);
        }
        (key, reading)
    })
}

fn down(status: &ProcessStatus) -> Reading {
    if !status.up && status.problem.is_none() && status.reading.is_none() {
        // Nobody has looked yet.
        return Reading::Unknown;
    }
    let problem = status.problem.as_ref();
    if problem.is_some_and(|problem| problem.reason == ReadFailure::Local) {
        // Nobody could look.
        return Reading::Unknown;
    }
    raised_if(!status.up, || {
        let trigger = problem.map(|problem| format!("it cannot be watched: {problem}"));
        evidence(
            Severity::Critical,
            trigger.unwrap_or_else(|| "it does not run".to_owned()),
            "Start it again, and see in its own log and in the kernel's why it ended.",
        )
    })
}

fn behaviour(status: &ProcessStatus, kind: AlarmKind) -> Reading {
    let Some(verdict) = &status.verdict else {
        return Reading::Unknown;
    };
    let meant = match (kind, verdict.pattern) {
        (_, Pattern::Unknown) => return Reading::Unknown,
        (AlarmKind::MemoryLeak, pattern) => pattern == Pattern::Leak,
        (AlarmKind::MemorySpike, pattern) => pattern == Pattern::Spike,
        (_, pattern) => matches!(pattern, Pattern::Linear | Pattern::Exponential),
    };
    raised_if(meant, || judgement(verdict))
}

/// What fills the memory within the hour cannot wait for a name; nor does its end.
fn nameless(status: &ProcessStatus) -> Reading {
    let Some(verdict) = &status.verdict else {
        return Reading::Unknown;
    };
    let fills = verdict.pattern == Pattern::Unknown && verdict.severity == Urgency::Critical;
    raised_if(fills, || judgement(verdict))
}

fn judgement(verdict: &Verdict) -> Evidence {
    let severity = match verdict.severity {
        Urgency::Critical => Severity::Critical,
        _ => Severity::Warning,
    };
    let spike = verdict.pattern == Pattern::Spike;
    let percent = verdict.confidence * 100.0;
    let slope = ByteSize(verdict.slope_bytes_per_second.abs() as u64 * 60);
    let trigger = match verdict.pattern {
        Pattern::Unknown => format!("its memory grows by {slope} a minute, too fast for its limit"),
        Pattern::Spike => {
            format!("its memory has just jumped: pattern spike with {percent:.0} % confidence")
        }
        pattern => format!(
            "its memory shows the pattern {pattern} with {percent:.0} % confidence, {slope} a minute"
        ),
    };
    let found = evidence(severity, trigger, verdict.recommendation.clone());
    Evidence {
        // A jump has no rate.
        value: (!spike).then_some(verdict.slope_bytes_per_second),
        ..found
    }
}

fn crossed(status: &ProcessStatus, threshold: Threshold) -> Reading {
    if status.reading.is_none() {
        return Reading::Unknown;
    }
    let mut crossings = status.crossings.iter();
    let crossing = crossings.find(|crossing| crossing.threshold == threshold);
    crossing.map_or(Reading::Clear, |crossing| {
        Reading::Raised(of_crossing(crossing))
    })
}

fn of_crossing(crossing: &Crossing) -> Evidence {
    let Crossing {
        threshold,
        value,
        limit,
    } = *crossing;
    let bytes = |figure: f64| ByteSize(figure.max(0.0) as u64).to_string();
    let percent = |figure: f64| format!("{:.0} %", figure * 100.0);
    let shown = |figure| match threshold {
        Threshold::External | Threshold::Resident => bytes(figure),
        Threshold::GrowthRate => format!("{} a minute", bytes(figure * 60.0)),
        _ => percent(figure),
    };
    let (what, remedy) = match threshold {
        Threshold::Growth => (
            "growth since the baseline",
            "See what it keeps: look at its pattern and growth.",
        ),
        Threshold::External => (
            "memory outside the heap",
            "Look at native libraries, connection pools, and files that are mapped or not closed.",
        ),
        Threshold::ResidentToHeap => (
            "resident memory relative to the heap",
            "The allocator or native code holds what the heap does not: see fragmentation.",
        ),
        Threshold::Resident => (
            "resident memory",
            "See whether that is its normal size, and raise the threshold then.",
        ),
        Threshold::GrowthRate => (
            "growth",
            "Look at its pattern; if it goes on, find what it keeps.",
        ),
        Threshold::Tasks => (
            "growth of the number of tasks or threads",
            "Something starts tasks that do not end.",
        ),
        Threshold::Pressure => (
            "time spent waiting for memory or collecting it",
            "Give it more memory, or less to do.",
        ),
        Threshold::IdleHeap => (
            "the idle part of the heap",
            "A restart gives it back, if it matters.",
        ),
    };
    let found = evidence(
        Severity::Warning,
        format!("{what} is {}, above {}", shown(value), shown(limit)),
        remedy,
    );
    with(found, value, limit)
}

fn add_figures(status: &ProcessStatus, evidence: &mut Evidence) {
    let verdict = status.verdict.as_ref();
    let reading = status.reading.as_ref();
    let bytes = |figure: Option<u64>| figure.map(|bytes| bytes as f64);
    for (name, value) in [
        ("resident_bytes", bytes(reading.map(|now| now.resident))),
        ("heap_bytes", bytes(reading.and_then(|now| now.kinds.heap))),
        (
            "external_bytes",
            bytes(reading.and_then(|now| now.kinds.external)),
        ),
        ("limit_bytes", bytes(reading.and_then(|now| now.limit))),
        ("baseline_bytes", bytes(status.baseline)),
        ("confidence", verdict.map(|verdict| verdict.confidence)),
        (
            "growth_bytes_per_second",
            verdict.map(|verdict| verdict.slope_bytes_per_second),
        ),
        (
            "seconds_to_limit",
            verdict.and_then(|verdict| verdict.seconds_to_limit),
        ),
    ] {
        // A document has no place for what is no number.
        if let Some(value) = value.filter(|value| value.is_finite()) {
            evidence.figures.insert(name.to_owned(), value);
        }
    }
}
