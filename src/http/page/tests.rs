//! What a person sees, and what a browser must not run.

use super::*;
use crate::{
    id::SourceId,
    sources::{SourceKind, State},
    status::{Coverage, Covered, SourceDetail},
    units::{AudioFormat, ByteSize},
};

fn source(state: State) -> SourceStatus {
    let id = SourceId::new("garden").unwrap();
    SourceStatus {
        since: Duration::from_secs(300),
        codec: Some("aac".to_owned()),
        format: Some(AudioFormat {
            sample_rate: 48_000,
            channels: 1,
        }),
        audio_seconds: 90.0,
        expected_seconds: 120.0,
        buffered: (Duration::from_secs(30), Duration::from_secs(60)),
        signal: Some(sounding(0.1)),
        detail: SourceDetail {
            coverage: Coverage {
                hour: Covered {
                    over: Duration::from_secs(120),
                    expected_seconds: 120.0,
                    audio_seconds: 90.0,
                    disconnects: 0,
                },
                ..Coverage::default()
            },
            ..SourceDetail::default()
        },
        ..SourceStatus::new(id, SourceKind::Rtsp, state)
    }
}

fn sounding(rms: f64) -> signal::View {
    signal::View {
        window: Some(signal::Window {
            rms,
            dc_offset: 0.0,
            silence: None,
            silent_for: Duration::ZERO,
            sounded: true,
            stuck: false,
        }),
        peak: 0.5,
        clipped: 0.0,
        silent: false,
        stuck: false,
        measured: Duration::from_secs(120),
        silence_undecided: false,
    }
}

/// Digital silence, which is a number other than zero in A-law.
fn silent(rms: f64) -> signal::View {
    let view = sounding(rms);
    let window = view.window.map(|window| signal::Window {
        silence: Some(Silence::Digital),
        ..window
    });
    signal::View { window, ..view }
}

fn html(sources: Vec<SourceStatus>, age: Duration) -> String {
    let snapshot = Snapshot {
        budget: (ByteSize(1 << 20), ByteSize(512 << 20)),
        ..Snapshot::of(sources)
    };
    let mut html = String::new();
    let view = View {
        snapshot: Some(&snapshot),
        age,
        alarms: &Book::default(),
        telemetry_path: "/metrics",
        assets: &[("grafana/overview.json", "{}")],
    };
    write(&mut html, &view).unwrap();
    html
}

#[test]
fn a_source_that_streams_reads_as_such() {
    let page = html(vec![source(State::Streaming)], Duration::from_secs(1));
    for text in [
        "The source is streaming; warning: source garden.",
        "garden",
        "streaming</span> for 5 min",
        "48000 Hz mono",
        "-20.0 dBFS",
        "90 s",
        "75.0 % of the last 2 min",
        "30 s of 60 s",
        "1 MiB of 512 MiB",
        "href=\"/grafana/overview.json\"",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("class=\"stale\""));
}

#[test]
fn every_state_has_a_mark_on_its_card() {
    let words = part("/page/words.js").unwrap().text;
    let (_, marks) = words.split_once("export const transports = {").unwrap();
    let (marks, _) = marks.split_once("};").unwrap();
    for state in State::ALL {
        assert!(marks.contains(&format!("\n  {state}: ")), "{state}");
    }
    assert_eq!(marks.matches(':').count(), State::COUNT);
}

#[test]
fn what_a_camera_says_cannot_become_markup() {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;";
    let mut bad = source(State::BackingOff);
    bad.problem = Some(hostile.to_owned());
    bad.codec = Some(hostile.to_owned());
    let page = html(vec![bad], Duration::ZERO);
    assert!(
        page.matches("<script").count() == 1 && !page.contains("<img"),
        "{page}"
    );
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;&lt;img src=x onerror=alert(1)&gt;&amp;lt;";
    // As a problem in two places, and as a codec.
    assert_eq!(page.matches(escaped).count(), 3, "{page}");
}

#[test]
fn what_stands_between_backticks_is_code() {
    for (text, shown) in [
        (
            "set `<a>` or `b`.",
            "set <code>&lt;a&gt;</code> or <code>b</code>.",
        ),
        ("a ` alone", "a ` alone"),
        ("`a` and `", "<code>a</code> and `"),
    ] {
        assert_eq!(Coded(text).to_string(), shown);
    }
}

#[test]
fn an_old_picture_says_so() {
    let page = html(vec![source(State::Streaming)], Duration::from_secs(31));
    assert!(page.contains("has not reported for 31 s"), "{page}");
}

#[test]
fn numbers_out_of_range_do_not_break_the_page() {
    let mut odd = source(State::Connecting);
    (odd.audio_seconds, odd.expected_seconds) = (f64::NAN, 0.0);
    odd.signal = Some(silent(0.0));
    (odd.codec, odd.format) = (None, None);
    let page = html(vec![odd], Duration::ZERO);
    assert!(
        page.contains("digital silence") && !page.contains("NaN"),
        "{page}"
    );
}

#[test]
fn silence_is_called_so_whatever_number_a_codec_has_for_it() {
    let mut idle = source(State::Streaming);
    idle.signal = Some(silent(8.0 / 32_768.0));
    let page = html(vec![idle], Duration::ZERO);
    assert!(page.contains("digital silence"), "{page}");
    assert!(!page.contains("dBFS"), "{page}");
}
