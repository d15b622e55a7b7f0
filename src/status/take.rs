//! Taking the picture.

use std::{sync::Arc, time::SystemTime};

use tokio::time::Instant;

use super::{Complaints, Recent, RecentOfSource, Snapshot, SourceStatus};
use crate::{
    buffers::{BufferKind, Buffers},
    coarse_clock::CoarseInstant,
    memory::Memory,
    objects::Objects,
    signal::Meters,
    sources::{Account, Accounts, State},
};

/// Reads every organ once, adds to the `recent` past when it is time, and logs which
/// `complaints` about audio that flows begin or end. Holds no lock for longer than one source
/// takes to copy.
pub fn take(
    accounts: &Accounts,
    meters: &Meters,
    buffers: &Buffers,
    memory: &Memory,
    objects: &Objects,
    recent: &mut Recent,
    complaints: &mut Complaints,
) -> Snapshot {
    let accounts = accounts.all();
    complaints.keep(&accounts);
    let mut sources: Vec<_> = accounts
        .iter()
        .map(|account| source(account, meters, buffers, complaints))
        .collect();
    let now = CoarseInstant::now();
    if recent.is_due(now) {
        let levels = sources.iter().map(|source| {
            let window = source.signal.and_then(|signal| signal.window);
            (&source.id, window.map(|window| window.rms))
        });
        recent.step(now, buffers, levels);
    }
    for source in &mut sources {
        source.recent = recent.of(&source.id);
    }
    Snapshot {
        taken: Instant::now(),
        taken_wall: SystemTime::now(),
        sources,
        budget: buffers.budget(),
        memory: memory.processes(),
        objects: objects.all(std::time::Instant::now()),
    }
}

fn source(
    account: &Arc<Account>,
    meters: &Meters,
    buffers: &Buffers,
    complaints: &mut Complaints,
) -> SourceStatus {
    let mut view = account.view();
    let id = account.id();
    let buffered = buffers
        .get(id, BufferKind::Capture)
        .map(|buffer| {
            (
                buffer.buffered(),
                buffer.format().duration_of(buffer.capacity_frames()),
            )
        })
        .unwrap_or_default();
    let mismatches = view
        .mismatches()
        .into_iter()
        .filter(|(_, differs)| *differs);
    let mismatches = mismatches.map(|(aspect, _)| aspect).collect();
    let lag = BufferKind::ALL.iter().filter_map(|kind| {
        let stats = buffers.get(id, *kind)?.stats()?;
        Some(stats.utilization())
    });
    let reader_lag = lag.reduce(f64::max);
    let streaming = view.state == State::Streaming;
    let signal = streaming.then(|| meters.view(id)).flatten();
    if streaming {
        let about = complaints.about(id, &view, signal.as_ref());
        view.problem = view.problem.or(about);
    }
    SourceStatus {
        id: id.clone(),
        kind: account.kind(),
        state: view.state,
        since: view.since,
        last_audio: view.last_audio,
        without_audio: view.without_audio,
        problem: view.problem,
        codec: view.info.codec,
        format: view.info.format,
        audio_seconds: view.time.audio.as_secs_f64(),
        expected_seconds: view.time.expected.as_secs_f64(),
        buffered,
        signal,
        recent: RecentOfSource::default(),
        allocation_anomaly: buffers.anomaly(id),
        mismatches,
        reader_lag,
    }
}
