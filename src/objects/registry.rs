//! All tracked objects by name.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Instant,
};

use super::{
    Amount, Counter, Name, ObjectOptions, Own, Report, Thresholds, Trend,
    reported::{Refused, Reported},
};

/// The most names, the program's own included.
pub const MAX_NAMES: usize = 64;

type Reader = Box<dyn Fn() -> Amount + Send + Sync>;

/// The program's own objects and those of the configuration.
pub struct Objects {
    started: Instant,
    counters: [Arc<Counter>; Own::COUNT],
    readers: [OnceLock<Reader>; Own::COUNT],
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    own: [Seen; Own::COUNT],
    named: BTreeMap<Name, Named>,
}

/// What was seen of an object so far.
#[derive(Debug, Default)]
struct Seen {
    thresholds: Thresholds,
    peak: Amount,
    trend: Trend,
    over: bool,
}

#[derive(Debug)]
struct Named {
    options: ObjectOptions,
    reported: Reported,
    seen: Seen,
}

/// One object at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The name.
    pub name: String,
    /// Whether the program counts it itself.
    pub own: bool,
    /// How much there is.
    pub amount: Amount,
    /// The most there was since the program started or the name was configured, looked at once a
    /// second.
    pub peak: Amount,
    /// How much is too much.
    pub thresholds: Thresholds,
    /// Whether it is too much.
    pub over: bool,
    /// Whether it keeps growing; see [`Trend`].
    pub growing: bool,
    /// Who reports it; empty for the program's own.
    pub reports: Vec<Report>,
}

/// Why a report was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The configuration has no such name.
    #[error("no object of this name is configured")]
    Unknown,
    /// The program counts it itself.
    #[error("the program counts this object itself")]
    Own,
    /// [`super::MAX_REPORTERS`] others report it.
    #[error("as many as may report this object do so already")]
    TooMany,
    /// The change would lead below zero or beyond any number.
    #[error("the change leads below zero or out of range")]
    OutOfRange,
}

impl Seen {
    fn take(&mut self, now: Instant, started: Instant, name: &str, amount: Amount) {
        self.peak = self.peak.max(amount);
        self.trend
            .take(now.saturating_duration_since(started), amount.count);
        let over = self.thresholds.exceeded_by(amount);
        if over != std::mem::replace(&mut self.over, over) {
            let Amount { count, bytes } = amount;
            let Thresholds {
                max_count,
                max_bytes,
            } = self.thresholds;
            if over {
                tracing::warn!(
                    object = name,
                    count,
                    bytes,
                    max_count,
                    max_bytes,
                    "more of an object than its threshold in `objects` allows"
                );
            } else {
                tracing::info!(
                    object = name,
                    count,
                    bytes,
                    "an object is below its threshold again"
                );
            }
        }
    }

    fn status(&self, name: &str, own: bool, amount: Amount, reports: Vec<Report>) -> Status {
        Status {
            name: name.to_owned(),
            own,
            amount,
            peak: self.peak.max(amount),
            thresholds: self.thresholds,
            over: self.thresholds.exceeded_by(amount),
            growing: self.trend.is_growing(),
            reports,
        }
    }
}

