//! What waits for one webhook, in order. Bounded.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;

use crate::alarms::wire;

/// How many may wait.
pub(super) const MOST: usize = 64;
/// After that nobody needs to hear it any more.
const OLDEST: Duration = Duration::from_secs(24 * 3600);

/// One POST that is to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::alarms) struct Parcel {
    /// The same each time that it is sent, also after a restart.
    pub(super) id: String,
    #[serde(with = "wire::moment")]
    pub(super) at: SystemTime,
    pub(super) body: Value,
}

/// Parcels in the order in which they are sent. What is new is sent once it is saved.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    parcels: Mutex<Parcels>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Parcels {
    all: VecDeque<Parcel>,
    /// How many at the back are not to be sent yet.
    held: usize,
}

impl Outbox {
    pub(super) fn of(parcels: Vec<Parcel>) -> Self {
        let outbox = Self::default();
        outbox.lock().all = parcels.into();
        outbox
    }

    /// Adds a parcel that is held until [`Self::release`]; how many had to go for it.
    pub(super) fn put(&self, parcel: Parcel) -> usize {
        let mut parcels = self.lock();
        parcels.all.push_back(parcel);
        parcels.held += 1;
        let surplus = parcels.all.len().saturating_sub(MOST);
        parcels.all.drain(..surplus);
        parcels.held = parcels.held.min(parcels.all.len());
        surplus
    }

    /// What is there has been saved.
    pub(super) fn release(&self) {
        self.lock().held = 0;
        self.more.notify_one();
    }

    /// Everything that waits.
    pub(super) fn waiting(&self) -> Vec<Parcel> {
        self.lock().all.iter().cloned().collect()
    }

    /// Waits for the next one to be sent, and leaves it there. Cancellation safe.
    pub(super) async fn next(&self) -> Parcel {
        loop {
            if let Some(parcel) = self.front() {
                return parcel;
            }
            self.more.notified().await;
        }
    }

    fn front(&self) -> Option<Parcel> {
        let parcels = self.lock();
        let sendable = parcels.all.len() > parcels.held;
        sendable.then(|| parcels.all.front().cloned()).flatten()
    }

    /// Takes a parcel away; it may have gone already.
    pub(super) fn done(&self, id: &str) {
        let mut parcels = self.lock();
        if parcels.all.front().is_some_and(|front| front.id == id) {
            parcels.all.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Parcels> {
        // Nothing between lock and unlock can panic half-way.
        self.parcels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parcel {
    /// Whether it has waited for too long.
    pub(super) fn is_stale(&self, now: SystemTime) -> bool {
        now.duration_since(self.at).is_ok_and(|age| age > OLDEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(id: usize) -> Parcel {
        Parcel {
            id: id.to_string(),
            at: SystemTime::UNIX_EPOCH,
            body: Value::Null,
        }
    }

    #[test]
    fn what_is_not_saved_is_not_sent() {
        let outbox = Outbox::default();
        outbox.put(parcel(1));
        assert_eq!(outbox.front(), None);
        assert_eq!(outbox.waiting().len(), 1);
        outbox.release();
        outbox.put(parcel(2));
        assert_eq!(outbox.front(), Some(parcel(1)));
        outbox.done("1");
        assert_eq!(outbox.front(), None);
        outbox.release();
        assert_eq!(outbox.front(), Some(parcel(2)));
    }

    #[test]
    fn it_is_bounded_and_says_what_had_to_go() {
        let outbox = Outbox::default();
        let lost: usize = (0..MOST + 3).map(|id| outbox.put(parcel(id))).sum();
        assert_eq!(lost, 3);
        outbox.release();
        assert_eq!(outbox.front(), Some(parcel(3)));
        assert_eq!(outbox.waiting().len(), MOST);
        // One that went in the meantime takes none with it.
        outbox.done("0");
        assert_eq!(outbox.front(), Some(parcel(3)));
    }
}
