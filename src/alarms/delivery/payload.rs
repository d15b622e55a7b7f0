//! What receivers read: the Alertmanager's webhook payload (version 4), and the alerts of its
//! API (version 2).
//!
//! Source: the Alertmanager's documentation, "Configuration", `webhook_config`; its
//! `api/v2/openapi.yaml`.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use crate::alarms::{
    alarm::AlarmStatus,
    kind::{AlarmKind, Scope},
    notices::{Notice, Reason},
    wire,
};

/// What the webhook payload has as the end of what has none.
const NO_END: &str = "0001-01-01T00:00:00Z";
const RECEIVER: &str = "audio-capture-exporter";

type Texts = BTreeMap<&'static str, String>;

/// What is the same for every alert.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) external_url: Option<&'a Url>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: &'static str,
    labels: Texts,
    annotations: Texts,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

/// A change of the pattern of a process's memory.
#[derive(Clone, Debug)]
pub(in crate::alarms) struct PatternChange {
    pub(in crate::alarms) process: String,
    pub(in crate::alarms) before: &'static str,
    pub(in crate::alarms) pattern: &'static str,
    pub(in crate::alarms) severity: &'static str,
    pub(in crate::alarms) confidence: f64,
    pub(in crate::alarms) recommendation: String,
    pub(in crate::alarms) at: SystemTime,
}

impl Sender<'_> {
    fn url(self) -> String {
        self.external_url.map_or_else(String::new, Url::to_string)
    }

    fn alert(self, alarm: &AlarmStatus) -> Alert {
        Alert {
            status: alarm.state.as_str(),
            labels: labels(alarm),
            annotations: annotations(alarm),
            starts_at: wire::text(alarm.since),
            ends_at: alarm
                .resolved_at
                .map_or_else(|| NO_END.to_owned(), wire::text),
            generator_url: self.url(),
            fingerprint: alarm.id.clone(),
        }
    }

    /// The payload of a notice.
    pub(super) fn webhook(self, notice: &Notice) -> Value {
        let alerts: Vec<Alert> = notice
            .alarms
            .iter()
            .map(|alarm| self.alert(alarm))
            .collect();
        let kind = notice.alarms.first().map(|alarm| alarm.key.kind);
        let kind = kind.filter(|_| notice.reason != Reason::Summary);
        let mut payload = self.payload(&alerts, kind.map(AlarmKind::alert_name));
        payload["truncatedAlerts"] = notice.left_out.into();
        if notice.reason == Reason::Summary {
            let total = notice.alarms.len() as u64 + notice.left_out;
            let summary = format!(
                "{total} further alarms were not sent one by one, because alarms.max_per_hour \
                 allows no more; {} of them are still active and listed here",
                notice.alarms.len()
            );
            payload["commonAnnotations"]["summary"] = summary.into();
        }
        payload
    }

    /// The payload of a change of pattern, for autoscalers and the like.
    pub(super) fn pattern(self, change: &PatternChange) -> (String, Value) {
        let text = format!(
            "{}\n{}\n{}",
            change.process,
            change.pattern,
            wire::text(change.at)
        );
        let id = wire::digest(&text);
        let labels = [
            ("alertname", "MemoryPatternChanged"),
            ("process", &change.process),
            ("pattern", change.pattern),
            ("previous_pattern", change.before),
            ("severity", change.severity),
        ];
        let (before, pattern) = (change.before, change.pattern);
        let annotations = [
            (
                "summary",
                format!(
                    "The memory of {} went from {before} to {pattern}",
                    change.process
                ),
            ),
            ("recommendation", change.recommendation.clone()),
            ("confidence", format!("{:.2}", change.confidence)),
        ];
        let alert = Alert {
            status: "firing",
            labels: labels.map(|(name, value)| (name, value.to_owned())).into(),
            annotations: annotations.into(),
            starts_at: wire::text(change.at),
            ends_at: NO_END.to_owned(),
            generator_url: self.url(),
            fingerprint: id.clone(),
        };
        (id, self.payload(&[alert], Some("MemoryPatternChanged")))
    }

    fn payload(self, alerts: &[Alert], group: Option<&'static str>) -> Value {
        let firing = alerts.iter().any(|alert| alert.status == "firing");
        let group_key = group.map_or_else(
            || "{}:{}".to_owned(),
            |name| format!("{{}}:{{alertname=\"{name}\"}}"),
        );
        let group_labels: Texts = group
            .map(|name| ("alertname", name.to_owned()))
            .into_iter()
            .collect();
        json!({
            "version": "4",
            "groupKey": group_key,
            "truncatedAlerts": 0,
            // Nothing listed and much left out is no good news.
            "status": if firing || alerts.is_empty() { "firing" } else { "resolved" },
            "receiver": RECEIVER,
            "groupLabels": group_labels,
            "commonLabels": common(alerts.iter().map(|alert| &alert.labels)),
            "commonAnnotations": common(alerts.iter().map(|alert| &alert.annotations)),
            "externalURL": self.url(),
            "alerts": alerts,
        })
    }

    /// The alerts as an Alertmanager takes them. What is on ends by itself after `lasting`, if
    /// nobody renews it.
    pub(super) fn alerts<'a>(
        self,
        alarms: impl Iterator<Item = &'a AlarmStatus>,
        now: SystemTime,
        lasting: Duration,
    ) -> Value {
        let alert = |alarm: &AlarmStatus| {
            let end = alarm.resolved_at.or_else(|| now.checked_add(lasting));
            json!({
                "labels": labels(alarm),
                "annotations": annotations(alarm),
                "startsAt": wire::text(alarm.since),
                "endsAt": end.map(wire::text),
                "generatorURL": self.url(),
            })
        };
        Value::Array(alarms.map(alert).collect())
    }
}

/// What tells the alert from others: the same from its beginning to its end, but for the
/// severity, which may rise.
fn labels(alarm: &AlarmStatus) -> Texts {
    let key = &alarm.key;
    let mut labels: Texts = [
        ("alertname", key.kind.alert_name().to_owned()),
        ("alarm", key.kind.to_string()),
        ("severity", alarm.evidence.severity.to_string()),
        ("job", RECEIVER.to_owned()),
    ]
    .into();
    if key.subject.scope != Scope::Exporter {
        labels.insert(key.subject.scope.as_str(), key.subject.name.clone());
    }
    if !key.aspect.is_empty() {
        labels.insert("aspect", key.aspect.clone());
    }
    labels
}

fn annotations(alarm: &AlarmStatus) -> Texts {
    let evidence = &alarm.evidence;
    let subject = &alarm.key.subject;
    let mut annotations: Texts = [
        ("id", alarm.id.clone()),
        (
            "summary",
            format!("{} of {subject}", alarm.key.kind.alert_name()),
        ),
        ("description", evidence.trigger.clone()),
        ("recommendation", evidence.recommendations.join(" ")),
        ("runbook", alarm.runbook.clone()),
    ]
    .into();
    for (name, figure) in [("value", evidence.value), ("threshold", evidence.threshold)] {
        if let Some(figure) = figure {
            annotations.insert(name, figure.to_string());
        }
    }
    annotations
}

/// What all have alike.
fn common<'a>(mut all: impl Iterator<Item = &'a Texts>) -> Texts {
    let mut common = all.next().cloned().unwrap_or_default();
    for texts in all {
        common.retain(|name, value| texts.get(name) == Some(value));
    }
    common
}
