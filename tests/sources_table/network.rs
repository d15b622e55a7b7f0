//! RTSP, plain and in TLS, over TCP and UDP; HTTP and HTTPS.

use super::{
    Case, LAME, ffmpeg,
    support::{
        Running, Server,
        icecast::{AAC, Encoding, Icecast, MP3, OGG_FLAC, OPUS, VORBIS},
        replay,
    },
    tls_front::{self, Identity},
    tone, version,
};

/// What must live as long as the sources are heard.
pub(super) struct Servers {
    _rtsp: Server,
    _icecast: Icecast,
    _feeds: Vec<Running>,
}

/// Mount of the GStreamer server, and what comes of it.
const MOUNTS: [(&str, &str); 13] = [
    ("aac", "AAC-LC as `mpeg4-generic`"),
    ("latm", "AAC-LC as `MP4A-LATM`, configuration in the SDP"),
    ("pcmu", "`PCMU`"),
    ("pcma", "`PCMA`"),
    ("l16", "`L16`"),
    ("l24", "`L24`"),
    ("g722", "`G722`"),
    ("g726-16", "`G726-16`"),
    ("g726-32", "`G726-32`"),
    ("mp2", "MP2 as `MPA`"),
    ("mp3", "MP3 as `MPA`"),
    ("opus", "Opus mono as `opus`"),
    ("opuss", "Opus stereo as `opus`"),
];

/// Those also heard by UDP and in TLS. A second of them fits into a socket's buffer many
/// times, so that a busy machine loses nothing.
const TWICE: [(&str, &str); 3] = [
    ("aac", "AAC-LC as `mpeg4-generic`"),
    ("pcmu", "`PCMU`"),
    ("g722", "`G722`"),
];

pub(super) fn add(cases: &mut Vec<Case>, ffmpeg_name: &str) -> Servers {
    let mounts: Vec<String> = MOUNTS.iter().map(|(m, _)| format!("/{m}")).collect();
    let rtsp = Server::gstreamer(&["--mounts", &mounts.join(",")]);
    rtsp_cases(cases, &rtsp);
    replayed(cases, ffmpeg_name);
    let icecast = Icecast::start("private");
    let feeds = http_cases(cases, &icecast, ffmpeg_name);
    Servers {
        _rtsp: rtsp,
        _icecast: icecast,
        _feeds: feeds,
    }
}

fn rtsp_cases(cases: &mut Vec<Case>, server: &Server) {
    let gstreamer = version("gst-inspect-1.0", "--version", "version ");
    let against = format!("GStreamer RTSP server {gstreamer}");
    for (mount, what) in MOUNTS {
        let keys = format!("url: \"{}\"", server.url(&format!("/{mount}")));
        cases.push(Case {
            transport: "tcp",
            needs_opus: mount.starts_with("opus"),
            ..Case::live(
                &format!("tcp-{mount}"),
                "`rtsp://`, TCP",
                what,
                &against,
                keys,
            )
        });
    }
    for (mount, what) in TWICE {
        let url = server.url(&format!("/{mount}"));
        let keys = format!("url: \"{url}\", transport: udp");
        cases.push(Case {
            transport: "udp",
            ..Case::live(
                &format!("udp-{mount}"),
                "`rtsp://`, UDP",
                what,
                &against,
                keys,
            )
        });
    }
    let identity = Identity::self_signed("camera.example");
    let port = tls_front::start(&identity, server.port, false);
    let against = format!("{against} behind rustls");
    for (mount, what) in TWICE {
        let pin = identity.fingerprint();
        let keys =
            format!("url: \"rtsps://127.0.0.1:{port}/{mount}\", tls: {{ pin_sha256: \"{pin}\" }}");
        cases.push(Case {
            transport: "tcp",
            ..Case::live(&format!("tls-{mount}"), "`rtsps://`", what, &against, keys)
        });
    }
}

/// What GStreamer does not send: fragments, and a configuration in band alone.
fn replayed(cases: &mut Vec<Case>, ffmpeg_name: &str) {
    let scratch = super::Scratch::new();
    let recording = |name: &str, how: &str| {
        let path = scratch.path(name);
        let to = path.to_str().unwrap();
        let made = ffmpeg("", &tone(48_000, 2), how, to).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        std::fs::read(path).unwrap()
    };
    let latm = recording("a.latm", "-t 60 -c:a aac -b:a 96k -f latm");
    let mp3 = recording(
        "a.mp3",
        "-t 60 -c:a libmp3lame -b:a 128k -id3v2_version 0 -write_xing 0",
    );
    let port = replay::start(vec![
        replay::latm_in_band("latm", &latm),
        replay::mpa_in_fragments("mpa", &mp3),
    ]);
    let against = format!("packets of {ffmpeg_name}'s output, from a server of the tests");
    for (path, what, level) in [
        (
            "latm",
            "AAC-LC as `MP4A-LATM`, configuration in band",
            super::TONE,
        ),
        ("mpa", "MP3 as `MPA`, in fragments", LAME),
    ] {
        let keys = format!("url: \"rtsp://127.0.0.1:{port}/{path}\"");
        cases.push(Case {
            transport: "tcp",
            level,
            ..Case::live(
                &format!("replay-{path}"),
                "`rtsp://`, TCP",
                what,
                &against,
                keys,
            )
        });
    }
}

fn http_cases(cases: &mut Vec<Case>, icecast: &Icecast, ffmpeg_name: &str) -> Vec<Running> {
    let version = version("icecast2", "-v", "Icecast ");
    let against = format!("Icecast {version} fed by {ffmpeg_name}");
    let encodings: [(&str, &str, &Encoding); 5] = [
        ("mp3", "MP3", &MP3),
        ("adts", "AAC in ADTS frames", &AAC),
        ("vorbis", "Ogg Vorbis", &VORBIS),
        ("ogg-flac", "Ogg FLAC", &OGG_FLAC),
        ("ogg-opus", "Ogg Opus", &OPUS),
    ];
    let identity = Identity::self_signed("radio.example");
    let port = tls_front::start(&identity, icecast.port, false);
    let mut feeds = Vec::new();
    for (mount, what, encoding) in encodings {
        feeds.push(icecast.feed(mount, encoding));
        let case = |name: &str, place, keys| Case {
            transport: "http",
            level: if mount == "mp3" { LAME } else { super::TONE },
            needs_opus: mount == "ogg-opus",
            ..Case::live(&format!("{name}-{mount}"), place, what, &against, keys)
        };
        let keys = format!("url: \"{}\"", icecast.url(mount));
        cases.push(case("http", "`http://`", keys));
        if mount == "adts" {
            let pin = identity.fingerprint();
            let url = format!("https://127.0.0.1:{port}/{mount}");
            let keys = format!("url: \"{url}\", tls: {{ pin_sha256: \"{pin}\" }}");
            let mut secure = case("https", "`https://`", keys);
            secure.transport = "https";
            secure.against.push_str(", behind rustls");
            cases.push(secure);
        }
    }
    feeds
}
