//! What watches the allocations: the tracker, the search for anomalies, and the account of
//! what removed sources have left.

use std::time::Instant;

use super::{
    account::Retired,
    allocation::{Buffers, Subject},
    anomaly::AllocationAnomaly,
    pool::Pooled,
    tracker::Tracker,
};
use crate::{id::SourceId, units::ByteSize};

impl Buffers {
    /// Changes how many bytes of released buffers are kept for the next ones of the same
    /// size; none unless this is called. They stay charged to the budget, and give way when
    /// another buffer needs them.
    pub fn set_pool(&self, limit: ByteSize) {
        self.pool.set_limit(limit);
    }

    /// What is kept of released buffers.
    pub fn pooled(&self) -> Pooled {
        self.pool.pooled()
    }

    /// Bytes of all buffers that hold audio, and bytes allocated for them. Memory that nothing was
    /// written to is in no RAM; what is retired or kept in the pool counts as full.
    pub fn filled(&self) -> (ByteSize, ByteSize) {
        let (used, _) = self.budget();
        let empty: u64 = self
            .roster
            .members()
            .iter()
            .flat_map(|(_, subject)| subject.accounts.iter())
            .map(|account| account.statement().levels)
            .map(|levels| levels.capacity_bytes.saturating_sub(levels.size_bytes))
            .sum();
        (ByteSize(used.0.saturating_sub(empty)), used)
    }

    /// What is left of removed sources: buffers that somebody still reads, and that stay
    /// charged to the budget until then, with the name their source had.
    pub fn departed(&self) -> Vec<(SourceId, Retired)> {
        self.departed.still_held()
    }

    /// The record of attempts.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Looks whether a source keeps asking, and logs where that begins or ends. To be called
    /// every few seconds.
    pub fn watch_allocations(&self, now: Instant) {
        let now = now.saturating_duration_since(self.started);
        for (source, subject) in self.roster.members() {
            let before = subject.anomaly();
            let accounts = subject.accounts.iter();
            accounts.for_each(|account| account.observe(now));
            match (before, subject.anomaly()) {
                (None, Some(anomaly)) => tracing::warn!(%source, "the source {anomaly}"),
                (Some(_), None) => {
                    tracing::info!(%source, "the source asks no more than it should");
                }
                _ => {}
            }
        }
    }

    /// What [`Self::watch_allocations`] last found wrong with a source, if anything.
    pub fn anomaly(&self, source: &SourceId) -> Option<AllocationAnomaly> {
        self.roster.get(source)?.anomaly()
    }
}

impl Subject {
    /// The worst of its buffers.
    fn anomaly(&self) -> Option<AllocationAnomaly> {
        let found = self.accounts.iter().filter_map(|account| account.anomaly());
        found.max_by(|a, b| a.per_second.total_cmp(&b.per_second))
    }
}
