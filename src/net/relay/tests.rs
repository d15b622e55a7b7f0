//! The relay over real loopback sockets.

use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::net::Violation;

const DEADLINE: Duration = Duration::from_secs(10);

struct Rig {
    relay: Relay,
    camera: TcpStream,
    traffic: Arc<Traffic>,
    tasks: Tasks,
}

/// A relay whose camera is in the test's hands.
async fn rig() -> Rig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (camera, _) = listener.accept().await.unwrap();
    let (tasks, traffic) = (Tasks::default(), Arc::new(Traffic::default()));
    let relay = Relay::start(
        &tasks,
        Camera::plain(dialled),
        RtpTransport::Tcp,
        Arc::clone(&traffic),
    )
    .await
    .unwrap();
    Rig {
        relay,
        camera,
        traffic,
        tasks,
    }
}

impl Rig {
    async fn client(&mut self) -> TcpStream {
        let mut client = TcpStream::connect(self.relay.address()).await.unwrap();
        let request = format!(
            "A * RTSP/1.0\r\nUser-Agent: {}\r\n\r\n",
            self.relay.user_agent()
        );
        client.write_all(request.as_bytes()).await.unwrap();
        let expected = format!(
            "A * RTSP/1.0\r\nUser-Agent: audio-capture-exporter/{}\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(
            read_exactly(&mut self.camera, expected.len()).await,
            expected.as_bytes()
        );
        client
    }
}

async fn read_exactly(stream: &mut TcpStream, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    timeout(DEADLINE, stream.read_exact(&mut bytes))
        .await
        .expect("in time")
        .unwrap();
    bytes
}

async fn ends(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    matches!(
        timeout(DEADLINE, stream.read_to_end(&mut rest)).await,
        Ok(Ok(0) | Err(_))
    )
}

#[tokio::test]
async fn bytes_pass_both_ways_before_and_after_audio_flows() {
    let mut rig = rig().await;
    let mut client = rig.client().await;
    let reply = b"RTSP/1.0 200 OK\r\n\r\n";
    rig.camera.write_all(reply).await.unwrap();
    assert_eq!(read_exactly(&mut client, reply.len()).await, reply);
    // A frame larger than the socket buffers, so that it is handed on in pieces.
    let frame = [b"$\x00\xff\xff".as_slice(), &vec![7; 65_535]].concat();
    let frames = frame.repeat(40);
    let (sent, received) = tokio::join!(
        rig.camera.write_all(&frames),
        read_exactly(&mut client, frames.len())
    );
    sent.unwrap();
    assert!(received == frames, "every byte in order");
    rig.camera.write_all(reply).await.unwrap();
    assert_eq!(read_exactly(&mut client, reply.len()).await, reply);
    let request = format!(
        "B * RTSP/1.0\r\nUser-Agent: {}\r\n\r\n",
        rig.relay.user_agent()
    );
    client.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(read_exactly(&mut rig.camera, 2).await, b"B ");
    assert_eq!(
        rig.traffic
            .packets
            .load(std::sync::atomic::Ordering::Relaxed),
        40
    );
    let bytes = rig.traffic.bytes.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(bytes as usize, frames.len() + 2 * reply.len());
}

#[tokio::test]
async fn a_stranger_gets_nothing_and_does_not_keep_ours_waiting() {
    let mut rig = rig().await;
    let silent = TcpStream::connect(rig.relay.address()).await.unwrap();
    let mut stranger = TcpStream::connect(rig.relay.address()).await.unwrap();
    stranger
        .write_all(b"DESCRIBE * RTSP/1.0\r\nUser-Agent: x\r\n\r\n")
        .await
        .unwrap();
    assert!(ends(&mut stranger).await);
    let _client = rig.client().await;
    drop(silent);
}

#[tokio::test]
async fn a_violation_closes_both_sides_and_is_reported() {
    let mut rig = rig().await;
    let mut client = rig.client().await;
    rig.camera
        .write_all(b"RTSP/1.0 200 OK\r\nContent-Length: 60000000000\r\n\r\n")
        .await
        .unwrap();
    assert!(ends(&mut client).await);
    assert!(ends(&mut rig.camera).await);
    assert_eq!(rig.relay.report().violation, Some(Violation::BodyTooLarge));
}

#[tokio::test]
async fn either_side_closing_closes_the_other() {
    let mut first = rig().await;
    let mut client = first.client().await;
    first.camera.write_all(b"$\x00\x00\x01x").await.unwrap();
    read_exactly(&mut client, 5).await;
    let Rig {
        relay,
        camera,
        tasks,
        ..
    } = first;
    drop(camera);
    assert!(ends(&mut client).await);
    assert!(relay.report().camera_closed);
    assert!(tasks.drain(DEADLINE).await);

    let mut second = rig().await;
    drop(second.client().await);
    assert!(ends(&mut second.camera).await);
}

#[tokio::test]
async fn dropping_the_relay_closes_the_camera() {
    let mut rig = rig().await;
    let _client = rig.client().await;
    drop(rig.relay);
    assert!(ends(&mut rig.camera).await);
}
