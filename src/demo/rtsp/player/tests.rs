use super::*;
use crate::demo::Content;

/// What a client can see of one frame.
#[derive(Debug, PartialEq)]
struct Seen {
    channel: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    payload: usize,
}

fn frames(mut bytes: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let [b'$', channel, high, low, rest @ ..] = bytes {
        let (frame, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        seen.push(Seen {
            channel: *channel,
            marker: frame[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([frame[2], frame[3]]),
            timestamp: u32::from_be_bytes(frame[4..8].try_into().unwrap()),
            payload: frame.len() - 12,
        });
        bytes = rest;
    }
    assert!(bytes.is_empty());
    seen
}

/// A player whose sequence number and timestamp are about to wrap around.
fn player(media: &Media, start: Instant) -> Player {
    let identity = Identity {
        ssrc: 1,
        first_sequence: u16::MAX,
        first_timestamp: u32::MAX - 100,
    };
    Player::new(media, Channels { rtp: 4, rtcp: 5 }, identity, 0, start)
}

fn emit(player: &mut Player, media: &Media, now: Instant) -> Vec<Seen> {
    let mut out = Vec::new();
    player.emit(media, now, SystemTime::UNIX_EPOCH, &mut out);
    frames(&out)
}

#[test]
fn a_day_of_packets_neither_drifts_nor_skips() {
    // 1,024 samples at 44.1 kHz last no whole number of nanoseconds.
    let frame = [0xFF, 0xF1, 0x50, 0x40, 0x01, 0x5F, 0xFC, 1, 2, 3];
    let media = Media::recorded_aac(&frame).unwrap();
    let start = Instant::now();
    let mut player = player(&media, start);
    let (mut now, mut packets, mut reports) = (start, 0u64, 0);
    let day = start + Duration::from_secs(86_400);
    // Woken late every time, by a varying amount.
    while now < day {
        for seen in emit(&mut player, &media, now) {
            if seen.channel == 5 {
                reports += 1;
                continue;
            }
            assert_eq!(seen.sequence, u16::MAX.wrapping_add(packets as u16));
            let ticks = (packets * 1_024) as u32;
            assert_eq!(seen.timestamp, (u32::MAX - 100).wrapping_add(ticks));
            assert!(seen.marker, "every packet ends an access unit");
            packets += 1;
        }
        now = player.next_due(&media) + Duration::from_micros(packets % 3_000);
    }
    let expected = 86_400 * 44_100 / 1_024;
    assert!(packets.abs_diff(expected) <= 1, "{packets} of {expected}");
    assert!((17_270..=17_281).contains(&reports), "{reports} reports");
}

#[test]
fn a_short_delay_is_caught_up_in_one_group_and_a_long_one_is_left_out() {
    let media = Media::l16(Content::Silence);
    let start = Instant::now();
    let mut player = player(&media, start);
    assert_eq!(
        emit(&mut player, &media, start).len(),
        2,
        "a packet and the first report"
    );

    let group = emit(&mut player, &media, start + Duration::from_millis(500));
    assert_eq!(group.len(), 25);
    assert!(
        group
            .iter()
            .all(|seen| !seen.marker && seen.payload == 1_920)
    );
    let last = group[24].sequence;

    let late = emit(&mut player, &media, start + Duration::from_millis(4_500));
    assert_eq!(late.len(), 51, "one second of packets, both ends counted");
    assert!(late[0].marker, "the first after a pause is marked");
    assert_eq!(
        late[0].sequence,
        last.wrapping_add(1),
        "nothing was lost on the way"
    );
    // 3.5 s after the start, at 48 kHz.
    assert_eq!(late[0].timestamp, (u32::MAX - 100).wrapping_add(168_000));
    assert!(!late[1].marker);
}
