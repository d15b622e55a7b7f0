//! What is played arrives whole, at its level and pace.

use std::{net::SocketAddr, time::Duration};

use audio_capture_exporter::{
    demo::{
        self,
        rtsp::{Behaviour, Media, Mount},
    },
    shutdown::Tasks,
    sources::Location,
};
use futures_util::StreamExt as _;
use retina::client::{
    InitialSequenceNumberPolicy, PlayOptions, Session, SessionOptions, SetupOptions,
    TcpTransportOptions, Transport,
};
use retina::codec::{CodecItem, ParametersRef};
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoderOptions, well_known::CODEC_ID_PCM_MULAW,
};
use tokio::time::Instant;

use super::client::{TONE, assert_continuous, listen, serve, within};

/// Level in dBFS and rising zero crossings a second.
fn level_and_pitch(samples: &[f32], rate: u32) -> (f64, f64) {
    let energy: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
    let rising = samples.windows(2).filter(|w| w[0] <= 0.0 && w[1] > 0.0);
    let seconds = samples.len() as f64 / f64::from(rate);
    let level = 10.0 * (energy / samples.len() as f64).log10();
    (level, rising.count() as f64 / seconds)
}

#[tokio::test]
async fn an_l16_tone_arrives_whole_at_its_level_and_pitch() {
    let tasks = Tasks::default();
    let address = serve(&tasks, vec![Mount::new("tone", Media::l16(TONE))]);
    let started = Instant::now();
    let heard = within(listen(address, "tone", 50)).await.unwrap();
    let took = started.elapsed();
    assert_eq!((&*heard.encoding, heard.clock_rate), ("l16", 48_000));
    assert_continuous(&heard, 960);
    assert!(
        heard.packets[0].2,
        "the first packet of a talkspurt is marked"
    );
    assert!(heard.packets[1..].iter().all(|packet| !packet.2));
    assert_eq!(heard.reports, 1);
    assert!(
        took >= Duration::from_millis(950),
        "a second of audio in {took:?}"
    );

    let bytes: Vec<u8> = heard.packets.into_iter().flat_map(|p| p.3).collect();
    let samples: Vec<f32> = bytes
        .chunks_exact(2)
        .map(|b| f32::from(i16::from_be_bytes([b[0], b[1]])) / 32_768.0)
        .collect();
    let (level, pitch) = level_and_pitch(&samples, 48_000);
    assert!((level + 20.0).abs() < 0.1, "{level} dBFS");
    assert!((pitch - 1_000.0).abs() <= 2.0, "{pitch} Hz");
}

#[tokio::test]
async fn a_pcmu_tone_decodes_to_its_level_and_pitch() {
    let tasks = Tasks::default();
    let address = serve(&tasks, vec![Mount::new("tone", Media::pcmu(TONE))]);
    let heard = within(listen(address, "tone", 25)).await.unwrap();
    assert_eq!((&*heard.encoding, heard.clock_rate), ("pcmu", 8_000));
    assert_continuous(&heard, 160);

    let mut parameters = AudioCodecParameters::new();
    parameters
        .for_codec(CODEC_ID_PCM_MULAW)
        .with_sample_rate(8_000)
        .with_channels(symphonia::core::audio::Channels::Discrete(1));
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
        .unwrap();
    let mut samples = Vec::new();
    for (at, packet) in (0i32..).zip(&heard.packets) {
        let packet = symphonia::core::packet::Packet::new(
            0,
            (i64::from(at) * 160).into(),
            160u64.into(),
            packet.3.clone(),
        );
        let mut block: Vec<f32> = Vec::new();
        decoder
            .decode(&packet)
            .unwrap()
            .copy_to_vec_interleaved(&mut block);
        samples.extend(block);
    }
    let (level, pitch) = level_and_pitch(&samples, 8_000);
    assert!((level + 20.0).abs() < 0.1, "{level} dBFS");
    assert!((pitch - 1_000.0).abs() <= 4.0, "{pitch} Hz");
}

