//! Growth is told: of memory, and of what piles up.

use std::time::Duration;

use crate::{
    MIB, Recorder, command, config, get, of, pattern, resident,
    support::{self, Exporter, Scratch, Stopwatch},
    watch, watched,
};

#[test]
fn growth_is_told_with_the_time_that_is_left() {
    let (_scratch, mut recorder, exporter) = watched("leaking");
    let began = Stopwatch::start();
    let grown = loop {
        recorder.order("hold 512");
        let scrape = exporter.scrape();
        let pattern = pattern(&scrape, "bird");
        if ["linear", "exponential", "leak"].contains(&pattern.as_str()) {
            break scrape;
        }
        assert!(began.elapsed() < support::PATIENCE, "{pattern}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let slope = of(&grown, "myaudio_memory_growth_bytes_per_second", "bird");
    let left = of(&grown, "myaudio_memory_seconds_to_limit", "bird");
    let limit = of(&grown, "myaudio_memory_limit_bytes", "bird");
    let linear = (limit - resident(&grown, "bird")) / slope;
    assert!(
        slope > 0.1 * MIB && (0.2..5.0).contains(&(left / linear)),
        "{slope} {left} {linear}"
    );
    assert!(of(&grown, "myaudio_memory_pattern_confidence_ratio", "bird") >= 0.7);
    // It is the recorder's growth and not ours.
    let own = grown.sum(
        "myaudio_memory_growth_bytes_per_second",
        &[("process", "self")],
    );
    assert!(own < 0.5 * slope, "{own} {slope}");
    let status = get(&exporter, "/api/v1/memory/status?process=bird");
    let verdict = &status["processes"][0]["verdict"];
    let between = |figure: &str, interval: &str| {
        let [low, high] = [0, 1].map(|end| verdict[interval][end].as_f64());
        let figure = verdict[figure].as_f64();
        assert!(low.is_some() && low <= figure, "{verdict}");
        assert!(high.is_none() || figure <= high, "{verdict}");
    };
    between("slope_bytes_per_second", "slope_interval");
    between("seconds_to_limit", "seconds_to_limit_interval");
}

/// Gives an order again and again until something of the process is said to pile up.
fn piles_up(order: &str, what: &str) {
    let scratch = Scratch::new();
    let names = [command("leaky"), command("calm")];
    let mut leaky = Recorder::start(&names[0], &[]);
    let mut calm = Recorder::start(&names[1], &[]);
    let watches = watch("leaky", &names[0]) + &watch("calm", &names[1]);
    let exporter = Exporter::with_config(&config(&scratch, &watches));
    exporter.until("both have a baseline", |scrape| {
        scrape.matching("myaudio_memory_baseline_bytes", &[]).len() == 3
    });
    let growing = |process: &str| {
        let path = format!("/api/v1/memory/status?process={process}");
        let document = get(&exporter, &path);
        let growing = document["processes"][0]["growing"].as_array().unwrap();
        let growing = growing.iter().map(|what| what.as_str().unwrap().to_owned());
        growing.collect::<Vec<_>>()
    };
    // A step is none.
    calm.order("files 30");
    assert!(growing("leaky").is_empty());
    let began = Stopwatch::start();
    while !growing("leaky").iter().any(|one| one == what) {
        leaky.order(order);
        assert!(began.elapsed() < support::PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("{what} after {:?}", began.elapsed());
    let none: [&str; 0] = [];
    assert_eq!(growing("calm"), none);
    exporter.process.until("the log says so", || {
        exporter.process.output().contains("piles up")
    });
}

#[test]
fn descriptors_that_are_not_closed_are_told() {
    piles_up("files 1", "open_fds");
}

#[test]
fn children_that_do_not_end_are_told() {
    piles_up("child 1", "processes");
}
