//! What a server knows to have happened to one of its sources.

use std::time::{Duration, Instant};

/// Whom time without audio belongs to, seen from the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nobody has come yet, or audio flows.
    #[default]
    Nobodys,
    /// No connection is open: the client waits.
    Away,
    /// The client is here and has no audio yet.
    Knocking,
    /// It was sent away with 401; so until it is served.
    Forbidden,
}

/// What really happened to one source, in seconds, packets and sessions.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// RTP packets sent, those with garbage in them too.
    pub packets: u64,
    pub lost_packets: u64,
    /// Frames that no decoder understands.
    pub garbage_frames: u64,
    pub audio: f64,
    /// Sent at once at the beginning of a session.
    pub burst: f64,
    pub lost: f64,
    pub garbage: f64,
    pub silent: f64,
    /// Without a connection: what the client calls its backoff.
    pub away: f64,
    /// From a connection to the first packet, or to its end.
    pub knocking: f64,
    /// From the first 401 to the first packet after it.
    pub forbidden: f64,
    pub sessions: u64,
    /// Sessions with audio that the server closed, in order or by a reset.
    pub closed: u64,
    pub reset: u64,
    /// Sessions that the client left.
    pub left: u64,
    /// How late the machine let it send at worst.
    pub late: f64,
    pub connections: u64,
    turn: Turn,
    since: Option<Instant>,
}

impl Truth {
    /// Time belongs to somebody else from now on.
    pub(super) fn turn(&mut self, next: Turn) {
        self.turn_at(next, Instant::now());
    }

    fn turn_at(&mut self, next: Turn, at: Instant) {
        let since = self.since.replace(at).unwrap_or(at);
        let passed = at.saturating_duration_since(since).as_secs_f64();
        match self.turn {
            Turn::Nobodys => {}
            Turn::Away => self.away += passed,
            Turn::Knocking => self.knocking += passed,
            Turn::Forbidden => self.forbidden += passed,
        }
        // Blocked is who was refused, until audio proves otherwise.
        if self.turn != Turn::Forbidden || next == Turn::Nobodys {
            self.turn = next;
        }
    }

    /// A client is here: the number of its connection.
    pub(super) fn arrived(&mut self) -> u64 {
        self.turn(Turn::Knocking);
        self.connections += 1;
        self.connections
    }

    /// A connection is over, since this moment. One that left in silence may be noticed
    /// after the next.
    pub(super) fn departed(&mut self, connection: u64, at: Instant) {
        if connection == self.connections {
            self.turn_at(Turn::Away, at);
        }
    }

    /// The truth as of now.
    pub(super) fn now(&self) -> Self {
        let mut now = self.clone();
        now.turn(now.turn);
        now
    }

    pub(super) fn sent(&mut self, audio: Duration) {
        self.packets += 1;
        self.audio += audio.as_secs_f64();
    }
}
