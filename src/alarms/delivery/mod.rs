//! Who is told, and how: each target has a queue, a task and a patience of its own.

mod manager;
mod outbox;
mod payload;
mod post;
mod webhook;
mod writer;

use std::{collections::BTreeMap, io, path::Path, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{
    alarm::{AlarmStatus, Change},
    book::Book,
    kind::AlarmState,
    notices::{Notice, Outcome},
    options::{Endpoint, NotifyOptions},
    tally::{Channel, FailureReason},
    wire,
};
use crate::{
    net::Dialler,
    shutdown::{TaskKind, Tasks},
};
use manager::Desk;
use outbox::{Outbox, Parcel};
pub(super) use payload::PatternChange;
use payload::Sender;
use writer::Writer;

/// What still has to reach one target, as it is saved.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Waiting {
    #[serde(default)]
    parcels: Vec<Parcel>,
    #[serde(default)]
    ended: Vec<AlarmStatus>,
}

/// All targets.
#[derive(Debug)]
pub(super) struct Delivery {
    tasks: Tasks,
    /// Of its own: no camera keeps an alarm waiting.
    dialler: Arc<Dialler>,
    book: Arc<Book>,
    writer: Writer,
    options: NotifyOptions,
    targets: BTreeMap<String, Target>,
    taken: Arc<Notify>,
}

#[derive(Debug)]
struct Target {
    way: Way,
    tasks: Tasks,
}

/// What a webhook wants to hear.
#[derive(Clone, Copy, Debug)]
struct Heard {
    resolved: bool,
    patterns: bool,
}

#[derive(Debug)]
enum Way {
    Webhook(Heard, Arc<Outbox>),
    Alertmanager(Arc<Desk>),
}

