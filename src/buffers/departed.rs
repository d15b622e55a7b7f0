//! What is left of removed sources: buffers that somebody still reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::account::{Account, Retired};
use crate::id::SourceId;

/// The accounts of removed sources whose buffers are still held.
#[derive(Debug, Default)]
pub(super) struct Departed {
    // Every held buffer keeps its account alive; nothing here keeps anything.
    accounts: Mutex<Vec<(SourceId, Weak<Account>)>>,
}

impl Departed {
    /// A source has left. Those whose last holder is gone are forgotten, so that there are
    /// never more than there are readers.
    pub(super) fn note(&self, source: &SourceId, accounts: &[Arc<Account>]) {
        let mut departed = self.lock();
        departed.retain(|(_, account)| retired(account).is_some());
        for account in accounts {
            let weak = Arc::downgrade(account);
            let known = departed.iter().any(|(_, other)| other.ptr_eq(&weak));
            if !known && retired(&weak).is_some() {
                departed.push((source.clone(), weak));
            }
        }
    }

    pub(super) fn still_held(&self) -> Vec<(SourceId, Retired)> {
        let departed = self.lock();
        let held = departed.iter();
        held.filter_map(|(source, account)| Some((source.clone(), retired(account)?)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(SourceId, Weak<Account>)>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn retired(account: &Weak<Account>) -> Option<Retired> {
    let retired = account.upgrade()?.retired();
    (retired.buffers > 0).then_some(retired)
}
