//! What was told, and what could not be.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::closed_set::closed_set;

closed_set! {
    /// How somebody is told.
    pub enum Channel {
        /// A line of the JSONL file.
        File => "file",
        /// A webhook.
        Webhook => "webhook",
        /// An Alertmanager.
        Alertmanager => "alertmanager",
    }
}

closed_set! {
    /// Why an attempt failed.
    pub enum FailureReason {
        /// The host name did not resolve.
        Dns => "dns",
        /// No connection came about.
        Connect => "connect",
        /// No whole answer in time.
        Timeout => "timeout",
        /// TLS did not come about, or the certificate is not trusted.
        Tls => "tls",
        /// What came back was no HTTP, or the connection broke.
        Protocol => "protocol",
        /// 3xx: another address, which is never followed.
        Redirected => "redirected",
        /// Any other status that is neither success nor 5xx.
        Rejected => "rejected",
        /// 5xx.
        ServerError => "server_error",
        /// Given up: too many wait, or for too long; what was dropped is counted.
        Dropped => "dropped",
        /// The disk refused.
        Disk => "disk",
        /// Our own fault.
        Local => "local",
    }
}

/// The counters of all targets.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: [AtomicU64; Channel::COUNT],
    failed: [[AtomicU64; FailureReason::COUNT]; Channel::COUNT],
}

impl Tally {
    pub(super) fn note_sent(&self, channel: Channel, count: u64) {
        self.sent[channel.index()].fetch_add(count, Relaxed);
    }

    pub(super) fn note_failed(&self, channel: Channel, reason: FailureReason) {
        self.failed[channel.index()][reason.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn sent(&self, channel: Channel) -> u64 {
        self.sent[channel.index()].load(Relaxed)
    }

    pub(super) fn failed(&self, channel: Channel, reason: FailureReason) -> u64 {
        self.failed[channel.index()][reason.index()].load(Relaxed)
    }
}
