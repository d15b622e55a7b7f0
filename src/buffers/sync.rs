//! The primitives under the registry and the ring, in one place.
//!
//! The model tests `tests/loom_registry.rs` and `tests/loom_ring.rs` include those files as they
//! are and put loom's primitives here instead.

pub(super) use std::sync::{Arc, Mutex, MutexGuard, RwLock, atomic::AtomicBool};
