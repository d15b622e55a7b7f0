//! Signal: what the audio itself is like.

mod level;
mod metrics;

pub use level::Levels;
pub use metrics::{Meter, MeterMembership, Meters};
