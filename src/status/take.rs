//! Taking the picture.

use std::{sync::Arc, time::SystemTime};

use tokio::time::Instant;

use super::{
    Complaints, ProgramStatus, Recent, RecentOfSource, Snapshot, SourceDetail, SourceStatus,
    Vitals, coverage::Sums,
};
use crate::{
    buffers::{BufferKind, Buffers},
    coarse_clock::CoarseInstant,
    history::History,
    memory::Memory,
    objects::Objects,
    signal::Meters,
    sources::{Account, Accounts, State, TimeSums},
};

/// Whom a picture is taken of.
pub struct Subjects<'a> {
    /// What every source is doing.
    pub accounts: &'a Accounts,
    /// What their audio is like.
    pub meters: &'a Meters,
    /// What of it is held.
    pub buffers: &'a Buffers,
    /// This process and the watched ones.
    pub memory: &'a Memory,
    /// What is counted.
    pub objects: &'a Objects,
    /// What is kept of the past.
    pub history: &'a History,
    /// The program itself.
    pub vitals: &'a Vitals,
}

/// Reads every organ once, adds to the `recent` past when it is time, and logs which
/// `complaints` about audio that flows begin or end. Holds no lock for longer than one source
/// takes to copy.
pub fn take(of: &Subjects<'_>, recent: &mut Recent, complaints: &mut Complaints) -> Snapshot {
    let accounts = of.accounts.all();
    complaints.keep(&accounts);
    let now = CoarseInstant::now();
    let mut sources: Vec<_> = accounts
        .iter()
        .map(|account| source(account, of, recent, complaints, now))
        .collect();
    recent.coverages.keep(sources.len(), |id| {
        sources.iter().any(|source| source.id == *id)
    });
    if recent.is_due(now) {
        let levels = sources.iter().map(|source| {
            let window = source.signal.and_then(|signal| signal.window);
            (&source.id, window.map(|window| window.rms))
        });
        recent.step(now, of.buffers, levels);
    }
    for source in &mut sources {
        source.recent = recent.of(&source.id);
    }
    Snapshot {
        taken: Instant::now(),
        taken_wall: SystemTime::now(),
        sources,
        budget: of.buffers.budget(),
        memory: of.memory.processes(),
        objects: of.objects.all(std::time::Instant::now()),
        history: of.history.status(),
        program: ProgramStatus {
            memory_overdue: of.memory.overdue(),
            ..of.vitals.program()
        },
    }
}

fn source(
    account: &Arc<Account>,
    of: &Subjects<'_>,
    recent: &mut Recent,
    complaints: &mut Complaints,
    now: CoarseInstant,
) -> SourceStatus {
    let (meters, buffers) = (of.meters, of.buffers);
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
    let coverage = recent
        .coverages
        .note(id, now, sums(&view.time, view.disconnects));
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
        detail: SourceDetail {
            coverage,
            gap_seconds: view.time.gaps.map(|gap| gap.as_secs_f64()),
            expect: view.expect,
            transport: view.info.transport,
            attempts: view.attempts,
            disconnects: view.disconnects,
            next_attempt: view.next_attempt,
        },
    }
}

fn sums(time: &TimeSums, disconnects: u64) -> Sums {
    Sums {
        expected: time.expected.as_secs_f64(),
        // A burst at a join makes up for nothing.
        audio: time.audio.saturating_sub(time.surplus).as_secs_f64(),
        disconnects,
    }
}
