//! The HTTP server over real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

#[path = "http_server/allocations.rs"]
mod allocations;
#[path = "http_server/api.rs"]
mod api;
#[path = "http_server/audio.rs"]
mod audio;
#[path = "http_server/client.rs"]
mod client;
#[path = "http_server/commands.rs"]
mod commands;
#[path = "http_server/connections.rs"]
mod connections;
#[path = "http_server/events.rs"]
mod events;
#[path = "http_server/exposure.rs"]
mod exposure;
#[path = "http_server/fixture.rs"]
mod fixture;
#[path = "http_server/limits.rs"]
mod limits;
#[path = "http_server/negotiation.rs"]
mod negotiation;
#[path = "http_server/objects.rs"]
mod objects;
#[path = "http_server/routes.rs"]
mod routes;
