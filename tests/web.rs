//! The server on a network: TLS, users and roles by the web file, sockets and signs of life for
//! systemd, each tried with real clients.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;
#[path = "support/tls_front.rs"]
#[allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "a panic is how a test fails; a test file is a crate"
)]
mod tls_front;

#[path = "web/files.rs"]
mod files;
#[path = "web/hostile.rs"]
mod hostile;
#[path = "web/prometheus.rs"]
mod prometheus;
#[path = "web/roles.rs"]
mod roles;
#[path = "web/rotation.rs"]
mod rotation;
#[path = "web/stage.rs"]
mod stage;
#[path = "web/systemd.rs"]
mod systemd;
#[path = "web/tls.rs"]
mod tls;
