//! What the payload formats promise about any packets.

use std::collections::VecDeque;

use super::{Packet, Parameters, Payload, bits::Bits, mux_config::MuxConfig};
use crate::fuzzing::Input;

/// Packets of any format: no more comes out than went in, and a codec is announced with
/// numbers that make sense.
pub(crate) fn payload(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let encoding = input.one_of(&["mp4a-latm", "mpa", "opus", "l24", "mp4a-latm"]);
    let sdp = [
        b"m=audio 0 RTP/AVP 96\r\na=fmtp:96 ".as_slice(),
        input.piece(),
        b"\r\n",
    ]
    .concat();
    let parameters = Parameters::of_media(&sdp, 0, 96);
    let mut payload = Payload::new(encoding, &parameters, 48_000);
    let _known_before_it_plays = payload.may_tell();
    let mut frames = VecDeque::new();
    let (mut taken, mut packets, mut given, mut count) = (0, 0, 0, 0);
    let mut timestamp = 0;
    while !input.is_empty() {
        let flags = input.byte();
        timestamp += i64::from(flags >> 2 & 7) * 1024;
        let data = input.piece();
        payload.take(
            &Packet {
                payload: data,
                marker: flags & 1 != 0,
                timestamp,
                after_loss: flags & 2 != 0,
            },
            &mut frames,
        );
        taken += data.len();
        packets += 1;
        for frame in frames.drain(..) {
            given += frame.data.len();
            count += 1;
            if let Some(codec) = frame.codec {
                assert!((1..=8).contains(&codec.channels), "{codec:?}");
                assert!(codec.sample_rate > 0, "{codec:?}");
                assert!(codec.extra_data.len() <= taken + sdp.len() + 4);
            }
        }
        assert!(given <= taken, "{given} bytes out of {taken}");
        assert!(count <= taken + 2 * packets, "{count} frames");
    }
}

/// Bits against a slow reader of them, and a multiplex configuration's bounds.
pub(crate) fn bits(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let steps = input.piece();
    let data = input.rest();
    let slow: Vec<bool> = data
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1 == 1))
        .collect();
    let number = |bits: &[bool]| bits.iter().fold(0u64, |n, bit| n << 1 | u64::from(*bit));
    let octets = |bits: &[bool]| -> Vec<u8> {
        let chunks = bits.chunks(8);
        chunks
            .map(|bits| (number(bits) << (8 - bits.len())) as u8)
            .collect()
    };
    let mut bits = Bits::new(data);
    let mut at = 0;
    for step in steps {
        let count = usize::from(step & 0x3f);
        match step >> 6 {
            0 | 1 => {
                let count = count.min(32);
                let expected = slow.get(at..at + count).map(|bits| number(bits) as u32);
                assert_eq!(bits.take(count as u32), expected);
                at += expected.map_or(0, |_| count);
            }
            2 => {
                let expected = slow.get(at..at + 8 * count).map(octets);
                assert_eq!(bits.bytes(count), expected);
                at += expected.map_or(0, |_| 8 * count);
            }
            _ => {
                let expected = slow.get(at..at + count).map(|_| ());
                assert_eq!(bits.skip(count), expected);
                at += expected.map_or(0, |()| count);
                let from = at.saturating_sub(count);
                assert_eq!(bits.copy_from(from), octets(&slow[from..at]));
            }
        }
        assert_eq!((bits.position(), bits.left()), (at, slow.len() - at));
    }

    let mut bits = Bits::new(data);
    if let Some(config) = MuxConfig::read(&mut bits) {
        assert!((1..=64).contains(&config.frames));
        assert!((1..=8).contains(&config.channels));
        assert!(config.sample_rate > 0);
        assert!(!config.asc.is_empty() && config.asc.len() <= data.len());
        assert!(config.other_data <= 8 * 1024);
    }
}
