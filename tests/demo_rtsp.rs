//! The built-in RTSP server against a real client library and against bad clients.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{net::SocketAddr, time::Duration};

use audio_capture_exporter::{
    demo::{
        self, Content,
        rtsp::{Behaviour, Media, Mount, Server, ServerOptions},
    },
    shutdown::{TaskKind, Tasks},
    sources::Location,
};
use futures_util::StreamExt as _;
use retina::client::{
    InitialSequenceNumberPolicy, PacketItem, PlayOptions, Session, SessionOptions, SetupOptions,
    TcpTransportOptions, Transport,
};
use retina::codec::{CodecItem, ParametersRef};
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoderOptions, well_known::CODEC_ID_PCM_MULAW,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout},
};

/// Longer than anything here takes on a busy machine; it only ends a hung test.
const PATIENCE: Duration = Duration::from_secs(60);

const TONE: Content = Content::Tone {
    hz: 1_000.0,
    dbfs: -20.0,
};

/// What a client received: RTP payloads, each with its sequence number and timestamp.
#[derive(Default)]
struct Heard {
    encoding: String,
    clock_rate: u32,
    packets: Vec<(u16, u32, bool, Vec<u8>)>,
    reports: usize,
}

/// Plays `mount` until `packets` packets or the end came.
async fn listen(address: SocketAddr, mount: &str, packets: usize) -> Result<Heard, retina::Error> {
    let url = format!("rtsp://{address}/{mount}").parse().unwrap();
    let mut session = Session::describe(url, SessionOptions::default()).await?;
    let transport = Transport::Tcp(TcpTransportOptions::default());
    session
        .setup(0, SetupOptions::default().transport(transport))
        .await?;
    let mut heard = Heard {
        encoding: session.streams()[0].encoding_name().to_owned(),
        clock_rate: session.streams()[0].clock_rate_hz(),
        ..Heard::default()
    };
    let options = PlayOptions::default().initial_seq(InitialSequenceNumberPolicy::Ignore);
    let mut session = session.play(options).await?;
    while heard.packets.len() < packets {
        match session.next().await {
            Some(Ok(PacketItem::Rtp(packet))) => heard.packets.push((
                packet.sequence_number(),
                packet.timestamp().timestamp() as u32,
                packet.mark(),
                packet.payload().to_vec(),
            )),
            Some(Ok(_)) => heard.reports += 1,
            Some(Err(_)) | None => break,
        }
    }
    Ok(heard)
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("hung")
}

fn serve(tasks: &Tasks, mounts: Vec<Mount>) -> SocketAddr {
    Server::start(tasks, mounts).unwrap().address()
}

/// Asserts that the packets follow one another without a hole, `ticks` apart.
fn assert_continuous(heard: &Heard, ticks: u32) {
    for pair in heard.packets.windows(2) {
        assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "sequence");
        assert_eq!(pair[1].1, pair[0].1.wrapping_add(ticks), "timestamp");
    }
}

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

#[tokio::test]
async fn a_mount_that_does_not_exist_is_not_found() {
    let tasks = Tasks::default();
    let address = serve(&tasks, demo::mounts());
    let refused = within(listen(address, "nowhere", 1)).await.err().unwrap();
    assert_eq!(refused.status_code(), Some(404));
}

#[tokio::test]
async fn fifty_clients_at_once_lose_nothing() {
    let tasks = Tasks::default();
    let address = serve(&tasks, vec![Mount::new("tone", Media::pcmu(TONE))]);
    let clients = (0..50).map(|_| listen(address, "tone", 50));
    let all = within(futures_util::future::join_all(clients)).await;
    for heard in all {
        let heard = heard.unwrap();
        assert_eq!(heard.packets.len(), 50);
        assert_continuous(&heard, 160);
    }
}

