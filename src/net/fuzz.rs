//! What the network edge promises about any bytes.

use std::collections::{BTreeMap, BTreeSet};

use retina::rtsp::parse::{FeedError, Parser};

use super::{
    framing::{Framing, MAX_HEAD, Seen, Violation},
    reorder::{MAX_HELD, Reorder, Restarted},
    request::Requests,
};
use crate::fuzzing::{Input, cut};

/// A camera's bytes: the verdict does not depend on how they were cut, little is held, and
/// the client library sees every message end where we saw it end.
pub(crate) fn framing(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let seed = input.byte();
    let stream = input.rest();

    let whole = Framing::new().feed(stream);
    let mut framing = Framing::new();
    let mut pieces = Ok(Seen::default());
    for piece in cut(stream, seed) {
        pieces = pieces.and_then(|so_far| Ok(joined(so_far, framing.feed(piece)?)));
        assert!(framing.head.len() <= MAX_HEAD);
        assert!(framing.head.capacity() <= 2 * MAX_HEAD);
    }
    assert_eq!(whole, pieces);
    if let Ok(seen) = whole {
        assert!(seen.interleaved || seen.rtp_packets == 0);
        same_boundaries(stream);
    }
}

fn joined(so_far: Seen, new: Seen) -> Seen {
    Seen {
        rtp_packets: so_far.rtp_packets + new.rtp_packets,
        interleaved: so_far.interleaved || new.interleaved,
        head: new.head.or(so_far.head),
    }
}

/// If the client saw a longer body than we, it would gather what nobody bounds; if a shorter
/// one, a body could smuggle messages past us.
fn same_boundaries(stream: &[u8]) {
    let mut ours = BTreeSet::new();
    let mut framing = Framing::new();
    let mut start = 0;
    for (at, byte) in stream.iter().enumerate() {
        let fed: Result<Seen, Violation> = framing.feed(&[*byte]);
        assert!(fed.is_ok(), "accepted as a whole");
        if framing.is_between() {
            // Empty lines between messages are no messages.
            if &stream[start..=at] != b"\r\n" {
                ours.insert(at + 1);
            }
            start = at + 1;
        }
    }
    let mut theirs = BTreeSet::new();
    let mut parser = Parser::default();
    let mut rest = stream;
    loop {
        match parser.feed(&mut rest) {
            Ok(Some(_)) => theirs.insert(stream.len() - rest.len()),
            // It gives the session up.
            Err(FeedError::Invalid(_)) => {
                assert!(theirs.is_subset(&ours), "{theirs:?} {ours:?}");
                return;
            }
            Ok(None) | Err(FeedError::Incomplete(_)) => break,
        };
    }
    assert_eq!(theirs, ours);
}

/// The loopback client's bytes: no request without the pass goes through, none with it
/// carries it on, and the cut does not matter.
pub(crate) fn relay_client(bytes: &[u8]) {
    const PASS: &str = "0123456789abcdef";
    let mut input = Input::new(bytes);
    let seed = input.byte();
    // One byte stands for the pass, which no mutation would find.
    let mut stream = Vec::new();
    for byte in input.rest() {
        match byte {
            0x01 => stream.extend_from_slice(format!(" ({PASS})").as_bytes()),
            byte => stream.push(*byte),
        }
    }
    let mut requests = Requests::new(PASS);
    let mut through = Vec::new();
    let mut refused = false;
    for piece in cut(&stream, seed.max(2)) {
        match requests.feed(piece) {
            Ok(ready) => through.extend_from_slice(&ready),
            Err(_) => {
                refused = true;
                break;
            }
        }
    }
    let pass = format!(" ({PASS})");
    // Request by request, as a slow reader would.
    let mut expected = Vec::new();
    let mut rest = stream.as_slice();
    while let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
        let (request, later) = rest.split_at(end + 4);
        let at = request
            .windows(pass.len())
            .position(|window| window == pass.as_bytes());
        let Some(at) = at else { break };
        expected.extend_from_slice(&request[..at]);
        expected.extend_from_slice(&request[at + pass.len()..]);
        rest = later;
    }
    assert!(expected.starts_with(&through), "more than was proven");
    assert!(refused || through == expected);
}

/// RTP by UDP: packets come out in order and once, and what waits is bounded.
pub(crate) fn reorder(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut reorder = Reorder::default();
    let large = vec![0; 60_000];
    let mut pushed: BTreeMap<u16, usize> = BTreeMap::new();
    let mut delivered: Vec<u16> = Vec::new();
    let mut at: u16 = input.word();
    while !input.is_empty() {
        let step = input.byte();
        let mut deliver = |packet: &[u8]| {
            delivered.push(u16::from_be_bytes([packet[0], packet[1]]));
        };
        match step {
            0 => {
                reorder.tick(&mut deliver);
                continue;
            }
            // Far away, near, or next.
            1 => at = input.word(),
            2..=15 => at = at.wrapping_add(u16::from(step)),
            16..=31 => at = at.wrapping_sub(u16::from(step - 15)),
            _ => at = at.wrapping_add(1),
        }
        let size = if step & 0x40 == 0 { 2 } else { large.len() };
        let mut packet = large[..size].to_vec();
        packet[..2].copy_from_slice(&at.to_be_bytes());
        *pushed.entry(at).or_default() += 1;
        if reorder.push(at, &packet, &mut deliver) == Err(Restarted) {
            break;
        }
        assert!(reorder.held_bytes <= MAX_HELD);
    }
    let mut times: BTreeMap<u16, usize> = BTreeMap::new();
    for number in &delivered {
        *times.entry(*number).or_default() += 1;
    }
    for (number, count) in times {
        assert!(count <= pushed[&number], "{number} came out of nothing");
    }
    for pair in delivered.windows(2) {
        let ahead = pair[1].wrapping_sub(pair[0]);
        assert!((1..0x8000).contains(&ahead), "{pair:?}");
    }
}