/// Plays `mount` through the client's own depacketizer: its decoder configuration, and
/// `count` access units.
async fn listen_demuxed(address: SocketAddr, mount: &str, count: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let url = format!("rtsp://{address}/{mount}").parse().unwrap();
    let options = SessionOptions::default();
    let mut session = Session::describe(url, options).await.unwrap();
    let transport = Transport::Tcp(TcpTransportOptions::default());
    let options = SetupOptions::default().transport(transport);
    session.setup(0, options).await.unwrap();
    let Some(ParametersRef::Audio(parameters)) = session.streams()[0].parameters() else {
        panic!("no audio parameters in the description");
    };
    let config = parameters.extra_data().to_vec();
    let options = PlayOptions::default().initial_seq(InitialSequenceNumberPolicy::Ignore);
    let mut session = session.play(options).await.unwrap().demuxed().unwrap();
    let mut units = Vec::new();
    while units.len() < count {
        if let CodecItem::AudioFrame(frame) = session.next().await.unwrap().unwrap() {
            units.push(frame.data().to_vec());
        }
    }
    (config, units)
}

#[tokio::test]
async fn recorded_aac_is_replayed_unit_by_unit_and_over_again() {
    // Two access units behind ADTS headers (AAC-LC, 48 kHz, mono), the second longer than
    // the first; RTP does not look inside.
    let units: [Vec<u8>; 2] = [vec![1; 100], vec![2; 1_500]];
    let recording: Vec<u8> = units
        .iter()
        .flat_map(|unit| {
            let length = unit.len() + 7;
            let header = [
                0xFF,
                0xF1,
                0x4C,
                0x40 | (length >> 11) as u8,
                (length >> 3) as u8,
                (length << 5) as u8 | 0x1F,
                0xFC,
            ];
            [&header[..], &unit[..]].concat()
        })
        .collect();
    let tasks = Tasks::default();
    let media = Media::recorded_aac(&recording).unwrap();
    let address = serve(&tasks, vec![Mount::new("aac", media)]);
    let (config, heard) = within(listen_demuxed(address, "aac", 5)).await;
    // AudioSpecificConfig: object type 2, rate index 3, one channel (ISO/IEC 14496-3).
    assert_eq!(config, [0x11, 0x88]);
    let first = usize::from(heard[0].len() == units[1].len());
    for (at, unit) in heard.iter().enumerate() {
        assert!(*unit == units[(first + at) % 2], "unit {at} is another one");
    }
}

#[tokio::test]
async fn the_demo_offers_what_its_sources_name() {
    let tasks = Tasks::default();
    let address = serve(&tasks, demo::mounts());
    let mut sounding = Vec::new();
    for source in demo::sources(address) {
        let Location::Rtsp(target) = &source.location else {
            panic!("{:?} is no RTSP source", source.id);
        };
        let mount = target.url.path().trim_start_matches('/');
        let heard = within(listen(address, mount, 10)).await.unwrap();
        assert_eq!(heard.packets.len(), 10);
        let first = &heard.packets[0].3;
        if heard
            .packets
            .iter()
            .any(|p| p.3.iter().any(|b| b != &first[0]))
        {
            sounding.push(source.id.to_string());
        } else {
            assert_eq!(first[0], 0, "silence is digital zero");
        }
    }
    assert_eq!(sounding, ["healthy", "flapping"]);
}

#[tokio::test]
async fn a_flapping_mount_breaks_the_connection_and_takes_the_next() {
    let tasks = Tasks::default();
    let flap = Duration::from_millis(400);
    let mount = Mount::new("flap", Media::l16(TONE)).behaving(Behaviour::DropAfter(flap));
    let address = serve(&tasks, vec![mount]);
    for _ in 0..3 {
        let heard = within(listen(address, "flap", usize::MAX)).await.unwrap();
        let packets = heard.packets.len();
        assert!((10..=21).contains(&packets), "{packets} packets in 400 ms");
        assert_continuous(&heard, 960);
    }
}