impl Objects {
    /// The program's own, of which there are none yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            counters: std::array::from_fn(|_| Arc::default()),
            readers: std::array::from_fn(|_| OnceLock::new()),
            books: Mutex::default(),
        })
    }

    /// The counter of one of the program's own kinds.
    pub fn own(&self, own: Own) -> &Arc<Counter> {
        &self.counters[own.index()]
    }

    /// From now on a kind is read where it is counted already, instead of from its counter. The
    /// first reader of a kind stays.
    pub fn read_from(&self, own: Own, reader: impl Fn() -> Amount + Send + Sync + 'static) {
        self.readers[own.index()].get_or_init(|| Box::new(reader));
    }

    /// Takes over what the configuration says; what was reported under names that stay is kept.
    pub fn configure(&self, options: &[ObjectOptions]) {
        let mut books = self.lock();
        for own in Own::ALL {
            books.own[own.index()].thresholds = options
                .iter()
                .find(|options| options.name.as_str() == own.as_str())
                .map_or_else(Thresholds::default, |options| options.thresholds);
        }
        let foreign = |options: &&ObjectOptions| own_of(options.name.as_str()).is_none();
        let mut before = std::mem::take(&mut books.named);
        books.named = options
            .iter()
            .filter(foreign)
            .take(MAX_NAMES - Own::COUNT)
            .map(|options| {
                let kept = before.remove(&options.name);
                let (reported, mut seen) = kept
                    .map(|named| (named.reported, named.seen))
                    .unwrap_or_default();
                seen.thresholds = options.thresholds;
                let named = Named {
                    options: options.clone(),
                    reported,
                    seen,
                };
                (options.name.clone(), named)
            })
            .collect();
    }

    /// Replaces what a reporter has of an object.
    ///
    /// # Errors
    /// [`ReportError`]; nothing is changed then.
    pub fn set(
        &self,
        now: Instant,
        name: &str,
        reporter: Name,
        amount: Amount,
    ) -> Result<Status, ReportError> {
        self.report(now, name, |named| {
            let expire_after = named.options.expire_after;
            named.reported.set(now, expire_after, reporter, amount)
        })
    }

    /// Adds to what a reporter has of an object; `bytes` stay as they are if `None`.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn change(
        &self,
        now: Instant,
        name: &str,
        reporter: Name,
        count: i64,
        bytes: Option<i64>,
    ) -> Result<Status, ReportError> {
        self.report(now, name, |named| {
            let expire_after = named.options.expire_after;
            let change = (count, bytes);
            named.reported.change(now, expire_after, reporter, change)
        })
    }

    /// Forgets all that was reported of an object, and its peak and trend with it: after a report
    /// that was wrong. Who reports next begins anew.
    ///
    /// # Errors
    /// [`ReportError::Unknown`] and [`ReportError::Own`].
    pub fn forget(&self, now: Instant, name: &str) -> Result<Status, ReportError> {
        self.report(now, name, |named| {
            named.reported = Reported::default();
            (named.seen.peak, named.seen.trend) = (Amount::default(), Trend::default());
            Ok(())
        })
    }

    fn report(
        &self,
        now: Instant,
        name: &str,
        apply: impl FnOnce(&mut Named) -> Result<(), Refused>,
    ) -> Result<Status, ReportError> {
        if own_of(name).is_some() {
            return Err(ReportError::Own);
        }
        let name = Name::new(name).map_err(|_| ReportError::Unknown)?;
        let mut books = self.lock();
        let named = books.named.get_mut(&name).ok_or(ReportError::Unknown)?;
        apply(named).map_err(|refused| match refused {
            Refused::TooMany => ReportError::TooMany,
            Refused::OutOfRange => ReportError::OutOfRange,
        })?;
        let amount = named.reported.sum(now, named.options.expire_after);
        named.seen.take(now, self.started, name.as_str(), amount);
        Ok(named.status(now, &name))
    }

    /// Looks at everything: peaks, trends and thresholds. Called once a second.
    pub fn look(&self, now: Instant) {
        let amounts = self.own_amounts();
        let mut books = self.lock();
        for (own, amount) in Own::ALL.iter().zip(amounts) {
            let seen = &mut books.own[own.index()];
            seen.take(now, self.started, own.as_str(), amount);
        }
        for (name, named) in &mut books.named {
            let amount = named.reported.sum(now, named.options.expire_after);
            named.seen.take(now, self.started, name.as_str(), amount);
        }
    }

    /// Every object, the program's own first, then in order of names.
    pub fn all(&self, now: Instant) -> Vec<Status> {
        let amounts = self.own_amounts();
        let mut books = self.lock();
        let mut all: Vec<Status> = Own::ALL
            .iter()
            .zip(amounts)
            .map(|(own, amount)| {
                let seen = &books.own[own.index()];
                seen.status(own.as_str(), true, amount, Vec::new())
            })
            .collect();
        let named = books.named.iter_mut();
        all.extend(named.map(|(name, named)| named.status(now, name)));
        all
    }

    /// One object.
    pub fn one(&self, now: Instant, name: &str) -> Option<Status> {
        self.all(now).into_iter().find(|status| status.name == name)
    }

    /// Read before the books are opened: a reader may wait for locks of its own.
    fn own_amounts(&self) -> [Amount; Own::COUNT] {
        std::array::from_fn(|at| match self.readers[at].get() {
            Some(read) => read(),
            // What has no reader has no size either.
            None => Amount::of(self.counters[at].amount().count),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        // Every change is whole at each point where something could panic.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Named {
    fn status(&mut self, now: Instant, name: &Name) -> Status {
        let amount = self.reported.sum(now, self.options.expire_after);
        let reports = self.reported.reports(now);
        self.seen.status(name.as_str(), false, amount, reports)
    }
}

/// The kind of the program's own that has this name.
fn own_of(name: &str) -> Option<Own> {
    Own::ALL.iter().copied().find(|own| own.as_str() == name)
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objects({} configured)", self.lock().named.len())
    }
}

#[cfg(test)]
#[path = "registry/tests.rs"]
mod tests;
