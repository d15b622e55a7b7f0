//! What a person should do, in words and figures.

use super::{Pattern, Severity, growth::Growth};
use crate::units::ByteSize;

const HOUR: f64 = 3600.0;

/// What the words are about.
pub(super) struct Case {
    pub pattern: Pattern,
    pub confidence: f64,
    /// Bytes held now.
    pub held: f64,
    pub growth: Option<Growth>,
    pub growth_ratio: Option<f64>,
    /// Height of a spike, bytes.
    pub jump: f64,
    /// Until the limit, seconds.
    pub to_limit: Option<f64>,
    /// Seconds looked at.
    pub looked: f64,
}

/// How soon a person should look.
pub(super) fn severity(case: &Case) -> Severity {
    if matches!(case.pattern, Pattern::Unknown | Pattern::Stable) {
        return Severity::None;
    }
    if case.to_limit.is_some_and(|seconds| seconds < HOUR) {
        return Severity::Critical;
    }
    let band = match case.confidence {
        c if c >= 0.90 => Severity::Critical,
        c if c >= 0.80 => Severity::High,
        c if c >= 0.70 => Severity::Medium,
        _ => Severity::Low,
    };
    // What may be bounded yet, and what may already be over, can wait a little.
    if matches!(case.pattern, Pattern::Linear | Pattern::Spike) {
        band.min(Severity::High)
    } else {
        band
    }
}

/// A sentence or two.
pub(super) fn recommendation(case: &Case) -> String {
    let Some(growth) = case.growth else {
        return match case.pattern {
            Pattern::Spike => format!(
                "It has just jumped by {} to {}: see what began then; if it stays, it is a step, and \
                 if it comes again and again, memory is kept each time.",
                bytes(case.jump),
                bytes(case.held)
            ),
            Pattern::Stable => format!(
                "Nothing to do: no growth in the last {}.",
                duration(case.looked)
            ),
            _ => "Nothing can be said yet: wait.".to_owned(),
        };
    };
    let so_far = format!(
        "by {} an hour for {}, {:+.1} % since the baseline",
        bytes(growth.trend.slope * HOUR),
        duration(growth.trend.to - growth.since),
        case.growth_ratio.unwrap_or(0.0) * 100.0
    );
    let limit = match case.to_limit {
        Some(seconds) => format!(" The limit is {} away.", duration(seconds)),
        None => String::new(),
    };
    match case.pattern {
        Pattern::Leak => format!(
            "It keeps growing ({so_far}): take two heap profiles some time apart and compare them, \
             and plan a restart.{limit}"
        ),
        Pattern::Exponential => format!(
            "It grows faster and faster ({so_far}): look for something that is doubled or retried, \
             a queue or connections, and restart it before it takes the machine along.{limit}"
        ),
        _ => format!(
            "It grows steadily ({so_far}), which a warming cache or the busy part of the day would \
             do too: look again when it should have settled.{limit}"
        ),
    }
}

fn bytes(bytes: f64) -> ByteSize {
    ByteSize(bytes.max(0.0) as u64)
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 2.0 * HOUR => format!("{:.0} min", s / 60.0),
        s if s < 48.0 * HOUR => format!("{:.1} h", s / HOUR),
        s => format!("{:.1} days", s / (24.0 * HOUR)),
    }
}
