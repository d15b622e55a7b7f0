//! RTP over UDP, behind the relay: the client speaks RTP over its RTSP connection, and the
//! relay translates.
//!
//! The client's own UDP knows no reordering, takes audio from whatever address a server
//! names, and would need an RTSP connection past the relay with its limits. So the relay
//! alters the `Transport` header of SETUP (RFC 2326 §12.39) both ways, receives on its own
//! pair of ports, from the camera's address alone, and hands the packets on as
//! interleaved frames. No digest covers that header (RFC 2617 §3.2.2).

use std::{
    borrow::Cow,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::atomic::Ordering::Relaxed,
};

use super::{
    Traffic, Violation,
    reorder::{Reorder, Restarted},
};

/// Tries to find an even port whose successor is free (RFC 3550 §11).
const PORT_TRIES: usize = 100;
/// The longest packet, in bytes; an interleaved frame could not carry more.
const MAX_PACKET: usize = 65_535;
/// Packets taken at one tick, so that a flood cannot hold the thread.
const MAX_PER_TICK: usize = 4096;
/// Opens the way back through a firewall: RTP of no payload type that anybody plays, and
/// an empty receiver report.
const OPENER: [&[u8]; 2] = [
    &[0x80, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    &[0x80, 201, 0, 1, 0, 0, 0, 0],
];

/// What becomes of the client's SETUP.
#[derive(Debug, PartialEq, Eq)]
enum Setup {
    Awaited,
    /// It went to the camera; its answer's head so far.
    Asked(Vec<u8>),
    /// The camera sends by UDP.
    Agreed,
}

/// The UDP side of one session.
#[derive(Debug)]
pub(super) struct Udp {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    port: u16,
    camera: IpAddr,
    setup: Setup,
    reorder: Reorder,
    buffer: Box<[u8]>,
}

impl Udp {
    /// Binds a pair of ports at the address by which the camera is reached.
    pub(super) fn bind(local: SocketAddr, camera: SocketAddr) -> io::Result<Self> {
        for _ in 0..PORT_TRIES {
            let rtp = UdpSocket::bind((local.ip(), 0))?;
            let port = rtp.local_addr()?.port();
            if !port.is_multiple_of(2) {
                continue;
            }
            let Ok(control) = UdpSocket::bind((local.ip(), port + 1)) else {
                continue;
            };
            rtp.set_nonblocking(true)?;
            control.set_nonblocking(true)?;
            return Ok(Self {
                rtp,
                rtcp: control,
                port,
                camera: camera.ip(),
                setup: Setup::Awaited,
                reorder: Reorder::default(),
                buffer: vec![0; MAX_PACKET].into(),
            });
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Whether the camera agreed to send by UDP.
    pub(super) fn is_agreed(&self) -> bool {
        self.setup == Setup::Agreed
    }

    /// The client's requests as the camera shall see them.
    pub(super) fn requests(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        // The client waits for an answer before its next request, so SETUP comes alone.
        if !bytes.starts_with(b"SETUP ") {
            return bytes;
        }
        self.setup = Setup::Asked(Vec::new());
        let transport = format!(
            "RTP/AVP;unicast;client_port={}-{}",
            self.port,
            self.port + 1
        );
        with_transport(&bytes, |_| Some(transport.clone()))
    }

    /// The camera's bytes as the client shall see them. They have passed the framing, so a
    /// head ends somewhere within its limit.
    pub(super) fn answers<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let Setup::Asked(head) = &mut self.setup else {
            return Cow::Borrowed(bytes);
        };
        head.extend_from_slice(bytes);
        let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Cow::Borrowed(&[]);
        };
        let head = std::mem::take(head);
        let (head, rest) = head.split_at(end + 4);
        let mut server_port = None;
        let mut answer = with_transport(head, |transport| {
            // A server that insists on the RTSP connection may have it.
            if transport.contains("interleaved=") {
                return None;
            }
            server_port = parameter(transport, "server_port");
            let ssrc = transport
                .split(';')
                .find(|part| part.trim().starts_with("ssrc="));
            let ssrc = ssrc.map_or_else(String::new, |part| format!(";{}", part.trim()));
            self.setup = Setup::Agreed;
            Some(format!("RTP/AVP/TCP;unicast;interleaved=0-1{ssrc}"))
        });
        if !self.is_agreed() {
            self.setup = Setup::Awaited;
        }
        if let Some(port) = server_port {
            // To the camera alone, whatever `source` the answer names. A lost opener costs
            // nothing where no firewall is.
            let _best_effort = self.rtp.send_to(OPENER[0], (self.camera, port));
            let _best_effort = self
                .rtcp
                .send_to(OPENER[1], (self.camera, port.wrapping_add(1)));
        }
        answer.extend_from_slice(rest);
        Cow::Owned(answer)
    }

    /// Takes what came since the last tick and adds it to `out` as interleaved frames, RTP
    /// in order.
    pub(super) fn tick(&mut self, traffic: &Traffic, out: &mut Vec<u8>) -> Result<(), Violation> {
        let Self {
            rtp,
            rtcp,
            camera,
            reorder,
            buffer,
            ..
        } = self;
        let mut next = |socket: &UdpSocket| loop {
            match socket.recv_from(buffer) {
                Ok((n, from)) if from.ip() == *camera => return Some((n, buffer[..n].to_vec())),
                // A stranger's packet, or the answer of a closed port to the opener.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        };
        for _ in 0..MAX_PER_TICK {
            let Some((n, packet)) = next(rtp) else { break };
            traffic.bytes.fetch_add(n as u64, Relaxed);
            // Version 2 and a whole fixed header (RFC 3550 §5.1).
            if n < 12 || packet[0] >> 6 != 2 {
                continue;
            }
            traffic.packets.fetch_add(1, Relaxed);
            let sequence = u16::from_be_bytes([packet[2], packet[3]]);
            reorder
                .push(sequence, &packet, |packet| frame(0, packet, out))
                .map_err(|Restarted| Violation::Restarted)?;
        }
        reorder.tick(|packet| frame(0, packet, out));
        for _ in 0..MAX_PER_TICK {
            let Some((n, packet)) = next(rtcp) else { break };
            traffic.bytes.fetch_add(n as u64, Relaxed);
            frame(1, &packet, out);
        }
        Ok(())
    }
}

/// Adds an interleaved frame (RFC 2326 §10.12).
fn frame(channel: u8, packet: &[u8], out: &mut Vec<u8>) {
    let Ok(length) = u16::try_from(packet.len()) else {
        return;
    };
    out.extend_from_slice(&[b'$', channel]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(packet);
}

/// A message's head whose `Transport` is replaced by what `change` makes of it.
fn with_transport(head: &[u8], mut change: impl FnMut(&str) -> Option<String>) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len() + 64);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let changed = text
            .split_once(':')
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("transport"))
            .and_then(|(_, value)| change(value.trim()));
        match changed {
            Some(value) => out.extend_from_slice(format!("Transport: {value}\r\n").as_bytes()),
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// The first port of `name=port[-port]`.
fn parameter(transport: &str, name: &str) -> Option<u16> {
    let value = transport
        .split(';')
        .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))?;
    value.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp() -> Udp {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Udp::bind(loopback, loopback).unwrap()
    }

    fn asked() -> Udp {
        let mut udp = udp();
        udp.requests(b"SETUP u RTSP/1.0\r\nTransport: x\r\n\r\n".to_vec());
        udp
    }

    #[test]
    fn setup_asks_for_an_even_port_and_its_successor_and_nothing_else_changes() {
        let mut udp = udp();
        let before = b"SETUP u RTSP/1.0\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nCSeq: 3\r\n\r\n";
        let after = String::from_utf8(udp.requests(before.to_vec())).unwrap();
        let port = udp.port;
        assert_eq!(port % 2, 0);
        let wanted = format!(
            "SETUP u RTSP/1.0\r\nTransport: RTP/AVP;unicast;client_port={port}-{}\r\nCSeq: 3\r\n\r\n",
            port + 1
        );
        assert_eq!(after, wanted);
        let play = b"PLAY u RTSP/1.0\r\nTransport: x\r\n\r\n".to_vec();
        assert_eq!(udp.requests(play.clone()), play);
    }

    #[test]
    fn an_answer_in_pieces_becomes_one_for_the_client() {
        let mut udp = asked();
        let answer = b"RTSP/1.0 200 OK\r\ntransport: RTP/AVP;unicast;client_port=4-5;server_port=9-10;ssrc=AB\r\nSession: 1\r\n\r\nrest";
        let mut seen = Vec::new();
        for piece in answer.chunks(7) {
            seen.extend_from_slice(&udp.answers(piece));
        }
        let wanted = "RTSP/1.0 200 OK\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=AB\r\nSession: 1\r\n\r\nrest";
        assert_eq!(String::from_utf8(seen).unwrap(), wanted);
        assert!(udp.is_agreed());
    }

    #[test]
    fn a_refusal_and_a_server_that_insists_on_tcp_pass_unchanged() {
        for answer in [
            b"RTSP/1.0 461 Unsupported Transport\r\n\r\n".as_slice(),
            b"RTSP/1.0 200 OK\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n",
        ] {
            let mut udp = asked();
            assert_eq!(&*udp.answers(answer), answer);
            assert!(!udp.is_agreed());
        }
    }

    #[test]
    fn packets_of_strangers_and_of_no_rtp_go_nowhere() {
        let mut udp = udp();
        let traffic = Traffic::default();
        let camera = UdpSocket::bind("127.0.0.1:0").unwrap();
        let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
        let port = udp.port;
        let packet = |n: u8| [&[0x80, 0, 0, n], [n; 9].as_slice()].concat();
        stranger.send_to(&packet(9), ("127.0.0.1", port)).unwrap();
        camera
            .send_to(b"no RTP at all", ("127.0.0.1", port))
            .unwrap();
        for n in [1, 3, 2] {
            camera.send_to(&packet(n), ("127.0.0.1", port)).unwrap();
        }
        let mut out = Vec::new();
        udp.tick(&traffic, &mut out).unwrap();
        let framed = |n| [b"$\0\0\x0d".as_slice(), &packet(n)].concat();
        assert_eq!(out, [framed(1), framed(2), framed(3)].concat());
        assert_eq!(traffic.packets.load(Relaxed), 3);
        assert_eq!(traffic.bytes.load(Relaxed), 4 * 13);
    }
}
