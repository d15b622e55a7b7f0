//! What a recorder says of its own heap, in its own metrics.

mod fetch;
mod text;

pub(super) use self::{fetch::fetch, text::OwnWords};
