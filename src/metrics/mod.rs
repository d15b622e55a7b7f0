//! Exposition: how a measured module shows itself at `/metrics`.
//!
//! One way for everything. A module declares its families as `static` [`Family`] values
//! and implements [`Expose`]; [`Registry::register`] checks them. Nothing is pushed: a
//! scrape asks each module, which reads its own live state. Per-source state lives in
//! a [`Roster`], so a source's series exist from the moment it joins and vanish when its
//! [`Membership`] is dropped.
//!
//! `prometheus-client` does the `OpenMetrics` encoding and the escaping of label values.

mod family;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod histogram;
mod registry;
mod roster;
mod text;

pub use family::{Family, InvalidFamily, Kind};
pub use histogram::{Histogram, HistogramSnapshot};
pub use registry::{Expose, Exposition, RegistrationError, Registry, Series, Value};
pub use roster::{AlreadyPresent, Membership, Roster};
pub use text::to_text_0_0_4;
