//! Who cannot be told, and what cannot be kept: since when, and why.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::units::Roughly;

/// The file that alarms survive a restart in, by its key.
pub(super) const STATE_FILE: &str = "alarms.state_file";
/// The file of changes, by its key.
pub(super) const NOTIFY_FILE: &str = "notify.file";

/// Everything that fails at the moment, by its name.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<BTreeMap<String, Trouble>>);

#[derive(Debug)]
struct Trouble {
    since: Instant,
    problem: String,
}

impl Troubles {
    /// It fails; whether that is news.
    pub(super) fn note(&self, what: &str, problem: &str) -> bool {
        let mut all = self.lock();
        if let Some(known) = all.get_mut(what) {
            let news = known.problem != problem;
            problem.clone_into(&mut known.problem);
            return news;
        }
        let trouble = Trouble {
            since: Instant::now(),
            problem: problem.to_owned(),
        };
        all.insert(what.to_owned(), trouble);
        true
    }

    /// It works, or is not wanted any more; whether it failed before.
    pub(super) fn over(&self, what: &str) -> bool {
        self.lock().remove(what).is_some()
    }

    /// Whether it fails.
    pub(super) fn has(&self, what: &str) -> bool {
        self.lock().contains_key(what)
    }

    /// Whether nothing fails.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// All of it in a sentence; `None` if nothing fails.
    pub(super) fn in_words(&self) -> Option<String> {
        let all = self.lock();
        let one = |(what, trouble): (&String, &Trouble)| {
            let lasting = Roughly(trouble.since.elapsed());
            format!("{what} has failed for {lasting}: {}", trouble.problem)
        };
        let words: Vec<String> = all.iter().map(one).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Trouble>> {
        // Nothing between lock and unlock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
