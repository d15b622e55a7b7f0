//! What the program says about itself: `audio_capture_exporter_*`.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::ProgramStatus;
use crate::{
    metrics::{Expose, Exposition, Family},
    shutdown::Tasks,
};

static BUILD_INFO: Family = Family::gauge(
    "audio_capture_exporter_build_info",
    "The program's version; always 1",
    &["version", "revision"],
);
static RELOAD_OK: Family = Family::gauge(
    "audio_capture_exporter_config_last_reload_successful",
    "Whether the last load of the configuration succeeded",
    &[],
);
static RELOAD_TIME: Family = Family::gauge(
    "audio_capture_exporter_config_last_reload_success_timestamp_seconds",
    "Unix time of the last successful load of the configuration",
    &[],
);
static HEARTBEAT: Family = Family::gauge(
    "audio_capture_exporter_capture_heartbeat_timestamp_seconds",
    "Unix time at which the capture side last proved that it runs; it does so every second",
    &[],
);
static DELAY: Family = Family::gauge(
    "audio_capture_exporter_runtime_delay_seconds",
    "How late the capture side's last heartbeat was",
    &[],
);
static PANICS: Family = Family::counter(
    "audio_capture_exporter_task_panics_total",
    "Tasks that panicked; anything but 0 is a bug",
    &["task"],
);
static FAMILIES: [&Family; 6] = [
    &BUILD_INFO,
    &RELOAD_OK,
    &RELOAD_TIME,
    &HEARTBEAT,
    &DELAY,
    &PANICS,
];

/// The program's own signs of life.
#[derive(Debug)]
pub struct Vitals {
    tasks: Tasks,
    reload_ok: AtomicBool,
    reload_failed: AtomicBool,
    reload_millis: AtomicU64,
    heartbeat_millis: AtomicU64,
    delay_micros: AtomicU64,
}

impl Vitals {
    /// Signs of life of the program whose tasks these are. No configuration counts as
    /// loaded yet.
    pub fn new(tasks: Tasks) -> Self {
        Self {
            tasks,
            reload_ok: AtomicBool::new(false),
            reload_failed: AtomicBool::new(false),
            reload_millis: AtomicU64::new(0),
            heartbeat_millis: AtomicU64::new(0),
            delay_micros: AtomicU64::new(0),
        }
    }

    /// Records whether the configuration could be loaded.
    pub fn loaded(&self, success: bool) {
        self.reload_ok.store(success, Relaxed);
        self.reload_failed.store(!success, Relaxed);
        if success {
            self.reload_millis.store(unix_millis(), Relaxed);
        }
    }

    /// What the program knows about itself.
    pub fn program(&self) -> ProgramStatus {
        ProgramStatus {
            reload_failed: self.reload_failed.load(Relaxed),
            panics: self.tasks.panics().map(|(_, count)| count).sum(),
            memory_overdue: None,
        }
    }

    /// Records a heartbeat that came `late`.
    pub fn beat(&self, late: Duration) {
        self.heartbeat_millis.store(unix_millis(), Relaxed);
        self.delay_micros.store(late.as_micros() as u64, Relaxed);
    }
}

impl Expose for Vitals {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let seconds = |millis: &AtomicU64| millis.load(Relaxed) as f64 / 1e3;
        let version = env!("CARGO_PKG_VERSION");
        let revision = option_env!("GIT_COMMIT").unwrap_or("unknown");
        out.family(&BUILD_INFO, |series| {
            series.sample(&[version, revision], 1u64)
        })?;
        out.family(&RELOAD_OK, |series| {
            series.sample(&[], self.reload_ok.load(Relaxed))
        })?;
        out.family(&RELOAD_TIME, |series| {
            series.sample(&[], seconds(&self.reload_millis))
        })?;
        out.family(&HEARTBEAT, |series| {
            series.sample(&[], seconds(&self.heartbeat_millis))
        })?;
        out.family(&DELAY, |series| {
            series.sample(&[], self.delay_micros.load(Relaxed) as f64 / 1e6)
        })?;
        out.family(&PANICS, |series| {
            self.tasks
                .panics()
                .try_for_each(|(task, count)| series.sample(&[task.as_str()], count))
        })
    }
}

fn unix_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
