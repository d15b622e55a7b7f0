//! The atomic check-and-insert: at most one live value per key, made by exactly one asker.
//!
//! The map's lock is held only for a lookup, an insert or a publication, never while a value
//! is made: for that an asker takes the key's own turn, so a slow initialiser delays nobody
//! but those who ask for the same key. A ready value lies in the map itself, so asking for it
//! costs what any lookup costs. A key is present as long as its lease; publishing a value and
//! ending the lease exclude one another through the map's lock, so nothing comes back after a
//! removal.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    hash::Hash,
    sync::PoisonError,
};

use super::sync::{Arc, Mutex, RwLock};

/// Values by key, each made once. See the module's documentation.
pub struct Registry<K, V> {
    slots: RwLock<Slots<K, V>>,
}

// Keys are configured names, never text from the network: no keyed hash is needed.
type Slots<K, V> = HashMap<K, Slot<V>, foldhash::fast::RandomState>;

struct Slot<V> {
    value: Option<V>,
    lease: KeyLease,
}

/// One period in which a key may be asked for. Clones are the same lease.
///
/// It is also the turn to make the key's value, held by one asker at a time. A turn that ends
/// without a value, also by a panic, leaves the key empty for the next.
#[derive(Clone)]
pub struct KeyLease {
    turn: Arc<Mutex<()>>,
}

impl PartialEq for KeyLease {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.turn, &other.turn)
    }
}

impl Eq for KeyLease {}

impl fmt::Debug for KeyLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLease")
    }
}

/// The key is leased to somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this key is already leased")]
pub struct KeyTaken;

/// What an asker wants, and what it does about it.
pub trait Ask<V> {
    /// Why a value could not be made.
    type Error;

    /// Whether the value that is there will do. Must be quick: the map is locked.
    fn fits(&self, present: &V) -> bool;

    /// Makes the value; may be slow. Called at most once for each call of
    /// [`Registry::ask`], and by one asker of a lease at a time.
    ///
    /// # Errors
    /// Whatever stands in the way; the key stays empty and the next asker tries again. A
    /// panic does the same.
    fn make(&mut self) -> Result<V, Self::Error>;

    /// The new value is about to be visible. Quick, as the map is locked for writing; must
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
    Empty,
}

impl<K: Eq + Hash, V: Clone> Registry<K, V> {
    /// A registry without keys.
    pub fn new() -> Self {
        Self {
            slots: RwLock::new(HashMap::default()),
        }
    }

    /// Starts a lease on `key`.
    ///
    /// # Errors
    /// [`KeyTaken`] while another lease on it lasts.
    pub fn open(&self, key: K) -> Result<KeyLease, KeyTaken> {
        let lease = KeyLease {
            turn: Arc::new(Mutex::new(())),
        };
        let slot = Slot {
            value: None,
            lease: lease.clone(),
        };
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        match slots.entry(key) {
            Entry::Occupied(_) => return Err(KeyTaken),
            Entry::Vacant(vacant) => vacant.insert(slot),
        };
        Ok(lease)
    }

    /// Ends a lease and forgets its value; `released` sees the value if there is one, with
    /// the map locked for writing. Does not wait for a value in the making: that one is never
    /// published. Nothing happens when the lease has ended before.
    pub fn close(&self, key: &K, lease: &KeyLease, released: impl FnOnce(&V)) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if slots.get(key).is_none_or(|slot| slot.lease != *lease) {
            return;
        }
        let removed = slots.remove(key);
        if let Some(value) = removed.as_ref().and_then(|slot| slot.value.as_ref()) {
            released(value);
        }
        drop(slots);
        drop(removed);
    }

    /// Forgets a value but goes on with the lease, whose next asker makes another;
    /// `released` as in [`Self::close`].
    pub fn clear(&self, key: &K, lease: &KeyLease, released: impl FnOnce(&V)) {
        self.clear_if(key, lease, |_| true, released);
    }

    /// The same for a value that is `unwanted`, which is asked with the map locked for
    /// writing.
    pub fn clear_if(
        &self,
        key: &K,
        lease: &KeyLease,
        unwanted: impl FnOnce(&V) -> bool,
        released: impl FnOnce(&V),
    ) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.get_mut(key).filter(|slot| slot.lease == *lease);
        let cleared = slot.and_then(|slot| slot.value.take_if(|value| unwanted(value)));
        if let Some(value) = &cleared {
            released(value);
        }
        // Freeing a value can take long: let the others in first.
        drop(slots);
        drop(cleared);
    }

    /// The value of `key`, if it is ready. Never waits for one in the making.
    pub fn get(&self, key: &K) -> Option<V> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.get(key)?.value.clone()
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
        lease: &KeyLease,
        ask: &mut A,
    ) -> Result<Answer<V>, AskError<A::Error>> {
        if let Found::Fits(value) = self.look(key, lease, ask)? {
            return Ok(Answer::Repeated(value));
        }
        // Poison means that an initialiser panicked, which left the key empty: nothing is
        // broken.
        let _turn = lease.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever had the turn before may have made what is wanted, or the lease may be over.
        match self.look(key, lease, ask)? {
            Found::Fits(value) => return Ok(Answer::Repeated(value)),
            // Nobody else can have put a better one there: that takes the turn.
            Found::Misfit => self.clear(key, lease, |old| ask.replaced(old)),
            Found::Empty => {}
        }
        let value = ask.make().map_err(AskError::Failed)?;

        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = slots.get_mut(key).filter(|slot| slot.lease == *lease) else {
            drop(slots);
            return Err(AskError::Revoked);
        };
        ask.published(&value);
        slot.value = Some(value.clone());
        Ok(Answer::First(value))
    }

    fn look<A: Ask<V>>(
        &self,
        key: &K,
        lease: &KeyLease,
        ask: &A,
    ) -> Result<Found<V>, AskError<A::Error>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        match slots.get(key) {
            Some(slot) if slot.lease == *lease => Ok(match &slot.value {
                Some(value) if ask.fits(value) => Found::Fits(value.clone()),
                Some(_) => Found::Misfit,
                None => Found::Empty,
            }),
            _ => Err(AskError::Revoked),
        }
    }
}

impl<K: Eq + Hash, V: Clone> Default for Registry<K, V> {
    fn default() -> Self {
        Self::new()
    }
}
