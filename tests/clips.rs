//! Clips and live audio of the real program, against what real servers sent.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "clips/bursts.rs"]
mod bursts;
#[path = "clips/client.rs"]
mod client;
#[path = "clips/exact.rs"]
mod exact;
#[path = "clips/gaps.rs"]
mod gaps;
#[path = "clips/live.rs"]
mod live;
mod support;
