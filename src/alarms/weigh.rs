//! What alarms add to the picture of the whole: it is never better than they are.

use std::time::Duration;

use super::{
    alarm::AlarmStatus,
    book::Book,
    kind::{AlarmKind, Scope, Severity},
};
use crate::{
    status::{About, Level, Overall, Reason},
    units::Roughly,
};

/// From this age of the last look on, nobody judges alarms; one comes every second.
const STALE_AFTER: Duration = Duration::from_secs(30);

impl Book {
    /// Adds every active alarm of which the picture does not tell already, who cannot be told of
    /// them, and whether anybody looks for alarms at all.
    pub fn add_to(&self, overall: &mut Overall) {
        for (alarm, gone_for) in self.weighed() {
            add(overall, &alarm, gone_for);
        }
        if let Some(text) = self.troubles().in_words() {
            let reason = Reason {
                about: About::Rest,
                subject: "notify".to_owned(),
                level: Level::Warning,
                text,
                alarms: Vec::new(),
                in_headline: false,
            };
            overall.add(reason, false);
        }
        if !self.is_watched() {
            let reason = Reason {
                about: About::Rest,
                subject: "alarms".to_owned(),
                level: Level::Warning,
                text: "nobody looks for alarms any more; restart the program and report this with \
                       the log"
                    .to_owned(),
                alarms: Vec::new(),
                in_headline: false,
            };
            overall.add(reason, false);
        }
    }

    /// Whether everybody who is to be told can be, and what is to be kept is.
    pub fn is_heard(&self) -> bool {
        self.troubles().is_empty()
    }

    /// Whether somebody has lately looked for alarms.
    pub fn is_watched(&self) -> bool {
        self.since_look() <= STALE_AFTER
    }
}

/// `gone_for`: how long the condition has been gone, if it is.
fn add(overall: &mut Overall, alarm: &AlarmStatus, gone_for: Option<Duration>) {
    let level = match alarm.evidence.severity {
        Severity::Critical if gone_for.is_none() => Level::Critical,
        Severity::Warning | Severity::Critical => Level::Warning,
    };
    let about = match alarm.key.subject.scope {
        Scope::Source => About::Source,
        Scope::Process => About::Process,
        Scope::Object | Scope::Exporter => About::Rest,
    };
    let subject = match alarm.key.kind {
        AlarmKind::MemoryBudget => "budget",
        AlarmKind::HistoryFailing => "history",
        _ => &alarm.key.subject.name,
    };
    let trigger = &alarm.evidence.trigger;
    let advice = alarm.evidence.recommendations.first();
    let text = match (gone_for, advice) {
        (Some(gone_for), _) => {
            let gone_for = Roughly(gone_for);
            format!(
                "well again for {gone_for}, and the alarm ends if that lasts; it was: {trigger}"
            )
        }
        (None, Some(advice)) => format!("{trigger}. {advice}"),
        (None, None) => trigger.clone(),
    };
    let reason = Reason {
        about,
        subject: subject.to_owned(),
        level,
        alarms: vec![text.clone()],
        text,
        in_headline: false,
    };
    let told = gone_for.is_none() && alarm.known && tells(alarm);
    overall.add(reason, told);
}

