//! The primitives under the registry, in one place.
//!
//! The model test of `tests/loom_registry.rs` includes `cell.rs` and `registry.rs` as they
//! are and puts loom's primitives here instead.

pub(super) use std::sync::{Arc, Mutex, MutexGuard, OnceLock, RwLock};
