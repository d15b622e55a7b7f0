//! The live subjects of a module, in order of their keys.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

type Members<K, T> = Mutex<BTreeMap<K, Arc<T>>>;

/// Who is measured at the moment. Clones share the same members.
pub struct Roster<K, T> {
    members: Arc<Members<K, T>>,
}

/// A key that is already on the roster cannot join twice: its series would appear twice.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a subject of this name is already measured")]
pub struct AlreadyPresent;

/// Keeps a subject on its roster; dropping it removes the subject's series.
pub struct Membership<K: Ord, T> {
    members: Arc<Members<K, T>>,
    key: K,
    subject: Arc<T>,
}

fn lock<K, T>(members: &Members<K, T>) -> MutexGuard<'_, BTreeMap<K, Arc<T>>> {
    // A map insert or removal leaves no half-made state behind a panic.
    members.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Ord + Clone, T> Roster<K, T> {
    /// Puts a subject on the roster.
    ///
    /// # Errors
    /// [`AlreadyPresent`] when the key is taken.
    pub fn join(&self, key: K, subject: Arc<T>) -> Result<Membership<K, T>, AlreadyPresent> {
        let mut members = lock(&self.members);
        if members.contains_key(&key) {
            return Err(AlreadyPresent);
        }
        members.insert(key.clone(), Arc::clone(&subject));
        drop(members);
        Ok(Membership {
            members: Arc::clone(&self.members),
            key,
            subject,
        })
    }

    /// The member of this key.
    pub fn get(&self, key: &K) -> Option<Arc<T>> {
        lock(&self.members).get(key).cloned()
    }

    /// The members in order of their keys. The lock is held only while they are copied.
    pub fn members(&self) -> Vec<(K, Arc<T>)> {
        lock(&self.members)
            .iter()
            .map(|(k, t)| (k.clone(), Arc::clone(t)))
            .collect()
    }
}

impl<K: Ord, T> std::ops::Deref for Membership<K, T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.subject
    }
}

impl<K: Ord, T> Drop for Membership<K, T> {
    fn drop(&mut self) {
        lock(&self.members).remove(&self.key);
    }
}

impl<K, T> Default for Roster<K, T> {
    fn default() -> Self {
        Self {
            members: Arc::default(),
        }
    }
}

impl<K, T> Clone for Roster<K, T> {
    fn clone(&self) -> Self {
        Self {
            members: Arc::clone(&self.members),
        }
    }
}

impl<K, T> fmt::Debug for Roster<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roster({} members)", lock(&self.members).len())
    }
}

impl<K: Ord + fmt::Debug, T> fmt::Debug for Membership<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Membership({:?})", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_there_exactly_as_long_as_its_membership() {
        let roster = Roster::default();
        let b = roster.join("b", Arc::new(2)).unwrap();
        let a = roster.join("a", Arc::new(1)).unwrap();
        assert_eq!(roster.join("a", Arc::new(3)).unwrap_err(), AlreadyPresent);
        let keys = |roster: &Roster<_, _>| roster.members().iter().map(|m| m.0).collect::<Vec<_>>();
        assert_eq!(keys(&roster), ["a", "b"]);
        drop(a);
        assert_eq!(keys(&roster), ["b"]);
        drop(b);
        roster.join("a", Arc::new(3)).unwrap();
    }
}
