//! This program's own memory, and what watching costs.

use std::time::{Duration, Instant};

use crate::{
    MIB, of, pattern, resident,
    support::{Exporter, Scrape, Scratch, write_tone},
};

#[test]
fn our_own_memory_adds_up_while_buffers_fill() {
    let scratch = Scratch::new();
    // Eight minutes of 48 kHz stereo would be 92 MB, of which a file at its own pace fills little.
    write_tone(&scratch.path("long.wav"), 48_000, 2, 5.0, -20.0);
    let path = scratch.write(
        "config.yaml",
        "buffers: { capture: { duration: 8m } }\n\
         sources: [ { url: long.wav, loop: true } ]\n\
         memory: { sample_interval: 100ms, analysis_interval: 200ms, baseline_after: 1s }\n",
    );
    let exporter = Exporter::with_config(&path);
    let filled = |scrape: &Scrape| scrape.sum("myaudio_buffer_size_bytes", &[]);
    let scrape = exporter.until("audio is held, and a baseline", |scrape| {
        filled(scrape) > MIB
            && !scrape
                .matching("myaudio_memory_baseline_bytes", &[])
                .is_empty()
    });
    let own = |family: &str| of(&scrape, &format!("myaudio_memory_{family}_bytes"), "self");
    let resident = resident(&scrape, "self");
    let parts = own("heap") + own("external") + filled(&scrape);
    assert!((parts - resident).abs() < MIB, "{parts} of {resident}");
    // The empty part of the buffer is neither in RAM nor heap.
    assert!(scrape.sum("myaudio_buffer_capacity_bytes", &[]) > 90e6);
    assert!(own("heap") < 20.0 * MIB, "{}", own("heap"));
    let fragmentation = of(&scrape, "myaudio_memory_fragmentation_ratio", "self");
    assert!((0.0..0.9).contains(&fragmentation), "{fragmentation}");
}

/// Sources that fail, come and go, and reloads, for as long as asked.
#[test]
fn churn_does_not_grow_us() {
    let extended = std::env::var_os("EXTENDED").is_some();
    let period = Duration::from_secs(if extended { 300 } else { 12 });
    let scratch = Scratch::new();
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 0.2, -20.0);
    let mut round = 0_u32;
    let mut write = || {
        round += 1;
        let dead =
            (0..8).map(|n| format!("- {{ name: dead{n}, url: \"rtsp://127.0.0.1:9/{round}\" }}\n"));
        let gone = (0..4).filter(|_| round.is_multiple_of(2));
        let gone = gone.map(|n| format!("- {{ name: gone{n}, url: tone.wav, loop: true }}\n"));
        let sources: String = dead.chain(gone).collect();
        scratch.write(
            "config.yaml",
            &format!(
                "sources:\n- {{ url: tone.wav, loop: true }}\n{sources}\
                 connect: {{ backoff: {{ initial: 10ms, max: 20ms }} }}\n\
                 watch: [ {{ name: w{round}, pid: 1 }} ]\n\
                 memory: {{ sample_interval: 100ms, analysis_interval: 1s, baseline_after: 4s }}\n"
            ),
        )
    };
    let exporter = Exporter::with_config(&write());
    let began = Instant::now();
    let mut looks = Vec::new();
    while began.elapsed() < period {
        write();
        assert_eq!(exporter.reload().0, 200);
        let scrape = exporter.scrape();
        let audio = scrape.sum("myaudio_buffer_size_bytes", &[]);
        looks.push(exporter.process.resident() as f64 - audio);
    }
    let third = looks.len() / 3;
    assert!(third > 5, "{}", looks.len());
    let median = |part: &[f64]| {
        let mut part = part.to_vec();
        part.sort_by(f64::total_cmp);
        part[part.len() / 2]
    };
    let (early, late) = (
        median(&looks[third..2 * third]),
        median(&looks[2 * third..]),
    );
    println!("{} reloads: {early} then {late} bytes", looks.len());
    assert!(
        late - early < (0.02 * early).max(4.0 * MIB),
        "{early} then {late}"
    );
    // In so short a time nothing is a leak yet: what is told is that it grows, and how fast.
    let (rate, pattern) = (
        exporter.scrape().sum(
            "myaudio_memory_growth_bytes_per_second",
            &[("process", "self")],
        ),
        pattern(&exporter.scrape(), "self"),
    );
    let third = period.as_secs_f64() / 3.0;
    assert!(rate * third < (0.02 * early).max(4.0 * MIB), "{rate} B/s");
    assert!(
        !extended || pattern == "stable",
        "{pattern} after {period:?}"
    );
    let fds = exporter.process.descriptors();
    assert!(fds < 100, "{fds}");
}

/// Ten watches cost at most 0.5 % of a core and 5 MB: sampled 300 times as often as usual, all
/// that the program then uses, unoptimised as it is here.
#[test]
fn ten_watches_are_cheap() {
    let scratch = Scratch::new();
    let me = std::process::id();
    let watches = (0..10).map(|n| format!("- {{ name: w{n}, pid: {me} }}\n"));
    let watches: String = watches.collect();
    let memory = "memory: { sample_interval: 100ms, analysis_interval: 400ms }\n";
    let start = |name: &str, watches: &str| {
        let text = format!("sources: []\nwatch:\n{watches}{memory}");
        let exporter = Exporter::with_config(&scratch.write(name, &text));
        let all = watches.lines().count() as f64 + 1.0;
        exporter.until("all are watched", |scrape| {
            scrape.sum("myaudio_process_up", &[]) == all
        });
        exporter
    };
    let one = start("one.yaml", &format!("- {{ name: w, pid: {me} }}\n"));
    let ten = start("ten.yaml", &watches);
    let (began, before) = (Instant::now(), ten.process.cpu_seconds());
    // Nothing is asked meanwhile: an answer would cost more than what is measured.
    std::thread::sleep(Duration::from_secs(4));
    let used = ten.process.cpu_seconds() - before;
    let share = used / began.elapsed().as_secs_f64() / 300.0;
    let more = ten.process.resident() as f64 - one.process.resident() as f64;
    println!(
        "{:.4} % of a core, {more} bytes more for nine",
        100.0 * share
    );
    assert!(share < 0.005, "{share}");
    assert!(more < 5e6, "{more}");
}
