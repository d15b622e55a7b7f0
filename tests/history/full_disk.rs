//! No room on the disk: capture and metrics go on, history says so and comes back.
//!
//! The test starts itself again in a mount namespace, where the disk is a small one in memory.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Exporter, Scrape, Scratch, write_tone};

/// Set where this runs in its namespace.
const INSIDE: &str = "HISTORY_INSIDE";
const NAME: &str = "full_disk::capture_goes_on_without_room_and_history_comes_back";

#[test]
fn capture_goes_on_without_room_and_history_comes_back() {
    if env::var_os(INSIDE).is_some() {
        inside();
        return;
    }
    // Root has the right; others have it in a user namespace, where the system lets them.
    let ways = [&["--mount"][..], &["--map-root-user", "--mount"]];
    let allowed = |way: &&&[&str]| {
        let mut command = Command::new("unshare");
        command
            .args(**way)
            .args(["mount", "-t", "tmpfs", "none", "/mnt"]);
        command
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let Some(way) = ways.iter().find(allowed) else {
        println!("not tried: this system allows no mount namespaces");
        return;
    };
    let status = Command::new("unshare")
        .args(*way)
        .arg(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success());
}

fn inside() {
    let scratch = Scratch::new();
    let disk = scratch.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "none"])
        .arg(&disk)
        .status()
        .unwrap();
    assert!(mounted.success());
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 1.0, -20.0);
    let config = scratch.write(
        "config.yaml",
        "sources: [ { url: tone.wav, loop: true } ]\n\
         memory: { sample_interval: 1s }\n\
         history: { path: disk/history.db }\n",
    );
    let exporter = Exporter::with_config(&config);
    exporter.until("something is written", |scrape| {
        state(scrape) == "writing" && written(scrape) > 0.0
    });
    fill(&disk.join("filler"));
    let full = exporter.until("the state says that it is full", |scrape| {
        state(scrape) == "failing" && failures(scrape) > 0.0
    });
    let (status, told) = exporter.get("/api/v1/history");
    assert_eq!(status, 200);
    assert!(told.contains("make room on the disk"), "{told}");
    let audio = |scrape: &Scrape| scrape.sum("myaudio_source_audio_seconds_total", &[]);
    let heard = audio(&full);
    exporter.until("audio goes on", |scrape| audio(scrape) > heard + 3.0);
    assert_eq!(exporter.get("/-/healthy").0, 200);
    let before = written(&full);
    fs::remove_file(disk.join("filler")).unwrap();
    let well = exporter.until("it is written again", |scrape| {
        state(scrape) == "writing" && written(scrape) > before
    });
    let lost = "audio_capture_exporter_history_lost_records_total";
    assert_eq!(well.sum(lost, &[]), 0.0);
    drop(exporter);
    let file = rusqlite::Connection::open(disk.join("history.db")).unwrap();
    let verdict: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
    // What came meanwhile was kept in memory: a sample is there for every ten seconds.
    let mut samples = file.prepare("SELECT at FROM memory ORDER BY seq").unwrap();
    let times = samples.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    let times: Vec<i64> = times.map(Result::unwrap).collect();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest.unwrap() < 16_000, "{times:?}");
    drop(samples);
    drop(file);
    let unmounted = Command::new("umount").arg(&disk).status().unwrap();
    assert!(unmounted.success());
}

/// Writes until nothing more fits, in ever smaller pieces.
fn fill(path: &Path) {
    use std::io::Write as _;
    let mut file = fs::File::create(path).unwrap();
    for size in [65_536, 4_096, 1] {
        let piece = vec![1; size];
        while file.write_all(&piece).is_ok() {}
    }
}

fn state(scrape: &Scrape) -> String {
    for state in ["off", "writing", "failing", "refused"] {
        let family = "audio_capture_exporter_history_state";
        if scrape.sum(family, &[("state", state)]) == 1.0 {
            return state.to_owned();
        }
    }
    "none".to_owned()
}

fn written(scrape: &Scrape) -> f64 {
    scrape.sum("audio_capture_exporter_history_records_total", &[])
}

fn failures(scrape: &Scrape) -> f64 {
    let family = "audio_capture_exporter_history_write_failures_total";
    scrape.sum(family, &[("reason", "full")])
}
