//! `clip.wav`: what was recorded.

use audio_capture_exporter::{buffers::Gap, http::Rejection, units::ByteSize};

use super::{CLIP, asking, number, push, readers, samples, studio};
use crate::{
    client::{Answer, Client, ask, get},
    fixture::{Fixture, eventually},
};

/// The value of a key in a dictionary such as `Clip-Frames`.
fn told(answer: &Answer, field: &str, key: &str) -> f64 {
    let text = answer.header(field).unwrap();
    let found = text.split(", ").find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name == key).then(|| value.parse().unwrap())
    });
    found.unwrap()
}

/// A client that asks for a clip and takes no more than its head.
fn untaken(server: &Fixture, path: &str) -> Client {
    let mut client = asking(server, path);
    assert_eq!(client.answer(true).status, 200);
    client
}

#[test]
fn a_clip_is_exact_and_tells_what_is_in_it() {
    let (server, _lease, buffer) = studio(10, |_| {});
    push(&buffer, 16_000);
    buffer.gap(Gap::Frames(4_000));
    push(&buffer, 8_000);
    let answer = get(server.address, &format!("{CLIP}?last=2s"));
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("audio/wav"))
    );
    let expected: Vec<_> = (12_000..16_000)
        .map(number)
        .chain([0; 4_000])
        .chain((16_000..24_000).map(number))
        .collect();
    assert_eq!(samples(&answer.body), expected);
    for (key, frames) in [
        ("requested", 16_000.0),
        ("audio", 12_000.0),
        ("silence", 4_000.0),
        ("missing", 0.0),
    ] {
        assert_eq!(told(&answer, "clip-frames", key), frames, "{key}");
        assert_eq!(
            told(&answer, "clip-seconds", key),
            frames / 8_000.0,
            "{key}"
        );
    }
    assert_eq!(answer.header("clip-gap-count"), Some("1"));
    assert_eq!(answer.header("clip-gaps"), Some("0.500;seconds=0.500"));
    let name = answer.header("content-disposition").unwrap();
    assert!(name.starts_with("inline; filename=\"garden-2"), "{name}");

    // The same by time: from its beginning and to its end, as it told them.
    let (start, end) = (
        answer.header("clip-start").unwrap(),
        answer.header("clip-end").unwrap(),
    );
    let same = get(server.address, &format!("{CLIP}?from={start}&to={end}"));
    let length = samples(&same.body).len();
    // The text has microseconds, a frame lasts 125.
    assert!((15_999..=16_001).contains(&length), "{length}");
    let open = get(server.address, &format!("{CLIP}?from={start}"));
    assert!(samples(&open.body).ends_with(&expected[8_000..]));

    let head = ask(server.address, "HEAD", &format!("{CLIP}?last=2s"), "");
    assert_eq!(head.header("content-length"), Some("32044"));
    assert_eq!(head.header("clip-frames"), answer.header("clip-frames"));

    let more = get(server.address, &format!("{CLIP}?last=60s"));
    assert_eq!(more.status, 200, "what there is");
    assert_eq!(samples(&more.body).len(), 28_000);
    assert_eq!(told(&more, "clip-seconds", "missing"), 56.5);
    assert_eq!(readers(&server), 0, "all are detached");
    let json = get(server.address, "/api/v1/sources/garden");
    assert_eq!(json.status, 200, "the page above is still there");
}

#[test]
fn clips_that_are_not_taken_have_a_limit() {
    let (server, _lease, buffer) = studio(600, |limits| limits.clips = 2);
    server.buffers.set_budget(ByteSize(256 << 20));
    push(&buffer, 8_000 * 600);
    let path = &format!("{CLIP}?last=600s");
    // 9.6 MB each: more than all buffers on the way hold.
    let slow: Vec<_> = (0..2).map(|_| untaken(&server, path)).collect();
    let third = get(server.address, path);
    assert_eq!(
        (third.status, third.header("retry-after")),
        (503, Some("5"))
    );
    assert_eq!(server.rejected(Rejection::Requests), 1);
    assert_eq!(readers(&server), 0, "what is being sent reads no more");
    let in_clips = || {
        let (consumers, _) = server.buffers.holdings().consumers().top(10);
        let clips = consumers.iter().find(|who| &*who.name == "garden/clip");
        clips.map(|clips| (clips.active, clips.current))
    };
    assert_eq!(in_clips(), Some((2, 2 * 9_600_044)));
    drop(slow);
    eventually("and their memory is given back", || {
        in_clips() == Some((0, 0))
    });
    eventually("and served when they are gone", || {
        ask(server.address, "GET", &format!("{CLIP}?last=1s"), "").status == 200
    });
}

#[test]
fn clips_on_their_way_hold_at_most_a_quarter_of_the_budget() {
    let (server, _lease, buffer) = studio(600, |_| ());
    push(&buffer, 8_000 * 600);
    server.buffers.set_budget(ByteSize(60_000_000));
    let path = &format!("{CLIP}?last=600s");
    let slow = untaken(&server, path);
    let used = server.buffers.budget().0;
    assert_eq!(used.0, 9_600_000, "the buffers' own budget is not touched");
    let second = get(server.address, path);
    assert_eq!(second.status, 503);
    assert_eq!(second.header("retry-after"), Some("5"));
    let remedy = second.problem()["remedy"].as_str().unwrap().to_owned();
    assert!(remedy.contains("buffers.memory_budget"), "{remedy}");
    assert_eq!(server.rejected(Rejection::Requests), 1);
    let short = get(server.address, &format!("{CLIP}?last=60s"));
    assert_eq!(short.status, 200, "there is room for that");
    drop(slow);
    eventually("all of it is given back", || {
        ask(server.address, "GET", path, "").status == 200
    });
    server.buffers.set_budget(ByteSize(9_600_000));
    assert_eq!(get(server.address, path).status, 200, "one always fits");
}

#[test]
fn a_long_gap_is_sent_but_not_held() {
    let (server, _lease, buffer) = studio(10, |_| ());
    push(&buffer, 8_000);
    // Nearly an hour.
    buffer.gap(Gap::Frames(28_000_000));
    push(&buffer, 8_000);
    let budget = server.buffers.budget().1;
    assert!(budget.0 / 4 < 2 * 28_000_000, "it could not be held");
    let clip = get(server.address, &format!("{CLIP}?last=1h"));
    assert_eq!(clip.status, 200);
    let samples = samples(&clip.body);
    assert_eq!(samples.len(), 28_016_000);
    assert!(samples[8_000..28_008_000].iter().all(|sample| *sample == 0));
    assert!(
        samples[28_008_000..]
            .iter()
            .copied()
            .eq((8_000..16_000).map(number))
    );
}
