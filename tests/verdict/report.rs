//! What was judged, as tables.

use std::fmt::Write as _;

use audio_capture_exporter::memory::verdict::Pattern;

use super::{
    ALARMING, GROWING,
    case::{ALARMS, Course, HOUR},
    kept,
};

/// A case and what was said about it.
pub struct Judged {
    pub class: &'static str,
    /// See [`super::case::Case::leak`].
    pub leak: Option<(f64, f64)>,
    pub course: Course,
}

/// Leaks with nothing but noise about them.
pub const PLAIN: [&str; 2] = ["leak, noise", "leak that begins later"];

/// Leaks by their speed, per hour.
const BANDS: [(f64, f64); 5] = [
    (0.005, 0.01),
    (0.01, 0.02),
    (0.02, 0.1),
    (0.1, 0.2),
    (0.2, 0.51),
];

/// Classes in the order in which they come.
fn classes(judged: &[Judged]) -> Vec<&'static str> {
    let mut classes: Vec<&'static str> = Vec::new();
    for one in judged {
        if !classes.contains(&one.class) {
            classes.push(one.class);
        }
    }
    classes
}

fn count(judged: &[&Judged], holds: impl Fn(&Judged) -> bool) -> usize {
    judged.iter().filter(|one| holds(one)).count()
}

pub fn report(negatives: &[Judged], positives: &[Judged]) -> String {
    let mut text = readings(negatives, positives);
    text.push_str(&confusion(negatives, positives));
    text.push_str(&false_alarms(negatives));
    text.push_str(&delays(positives));
    text
}

