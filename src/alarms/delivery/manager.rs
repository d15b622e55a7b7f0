//! One Alertmanager: it hears again and again of what is on, and of what is over until it has
//! taken it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
use tokio::{sync::Notify, time::timeout};
use url::Url;

use super::{payload::Sender, post::post, webhook::Trouble};
use crate::{
    alarms::{
        alarm::AlarmStatus,
        book::Book,
        options::AlertmanagerOptions,
        tally::{Channel, FailureReason},
        wire,
    },
    net::Dialler,
};

/// How many alerts that are over may wait.
const MOST: usize = 1_000;

/// What an Alertmanager still has to hear.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// By id and severity, which is a label.
    ended: Mutex<BTreeMap<(String, &'static str), AlarmStatus>>,
    news: Notify,
}

impl Desk {
    pub(super) fn of(ended: Vec<AlarmStatus>) -> Self {
        let desk = Self::default();
        for alarm in ended {
            desk.put(alarm);
        }
        desk
    }

    /// An alert is over; whether another had to go for it.
    pub(super) fn put(&self, alarm: AlarmStatus) -> bool {
        let mut ended = self.lock();
        let key = (alarm.id.clone(), alarm.evidence.severity.as_str());
        ended.insert(key, alarm);
        // It ends by itself, as nobody renews it.
        ended.len() > MOST && ended.pop_first().is_some()
    }

    /// There is something to say.
    pub(super) fn wake(&self) {
        self.news.notify_one();
    }

    pub(super) fn waiting(&self) -> Vec<AlarmStatus> {
        self.lock().values().cloned().collect()
    }

    fn taken(&self, sent: &[AlarmStatus]) {
        let mut ended = self.lock();
        for alarm in sent {
            ended.remove(&(alarm.id.clone(), alarm.evidence.severity.as_str()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, &'static str), AlarmStatus>> {
        // Nothing between lock and unlock can panic half-way.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells it of news at once, and of what is on at every interval, for ever.
///
/// To be dropped when it is no longer wanted.
pub(super) async fn run(
    desk: Arc<Desk>,
    name: String,
    options: AlertmanagerOptions,
    external_url: Option<Url>,
    dialler: Arc<Dialler>,
    book: Arc<Book>,
    taken: Arc<Notify>,
) {
    let sender = Sender {
        external_url: external_url.as_ref(),
    };
    let place = api(&options.endpoint.url);
    let mut trouble = Trouble::new(name, Arc::clone(&book));
    loop {
        // Late is as good as news.
        let _which = timeout(options.resend, desk.news.notified()).await;
        loop {
            let ended = desk.waiting();
            let active = book.for_managers();
            if ended.is_empty() && active.is_empty() {
                break;
            }
            let now = SystemTime::now();
            // As long as Prometheus lets its alerts last.
            let lasting = options.resend * 4;
            let all = ended.iter().chain(&active);
            let body = sender.alerts(all, now, lasting).to_string();
            let id = wire::digest(&body);
            let sent = post(&dialler, &options.endpoint, &place, &id, Bytes::from(body)).await;
            let Err(failure) = sent else {
                book.tally().note_sent(Channel::Alertmanager, 1);
                trouble.over();
                desk.taken(&ended);
                taken.notify_one();
                break;
            };
            book.tally()
                .note_failed(Channel::Alertmanager, failure.reason);
            trouble.note(&failure);
            if failure.is_final && !ended.is_empty() {
                desk.taken(&ended);
                let tally = book.tally();
                tally.note_failed(Channel::Alertmanager, FailureReason::Dropped);
                taken.notify_one();
            }
            trouble.pause().await;
        }
    }
}

/// Where the API takes alerts, below whatever path the address has.
fn api(base: &Url) -> Url {
    let mut place = base.clone();
    let path = format!("{}/api/v2/alerts", base.path().trim_end_matches('/'));
    place.set_path(&path);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_below_the_path_of_the_address() {
        for (base, place) in [
            ("http://am:9093", "http://am:9093/api/v2/alerts"),
            ("https://lan/am/?t=1", "https://lan/am/api/v2/alerts?t=1"),
        ] {
            assert_eq!(api(&Url::parse(base).unwrap()).as_str(), place);
        }
    }
}
