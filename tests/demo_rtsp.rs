//! The built-in RTSP server against a real client library and against bad clients.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "demo_rtsp/client.rs"]
mod client;
#[path = "demo_rtsp/clients.rs"]
mod clients;
#[path = "demo_rtsp/media.rs"]
mod media;
