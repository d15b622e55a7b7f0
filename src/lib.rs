//! A Prometheus sidecar for audio recorders.
//!
//! The map, from the ground up. A module imports only what stands on a lower floor
//! (`tests/architecture.rs` enforces it); `ARCHITECTURE.md` tells the story.
//!
//! | floor | modules |
//! |---|---|
//! | 11 | [`cli`], [`app`], [`demo`] |
//! | 10 | [`config`] |
//! | 9 | [`http`] |
//! | 7 | [`status`] |
//! | 6 | [`supervisor`] |
//! | 5 | [`pipeline`] |
//! | 4 | [`sources`], [`decode`], [`buffers`], [`signal`], [`memory`]: the organs, which never import one another |
//! | 3 | [`net`] |
//! | 2 | [`shutdown`] |
//! | 1 | [`metrics`] |
//! | 0 | [`backoff`], [`id`], [`secret`], [`units`] |

pub mod backoff;
pub mod buffers;
pub(crate) mod closed_set;
pub mod id;
pub mod metrics;
pub mod secret;
pub mod shutdown;

pub mod sources;
pub mod status;
pub mod units;
