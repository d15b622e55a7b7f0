//! A Prometheus sidecar for audio recorders.
//!
//! The map, from the ground up. A module imports only what stands on a lower floor
//! (`tests/architecture.rs` enforces it); `ARCHITECTURE.md` tells the story.
//!
//! | floor | modules |
//! |---|---|
//! | 12 | [`app`] |
//! | 11 | [`cli`], [`demo`] |
//! | 10 | [`config`] |
//! | 9 | [`http`] |
//! | 8 | [`alarms`] |
//! | 7 | [`status`] |
//! | 6 | [`supervisor`], [`probe`] |
//! | 5 | [`pipeline`], [`clip`] |
//! | 4 | [`sources`], [`decode`], [`buffers`], [`signal`], [`memory`], [`profiles`], [`history`]: the organs, which never import one another |
//! | 3 | [`net`] |
//! | 2 | [`shutdown`], [`objects`], [`shard`] |
//! | 1 | [`metrics`] |
//! | 0 | [`backoff`], `closed_set`, [`coarse_clock`], [`codec_name`], [`id`], `listed`, [`quiet_hours`], [`secret`], [`units`] |

pub mod alarms;
pub mod app;
pub mod backoff;
pub mod buffers;
pub mod cli;
pub mod clip;
pub(crate) mod closed_set;
pub mod coarse_clock;
pub mod codec_name;
pub mod config;
pub mod decode;
pub mod demo;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod history;
pub mod http;
pub mod id;
pub(crate) mod listed;
#[cfg(test)]
mod logged_for_tests;
pub mod memory;
pub mod metrics;
pub mod net;
pub mod objects;
pub mod pipeline;
pub mod probe;
pub mod profiles;
pub mod quiet_hours;
pub mod secret;
pub mod shard;
pub mod shutdown;
pub mod signal;
pub mod sources;
pub mod status;
pub mod supervisor;
pub mod units;
