//! Which process is meant, and what comes in its place.

use std::fs;

use crate::{
    MIB, NONE, Recorder, command, config, failures, is_up, of, pattern, resident,
    support::{Exporter, Scratch},
    watch,
};

#[test]
fn a_recorder_that_keeps_restarting_is_counted_and_never_a_leak() {
    let scratch = Scratch::new();
    let name = command("restless");
    let exporter = Exporter::with_config(&config(&scratch, &watch("bird", &name)));
    exporter.until("it is looked for", |scrape| {
        failures(scrape, "bird", "not_found") >= 1.0
    });
    for nth in 0..8_u32 {
        // Each larger than the one before.
        let size = (4096 * (nth + 1)).to_string();
        let recorder = Recorder::start(&name, &["--hold", &size]);
        exporter.until("it is found again", |scrape| {
            resident(scrape, "bird") > f64::from(nth + 1) * 4.0 * MIB
                && of(scrape, "myaudio_process_restarts_total", "bird") == f64::from(nth)
        });
        for _ in 0..5 {
            let pattern = pattern(&exporter.scrape(), "bird");
            assert!(
                ["unknown", "stable"].contains(&pattern.as_str()),
                "{pattern}"
            );
        }
        recorder.end();
        exporter.until("it is gone", |scrape| !is_up(scrape, "bird"));
    }
    let log = exporter.process.output();
    assert!(!log.contains("memory leaks"), "{log}");
}

#[test]
fn a_pid_file_that_changes_is_followed() {
    let scratch = Scratch::new();
    let name = command("filed");
    let first = Recorder::start(&name, &[]);
    let second = Recorder::start(&name, &["--hold", "65536"]);
    scratch.write("x.pid", &format!("{}\n", first.id()));
    let exporter = Exporter::with_config(&config(&scratch, "- { name: x, pid_file: x.pid }\n"));
    exporter.until("the first is watched", |scrape| {
        is_up(scrape, "x") && resident(scrape, "x") < 60.0 * MIB
    });
    // As long as both live, the file decides.
    scratch.write("x.pid", &format!("{}\n", second.id()));
    exporter.until("the second is watched", |scrape| {
        resident(scrape, "x") > 60.0 * MIB
            && of(scrape, "myaudio_process_restarts_total", "x") == 1.0
    });
    fs::write(scratch.path("x.pid"), "nonsense").unwrap();
    exporter.until("the file says nothing", |scrape| {
        !is_up(scrape, "x") && failures(scrape, "x", "malformed") > 0.0
    });
}

#[test]
fn two_of_a_name_are_summed() {
    let scratch = Scratch::new();
    let name = command("twin");
    let one = Recorder::start(&name, &["--hold", "16384"]);
    let exporter = Exporter::with_config(&config(&scratch, &watch("twins", &name)));
    let alone = exporter.until("one is there", |scrape| {
        resident(scrape, "twins") > 16.0 * MIB
    });
    let other = Recorder::start(&name, &["--hold", "16384"]);
    let both = exporter.until("both are there", |scrape| {
        let ratio = resident(scrape, "twins") / resident(&alone, "twins");
        of(scrape, "myaudio_process_count", "twins") == 2.0 && (1.9..2.1).contains(&ratio)
    });
    assert_eq!(of(&both, "myaudio_process_restarts_total", "twins"), 0.0);
    one.end();
    exporter.until("one is left", |scrape| {
        of(scrape, "myaudio_process_count", "twins") == 1.0 && is_up(scrape, "twins")
    });
    other.end();
}

#[test]
fn a_reload_keeps_those_it_does_not_name() {
    let scratch = Scratch::new();
    let names = [command("kept"), command("dropped")];
    let [_kept, _dropped] = names.each_ref().map(|name| Recorder::start(name, &[]));
    let both = watch("kept", &names[0]) + &watch("dropped", &names[1]);
    let exporter = Exporter::with_config(&config(&scratch, &both));
    exporter.until("both have a baseline", |scrape| {
        scrape.matching("myaudio_memory_baseline_bytes", &[]).len() == 3
    });
    config(&scratch, &watch("kept", &names[0]));
    let (status, said) = exporter.reload();
    assert_eq!(status, 200, "{said}");
    let scrape = exporter.scrape();
    assert_eq!(
        scrape.matching("myaudio_process_up", &[("process", "dropped")]),
        NONE
    );
    // Its history went on.
    assert!(of(&scrape, "myaudio_memory_baseline_bytes", "kept") > 0.0);
    config(&scratch, &both);
    assert_eq!(exporter.reload().0, 200);
    let scrape = exporter.until("it is back", |scrape| {
        scrape.matching("myaudio_process_up", &[("process", "dropped")]) == [1.0]
    });
    assert_eq!(of(&scrape, "myaudio_process_restarts_total", "kept"), 0.0);
}

/// The unit that comes with the program must let it see whom `watch` names.
#[test]
fn the_systemd_unit_hides_no_process() {
    let unit = include_str!("../../deploy/systemd/audio-capture-exporter.service");
    let settings: Vec<&str> = unit.lines().map(str::trim).collect();
    for needed in ["ProtectProc=default", "ProcSubset=all"] {
        assert!(settings.contains(&needed), "{needed}");
    }
    assert!(
        !settings
            .iter()
            .any(|line| line.starts_with("PrivateUsers=") || line.starts_with("PrivatePIDs="))
    );
}

#[test]
fn processes_may_be_watched_without_any_source() {
    let scratch = Scratch::new();
    let path = scratch.write(
        "config.yaml",
        "watch: [ { name: one, pid: 1, memory_limit: 7MiB } ]\n",
    );
    let exporter = Exporter::with_config(&path);
    let scrape = exporter.until("it watches", |scrape| is_up(scrape, "one"));
    let limit = of(&scrape, "myaudio_memory_limit_bytes", "one");
    assert_eq!(limit, 7.0 * MIB);
    let said = exporter.process.output();
    assert!(
        said.contains("  one                  process number 1\n"),
        "{said}"
    );
}
