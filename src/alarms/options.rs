//! What the configuration says about alarms and who is told of them.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use http::HeaderMap;
use url::Url;

use super::{
    alarm::Key,
    kind::{AlarmKind, Scope},
};
use crate::{id::SourceId, net::TlsOptions, quiet_hours::QuietHours, units::ByteSize};

/// When an alarm fires, and how often somebody is told.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmOptions {
    /// Alarms that are sent within an hour to each webhook, one by one; what is beyond is summed
    /// up.
    pub max_per_hour: usize,
    /// The same for a single alarm that comes and goes.
    pub max_per_hour_each: usize,
    /// How long a condition must be gone before its alarm is over.
    pub keep_firing: Duration,
    /// How long an alarm that was resolved by hand stays away although its condition holds.
    pub reopen_after: Duration,
    /// Alarms that never fire.
    pub disabled: Vec<AlarmKind>,
    /// Where alarms and what is still to be sent survive a restart.
    pub state_file: Option<PathBuf>,
    /// Every source, and what differs for it.
    pub sources: HashMap<SourceId, SourcePolicy>,
}

/// What the configuration says about one source's alarms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourcePolicy {
    /// Alarms that never fire.
    pub disabled: Vec<AlarmKind>,
    /// How long a condition must hold, where that differs.
    pub hold: HashMap<AlarmKind, Duration>,
    /// When nobody is told: what is still on afterwards is told then.
    pub quiet_hours: QuietHours,
}

impl Default for AlarmOptions {
    fn default() -> Self {
        Self {
            max_per_hour: 10,
            max_per_hour_each: 3,
            keep_firing: Duration::from_secs(60),
            reopen_after: Duration::from_secs(24 * 3600),
            disabled: Vec::new(),
            state_file: None,
            sources: HashMap::new(),
        }
    }
}

impl AlarmOptions {
    /// The policy of the source that a key is about, if it has one.
    pub(super) fn policy(&self, key: &Key) -> Option<&SourcePolicy> {
        let of_source = key.subject.scope == Scope::Source;
        let name = of_source.then_some(key.subject.name.as_str())?;
        self.sources.get(name)
    }

    /// Whether the alarm may fire at all.
    pub(super) fn allows(&self, key: &Key) -> bool {
        let own = self.policy(key).map(|policy| &policy.disabled);
        !self.disabled.contains(&key.kind) && !own.is_some_and(|own| own.contains(&key.kind))
    }
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyOptions {
    /// Where people find this exporter's page; none if not said.
    pub external_url: Option<Url>,
    /// How often a webhook hears again of what is still on and not acknowledged.
    pub repeat_interval: Duration,
    /// A file of one line for each change.
    pub file: Option<FileOptions>,
    /// Receivers of the Alertmanager's webhooks.
    pub webhooks: Vec<WebhookOptions>,
    /// Alertmanagers.
    pub alertmanagers: Vec<AlertmanagerOptions>,
}

impl Default for NotifyOptions {
    fn default() -> Self {
        Self {
            external_url: None,
            repeat_interval: Duration::from_secs(4 * 3600),
            file: None,
            webhooks: Vec::new(),
            alertmanagers: Vec::new(),
        }
    }
}

/// A file of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// Its path; older ones are beside it with `.1`, `.2` and so on.
    pub path: PathBuf,
    /// It is put aside before it grows beyond this.
    pub max_bytes: ByteSize,
    /// How many older ones are kept.
    pub keep: usize,
}

/// Where something is posted to.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http://` or `https://`, without credentials; its path and query may be secrets.
    pub url: Url,
    /// Further header fields, the credentials among them. Never shown.
    pub headers: HeaderMap,
    /// How the server must prove itself.
    pub tls: TlsOptions,
    /// How long an attempt may take in all.
    pub timeout: Duration,
}

impl std::fmt::Debug for Endpoint {
    /// Only where it is: the rest may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Endpoint({})", self.host())
    }
}

impl Endpoint {
    /// Scheme, host and port: what may be shown.
    pub fn host(&self) -> String {
        let port = self.url.port().map(|port| format!(":{port}"));
        format!(
            "{}://{}{}",
            self.url.scheme(),
            self.url.host_str().unwrap_or_default(),
            port.unwrap_or_default()
        )
    }
}

/// A receiver of webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookOptions {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Whether it hears when an alarm is over.
    pub send_resolved: bool,
    /// Whether it hears when the pattern of a process's memory changes.
    pub patterns: bool,
}

/// An Alertmanager, whose API version 2 is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertmanagerOptions {
    /// Where it is; the API's path is appended.
    pub endpoint: Endpoint,
    /// How often what is still on is sent again: it forgets what it does not hear of.
    pub resend: Duration,
}
