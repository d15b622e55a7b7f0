//! What a person should do, in words and figures.

use super::{Pattern, Severity};
use crate::units::ByteSize;

const HOUR: f64 = 3600.0;

/// Less growth since the baseline goes without saying.
const GROWN: f64 = 0.05;

/// Growth that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rise {
    /// Bytes per second.
    pub slope: f64,
    /// Between what it lies in 95 of 100 cases.
    pub interval: (f64, f64),
    /// Seconds.
    pub lasting: f64,
    /// Whether it is beyond chance.
    pub sure: bool,
}

/// What the words are about.
pub(super) struct Case {
    pub pattern: Pattern,
    pub confidence: f64,
    /// Bytes held now.
    pub held: f64,
    /// Bytes held at first.
    pub first_held: f64,
    pub rise: Option<Rise>,
    pub growth_ratio: Option<f64>,
    /// Height of a spike, bytes.
    pub jump: f64,
    /// Until the limit, seconds.
    pub to_limit: Option<f64>,
    /// For how long it has behaved so, seconds.
    pub lasting: f64,
    /// Seconds looked at.
    pub span: f64,
    /// Seconds until there can be a verdict.
    pub missing: Option<f64>,
    /// How long nobody had looked before the time that it is about, seconds.
    pub unseen: Option<f64>,
}

/// How soon a person should look.
pub(super) fn severity(case: &Case) -> Severity {
    let sure = case.rise.is_some_and(|rise| rise.sure);
    if sure && case.to_limit.is_some_and(|seconds| seconds < HOUR) {
        return Severity::Critical;
    }
    match case.pattern {
        Pattern::Unknown if sure => return Severity::Low,
        Pattern::Unknown | Pattern::Stable => return Severity::None,
        _ => {}
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
    let Some(rise) = case.rise else {
        return without_growth(case);
    };
    let since = match case.growth_ratio {
        Some(ratio) => format!("{:+.1} % since the baseline", ratio * 100.0),
        None => format!("from {} to {}", bytes(case.first_held), bytes(case.held)),
    };
    let so_far = format!(
        "by {} an hour for {}, {since}",
        bytes(rise.slope * HOUR),
        duration(rise.lasting)
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
        Pattern::Unknown => format!(
            "It has been growing ({so_far}), for too short a time to name it: look what it has just \
             begun.{limit}"
        ),
        _ => format!(
            "It grows steadily ({so_far}), which a warming cache or the busy part of the day would \
             do too: look again when it should have settled.{limit}"
        ),
    }
}

/// What is said where nothing grows, or nothing is known.
fn without_growth(case: &Case) -> String {
    let grown = case.growth_ratio.unwrap_or(0.0);
    let unseen = case.unseen.map_or_else(String::new, |seconds| {
        format!(" Before that nobody looked for {}.", duration(seconds))
    });
    match (case.pattern, case.missing) {
        (Pattern::Spike, _) => format!(
            "It has just jumped by {} to {}: see what began then; if it stays, it is a step, and \
             if it comes again and again, memory is kept each time.",
            bytes(case.jump),
            bytes(case.held)
        ),
        (Pattern::Stable, _) if grown <= GROWN => format!(
            "Nothing to do: no growth in the last {}.{unseen}",
            duration(case.lasting)
        ),
        (Pattern::Stable, _) => format!(
            "It holds {:.1} % more than at the baseline, but has not grown in the last {}: see what \
             began before that, and if it is meant to stay, set the baseline anew.{unseen}",
            grown * 100.0,
            duration(case.lasting)
        ),
        (_, Some(missing)) => format!(
            "Too little is known yet: from {} to {} in {}. A verdict needs {} more.",
            bytes(case.first_held),
            bytes(case.held),
            duration(case.span),
            duration(missing)
        ),
        (_, None) => format!(
            "Nothing is clear enough at the moment: {} are held, {:+.1} % since the baseline.",
            bytes(case.held),
            grown * 100.0
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
