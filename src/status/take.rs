//! Taking the picture.

use std::{sync::Arc, time::SystemTime};

use tokio::time::Instant;

use super::{Recent, RecentOfSource, Snapshot, SourceDetail, SourceStatus, Vitals, coverage::Sums};
use crate::{
    buffers::{BufferKind, Buffers},
    coarse_clock::CoarseInstant,
    memory::Memory,
    signal::Meters,
    sources::{Account, Accounts, State},
};

/// Reads every organ once, and adds to the `recent` past when it is time. Holds no lock for
/// longer than one source takes to copy.
pub fn take(
    accounts: &Accounts,
    meters: &Meters,
    buffers: &Buffers,
    memory: &Memory,
    vitals: &Vitals,
    recent: &mut Recent,
) -> Snapshot {
    let now = CoarseInstant::now();
    let mut sources: Vec<_> = accounts
        .all()
        .iter()
        .map(|account| source(account, meters, buffers, recent, now))
        .collect();
    recent.coverages.keep(sources.len(), |id| {
        sources.iter().any(|source| source.id == *id)
    });
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
        program: vitals.program(),
    }
}

fn source(
    account: &Arc<Account>,
    meters: &Meters,
    buffers: &Buffers,
    recent: &mut Recent,
    now: CoarseInstant,
) -> SourceStatus {
    let view = account.view();
    let id = account.id();
    let mismatches = view.mismatches().into_iter();
    let sums = Sums {
        expected: view.time.expected.as_secs_f64(),
        // A burst at a join makes up for nothing.
        audio: view
            .time
            .audio
            .saturating_sub(view.time.surplus)
            .as_secs_f64(),
    };
    let detail = SourceDetail {
        coverage: recent.coverages.note(id, now, sums),
        gap_seconds: view.time.gaps.map(|gap| gap.as_secs_f64()),
        mismatches: mismatches
            .filter_map(|(aspect, differs)| differs.then_some(aspect))
            .collect(),
        expect: view.expect,
        transport: view.info.transport,
        attempts: view.attempts,
        disconnects: view.disconnects,
        next_attempt: view.next_attempt,
        last_audio: view.last_audio,
    };
    let buffered = buffers
        .get(id, BufferKind::Capture)
        .map(|buffer| {
            (
                buffer.buffered(),
                buffer.format().duration_of(buffer.capacity_frames()),
            )
        })
        .unwrap_or_default();
    let streaming = view.state == State::Streaming;
    SourceStatus {
        id: id.clone(),
        kind: account.kind(),
        state: view.state,
        since: view.since,
        problem: view.problem,
        codec: view.info.codec,
        format: view.info.format,
        audio_seconds: view.time.audio.as_secs_f64(),
        expected_seconds: view.time.expected.as_secs_f64(),
        buffered,
        signal: streaming.then(|| meters.view(id)).flatten(),
        recent: RecentOfSource::default(),
        allocation_anomaly: buffers.anomaly(id),
        detail,
    }
}