/// Whether the picture itself tells of what such an alarm is about.
const fn tells(alarm: &AlarmStatus) -> bool {
    match alarm.key.kind {
        AlarmKind::ReaderLag | AlarmKind::TrackedObjects => false,
        // One that comes and goes, of which a share is measured, is streaming in the picture.
        AlarmKind::SourceDown => alarm.evidence.value.is_none(),
        AlarmKind::SourceStalled
        | AlarmKind::Silent
        | AlarmKind::Stuck
        | AlarmKind::Clipping
        | AlarmKind::FormatMismatch
        | AlarmKind::RepeatedAllocations
        | AlarmKind::MemoryThreshold
        | AlarmKind::MemoryPattern
        | AlarmKind::MemoryLeak
        | AlarmKind::MemorySpike
        | AlarmKind::ProcessDown
        | AlarmKind::MemoryBudget
        | AlarmKind::HistoryFailing => true,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::UNIX_EPOCH};

    use super::*;
    use crate::alarms::{
        alarm::{Evidence, Key, Subject},
        kind::AlarmState,
    };

    fn alarm(kind: AlarmKind, scope: Scope, name: &str, severity: Severity) -> AlarmStatus {
        let key = Key::new(kind, Subject::new(scope, name));
        AlarmStatus {
            id: key.id(UNIX_EPOCH),
            key,
            state: AlarmState::Firing,
            evidence: Evidence {
                severity,
                trigger: "it was clipped".to_owned(),
                value: None,
                threshold: None,
                figures: BTreeMap::new(),
                recommendations: vec!["Turn it down.".to_owned()],
            },
            since: UNIX_EPOCH,
            fired_at: UNIX_EPOCH,
            resolved_at: None,
            resolution: None,
            known: true,
            acknowledged: None,
            resolved_by: None,
            runbook: String::new(),
        }
    }

    fn fine() -> Overall {
        Overall {
            level: Level::Ok,
            headline: "All 2 sources are streaming.".to_owned(),
            reasons: Vec::new(),
        }
    }

    #[test]
    fn a_picture_is_never_better_than_its_alarms() {
        let mut overall = fine();
        let clipping = alarm(
            AlarmKind::Clipping,
            Scope::Source,
            "garden",
            Severity::Warning,
        );
        add(&mut overall, &clipping, None);
        assert_eq!(overall.level, Level::Warning);
        assert_eq!(overall.reasons[0].subject, "garden");
        assert_eq!(overall.reasons[0].text, "it was clipped. Turn it down.");
        // The same once more says nothing new.
        add(&mut overall, &clipping, None);
        assert_eq!(overall.reasons.len(), 1);
        let down = alarm(
            AlarmKind::SourceDown,
            Scope::Source,
            "garden",
            Severity::Critical,
        );
        add(&mut overall, &down, None);
        assert_eq!(overall.level, Level::Critical);
        assert_eq!(overall.reasons[0].level, Level::Critical);
    }

    /// The picture has it streaming, and may have another word on it.
    #[test]
    fn a_source_that_comes_and_goes_is_told_beside_what_else_is_wrong_with_it() {
        let clipped = || {
            let mut overall = fine();
            let clipping = alarm(
                AlarmKind::Clipping,
                Scope::Source,
                "garden",
                Severity::Warning,
            );
            add(&mut overall, &clipping, None);
            overall
        };
        // It may have been down altogether before: it is as urgent as it was.
        for severity in [Severity::Warning, Severity::Critical] {
            for share in [Some(0.4), None] {
                let mut down = alarm(AlarmKind::SourceDown, Scope::Source, "garden", severity);
                "audio arrives only 60 % of the time".clone_into(&mut down.evidence.trigger);
                down.evidence.value = share;
                let mut overall = clipped();
                add(&mut overall, &down, None);
                let [only] = overall.reasons.as_slice() else {
                    panic!("{overall:?}");
                };
                assert_eq!(only.text.contains("only 60 %"), share.is_some(), "{only:?}");
            }
        }
    }

    #[test]
    fn an_alarm_whose_condition_is_gone_is_told_as_that() {
        let mut overall = fine();
        let down = alarm(
            AlarmKind::SourceDown,
            Scope::Source,
            "garden",
            Severity::Critical,
        );
        add(&mut overall, &down, Some(Duration::from_secs(20)));
        assert_eq!(overall.level, Level::Warning);
        let text = &overall.reasons[0].text;
        assert!(text.starts_with("well again for 20"), "{text}");
        assert!(text.ends_with("it was: it was clipped"), "{text}");
        // What the picture does not tell by itself is added to what it tells.
        let lag = alarm(
            AlarmKind::ReaderLag,
            Scope::Source,
            "garden",
            Severity::Critical,
        );
        add(&mut overall, &lag, None);
        assert_eq!(overall.reasons.len(), 1);
        let alone = &overall.reasons[0].alarms;
        assert_eq!(alone.len(), 2, "neither is in the picture: {alone:?}");
        assert_eq!(alone[1], "it was clipped. Turn it down.");
        assert!(
            overall.reasons[0]
                .text
                .ends_with("; it was clipped. Turn it down.")
        );
        add(&mut overall, &down, Some(Duration::from_secs(30)));
        let text = &overall.reasons[0].text;
        assert!(text.contains("Turn it down; well again for 30"), "{text}");
    }

    #[test]
    fn who_cannot_be_told_is_named() {
        let book = Book::default();
        assert!(book.troubles().note("webhook 1 (http://lan)", "refused"));
        assert!(!book.troubles().note("webhook 1 (http://lan)", "refused"));
        let mut overall = fine();
        book.add_to(&mut overall);
        assert!(!book.is_heard());
        assert_eq!(overall.level, Level::Warning);
        let told = &overall.reasons[0];
        assert_eq!(told.subject, "notify");
        assert!(
            told.text
                .starts_with("webhook 1 (http://lan) has failed for ")
        );
        assert!(told.text.ends_with(": refused"), "{told:?}");
        assert!(book.troubles().over("webhook 1 (http://lan)") && book.is_heard());
    }

    #[test]
    fn a_book_in_which_nobody_looks_is_said_to_be_one() {
        let book = Book::default();
        let mut overall = fine();
        book.add_to(&mut overall);
        assert_eq!(overall, fine(), "it has only just begun");
        let old = Book::begun_before(STALE_AFTER + Duration::from_secs(1));
        old.add_to(&mut overall);
        assert_eq!(overall.level, Level::Warning);
        assert_eq!(overall.reasons[0].subject, "alarms");
    }
}
