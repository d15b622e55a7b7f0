//! The series of alarms and of what was told.

use std::fmt;

use super::{
    alarm::AlarmStatus,
    book::Book,
    kind::{AlarmKind, Scope},
    tally::{Channel, FailureReason},
};
use crate::metrics::{Expose, Exposition, Family, Series};

static ACTIVE: Family = Family::gauge(
    "myaudio_alarm_active",
    "Whether an alarm is active; of a source, of a process, or of the whole program",
    &["alarm", "source", "process"],
);
static SENT: Family = Family::counter(
    "myaudio_notifications_total",
    "Notifications about alarms that were taken",
    &["channel"],
);
static FAILED: Family = Family::counter(
    "myaudio_notification_failures_total",
    "Attempts to tell of alarms that failed; most are made again",
    &["channel", "reason"],
);
static FAMILIES: [&Family; 3] = [&ACTIVE, &SENT, &FAILED];

impl Expose for Book {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        out.family(&ACTIVE, |series| {
            self.read(|sources, processes, active| {
                for source in sources {
                    of_one(series, active, Scope::Source, source, [source, ""])?;
                }
                for process in processes {
                    of_one(series, active, Scope::Process, process, ["", process])?;
                }
                for kind in AlarmKind::of(Scope::Exporter).chain(AlarmKind::of(Scope::Object)) {
                    let on = active.iter().any(|alarm| alarm.key.kind == kind);
                    series.sample(&[kind.as_str(), "", ""], on)?;
                }
                Ok(())
            })
        })?;
        let tally = self.tally();
        out.family(&SENT, |series| {
            let mut channels = Channel::ALL.iter();
            channels
                .try_for_each(|channel| series.sample(&[channel.as_str()], tally.sent(*channel)))
        })?;
        out.family(&FAILED, |series| {
            for channel in Channel::ALL {
                for reason in FailureReason::ALL {
                    let labels = [channel.as_str(), reason.as_str()];
                    series.sample(&labels, tally.failed(*channel, *reason))?;
                }
            }
            Ok(())
        })
    }
}

/// All alarms of one source or process.
fn of_one(
    series: &mut Series<'_>,
    active: &[&AlarmStatus],
    scope: Scope,
    name: &str,
    [source, process]: [&str; 2],
) -> fmt::Result {
    let own = |alarm: &&&AlarmStatus| {
        let subject = &alarm.key.subject;
        subject.scope == scope && subject.name == name
    };
    let own: Vec<AlarmKind> = active.iter().filter(own).map(|a| a.key.kind).collect();
    for kind in AlarmKind::of(scope) {
        let on = own.contains(&kind);
        series.sample(&[kind.as_str(), source, process], on)?;
    }
    Ok(())
}
