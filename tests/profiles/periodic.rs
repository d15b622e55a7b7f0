//! What is written as time goes by.

use std::{
    fs,
    io::Read as _,
    time::{Duration, Instant},
};

use crate::{
    names, post,
    proto::Profile,
    support::{Scrape, Scratch},
    with_profiles,
};

#[test]
fn profiles_are_written_as_time_goes_by_and_the_old_ones_go() {
    let scratch = Scratch::new();
    let exporter = with_profiles(&scratch, "{ directory: kept/here, every: 1s, keep: 2 }");
    let heap = [("profile", "heap")];
    exporter.until("four were written", |scrape| {
        scrape.sum("audio_capture_exporter_profiles_written_total", &heap) >= 4.0
    });
    let directory = scratch.path("kept/here");
    let kept = names(&directory);
    // One may have been written and the oldest not yet removed.
    assert!((2..=3).contains(&kept.len()), "{kept:?}");
    let mut newest = Vec::new();
    let mut file = fs::File::open(directory.join(kept.last().unwrap())).unwrap();
    file.read_to_end(&mut newest).unwrap();
    assert!(!Profile::read(&newest).samples.is_empty());
}

#[test]
fn what_is_stopped_by_hand_is_not_written_and_is_no_failure() {
    let scratch = Scratch::new();
    let exporter = with_profiles(&scratch, "{ directory: kept, every: 1s }");
    let written =
        |scrape: &Scrape| scrape.sum("audio_capture_exporter_profiles_written_total", &[]);
    let failed = "audio_capture_exporter_profile_failures_total";
    exporter.until("one was written", |scrape| written(scrape) >= 1.0);
    for again in ["start", "reload"] {
        assert_eq!(post(&exporter, "stop"), 200);
        // What nobody writes cannot be waited for: three turns pass.
        let stopped = Instant::now();
        exporter.until("three turns have passed", |scrape| {
            assert_eq!(scrape.sum(failed, &[]), 0.0);
            stopped.elapsed() > Duration::from_millis(3_500)
        });
        let before = written(&exporter.scrape());
        let done = match again {
            "reload" => exporter.reload().0,
            _ => post(&exporter, again),
        };
        assert_eq!(done, 200);
        exporter.until(again, |scrape| written(scrape) > before);
    }
    assert_eq!(exporter.scrape().sum(failed, &[]), 0.0);
}

/// One that was left out would come with the next turn only.
#[test]
fn a_profile_that_falls_due_while_another_is_taken_waits_for_it() {
    const EVERY: Duration = Duration::from_secs(5);
    let scratch = Scratch::new();
    let exporter = with_profiles(&scratch, "{ directory: kept, every: 5s }");
    let heap = [("profile", "heap")];
    let written =
        |scrape: &Scrape| scrape.sum("audio_capture_exporter_profiles_written_total", &heap);
    let failed = "audio_capture_exporter_profile_failures_total";
    // The machine may be too busy for one of the courses to be the one that is meant.
    for _ in 0..5 {
        let before = written(&exporter.scrape());
        // The wait for the next begins between these two.
        let mut earliest = Instant::now();
        exporter.until("one was written", |scrape| {
            let done = written(scrape) > before;
            if !done {
                earliest = Instant::now();
            }
            done
        });
        let latest = Instant::now();
        let before = written(&exporter.scrape());
        let asked = Instant::now();
        let path = "/debug/pprof/profile?seconds=6";
        let status = exporter.request("GET", path, "").0;
        let over = Instant::now();
        let falls_due = asked < earliest + EVERY && over > latest + EVERY;
        let falls_due = falls_due && over + Duration::from_secs(2) < earliest + 2 * EVERY;
        if status != 200 || !falls_due {
            continue;
        }
        let mut early = false;
        exporter.until("the next one was written", |scrape| {
            early = Instant::now() < earliest + 2 * EVERY;
            written(scrape) > before || !early
        });
        assert!(early, "it was left out");
        assert_eq!(exporter.scrape().sum(failed, &[]), 0.0);
        return;
    }
    panic!("no CPU profile could be taken while another fell due");
}
