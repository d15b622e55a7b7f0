//! Packets that cannot be decoded: counted, and their time booked as that.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use audio_capture_exporter::{
    demo::rtsp::{Media, Mount, Server},
    shutdown::Tasks,
};

use support::{Exporter, Scratch, run};

const LABEL: &str = "source";

/// AAC as ADTS (ISO 13818-7): a header of seven bytes, then one access unit.
const ADTS_HEADER: usize = 7;

/// Ten seconds of a tone.
fn adts() -> Vec<u8> {
    let scratch = Scratch::new();
    let path = scratch.path("tone.aac");
    let tone = "sine=frequency=1000:sample_rate=48000:duration=10";
    let to = path.to_str().unwrap();
    run(
        "ffmpeg",
        &["-v", "error", "-f", "lavfi", "-i", tone, "-c:a", "aac", to],
        "",
    );
    std::fs::read(path).unwrap()
}

/// Makes every `nth` access unit begin with a coupling channel element, which no decoder
/// here knows; the unit stays as long as it is.
fn spoil(adts: &mut [u8], nth: usize) {
    let (mut at, mut number) = (0, 0);
    while at + ADTS_HEADER < adts.len() {
        let length = usize::from(adts[at + 3] & 3) << 11
            | usize::from(adts[at + 4]) << 3
            | usize::from(adts[at + 5] >> 5);
        number += 1;
        if number % nth == 0 {
            adts[at + ADTS_HEADER] = 0x40;
        }
        at += length;
    }
}

#[test]
fn undecodable_packets_are_decode_gaps_and_an_undecodable_stream_is_unsupported() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let (mut some, mut all) = (adts(), adts());
    spoil(&mut some, 10);
    spoil(&mut all, 1);
    let mount = |path, adts: &[u8]| Mount::new(path, Media::recorded_aac(adts).unwrap());
    let tasks = Tasks::default();
    let server = Server::start(&tasks, vec![mount("some", &some), mount("all", &all)]).unwrap();
    let url = |path: &str| format!("{path}=rtsp://{}/{path}", server.address());
    let exporter = Exporter::start([url("some"), url("all")]);
    let scrape = exporter.until("100 errors each", |scrape| {
        scrape.state("all") == "unsupported"
            && scrape.value("myaudio_source_decode_errors_total", &[(LABEL, "some")]) >= 50.0
    });
    let errors = scrape.value("myaudio_source_decode_errors_total", &[(LABEL, "some")]);
    let audio = scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, "some")]);
    let gap = |source, cause| {
        let labels = [(LABEL, source), ("cause", cause)];
        scrape.value("myaudio_source_gap_seconds_total", &labels)
    };
    // An access unit holds 1,024 samples.
    let missing = errors * 1024.0 / 48_000.0;
    assert!(
        (gap("some", "decode") - missing).abs() < 0.3,
        "{} of {missing}",
        gap("some", "decode")
    );
    assert!(
        (audio / missing - 9.0).abs() < 1.0,
        "{audio} s of audio for {missing} s missing"
    );
    assert_eq!(
        scrape.sum("myaudio_source_disconnects_total", &[(LABEL, "some")]),
        0.0
    );
    assert!(scrape.unexplained_seconds("some").abs() < 1.0);

    let all = [(LABEL, "all"), ("reason", "unsupported")];
    assert_eq!(
        scrape.value("myaudio_source_connect_failures_total", &all),
        1.0
    );
    assert_eq!(scrape.ledger("all"), [0.0; 4]);
    // 100 packets of 21.3 ms each.
    assert!(gap("all", "decode") > 1.5, "{}", scrape.without_zeros());
    assert_eq!(gap("all", "stall"), 0.0);
}
