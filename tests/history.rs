//! The history of the running program: killed, out of room, reloaded, read.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

#[path = "history/api.rs"]
mod api;
#[path = "history/full_disk.rs"]
mod full_disk;
#[path = "history/killed.rs"]
mod killed;
