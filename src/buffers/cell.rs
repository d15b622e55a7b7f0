//! A one-shot cell: empty, being initialised, ready.

use std::sync::PoisonError;

use super::sync::{Mutex, MutexGuard, OnceLock};

/// Takes one value, once.
///
/// Reading a ready cell is one atomic load. Whoever wants to fill it takes its [`Turn`]
/// first; a turn that ends without a value, also by a panic, leaves the cell empty for the
/// next.
pub(super) struct Cell<V> {
    value: OnceLock<V>,
    turn: Mutex<()>,
}

/// The right to fill a [`Cell`], held by one thread at a time.
pub(super) struct Turn<'a, V> {
    cell: &'a Cell<V>,
    _held: MutexGuard<'a, ()>,
}

impl<V> Cell<V> {
    pub(super) fn empty() -> Self {
        Self {
            value: OnceLock::new(),
            turn: Mutex::new(()),
        }
    }

    /// The value, once the cell is ready. Never waits.
    pub(super) fn get(&self) -> Option<&V> {
        self.value.get()
    }

    /// Waits until nobody else is filling this cell.
    pub(super) fn take_turn(&self) -> Turn<'_, V> {
        // Poison means an initialiser panicked, which left the cell empty: nothing is broken.
        let held = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Turn {
            cell: self,
            _held: held,
        }
    }
}

impl<V> Turn<'_, V> {
    /// Makes the cell ready. A value that is already there stays; the registry looks first.
    pub(super) fn fill(&self, value: V) {
        self.cell.value.get_or_init(|| value);
    }
}
