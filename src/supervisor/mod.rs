//! Supervision: one task per source, and the set of them that a reload changes.

mod fleet;
mod source;

pub use fleet::{Changes, Fleet, Organs, ReconnectRefused};
