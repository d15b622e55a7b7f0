//! The primitives under the registry, in one place.
//!
//! The model test of `tests/loom_registry.rs` includes `registry.rs` as it is and puts loom's
//! primitives here instead.

pub(super) use std::sync::{Arc, Mutex, RwLock};
