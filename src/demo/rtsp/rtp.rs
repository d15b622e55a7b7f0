//! RTP packets and sender reports (RFC 3550), framed for TCP (RFC 2326 §10.12).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds from 1900, where NTP starts counting, to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;
const VERSION_2: u8 = 2 << 6;
const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const CNAME: u8 = 1;

/// The random beginnings of one synchronisation source (§5.1): guessable ones would make
/// attacks on encrypted streams easier, and equal ones would hide a client's mix-ups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) ssrc: u32,
    pub(super) first_sequence: u16,
    pub(super) first_timestamp: u32,
}

impl Identity {
    /// # Errors
    /// When the system has no randomness to give.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let bits = getrandom::u64()?;
        Ok(Self {
            ssrc: bits as u32,
            first_sequence: (bits >> 32) as u16,
            first_timestamp: getrandom::u32()?,
        })
    }
}

/// The numbers of one RTP packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) marker: bool,
    pub(super) payload_type: u8,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
}

/// Appends one RTP packet whose payload `fill` appends. Returns the payload's bytes.
pub(super) fn packet(
    out: &mut Vec<u8>,
    channel: u8,
    header: Header,
    fill: impl FnOnce(&mut Vec<u8>),
) -> usize {
    frame(out, channel, |out| {
        out.push(VERSION_2);
        out.push(u8::from(header.marker) << 7 | header.payload_type);
        out.extend_from_slice(&header.sequence.to_be_bytes());
        out.extend_from_slice(&header.timestamp.to_be_bytes());
        out.extend_from_slice(&header.ssrc.to_be_bytes());
        let start = out.len();
        fill(out);
        out.len() - start
    })
}

/// Where a sender stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) ssrc: u32,
    pub(super) wall: SystemTime,
    /// The RTP timestamp of that moment.
    pub(super) timestamp: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

/// Appends a sender report with the canonical name that every compound packet must have
/// (§6.1, §6.4.1, §6.5).
pub(super) fn sender_report(out: &mut Vec<u8>, channel: u8, report: Report) {
    frame(out, channel, |out| {
        let words: u16 = 6;
        out.extend_from_slice(&[VERSION_2, SENDER_REPORT]);
        out.extend_from_slice(&words.to_be_bytes());
        out.extend_from_slice(&report.ssrc.to_be_bytes());
        out.extend_from_slice(&ntp(report.wall).to_be_bytes());
        for number in [report.timestamp, report.packets, report.octets] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        let name = b"demo@127.0.0.1";
        // One chunk: the source, the item's kind and length, the name, and at least one
        // zero up to the next multiple of four bytes.
        let chunk = 4 + 2 + name.len() + 1;
        let words = chunk.div_ceil(4);
        out.extend_from_slice(&[VERSION_2 | 1, SOURCE_DESCRIPTION]);
        out.extend_from_slice(&(words as u16).to_be_bytes());
        out.extend_from_slice(&report.ssrc.to_be_bytes());
        out.extend_from_slice(&[CNAME, name.len() as u8]);
        out.extend_from_slice(name);
        out.resize(out.len() + words * 4 - (chunk - 1), 0);
    });
}

/// Appends `$`, the channel, the length, and what `fill` appends.
fn frame<T>(out: &mut Vec<u8>, channel: u8, fill: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    out.extend_from_slice(&[b'$', channel, 0, 0]);
    let start = out.len();
    let result = fill(out);
    let length = (out.len() - start) as u16;
    out[start - 2..start].copy_from_slice(&length.to_be_bytes());
    result
}

/// A moment as NTP's 64-bit fixed-point seconds.
fn ntp(wall: SystemTime) -> u64 {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs() + NTP_EPOCH) << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_well_formed_compound_packet() {
        let mut out = Vec::new();
        let wall = UNIX_EPOCH + Duration::from_millis(1_500);
        let report = Report {
            ssrc: 0xAABB_CCDD,
            wall,
            timestamp: 7,
            packets: 8,
            octets: 9,
        };
        sender_report(&mut out, 3, report);
        assert_eq!(out[..2], [b'$', 3]);
        let rtcp = &out[4..];
        assert_eq!(u16::from_be_bytes([out[2], out[3]]) as usize, rtcp.len());
        // Walk the compound packet by its own lengths: it must end exactly at the end.
        let mut at = 0;
        let mut kinds = Vec::new();
        while at < rtcp.len() {
            kinds.push(rtcp[at + 1]);
            assert_eq!(rtcp[at + 4..at + 8], [0xAA, 0xBB, 0xCC, 0xDD]);
            at += 4 + 4 * usize::from(u16::from_be_bytes([rtcp[at + 2], rtcp[at + 3]]));
        }
        assert_eq!((at, kinds), (rtcp.len(), vec![200, 202]));
        let seconds = u32::from_be_bytes(rtcp[8..12].try_into().unwrap());
        assert_eq!(seconds, 2_208_988_801);
        assert_eq!(rtcp[12..16], [0x80, 0, 0, 0]);
        assert_eq!(rtcp[rtcp.len() - 1], 0, "the item list must be terminated");
    }
}
