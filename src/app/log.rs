//! The log: one line an event, to the standard error.

use tracing_subscriber::{
    Layer as _, Registry, filter::Targets, fmt, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::cli::{LogFormat, LogLevel};

/// Starts logging. Only this crate's own events are written: libraries log URLs and
/// addresses, and a camera's path may hold a password.
pub(super) fn init(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let registry = Registry::default();
    let started = match format {
        LogFormat::Json => registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(std::io::stderr)
                    .with_filter(ours),
            )
            .try_init(),
        LogFormat::Logfmt => registry
            .with(
                tracing_logfmt::builder()
                    .layer()
                    .with_writer(std::io::stderr)
                    .with_filter(ours),
            )
            .try_init(),
    };
    if started.is_err() {
        eprintln!("a log is already in place; this program does not replace it");
    }
}
