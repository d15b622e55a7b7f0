//! Tracked objects: how many of a thing there are, and how many bytes they hold.
//!
//! A program that leaks holds more and more of something: sessions, buffers, cache entries. What
//! is counted by name shows which. [`Objects`] has the program's own ([`Own`]), and those that
//! other programs report under names of the configuration ([`ObjectOptions`]). Each has a value,
//! a peak, perhaps thresholds, and a state: over a threshold, or growing.
//!
//! What is counted up is counted down again: a [`Held`] gives back when it is dropped, also when
//! its task dies. What another program reports vanishes when it is not renewed.
//!
//! [`Consumers`] tells who the memory's users are, by name and call site.

mod consumers;
mod counter;
mod metrics;
mod name;
mod options;
mod own;
mod registry;
mod reported;
mod trend;
mod value;

pub use consumers::{Category, Consumer, Consumers, MAX_CONSUMERS, MIN_BYTES, Use};
pub use counter::{Counter, Held};
pub use name::{InvalidName, Name};
pub use options::{ObjectOptions, Thresholds};
pub use own::Own;
pub use registry::{MAX_NAMES, Objects, ReportError, Status};
pub use reported::{MAX_REPORTERS, Report};
pub use trend::{GROWTH_MINUTES, Trend};
pub use value::Amount;
