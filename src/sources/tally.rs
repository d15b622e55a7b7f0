//! What came in and what did not, in packets.

use std::sync::atomic::Ordering::Relaxed;

use super::Account;

/// Packets of one source so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attempts to open a session.
    pub attempts: u64,
    /// RTP packets received.
    pub received: u64,
    /// RTP packets that the sequence numbers show as lost.
    pub lost: u64,
    /// Packets that could not be decoded.
    pub undecodable: u64,
}

impl Account {
    /// Counts the packets so far.
    pub fn tally(&self) -> Tally {
        Tally {
            attempts: self.counts.attempts.load(Relaxed),
            received: self.traffic().packets.load(Relaxed),
            lost: self.counts.lost_packets.load(Relaxed),
            undecodable: self.counts.decode_errors.load(Relaxed),
        }
    }
}
