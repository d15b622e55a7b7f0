//! Dashboards, rules and runbooks: served as they are, and written by the subcommand `assets`.

use std::{fs, io, path::PathBuf, process::ExitCode};

use crate::{cli::AssetsOptions, http, listed::counted};

/// The name under which a file is served and written, and where it is in the repository.
macro_rules! shipped {
    ($($served:literal = $file:literal,)*) => {
        &[$(($served, include_str!(concat!("../../", $file))),)*]
    };
}

/// What is served under its name, and written too. `tests` holds it against the folders.
pub(super) static SERVED: http::Assets = shipped! {
    "grafana/buffers.json" = "grafana/buffers.json",
    "grafana/memory.json" = "grafana/memory.json",
    "grafana/overview.json" = "grafana/overview.json",
    "grafana/source.json" = "grafana/source.json",
    "alerts/buffers.yaml" = "alerts/buffers.yaml",
    "alerts/coverage.yaml" = "alerts/coverage.yaml",
    "alerts/exporter.yaml" = "alerts/exporter.yaml",
    "alerts/memory.yaml" = "alerts/memory.yaml",
    "alerts/recorder.yaml" = "alerts/recorder.yaml",
    "alerts/recording.yaml" = "alerts/recording.yaml",
    "alerts/signal.yaml" = "alerts/signal.yaml",
    "alerts/sources.yaml" = "alerts/sources.yaml",
    "runbooks/AudioExporterAbsent.md" = "docs/runbooks/AudioExporterAbsent.md",
    "runbooks/AudioExporterCaptureHung.md" = "docs/runbooks/AudioExporterCaptureHung.md",
    "runbooks/AudioExporterCertificateExpiring.md" = "docs/runbooks/AudioExporterCertificateExpiring.md",
    "runbooks/AudioExporterDelayed.md" = "docs/runbooks/AudioExporterDelayed.md",
    "runbooks/AudioExporterDown.md" = "docs/runbooks/AudioExporterDown.md",
    "runbooks/AudioExporterFdsLow.md" = "docs/runbooks/AudioExporterFdsLow.md",
    "runbooks/AudioExporterHistoryFailing.md" = "docs/runbooks/AudioExporterHistoryFailing.md",
    "runbooks/AudioExporterHttpRejected.md" = "docs/runbooks/AudioExporterHttpRejected.md",
    "runbooks/AudioExporterLogDropped.md" = "docs/runbooks/AudioExporterLogDropped.md",
    "runbooks/AudioExporterNotificationsFailing.md" = "docs/runbooks/AudioExporterNotificationsFailing.md",
    "runbooks/AudioExporterProfilesFailing.md" = "docs/runbooks/AudioExporterProfilesFailing.md",
    "runbooks/AudioExporterReloadFailed.md" = "docs/runbooks/AudioExporterReloadFailed.md",
    "runbooks/AudioExporterRestarting.md" = "docs/runbooks/AudioExporterRestarting.md",
    "runbooks/AudioExporterShardMissing.md" = "docs/runbooks/AudioExporterShardMissing.md",
    "runbooks/AudioExporterTaskPanics.md" = "docs/runbooks/AudioExporterTaskPanics.md",
    "runbooks/AudioExporterWatchdog.md" = "docs/runbooks/AudioExporterWatchdog.md",
    "runbooks/BufferAllocationErrors.md" = "docs/runbooks/BufferAllocationErrors.md",
    "runbooks/BufferOverflows.md" = "docs/runbooks/BufferOverflows.md",
    "runbooks/FormatMismatch.md" = "docs/runbooks/FormatMismatch.md",
    "runbooks/HighRepeatedBufferAllocations.md" = "docs/runbooks/HighRepeatedBufferAllocations.md",
    "runbooks/MemoryBudget.md" = "docs/runbooks/MemoryBudget.md",
    "runbooks/MemoryLeak.md" = "docs/runbooks/MemoryLeak.md",
    "runbooks/MemoryLimitNear.md" = "docs/runbooks/MemoryLimitNear.md",
    "runbooks/MemoryPattern.md" = "docs/runbooks/MemoryPattern.md",
    "runbooks/MemorySpike.md" = "docs/runbooks/MemorySpike.md",
    "runbooks/MemoryThreshold.md" = "docs/runbooks/MemoryThreshold.md",
    "runbooks/ProcessDown.md" = "docs/runbooks/ProcessDown.md",
    "runbooks/ProcessFdsGrowing.md" = "docs/runbooks/ProcessFdsGrowing.md",
    "runbooks/ProcessOomKilled.md" = "docs/runbooks/ProcessOomKilled.md",
    "runbooks/ProcessRestarting.md" = "docs/runbooks/ProcessRestarting.md",
    "runbooks/ProcessThreadsGrowing.md" = "docs/runbooks/ProcessThreadsGrowing.md",
    "runbooks/ProcessUnreadable.md" = "docs/runbooks/ProcessUnreadable.md",
    "runbooks/README.md" = "docs/runbooks/README.md",
    "runbooks/ReaderLag.md" = "docs/runbooks/ReaderLag.md",
    "runbooks/RecorderGoroutinesGrowing.md" = "docs/runbooks/RecorderGoroutinesGrowing.md",
    "runbooks/RecorderHeapGrowing.md" = "docs/runbooks/RecorderHeapGrowing.md",
    "runbooks/RecorderMemoryGrowing.md" = "docs/runbooks/RecorderMemoryGrowing.md",
    "runbooks/RecorderRestarting.md" = "docs/runbooks/RecorderRestarting.md",
    "runbooks/RecorderUnreachable.md" = "docs/runbooks/RecorderUnreachable.md",
    "runbooks/SourceClipping.md" = "docs/runbooks/SourceClipping.md",
    "runbooks/SourceClockSkew.md" = "docs/runbooks/SourceClockSkew.md",
    "runbooks/SourceCoverageLow.md" = "docs/runbooks/SourceCoverageLow.md",
    "runbooks/SourceDecodeErrors.md" = "docs/runbooks/SourceDecodeErrors.md",
    "runbooks/SourceDigitalSilence.md" = "docs/runbooks/SourceDigitalSilence.md",
    "runbooks/SourceDown.md" = "docs/runbooks/SourceDown.md",
    "runbooks/SourceFlapping.md" = "docs/runbooks/SourceFlapping.md",
    "runbooks/SourcePacketLoss.md" = "docs/runbooks/SourcePacketLoss.md",
    "runbooks/SourceSilent.md" = "docs/runbooks/SourceSilent.md",
    "runbooks/SourceStalled.md" = "docs/runbooks/SourceStalled.md",
    "runbooks/SourceStuck.md" = "docs/runbooks/SourceStuck.md",
    "runbooks/SourceUnauthorized.md" = "docs/runbooks/SourceUnauthorized.md",
    "runbooks/SourceUnsupported.md" = "docs/runbooks/SourceUnsupported.md",
    "runbooks/TrackedObjects.md" = "docs/runbooks/TrackedObjects.md",
};