#[tokio::test]
async fn garbage_and_endless_heads_are_refused_and_harm_nobody() {
    let tasks = Tasks::default();
    let address = serve(&tasks, vec![Mount::new("tone", Media::pcmu(TONE))]);
    let bystander = tasks.spawn(TaskKind::Demo, listen(address, "tone", 50));
    let endless = b"OPTIONS * RTSP/1.0\r\n"
        .iter()
        .chain(b"X-Filler: 0123456789\r\n".iter().cycle());
    let attacks: [Vec<u8>; 4] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\n\n".to_vec(),
        b"DESCRIBE rtsp://h/tone RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999999\r\n\r\n"
            .to_vec(),
        endless.copied().take(4 * 1024 * 1024).collect(),
    ];
    for attack in attacks {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let talk = async {
            // The server may hang up before everything is written, as it should.
            drop(writing.write_all(&attack).await);
        };
        let (mut answer, mut chunk) = (Vec::new(), [0; 4_096]);
        let hear = async {
            while let Ok(1..) = reading
                .read(&mut chunk)
                .await
                .inspect(|&n| answer.extend(&chunk[..n]))
            {}
        };
        within(async { tokio::join!(talk, hear) }).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.is_empty() || answer.starts_with("RTSP/1.0 4"),
            "{answer}"
        );
        assert!(answer.len() < 500);
    }
    let heard = within(bystander).await.unwrap().unwrap().unwrap();
    assert_eq!(heard.packets.len(), 50);
    assert_continuous(&heard, 160);
    assert_eq!(tasks.panics().map(|(_, count)| count).sum::<u64>(), 0);
}

/// Opens a session by hand and plays, without reading anything afterwards.
async fn play_by_hand(address: SocketAddr, mount: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let url = format!("rtsp://{address}/{mount}");
    let set_up =
        format!("SETUP {url}/track1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n");
    stream.write_all(set_up.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    while !reply.ends_with(b"\r\n\r\n") {
        reply.push(stream.read_u8().await.unwrap());
    }
    let reply = String::from_utf8(reply).unwrap();
    let (_, session) = reply.split_once("Session: ").unwrap();
    let session = session.split(';').next().unwrap();
    let play = format!("PLAY {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    stream.write_all(play.as_bytes()).await.unwrap();
    stream
}

/// Waits until only the accepting task is left.
async fn clients_gone(tasks: &Tasks) {
    within(async {
        while tasks.running() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let tasks = Tasks::default();
    let options = ServerOptions {
        write_timeout: Duration::from_millis(500),
        ..ServerOptions::default()
    };
    let mounts = vec![Mount::new("tone", Media::l16(TONE))];
    let address = Server::start_with(&tasks, mounts, options)
        .unwrap()
        .address();
    let mut stuck = play_by_hand(address, "tone").await;
    assert_eq!(tasks.running(), 2);
    clients_gone(&tasks).await;
    // What the two kernels held is all it ever cost: far less than what it did not read.
    let mut held = Vec::new();
    let end = within(stuck.read_to_end(&mut held)).await;
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(held.len() < 512 * 1024, "{} bytes", held.len());
}

#[tokio::test]
async fn a_session_that_says_nothing_times_out_and_one_that_reports_does_not() {
    let tasks = Tasks::default();
    let options = ServerOptions {
        session_timeout: Duration::from_secs(1),
        ..ServerOptions::default()
    };
    let mounts = vec![Mount::new("tone", Media::pcmu(TONE))];
    let address = Server::start_with(&tasks, mounts, options)
        .unwrap()
        .address();
    for receiver_reports in [false, true] {
        let mut client = play_by_hand(address, "tone").await;
        let started = Instant::now();
        let mut chunk = [0; 1_024];
        let ended = within(async {
            loop {
                if receiver_reports {
                    client
                        .write_all(b"$\x01\x00\x08\x81\xC9\x00\x01abcd")
                        .await
                        .unwrap();
                }
                match client.read(&mut chunk).await {
                    Ok(1..) if started.elapsed() < Duration::from_millis(2_500) => {}
                    Ok(1..) => break false,
                    Ok(0) | Err(_) => break true,
                }
            }
        })
        .await;
        assert_eq!(ended, !receiver_reports);
    }
}
