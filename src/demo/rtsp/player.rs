//! One playing session's clock: which packets are due, and what is in them.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{
    media::Media,
    rtp::{self, Header, Identity, Report},
};

/// How often a sender report goes out (RFC 3550 §6.2 recommends at least 5 s apart).
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// What is later than this is left out: live audio that was not sent in time is gone.
const LATEST: Duration = Duration::from_secs(1);

/// Where a session's packets go: interleaved channels (RFC 2326 §10.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Channels {
    pub(super) rtp: u8,
    pub(super) rtcp: u8,
}

/// A session that plays.
#[derive(Debug)]
pub(super) struct Player {
    channels: Channels,
    identity: Identity,
    start: Instant,
    /// Packets of time since the start: sent, or left out because they were late.
    position: u64,
    /// Where in the media this session began, in packets.
    offset: u64,
    /// Packets really sent, and their payload bytes.
    sent: u64,
    octets: u64,
    after_pause: bool,
    next_report: Instant,
}

impl Player {
    /// Plays from `start`. Sessions with different `number`s hear different parts of the
    /// media, at different moments within a packet's time, so that many of them neither
    /// wake together nor decode the same.
    pub(super) fn new(
        media: &Media,
        channels: Channels,
        identity: Identity,
        number: u64,
        start: Instant,
    ) -> Self {
        // Multiples of the golden ratio spread evenly however many there are.
        let phase = (number as f64 * 0.618_033_988_75).fract();
        let start = start + media.duration_of(1).mul_f64(phase);
        Self {
            channels,
            identity,
            start,
            position: 0,
            offset: number.wrapping_mul(61) & 0xFFFF,
            sent: 0,
            octets: 0,
            after_pause: true,
            next_report: start,
        }
    }

    /// When the next packet is due.
    pub(super) fn next_due(&self, media: &Media) -> Instant {
        self.start + media.duration_of(self.position)
    }

    /// The next packet's sequence number and timestamp, for `RTP-Info`.
    pub(super) fn next_numbers(&self, media: &Media) -> (u16, u32) {
        (
            self.identity.first_sequence.wrapping_add(self.sent as u16),
            self.timestamp(self.position * u64::from(media.ticks)),
        )
    }

    /// Appends everything that is due at `now`: packets, then a report if it is time.
    pub(super) fn emit(
        &mut self,
        media: &Media,
        now: Instant,
        wall: SystemTime,
        out: &mut Vec<u8>,
    ) {
        while self.next_due(media) + LATEST < now {
            self.position += 1;
            self.after_pause = true;
        }
        while self.next_due(media) <= now {
            let (sequence, timestamp) = self.next_numbers(media);
            let header = Header {
                marker: media.marks_every_packet || self.after_pause,
                payload_type: media.payload_type,
                sequence,
                timestamp,
                ssrc: self.identity.ssrc,
            };
            let index = self.offset + self.position;
            let bytes = rtp::packet(out, self.channels.rtp, header, |out| {
                media.payload(index, out);
            });
            self.position += 1;
            self.sent += 1;
            self.octets += bytes as u64;
            self.after_pause = false;
        }
        if self.next_report <= now && self.sent > 0 {
            // From the planned time, not from now, so that reports do not drift either.
            self.next_report = (self.next_report + REPORT_EVERY).max(now);
            let elapsed = now.duration_since(self.start).as_nanos();
            let ticks = elapsed * u128::from(media.clock_rate) / 1_000_000_000;
            let report = Report {
                ssrc: self.identity.ssrc,
                wall,
                timestamp: self.timestamp(ticks as u64),
                packets: self.sent as u32,
                octets: self.octets as u32,
            };
            rtp::sender_report(out, self.channels.rtcp, report);
        }
    }

    /// Timestamps wrap around by design.
    fn timestamp(&self, ticks: u64) -> u32 {
        self.identity.first_timestamp.wrapping_add(ticks as u32)
    }
}

#[cfg(test)]
mod tests;
