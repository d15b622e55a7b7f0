//! Many clients, bad clients, and those that go away without a word.

use std::{net::SocketAddr, time::Duration};

use audio_capture_exporter::{
    demo::{
        self,
        rtsp::{Media, Mount, Server, ServerOptions},
    },
    shutdown::{TaskKind, Tasks},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::Instant,
};

use super::client::{TONE, assert_continuous, listen, serve, within};

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
