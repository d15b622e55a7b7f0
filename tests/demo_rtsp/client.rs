//! A real client library, and what it heard.

use std::{net::SocketAddr, time::Duration};

use audio_capture_exporter::{
    demo::{
        Content,
        rtsp::{Mount, Server},
    },
    shutdown::Tasks,
};
use futures_util::StreamExt as _;
use retina::client::{
    InitialSequenceNumberPolicy, PacketItem, PlayOptions, Session, SessionOptions, SetupOptions,
    TcpTransportOptions, Transport,
};
use tokio::time::timeout;

/// Longer than anything here takes on a busy machine; it only ends a hung test.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) const TONE: Content = Content::Tone {
    hz: 1_000.0,
    dbfs: -20.0,
};

/// What a client received: RTP payloads, each with its sequence number and timestamp.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) encoding: String,
    pub(super) clock_rate: u32,
    pub(super) packets: Vec<(u16, u32, bool, Vec<u8>)>,
    pub(super) reports: usize,
}

/// Plays `mount` until `packets` packets or the end came.
pub(super) async fn listen(
    address: SocketAddr,
    mount: &str,
    packets: usize,
) -> Result<Heard, retina::Error> {
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

pub(super) async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("hung")
}

pub(super) fn serve(tasks: &Tasks, mounts: Vec<Mount>) -> SocketAddr {
    Server::start(tasks, mounts).unwrap().address()
}

/// Asserts that the packets follow one another without a hole, `ticks` apart.
pub(super) fn assert_continuous(heard: &Heard, ticks: u32) {
    for pair in heard.packets.windows(2) {
        assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "sequence");
        assert_eq!(pair[1].1, pair[0].1.wrapping_add(ticks), "timestamp");
    }
}