impl Delivery {
    /// Nobody is told yet.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(tasks: &Tasks, book: Arc<Book>) -> io::Result<Self> {
        Ok(Self {
            tasks: tasks.clone(),
            dialler: Arc::new(Dialler::new(tasks)),
            writer: Writer::start(tasks, Arc::clone(&book))?,
            book,
            options: NotifyOptions::default(),
            targets: BTreeMap::new(),
            taken: Arc::default(),
        })
    }

    /// Tells these from now on. `saved`: what they still have to hear. What waits for a target
    /// that stays, stays; a target that is gone hears no more.
    pub(super) fn configure(
        &mut self,
        options: NotifyOptions,
        mut saved: BTreeMap<String, Waiting>,
    ) {
        for (id, target) in std::mem::take(&mut self.targets) {
            target.tasks.cancel();
            let (before, since) = (saved.entry(id).or_default(), target.waiting());
            before.parcels.extend(since.parcels);
            before.ended.extend(since.ended);
        }
        for (webhook, number) in options.webhooks.iter().zip(1..) {
            let id = id("webhook", webhook.endpoint.url.as_str());
            let waiting = saved.remove(&id).unwrap_or_default();
            let outbox = Arc::new(Outbox::of(waiting.parcels));
            let heard = Heard {
                resolved: webhook.send_resolved,
                patterns: webhook.patterns,
            };
            let run = webhook::run(
                Arc::clone(&outbox),
                name(Channel::Webhook, number, &webhook.endpoint),
                webhook.endpoint.clone(),
                Arc::clone(&self.dialler),
                Arc::clone(&self.book),
                Arc::clone(&self.taken),
            );
            self.add(id, Way::Webhook(heard, outbox), run);
        }
        for (manager, number) in options.alertmanagers.iter().zip(1..) {
            let id = id("alertmanager", manager.endpoint.url.as_str());
            let waiting = saved.remove(&id).unwrap_or_default();
            let desk = Arc::new(Desk::of(waiting.ended));
            desk.wake();
            let run = manager::run(
                Arc::clone(&desk),
                name(Channel::Alertmanager, number, &manager.endpoint),
                manager.clone(),
                options.external_url.clone(),
                Arc::clone(&self.dialler),
                Arc::clone(&self.book),
                Arc::clone(&self.taken),
            );
            self.add(id, Way::Alertmanager(desk), run);
        }
        if self.options.file != options.file {
            self.writer.forget();
        }
        self.options = options;
    }

    fn add(&mut self, id: String, way: Way, run: impl Future<Output = ()> + Send + 'static) {
        let tasks = self.tasks.child();
        let own = tasks.clone();
        tasks.spawn(TaskKind::Alarms, async move {
            tokio::select! {
                () = run => {}
                () = own.cancelled() => {}
            }
        });
        self.targets.insert(id, Target { way, tasks });
    }

    pub(super) fn options(&self) -> &NotifyOptions {
        &self.options
    }

    /// Puts what happened into the queues; it is sent after [`Self::release`].
    pub(super) fn enqueue(&self, outcome: &Outcome, patterns: &[PatternChange]) {
        self.write_lines(&outcome.changes);
        let sender = Sender {
            external_url: self.options.external_url.as_ref(),
        };
        let now = SystemTime::now();
        for target in self.targets.values() {
            match &target.way {
                Way::Webhook(heard, outbox) => {
                    for notice in &outcome.notices {
                        if heard.resolved || !is_resolved(notice) {
                            let body = sender.webhook(notice);
                            self.put(outbox, parcel_id(notice), now, body);
                        }
                    }
                    for change in patterns.iter().filter(|_| heard.patterns) {
                        let (id, body) = sender.pattern(change);
                        self.put(outbox, id, now, body);
                    }
                }
                Way::Alertmanager(desk) => {
                    for alarm in &outcome.ended {
                        if desk.put(alarm.clone()) {
                            let tally = self.book.tally();
                            tally.note_failed(Channel::Alertmanager, FailureReason::Dropped);
                        }
                    }
                }
            }
        }
    }

    fn put(&self, outbox: &Outbox, id: String, at: SystemTime, body: serde_json::Value) {
        let lost = outbox.put(Parcel { id, at, body });
        for _ in 0..lost {
            let tally = self.book.tally();
            tally.note_failed(Channel::Webhook, FailureReason::Dropped);
            tracing::warn!("a webhook does not keep up: the oldest notification was dropped");
        }
    }

    fn write_lines(&self, changes: &[Change]) {
        let Some(file) = &self.options.file else {
            return;
        };
        let lines = changes.iter().filter_map(|change| {
            let line = serde_json::to_string(change).ok()?;
            Some(line + "\n")
        });
        let lines: String = lines.collect();
        if !lines.is_empty() {
            self.writer.append(file.clone(), lines);
        }
    }

    /// Saves what was taken down for a restart.
    pub(super) async fn save(&self, path: &Path, text: Vec<u8>) {
        self.writer.save(path.to_owned(), text).await;
    }

    /// Lets go what is in the queues.
    pub(super) fn release(&self) {
        for target in self.targets.values() {
            match &target.way {
                Way::Webhook(_, outbox) => outbox.release(),
                Way::Alertmanager(desk) => desk.wake(),
            }
        }
    }

    /// What every target still has to hear.
    pub(super) fn waiting(&self) -> BTreeMap<String, Waiting> {
        let targets = self.targets.iter();
        targets
            .map(|(id, target)| (id.clone(), target.waiting()))
            .collect()
    }

    /// Waits until a target took something. Cancellation safe.
    pub(super) async fn taken(&self) {
        self.taken.notified().await;
    }
}

impl Target {
    fn waiting(&self) -> Waiting {
        match &self.way {
            Way::Webhook(_, outbox) => Waiting {
                parcels: outbox.waiting(),
                ended: Vec::new(),
            },
            Way::Alertmanager(desk) => Waiting {
                parcels: Vec::new(),
                ended: desk.waiting(),
            },
        }
    }
}

/// What a target is called where people read it.
fn name(channel: Channel, number: usize, endpoint: &Endpoint) -> String {
    format!("{channel} {number} ({})", endpoint.host())
}

/// What a target is called where its address must not be seen.
fn id(channel: &str, url: &str) -> String {
    wire::digest(&format!("{channel}\n{url}"))
}

fn is_resolved(notice: &Notice) -> bool {
    let mut alarms = notice.alarms.iter();
    !notice.alarms.is_empty() && alarms.all(|alarm| alarm.state == AlarmState::Resolved)
}

/// The same for the same news, whenever it is made.
fn parcel_id(notice: &Notice) -> String {
    let told = notice.alarms.iter().map(|alarm| {
        let severity = alarm.evidence.severity;
        format!("\n{}{}{severity}", alarm.id, alarm.state)
    });
    let told: String = told.collect();
    let at = wire::text(SystemTime::now());
    let when = match notice.reason {
        super::notices::Reason::Repeated | super::notices::Reason::Summary => at.as_str(),
        _ => "",
    };
    wire::digest(&format!("{}{when}{told}", notice.reason))
}
