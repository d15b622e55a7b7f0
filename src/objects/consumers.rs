//! Who uses the memory: by category, name and call site.

use std::{
    collections::HashMap,
    fmt,
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::closed_set::closed_set;

/// The most consumers that are remembered, those without a use included.
pub const MAX_CONSUMERS: usize = 1_000;
/// Uses below this size are not worth an entry, in bytes.
pub const MIN_BYTES: u64 = 1_024;

closed_set! {
    /// What the memory is used for.
    pub enum Category {
        /// Audio of a source.
        Buffer => "buffer",
        /// A clip that is being made or sent.
        Clip => "clip",
    }
}

/// Everybody who uses, or has used, memory.
#[derive(Default)]
pub struct Consumers {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    /// Counts uses, so that the one idle for longest is known.
    clock: u64,
    evicted: u64,
    untracked: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    category: Category,
    name: Arc<str>,
    site: &'static Location<'static>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    current: u64,
    peak: u64,
    total: u128,
    calls: u64,
    active: u64,
    used: u64,
}

/// One use of memory; dropping it ends the use.
#[must_use = "dropping it ends the use"]
pub struct Use(Option<Booked>);

struct Booked {
    consumers: Arc<Consumers>,
    key: Key,
    bytes: u64,
}

/// What one consumer used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// What for.
    pub category: Category,
    /// Which of them.
    pub name: Arc<str>,
    /// The line of the source that asked.
    pub site: &'static Location<'static>,
    /// Bytes in use.
    pub current: u64,
    /// The most bytes that were in use at a time.
    pub peak: u64,
    /// Bytes of a use on average.
    pub average: u64,
    /// How many uses there were.
    pub calls: u64,
    /// How many there are.
    pub active: u64,
}

impl Consumers {
    /// Books a use of `bytes` until the answer is dropped. Takes a lock and perhaps memory: for
    /// what happens once a buffer or an answer, not once a frame.
    pub fn enter(
        self: &Arc<Self>,
        category: Category,
        name: &str,
        site: &'static Location<'static>,
        bytes: u64,
    ) -> Use {
        if bytes < MIN_BYTES {
            return Use(None);
        }
        let key = Key {
            category,
            name: name.into(),
            site,
        };
        let mut table = self.lock();
        if !table.make_room(&key) {
            table.untracked += 1;
            return Use(None);
        }
        table.clock += 1;
        let used = table.clock;
        let entry = table.entries.entry(key.clone()).or_default();
        entry.current += bytes;
        entry.peak = entry.peak.max(entry.current);
        entry.total += u128::from(bytes);
        entry.calls += 1;
        entry.active += 1;
        entry.used = used;
        drop(table);
        Use(Some(Booked {
            consumers: Arc::clone(self),
            key,
            bytes,
        }))
    }

    /// The `most` greatest by bytes in use, then by peak; and how many there are.
    pub fn top(&self, most: usize) -> (Vec<Consumer>, usize) {
        let table = self.lock();
        let mut all: Vec<Consumer> = table.entries.iter().map(consumer).collect();
        drop(table);
        let known = all.len();
        all.sort_by(|a, b| {
            let greater = (b.current, b.peak).cmp(&(a.current, a.peak));
            greater.then_with(|| (&a.name, a.site).cmp(&(&b.name, b.site)))
        });
        all.truncate(most);
        (all, known)
    }

    /// How many entries made room for others, and how many uses found none.
    pub fn lost(&self) -> (u64, u64) {
        let table = self.lock();
        (table.evicted, table.untracked)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing between lock and unlock can panic half-way.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn consumer((key, entry): (&Key, &Entry)) -> Consumer {
    let average = entry.total / u128::from(entry.calls.max(1));
    Consumer {
        category: key.category,
        name: Arc::clone(&key.name),
        site: key.site,
        current: entry.current,
        peak: entry.peak,
        average: u64::try_from(average).unwrap_or(u64::MAX),
        calls: entry.calls,
        active: entry.active,
    }
}

impl Table {
    /// Whether the key is there or may come; the one that is idle for longest gives way.
    fn make_room(&mut self, key: &Key) -> bool {
        if self.entries.len() < MAX_CONSUMERS || self.entries.contains_key(key) {
            return true;
        }
        let idle = self.entries.iter().filter(|(_, entry)| entry.active == 0);
        let Some(oldest) = idle.min_by_key(|(_, entry)| entry.used) else {
            return false;
        };
        let oldest = oldest.0.clone();
        self.entries.remove(&oldest);
        self.evicted += 1;
        true
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let Some(booked) = self.0.take() else {
            return;
        };
        let mut table = booked.consumers.lock();
        table.clock += 1;
        let used = table.clock;
        // An entry in use is never evicted.
        if let Some(entry) = table.entries.get_mut(&booked.key) {
            entry.current -= booked.bytes;
            entry.active -= 1;
            entry.used = used;
        }
    }
}

impl fmt::Debug for Consumers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consumers({})", self.lock().entries.len())
    }
}

impl fmt::Debug for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.as_ref().map(|booked| booked.bytes);
        write!(f, "Use({bytes:?} bytes)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn enter(consumers: &Arc<Consumers>, name: &str, bytes: u64) -> Use {
        consumers.enter(Category::Buffer, name, Location::caller(), bytes)
    }

    #[test]
    fn a_consumer_is_the_sum_of_its_uses() {
        let consumers = Arc::<Consumers>::default();
        let both = || [2_000, 4_000].map(|bytes| enter(&consumers, "garden", bytes));
        let uses = both();
        let _small = enter(&consumers, "garden", MIN_BYTES - 1);
        drop(uses);
        let again = both();
        let (top, known) = consumers.top(10);
        assert_eq!(known, 1);
        let garden = &top[0];
        assert_eq!(
            (garden.current, garden.peak, garden.average),
            (6_000, 6_000, 3_000)
        );
        assert_eq!((garden.calls, garden.active), (4, 2));
        assert!(garden.site.file().ends_with("consumers.rs"));
        drop(again);
        assert_eq!(
            (consumers.top(1).0[0].current, consumers.top(1).0[0].active),
            (0, 0)
        );
    }

    #[test]
    fn the_greatest_come_first() {
        let consumers = Arc::<Consumers>::default();
        let _uses: Vec<Use> = (1..=20)
            .map(|n| enter(&consumers, &format!("s{n}"), n * 2_000))
            .collect();
        let (top, known) = consumers.top(3);
        let names: Vec<&str> = top.iter().map(|consumer| &*consumer.name).collect();
        assert_eq!((names, known), (vec!["s20", "s19", "s18"], 20));
        assert!(consumers.top(0).0.is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_only_the_idle_give_way() {
        let consumers = Arc::<Consumers>::default();
        let mut uses: Vec<Use> = (0..MAX_CONSUMERS)
            .map(|n| enter(&consumers, &format!("s{n}"), 2_000))
            .collect();
        let refused = enter(&consumers, "late", 9_999);
        assert_eq!(consumers.lost(), (0, 1));
        drop(refused);
        drop(uses.swap_remove(7));
        drop(uses.swap_remove(3));
        let late = enter(&consumers, "late", 9_999);
        assert_eq!(consumers.lost(), (1, 1));
        let (top, known) = consumers.top(MAX_CONSUMERS);
        assert_eq!((known, &*top[0].name), (MAX_CONSUMERS, "late"));
        let has = |name: &str| top.iter().any(|consumer| &*consumer.name == name);
        assert!(!has("s7") && has("s3"), "the one idle for longest went");
        drop((late, uses));
        assert_eq!(consumers.top(1).0[0].current, 0);
    }
}