/// For a Grafana that finds the dashboards by itself.
static PROVISIONING: http::Assets = shipped! {
    "grafana/provisioning/dashboards/audio-capture-exporter.yaml" = "grafana/provisioning/dashboards/audio-capture-exporter.yaml",
    "grafana/provisioning/datasources/prometheus.yaml" = "grafana/provisioning/datasources/prometheus.yaml",
};

/// Where the runbooks are in the rules as they are shipped: at the exporter's own default address.
const RUNBOOKS: &str = "http://127.0.0.1:10480/runbooks/";

/// Writes everything into a directory, which is made if it is not there. Files of the same names
/// are replaced; nothing else is touched.
pub fn run(options: &AssetsOptions) -> ExitCode {
    match write(options) {
        Ok(number) => {
            let files = counted(number as u64, "file");
            println!("{files} written to {}", options.directory.display());
            ExitCode::SUCCESS
        }
        Err((path, error)) => {
            eprintln!(
                "audio-capture-exporter: {} cannot be written: {error}; name a directory that you may write to",
                path.display()
            );
            ExitCode::FAILURE
        }
    }
}

fn write(options: &AssetsOptions) -> Result<usize, (PathBuf, io::Error)> {
    let all = SERVED.iter().chain(PROVISIONING);
    for (name, text) in all.clone() {
        let path = options.directory.join(name);
        let text = with_runbooks_at(text, options.runbooks.as_deref());
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text));
        written.map_err(|error| (path, error))?;
    }
    Ok(all.count())
}

fn with_runbooks_at(text: &str, base: Option<&str>) -> String {
    match base {
        Some(base) => text.replace(RUNBOOKS, &format!("{}/", base.trim_end_matches('/'))),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
