//! Signal: what the audio itself is like. `docs/signal.md` has the formulas.
//!
//! Two kinds of measurement. [`Levels`] are exact and taken of every block on its way into
//! the ring: samples, energy, peak, clipping, behind a [`Gate`] against damaged packets. An
//! [`Analyser`] reads the source's analysis buffer in its own time and reduces it to
//! [`Slot`]s of [`HOP`]; the latest of them together are the [`Window`]. A [`Meter`] holds
//! both for a scrape.

mod analyser;
mod gate;
mod level;
mod meter;
mod metrics;
mod patience;
mod recent;
mod repetition;
mod slot;

pub use analyser::{Analyser, Quiet, Silence, Window};
pub use gate::{Admitted, Gate};
pub use level::Levels;
pub use meter::{Meter, View};
pub use metrics::{MeterMembership, Meters};
pub use patience::Patience;
pub use repetition::{Repetition, STUCK_AFTER};
pub use slot::{Slot, is_digital_silence};

/// How often the analysis looks, and how much audio one of its slots is.
pub const HOP: std::time::Duration = std::time::Duration::from_millis(500);
