use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

fn parameters(fmtp: &str) -> Parameters {
    let sdp = format!("m=audio 0 RTP/AVP 96\na=fmtp:96 {fmtp}\n");
    Parameters::of_media(sdp.as_bytes(), 0, 96)
}

fn packet(payload: &[u8], marker: bool, timestamp: i64) -> Packet<'_> {
    Packet {
        payload,
        marker,
        timestamp,
        after_loss: false,
    }
}

fn lossy(packet: Packet<'_>) -> Packet<'_> {
    Packet {
        after_loss: true,
        ..packet
    }
}

fn frames_of(payload: &mut Payload, packets: &[Packet<'_>]) -> Vec<Frame> {
    let mut frames = VecDeque::new();
    for packet in packets {
        payload.take(packet, &mut frames);
    }
    frames.into()
}

fn data_of(frames: &[Frame]) -> Vec<&[u8]> {
    frames.iter().map(|frame| frame.data.as_slice()).collect()
}

// An MPEG-1 layer III frame: 128 kbit/s, 48 kHz, stereo: 144 * 128000 / 48000 = 384 bytes.
fn mp3(fill: u8) -> Vec<u8> {
    let mut frame = vec![0xff, 0xfb, 0x94, 0x00];
    frame.resize(384, fill);
    frame
}

fn with_offset(offset: u16, audio: &[u8]) -> Vec<u8> {
    [&[0, 0], &offset.to_be_bytes()[..], audio].concat()
}

#[test]
fn mpeg_frames_come_several_to_a_packet_or_in_fragments() {
    let (one, two, three) = (mp3(1), mp3(2), mp3(3));
    let mut mpa = Payload::new("mpa", &Parameters::default(), 90_000);
    let both = with_offset(0, &[&one[..], &two].concat());
    let fragments = [
        with_offset(0, &three[..100]),
        with_offset(100, &three[100..300]),
        with_offset(300, &three[300..]),
    ];
    let packets: Vec<_> = [&both]
        .into_iter()
        .chain(&fragments)
        .map(|payload| packet(payload, false, 0))
        .collect();
    let frames = frames_of(&mut mpa, &packets);
    assert_eq!(data_of(&frames), [&one[..], &two, &three]);
    let codec = frames[0].codec.clone().unwrap();
    assert_eq!(
        (codec.name.as_str(), codec.sample_rate, codec.clock_rate),
        ("mp3", 48_000, 90_000)
    );
    assert_eq!(codec.channels, 2);
    assert!(frames[1..].iter().all(|frame| frame.codec.is_none()));
}

#[test]
fn a_fragmented_mpeg_frame_with_a_hole_is_dropped_without_a_second_complaint() {
    let (one, two) = (mp3(1), mp3(2));
    let mut mpa = Payload::new("mpa", &Parameters::default(), 90_000);
    let parts = [
        with_offset(0, &one[..100]),
        with_offset(300, &one[300..]),
        with_offset(0, &two),
    ];
    let frames = frames_of(
        &mut mpa,
        &[
            packet(&parts[0], false, 0),
            lossy(packet(&parts[1], false, 0)),
            packet(&parts[2], false, 1),
        ],
    );
    assert_eq!(data_of(&frames), [&two[..]], "the loss was counted already");

    // Without a loss a frame that never ends is the sender's fault, and counts once.
    let frames = frames_of(
        &mut mpa,
        &[packet(&parts[0], false, 2), packet(&parts[2], false, 3)],
    );
    assert_eq!(data_of(&frames), [&[][..], &two]);
}

#[test]
fn mpeg_lengths_follow_the_standard() {
    // ISO 11172-3 §2.4.3.1: 144 * rate / frequency for layers II and III, 12 * … * 4 for I.
    for (header, length, name) in [
        ([0xff, 0xfb, 0x90, 0x00], 417, "mp3"), // 128 kbit/s, 44.1 kHz
        ([0xff, 0xfb, 0x92, 0x00], 418, "mp3"), // padded
        ([0xff, 0xfd, 0x84, 0xc0], 384, "mp2"), // 128 kbit/s, 48 kHz, mono
        ([0xff, 0xff, 0x14, 0x00], 32, "mp1"),  // 32 kbit/s, 48 kHz
        ([0xff, 0xf3, 0x44, 0x00], 96, "mp3"),  // MPEG-2, 32 kbit/s, 24 kHz
    ] {
        let mut frame = header.to_vec();
        frame.resize(length, 0);
        let mut mpa = Payload::new("mpa", &Parameters::default(), 90_000);
        let payload = with_offset(0, &frame);
        let frames = frames_of(&mut mpa, &[packet(&payload, false, 0)]);
        assert_eq!(data_of(&frames), [&frame[..]], "{header:x?}");
        assert_eq!(frames[0].codec.as_ref().unwrap().name, name);
    }
    for not_a_frame in [&b"abcd"[..], &[0xff, 0xfb, 0x04, 0x00], &[]] {
        let mut mpa = Payload::new("mpa", &Parameters::default(), 90_000);
        let payload = with_offset(0, not_a_frame);
        let frames = frames_of(&mut mpa, &[packet(&payload, false, 0)]);
        assert!(frames.iter().all(|frame| frame.data.is_empty()));
    }
}

/// AAC-LC, 48 kHz, mono, one frame an element; the configuration of RFC 6416's example
/// kind, out of band.
const LATM: &str = "cpresent=0; config=40002310";

/// A LATM payload: its length, then its bytes.
fn element(data: &[u8]) -> Vec<u8> {
    let mut out = vec![255; data.len() / 255];
    out.push((data.len() % 255) as u8);
    out.extend_from_slice(data);
    out
}

#[test]
fn latm_elements_are_put_together_up_to_the_marker() {
    let mut latm = Payload::new("mp4a-latm", &parameters(LATM), 48_000);
    assert!(latm.may_tell());
    let (short, long) = (vec![7; 100], vec![9; 700]);
    let (first, second) = (element(&short), element(&long));
    let frames = frames_of(
        &mut latm,
        &[
            packet(&first, true, 0),
            packet(&second[..300], false, 1024),
            packet(&second[300..], true, 1024),
        ],
    );
    assert_eq!(data_of(&frames), [&short[..], &long]);
    let codec = frames[0].codec.clone().unwrap();
    assert_eq!(
        (codec.name.as_str(), codec.sample_rate, codec.channels),
        ("aac", 48_000, 1)
    );
    // 00010 (AAC-LC) 0011 (48 kHz) 0001 (mono) 000.
    assert_eq!(codec.extra_data, [0x11, 0x88]);
}

#[test]
fn a_latm_element_with_a_hole_is_dropped_and_one_that_never_ends_too() {
    let mut latm = Payload::new("mp4a-latm", &parameters(LATM), 48_000);
    let (one, two) = (element(&[1; 600]), element(&[2; 50]));
    let frames = frames_of(
        &mut latm,
        &[
            packet(&two, true, 0),
            packet(&one[..200], false, 1),
            lossy(packet(&one[400..], true, 1)),
            packet(&two, true, 2),
        ],
    );
    assert_eq!(data_of(&frames), [&[2; 50][..], &[2; 50]]);

    // A marker forgotten: the next timestamp ends the element.
    let frames = frames_of(&mut latm, &[packet(&two, false, 3), packet(&two, true, 4)]);
    assert_eq!(data_of(&frames), [&[2; 50][..], &[2; 50]]);

    // Longer than anything a decoder could want: not kept, counted once, and the next
    // element is whole again.
    let endless = element(&vec![4; 70_000]);
    let mut packets: Vec<_> = endless
        .chunks(1400)
        .map(|part| packet(part, false, 5))
        .collect();
    packets.push(packet(&two, true, 6));
    let frames = frames_of(&mut latm, &packets);
    assert_eq!(data_of(&frames), [&[][..], &[2; 50]]);
}

#[test]
fn a_latm_configuration_may_come_in_band_and_change() {
    // useSameStreamMux 0, a configuration as in `LATM`, then length and payload.
    let in_band = |rate_index: u32, data: &[u8]| {
        let mut bits = vec![(0, 1), (0, 1), (1, 1), (0, 6), (0, 4), (0, 3)];
        bits.extend([(2, 5), (rate_index, 4), (1, 4), (0, 3)]);
        bits.extend([(0, 3), (255, 8), (0, 1), (0, 1)]);
        bits.push((u32::try_from(data.len()).unwrap(), 8));
        bits.extend(data.iter().map(|byte| (u32::from(*byte), 8)));
        written(&bits)
    };
    let same = |data: &[u8]| {
        let mut bits = vec![(1, 1), (data.len() as u32, 8)];
        bits.extend(data.iter().map(|byte| (u32::from(*byte), 8)));
        written(&bits)
    };
    let mut latm = Payload::new("mp4a-latm", &Parameters::default(), 90_000);
    assert!(latm.may_tell());
    let elements = [
        same(b"too early"),
        in_band(3, b"first"),
        same(b"second"),
        in_band(3, b"third"),
        in_band(8, b"fourth"),
    ];
    let packets: Vec<_> = elements
        .iter()
        .zip(0..)
        .map(|(element, time)| packet(element, true, time))
        .collect();
    let frames = frames_of(&mut latm, &packets);
    assert_eq!(
        data_of(&frames),
        [&b"first"[..], b"second", b"third", b"fourth"]
    );
    let rates: Vec<_> = frames
        .iter()
        .map(|frame| frame.codec.as_ref().map(|codec| codec.sample_rate))
        .collect();
    assert_eq!(rates, [Some(48_000), None, None, Some(16_000)]);
}

/// Values of so many bits each, one after the other.
fn written(bits: &[(u32, u32)]) -> Vec<u8> {
    let digits = bits.iter().fold(String::new(), |digits, (value, count)| {
        digits + &format!("{value:0width$b}", width = *count as usize)
    });
    let padded = format!(
        "{digits:0<width$}",
        width = digits.len().next_multiple_of(8)
    );
    padded
        .as_bytes()
        .chunks(8)
        .map(|octet| u8::from_str_radix(std::str::from_utf8(octet).unwrap(), 2).unwrap())
        .collect()
}

#[test]
fn what_gstreamer_announces_for_latm_is_understood() {
    // With a sync extension in the middle, and the zeros at the end cut off.
    let mut latm = Payload::new(
        "mp4a-latm",
        &parameters("cpresent=0;config=40002310adca00"),
        48_000,
    );
    let element = element(&[3; 20]);
    let frames = frames_of(&mut latm, &[packet(&element, true, 0)]);
    assert_eq!(frames[0].codec.as_ref().unwrap().sample_rate, 48_000);
    assert_eq!(data_of(&frames), [&[3; 20]]);
}

#[test]
fn opus_is_stereo_if_its_first_packet_or_the_announcement_says_so() {
    let channels = |fmtp: &str, toc: u8| {
        let mut opus = Payload::new("opus", &parameters(fmtp), 48_000);
        let payload = [toc, 1, 2];
        let frames = frames_of(&mut opus, &[packet(&payload, false, 0)]);
        frames[0].codec.clone().unwrap().channels
    };
    assert_eq!(channels("", 0xf8), 1);
    assert_eq!(channels("", 0xfc), 2);
    assert_eq!(channels("sprop-stereo=1", 0xf8), 2);
    assert_eq!(channels("sprop-stereo=0", 0xfc), 1);
}

proptest! {
    #[test]
    fn no_packets_make_it_panic_or_hoard(
        encoding in prop::sample::select(vec!["mpa", "mp4a-latm", "opus", "l24"]),
        fmtp in prop::sample::select(vec!["", LATM, "cpresent=0", "cpresent=1;config=ff"]),
        packets in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..1500), any::<bool>(), 0i64..4, any::<bool>()),
            0..60,
        ),
    ) {
        let mut payload = Payload::new(encoding, &parameters(fmtp), 48_000);
        let mut frames = VecDeque::new();
        for (bytes, marker, timestamp, after_loss) in &packets {
            // Something that looks like the beginning of a frame now and then.
            let mut bytes = bytes.clone();
            if *after_loss && bytes.len() > 8 {
                bytes[..8].copy_from_slice(&[0, 0, 0, 0, 0xff, 0xfb, 0x94, 0]);
            }
            frames.clear();
            let packet = Packet { payload: &bytes, marker: *marker, timestamp: *timestamp, after_loss: *after_loss };
            payload.take(&packet, &mut frames);
            prop_assert!(frames.len() <= 64 + bytes.len());
            let held: usize = frames.iter().map(|frame| frame.data.len()).sum();
            prop_assert!(held <= 128 * 1024);
        }
    }
}
