//! Whether audio leaves at all, and what is answered to a bad wish.

use audio_capture_exporter::http::Rejection;

use super::{CLIP, LIVE, MONO, allow, push, readers, studio, studio_with};
use crate::{
    client::{ask, get},
    fixture::Setup,
};

#[test]
fn no_audio_leaves_unless_the_owner_says_so() {
    let (server, _lease, buffer) = studio(10, |_| {});
    push(&buffer, 8_000);
    let last = &format!("{CLIP}?last=1s");
    assert_eq!(get(server.address, last).status, 200);
    allow(&server, false);
    for path in [last, LIVE, "/api/v1/sources/nobody/clip.wav?last=1s"] {
        let answer = get(server.address, path);
        assert_eq!(answer.status, 403, "{path}");
        let remedy = answer.problem()["remedy"].as_str().unwrap().to_owned();
        assert!(remedy.contains("web.audio"), "{remedy}");
    }
    allow(&server, true);
    for path in [last, LIVE] {
        for page in [
            "sec-fetch-site: cross-site\r\n",
            "sec-fetch-site: same-site\r\norigin: http://localhost:3000\r\n",
            "origin: http://evil.example\r\n",
        ] {
            let foreign = ask(server.address, "GET", path, page);
            assert_eq!(foreign.status, 403, "{path}: {page}");
        }
    }
    let (network, _lease, buffer) = studio_with(
        Setup {
            listen: "0.0.0.0:0",
            ..Setup::default()
        },
        MONO,
        10,
    );
    push(&buffer, 8_000);
    for path in [last, LIVE] {
        assert_eq!(get(network.address, path).status, 403, "{path}");
    }
    assert_eq!(network.rejected(Rejection::Exposure), 2);
}

#[test]
fn every_bad_wish_has_its_answer() {
    let (server, _lease, buffer) = studio(10, |limits| limits.clip_bytes = 40_000);
    assert_eq!(
        get(server.address, &format!("{CLIP}?last=1s")).status,
        409,
        "no sample yet"
    );
    push(&buffer, 80_000);
    for (path, status) in [
        ("garden/clip.wav", 400),
        ("garden/clip.wav?last=0s", 400),
        ("garden/clip.wav?last=-5s", 400),
        ("garden/clip.wav?last=0.00001s", 400),
        ("garden/clip.wav?last=9999999d", 400),
        ("garden/clip.wav?from=2999-01-01T00:00:00Z", 400),
        ("garden/clip.wav?from=1700000010&to=1700000000", 400),
        ("garden/clip.wav?from=0", 400),
        ("garden/clip.wav?last=1s&format=mp3", 400),
        ("garden/clip.wav?from=yesterday", 400),
        ("garden/clip.wav?from=1700000000&to=1700000010", 404),
        ("garden/clip.wav?last=5s", 413),
        ("garden/clip.mp3?last=1s", 404),
        ("garden/live.ogg", 404),
        ("garden/live.wav?last=1s", 400),
        ("garden/dead.wav", 404),
        ("garden/../garden/clip.wav?last=1s", 404),
        ("../garden/clip.wav?last=1s", 404),
        ("..%2Fgarden/clip.wav?last=1s", 404),
        ("garden%00/clip.wav?last=1s", 404),
        ("mute/clip.wav?last=1s", 409),
        ("mute/live.wav", 409),
        ("nobody/clip.wav?last=1s", 404),
        ("nobody/live.wav", 404),
    ] {
        let answer = get(server.address, &format!("/api/v1/sources/{path}"));
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        answer.problem();
    }
    let post = ask(server.address, "POST", LIVE, "content-length: 0\r\n");
    assert_eq!(post.status, 405);
    let wav_only = get(server.address, "/api/v1/sources/garden/clip.mp3").problem();
    assert!(wav_only["remedy"].as_str().unwrap().contains("clip.wav"));
    // What was kept is told to those who ask for something else.
    let other = get(
        server.address,
        &format!("{CLIP}?from=1700000000&to=1700000010"),
    );
    let detail = other.problem()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("There is audio from 2"), "{detail}");
    assert_eq!(readers(&server), 0);
}
