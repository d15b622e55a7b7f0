//! What a recorder says of its own heap, in its own metrics.

mod fetch;
mod text;

#[cfg(any(test, fuzzing))]
pub(crate) use self::text::fuzz;
pub(super) use self::{fetch::fetch, text::OwnWords};
