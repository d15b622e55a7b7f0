//! The atomic check-and-insert: at most one live value per key, made by exactly one asker.
//!
//! A map of one-shot cells. The map's lock is held only for a lookup or an insert, never
//! while a value is made, so a slow initialiser delays nobody but those who ask for the same
//! key. A key is present as long as its lease; publishing a value and ending the lease
//! exclude one another through the map's lock, so nothing comes back after a removal.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    sync::PoisonError,
};

use super::{
    cell::Cell,
    sync::{Arc, RwLock},
};

/// Values by key, each made once. See the module's documentation.
pub struct Registry<K, V> {
    slots: RwLock<Slots<K, V>>,
}

struct Slots<K, V> {
    // Keys are configured names, never text from the network: no keyed hash is needed.
    by_key: HashMap<K, Slot<V>, foldhash::fast::RandomState>,
    next_lease: u64,
}

struct Slot<V> {
    lease: LeaseId,
    cell: Arc<Cell<V>>,
}

/// One period in which a key may be asked for. No two are equal in one registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseId(u64);

/// The key is leased to somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this key is already leased")]
pub struct KeyTaken;

/// What an asker wants, and what it does about it.
pub trait Ask<V> {
    /// Why a value could not be made.
    type Error;

    /// Whether the value that is there will do. Must be quick: the map is locked for reading.
    fn fits(&self, present: &V) -> bool;

    /// Makes the value; may be slow. Called at most once for each call of
    /// [`Registry::ask`], and by one asker of the key at a time.
    ///
    /// # Errors
    /// Whatever stands in the way; the key stays empty and the next asker tries again. A
    /// panic does the same.
    fn make(&mut self) -> Result<V, Self::Error>;

    /// The new value is about to be visible. Quick, as the map is locked for reading; must
    /// not call the registry.
    fn published(&mut self, value: &V);

    /// A value that did not fit has left the map. Quick, as the map is locked for writing;
    /// must not call the registry.
    fn replaced(&mut self, old: &V);
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<V> {
    /// This asker made the value.
    First(V),
    /// It was there already.
    Repeated(V),
}

/// Why asking failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError<E> {
    /// The lease has ended; what was made meanwhile is discarded.
    Revoked,
    /// [`Ask::make`] failed.
    Failed(E),
}

enum Found<V> {
    Fits(V),
    Misfit,
    Empty(Arc<Cell<V>>),
}

impl<K: Eq + Hash, V: Clone> Registry<K, V> {
    /// A registry without keys.
    pub fn new() -> Self {
        Self {
            slots: RwLock::new(Slots {
                by_key: HashMap::default(),
                next_lease: 0,
            }),
        }
    }

    /// Starts a lease on `key`.
    ///
    /// # Errors
    /// [`KeyTaken`] while another lease on it lasts.
    pub fn open(&self, key: K) -> Result<LeaseId, KeyTaken> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let lease = LeaseId(slots.next_lease);
        match slots.by_key.entry(key) {
            Entry::Occupied(_) => return Err(KeyTaken),
            Entry::Vacant(vacant) => vacant.insert(Slot {
                lease,
                cell: Arc::new(Cell::empty()),
            }),
        };
        slots.next_lease += 1;
        Ok(lease)
    }

    /// Ends a lease and forgets its value; `released` sees the value if there is one, with
    /// the map locked for writing. Does not wait for a value in the making: that one is never
    /// published. Nothing happens when the lease has ended before.
    pub fn close(&self, key: &K, lease: LeaseId, released: impl FnOnce(&V)) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if slots.by_key.get(key).is_none_or(|slot| slot.lease != lease) {
            return;
        }
        let removed = slots.by_key.remove(key);
        if let Some(value) = removed.as_ref().and_then(|slot| slot.cell.get()) {
            released(value);
        }
        // Freeing a value can take long: let the others in first.
        drop(slots);
        drop(removed);
    }

    /// Forgets a value but goes on with the lease, whose next asker makes another;
    /// `released` as in [`Self::close`].
    pub fn clear(&self, key: &K, lease: LeaseId, released: impl FnOnce(&V)) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = slots.by_key.get_mut(key).filter(|s| s.lease == lease) else {
            return;
        };
        let Some(value) = slot.cell.get() else {
            return;
        };
        released(value);
        let cleared = std::mem::replace(&mut slot.cell, Arc::new(Cell::empty()));
        drop(slots);
        drop(cleared);
    }

    /// The value of `key`, if it is ready. Never waits for one in the making.
    pub fn get(&self, key: &K) -> Option<V> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.by_key.get(key)?.cell.get().cloned()
    }

    /// Checks for a value that fits, and makes and publishes one if there is none.
    ///
    /// Of any number of askers at the same time one makes the value and the others get it.
    /// A value that does not fit is replaced; who holds a clone keeps it.
    ///
    /// # Errors
    /// [`AskError::Revoked`] when `lease` has ended, also while the value was being made;
    /// [`AskError::Failed`] when it could not be made.
    pub fn ask<A: Ask<V>>(
        &self,
        key: &K,
        lease: LeaseId,
        ask: &mut A,
    ) -> Result<Answer<V>, AskError<A::Error>> {
        loop {
            let cell = match self.look(key, lease, ask)? {
                Found::Fits(value) => return Ok(Answer::Repeated(value)),
                Found::Misfit => {
                    self.clear_misfit(key, lease, ask);
                    continue;
                }
                Found::Empty(cell) => cell,
            };
            let turn = cell.take_turn();
            // Whoever had the turn before may have filled the cell, or the lease may be over.
            match self.look(key, lease, ask)? {
                Found::Empty(current) if Arc::ptr_eq(&current, &cell) => {}
                _ => continue,
            }
            let value = ask.make().map_err(AskError::Failed)?;

            // A lease ends under the write lock: under the read lock it cannot end between
            // this check and the publication.
            let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
            if slots.by_key.get(key).is_none_or(|slot| slot.lease != lease) {
                drop(slots);
                return Err(AskError::Revoked);
            }
            ask.published(&value);
            turn.fill(value.clone());
            return Ok(Answer::First(value));
        }
    }

    fn look<A: Ask<V>>(
        &self,
        key: &K,
        lease: LeaseId,
        ask: &A,
    ) -> Result<Found<V>, AskError<A::Error>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        match slots.by_key.get(key) {
            Some(slot) if slot.lease == lease => Ok(match slot.cell.get() {
                Some(value) if ask.fits(value) => Found::Fits(value.clone()),
                Some(_) => Found::Misfit,
                None => Found::Empty(Arc::clone(&slot.cell)),
            }),
            _ => Err(AskError::Revoked),
        }
    }

    /// Puts an empty cell in the place of a value that does not fit. Looks again under the
    /// write lock: another asker may have replaced it first.
    fn clear_misfit<A: Ask<V>>(&self, key: &K, lease: LeaseId, ask: &mut A) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = slots.by_key.get_mut(key).filter(|s| s.lease == lease) else {
            return;
        };
        let misfit = match slot.cell.get() {
            Some(value) if !ask.fits(value) => {
                ask.replaced(value);
                std::mem::replace(&mut slot.cell, Arc::new(Cell::empty()))
            }
            _ => return,
        };
        drop(slots);
        drop(misfit);
    }
}

impl<K: Eq + Hash, V: Clone> Default for Registry<K, V> {
    fn default() -> Self {
        Self::new()
    }
}