/// The same courses, read in several ways.
fn readings(negatives: &[Judged], positives: &[Judged]) -> String {
    let mut text = String::from(
        "\nWhat counts as an alarm decides how both columns read; nobody can have the best of both. Cases \
         of no leak with a false one at any time, and the part of all analyses; leaks told in time, of so many \
         percent an hour or more: the plain ones (noise alone, from the start or later), and the others; and the part of \
         the later analyses at which a leak that has been told still is.\n\n\
         | alarm | false | of the time | plain, 10 %/h in 1 h | in 2 h | plain, 1 %/h in 6 h | others, 10 %/h in 1 h | others, 1 %/h in 6 h | all in 48 h | still told |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    let analyses = |one: &Judged| one.course.said.iter().sum::<u32>();
    let analyses = negatives.iter().map(analyses).sum::<u32>();
    for (number, alarm) in ALARMS.iter().enumerate() {
        let heard = |one: &Judged| one.course.alarms[number];
        let wrong = negatives.iter().filter(|one| heard(one).first.is_some());
        let times = negatives.iter().map(|one| heard(one).times).sum::<u32>();
        let plain = |one: &&Judged| PLAIN.contains(&one.class);
        let (plain, others): (Vec<_>, Vec<_>) = positives.iter().partition(plain);
        let all: Vec<_> = positives.iter().collect();
        let told = |of: &[&Judged], rate: f64, hours: f64| {
            let fast = |one: &&Judged| one.leak.is_some_and(|(_, leaks)| leaks >= rate);
            let of: Vec<_> = of.iter().copied().filter(fast).collect();
            let in_time = count(&of, |one| {
                let found = heard(one).first.zip(one.leak);
                found.is_some_and(|(at, (onset, _))| at - onset <= hours * HOUR)
            });
            format!("{:.1} %", 100.0 * in_time as f64 / of.len() as f64)
        };
        let wrong = wrong.count();
        writeln!(
            text,
            "| {} | {wrong} of {} ({:.1} %) | {:.2} % | {} | {} | {} | {} | {} | {} | {:.1} % |",
            alarm.name,
            negatives.len(),
            100.0 * wrong as f64 / negatives.len() as f64,
            100.0 * f64::from(times) / f64::from(analyses),
            told(&plain, 0.1, 1.0),
            told(&plain, 0.1, 2.0),
            told(&plain, 0.01, 6.0),
            told(&others, 0.1, 1.0),
            told(&others, 0.01, 6.0),
            told(&all, 0.0, 48.0),
            100.0 * kept(positives.iter(), number)
        )
        .unwrap();
    }
    text
}

/// What was said last.
fn confusion(negatives: &[Judged], positives: &[Judged]) -> String {
    let mut text = String::from("\nThe last word on each:\n\n| what it was | cases |");
    for pattern in Pattern::ALL {
        write!(text, " `{pattern}` |").unwrap();
    }
    text.push_str("\n|---|---|");
    text.push_str(&"---|".repeat(Pattern::COUNT));
    for judged in [negatives, positives] {
        for class in classes(judged) {
            let of: Vec<_> = judged.iter().filter(|one| one.class == class).collect();
            write!(text, "\n| {class} | {} |", of.len()).unwrap();
            for pattern in Pattern::ALL {
                let said = count(&of, |one| one.course.last == Some(*pattern));
                write!(text, " {said} |").unwrap();
            }
        }
    }
    text.push('\n');
    text
}

/// What was said at any time of what is no leak.
fn false_alarms(negatives: &[Judged]) -> String {
    let mut text = String::from(
        "\nWhat is no leak, at every analysis of its whole course:\n\n\
         | what it was | cases | ever `leak` | ever `exponential` | ever `linear` | part of the time `linear` |\n\
         |---|---|---|---|---|---|\n",
    );
    let mut row = |class: &str, of: &[&Judged]| {
        let ever = |pattern: Pattern| count(of, |one| one.course.ever(&[pattern]));
        let said = |patterns: &[Pattern]| -> f64 {
            let of = of.iter().flat_map(|one| {
                let said = |pattern: &Pattern| one.course.said[pattern.index()];
                patterns.iter().map(said)
            });
            of.map(f64::from).sum()
        };
        writeln!(
            text,
            "| {class} | {} | {} | {} | {} | {:.1} % |",
            of.len(),
            ever(Pattern::Leak),
            ever(Pattern::Exponential),
            ever(Pattern::Linear),
            100.0 * said(&[Pattern::Linear]) / said(Pattern::ALL)
        )
        .unwrap();
    };
    for class in classes(negatives) {
        let of: Vec<_> = negatives.iter().filter(|one| one.class == class).collect();
        row(class, &of);
    }
    row("all", &negatives.iter().collect::<Vec<_>>());
    text
}

/// How long it took.
fn delays(positives: &[Judged]) -> String {
    let mut text = String::from(
        "\nHours from the beginning of a leak: half of them, nine in ten, all; in brackets, of how many \
         it was said.\n\n\
         | what it was | % an hour | cases | told that it grows | `leak` or `exponential` |\n\
         |---|---|---|---|---|\n",
    );
    for class in classes(positives) {
        for (slow, fast) in BANDS {
            let of: Vec<_> = positives
                .iter()
                .filter(|one| one.class == class)
                .filter(|one| {
                    one.leak
                        .is_some_and(|(_, rate)| (slow..fast).contains(&rate))
                })
                .collect();
            if of.is_empty() {
                continue;
            }
            writeln!(
                text,
                "| {class} | {}–{:.0} | {} | {} | {} |",
                100.0 * slow,
                100.0 * fast,
                of.len(),
                spread(&of, GROWING),
                spread(&of, ALARMING)
            )
            .unwrap();
        }
    }
    text
}

fn spread(of: &[&Judged], patterns: &[Pattern]) -> String {
    let mut hours: Vec<f64> = of
        .iter()
        .filter_map(|one| Some((one.course.first(patterns)? - one.leak?.0) / HOUR))
        .collect();
    hours.sort_unstable_by(f64::total_cmp);
    if hours.is_empty() {
        return "(0)".to_owned();
    }
    let at = |part: f64| hours[((hours.len() as f64 * part).ceil() as usize).max(1) - 1];
    let all = hours.len();
    format!("{:.1}, {:.1}, {:.1} ({all})", at(0.5), at(0.9), at(1.0))
}
