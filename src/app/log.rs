//! The log: one line an event, to the standard error, by a thread of its own.
//!
//! Whoever reads the standard error may stop reading: a paused terminal, a stuck log
//! driver. Nothing that captures or serves waits for that; lines that find the queue full are
//! dropped and counted.

use std::{fmt, sync::Arc};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    Layer as _, Registry, filter::Targets, fmt::layer, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{
    cli::{LogFormat, LogLevel},
    metrics::{Expose, Exposition, Family},
};

/// Lines that may wait for the writer.
const QUEUE: usize = 4096;

static DROPPED: Family = Family::counter(
    "audio_capture_exporter_log_lines_dropped_total",
    "Log lines dropped because nobody read the standard error",
    &[],
);
static FAMILIES: [&Family; 1] = [&DROPPED];

/// The running log. Dropping it writes what waits, for at most a second.
pub(super) struct Log {
    metrics: Arc<LogMetrics>,
    _writer: WorkerGuard,
}

/// What the log says about itself.
pub(super) struct LogMetrics(ErrorCounter);

impl Log {
    /// Starts logging. Only this crate's own events are written: libraries log URLs and
    /// addresses, and a camera's path may hold a password.
    pub(super) fn start(level: LogLevel, format: LogFormat) -> Self {
        let level = match level {
            LogLevel::Error => tracing::Level::ERROR,
            LogLevel::Warn => tracing::Level::WARN,
            LogLevel::Info => tracing::Level::INFO,
            LogLevel::Debug => tracing::Level::DEBUG,
            LogLevel::Trace => tracing::Level::TRACE,
        };
        let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
        let (to, writer): (NonBlocking, WorkerGuard) = NonBlockingBuilder::default()
            .buffered_lines_limit(QUEUE)
            .lossy(true)
            .thread_name("log")
            .finish(std::io::stderr());
        let metrics = Arc::new(LogMetrics(to.error_counter()));
        let registry = Registry::default();
        let started = match format {
            LogFormat::Json => registry
                .with(
                    layer()
                        .json()
                        .flatten_event(true)
                        .with_writer(to)
                        .with_filter(ours),
                )
                .try_init(),
            LogFormat::Logfmt => registry
                .with(
                    tracing_logfmt::builder()
                        .layer()
                        .with_writer(to)
                        .with_filter(ours),
                )
                .try_init(),
        };
        // Only a test or a program that embeds this one has another log in place.
        debug_assert!(started.is_ok(), "the log is started once");
        Self {
            metrics,
            _writer: writer,
        }
    }

    pub(super) fn metrics(&self) -> Arc<LogMetrics> {
        Arc::clone(&self.metrics)
    }
}

impl fmt::Debug for LogMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogMetrics({} dropped)", self.0.dropped_lines())
    }
}

impl Expose for LogMetrics {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        out.family(&DROPPED, |series| {
            series.sample(&[], self.0.dropped_lines() as u64)
        })
    }
}
