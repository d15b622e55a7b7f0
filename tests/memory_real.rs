//! The verdict on real processes: memory that a kernel and an allocator really gave.
//!
//! `support/memory_shapes.py` does one tick of work at a time and this test reads its resident
//! memory after each, so no clock is involved: a tick stands for one interval of samples. The
//! recordings in `fixtures/memory/` are of programs at their own pace.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use audio_capture_exporter::memory::verdict::{Judge, Options, Pattern, Sample, Verdict};

const GROWING: &[Pattern] = &[Pattern::Linear, Pattern::Leak, Pattern::Exponential];
const ALARMING: &[Pattern] = &[Pattern::Leak, Pattern::Exponential];
/// Ticks in an hour of 30 s samples.
const HOUR: u64 = 120;

struct Shape {
    name: &'static str,
    child: Child,
}

impl Drop for Shape {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Shape {
    fn start(name: &'static str) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/memory_shapes.py");
        let child = Command::new("/usr/bin/python3")
            .arg(program)
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3; see scripts/test");
        Self { name, child }
    }

    /// What it holds after each of so many ticks, bytes.
    fn ticks(mut self, count: u64) -> Vec<u64> {
        let mut input = self.child.stdin.take().unwrap();
        let mut output = BufReader::new(self.child.stdout.take().unwrap());
        let statm = format!("/proc/{}/statm", self.child.id());
        (0..count)
            .map(|_| {
                input.write_all(b"\n").unwrap();
                let mut page = String::new();
                assert!(
                    output.read_line(&mut page).unwrap() > 0,
                    "{} ended",
                    self.name
                );
                let statm = fs::read_to_string(&statm).unwrap();
                let resident = statm.split(' ').nth(1).unwrap();
                resident.parse::<u64>().unwrap() * page.trim().parse::<u64>().unwrap()
            })
            .collect()
    }
}

/// The verdicts at every analysis, with the sample at which each was given.
fn verdicts(options: Options, samples: &[(Duration, u64)]) -> Vec<(usize, Verdict)> {
    let mut judge = Judge::new(options);
    let mut asked = Duration::ZERO;
    let mut verdicts = Vec::new();
    for (number, (at, bytes)) in samples.iter().enumerate() {
        judge.add(Sample {
            at: *at,
            bytes: *bytes,
        });
        if *at >= asked + options.analysis_interval {
            asked = *at;
            verdicts.push((number, judge.verdict(*at, None)));
        }
    }
    verdicts
}

/// Half a day of a shape, at 30 s a tick.
fn half_a_day(shape: &'static str) -> Vec<(usize, Verdict)> {
    let held = Shape::start(shape).ticks(12 * HOUR);
    let times = (0..).map(|tick| Duration::from_secs(30 * tick));
    verdicts(Options::default(), &times.zip(held).collect::<Vec<_>>())
}

#[track_caller]
fn first(verdicts: &[(usize, Verdict)], patterns: &[Pattern]) -> Option<usize> {
    let first = |(_, verdict): &&(usize, Verdict)| patterns.contains(&verdict.pattern);
    verdicts.iter().find(first).map(|(number, _)| *number)
}

#[track_caller]
fn is_never(verdicts: &[(usize, Verdict)], patterns: &[Pattern]) {
    let wrong = verdicts
        .iter()
        .find(|(_, verdict)| patterns.contains(&verdict.pattern));
    assert!(wrong.is_none(), "{wrong:#?}");
}

#[track_caller]
fn ends_as(verdicts: &[(usize, Verdict)], pattern: Pattern) {
    let (_, last) = verdicts.last().unwrap();
    assert_eq!(last.pattern, pattern, "{last:#?}");
}

/// A leak of 15 MiB an hour on 64 MiB and the interpreter: found within the hour, called one
/// before the half day is over, and as fast as it is.
#[track_caller]
fn is_a_leak(shape: &'static str, found_within: u64) {
    let verdicts = half_a_day(shape);
    let found = first(&verdicts, GROWING).expect("growth");
    assert!(found as u64 <= found_within, "{shape}: {found} ticks");
    assert!(first(&verdicts, ALARMING).is_some(), "{shape} is no leak");
    ends_as(&verdicts, Pattern::Leak);
    let (_, last) = verdicts.last().unwrap();
    let per_hour = last.slope_bytes_per_second * 3600.0 / f64::from(1 << 20);
    assert!(
        (13.0..17.5).contains(&per_hour),
        "{shape}: {per_hour} MiB/h"
    );
}

#[test]
fn a_leak_is_one() {
    is_a_leak("leak", HOUR);
}

#[test]
fn a_leak_of_small_pieces_is_one() {
    is_a_leak("leak_small", HOUR);
}

#[test]
fn a_buffer_lost_with_each_reconnect_is_a_leak() {
    is_a_leak("leak_by_chunks", 3 * HOUR);
}

#[test]
fn a_leak_under_a_collectors_sawtooth_is_one() {
    is_a_leak("leak_under_sawtooth", 3 * HOUR);
}

#[test]
fn what_doubles_again_and_again_is_exponential() {
    let verdicts = half_a_day("exponential");
    assert!(first(&verdicts, GROWING).is_some());
    assert!(first(&verdicts, &[Pattern::Exponential]).is_some());
}

#[test]
fn taking_and_giving_back_is_stable() {
    is_never(&half_a_day("steady"), GROWING);
}

#[test]
fn a_sawtooth_is_stable() {
    let verdicts = half_a_day("sawtooth");
    is_never(&verdicts, GROWING);
    ends_as(&verdicts, Pattern::Stable);
}

#[test]
fn garbage_that_is_collected_is_stable() {
    let verdicts = half_a_day("collector");
    is_never(&verdicts, ALARMING);
    ends_as(&verdicts, Pattern::Stable);
}

#[test]
fn a_cache_that_fills_up_is_no_leak() {
    let verdicts = half_a_day("cache");
    is_never(&verdicts, ALARMING);
    ends_as(&verdicts, Pattern::Stable);
}

#[test]
fn fragments_are_no_leak() {
    let verdicts = half_a_day("fragments");
    is_never(&verdicts, ALARMING);
    ends_as(&verdicts, Pattern::Stable);
}

/// A spike while it is new; then it is where it is.
#[test]
fn one_more_buffer_is_a_spike_and_then_stable() {
    let verdicts = half_a_day("step");
    is_never(&verdicts, GROWING);
    let spike = first(&verdicts, &[Pattern::Spike]).expect("a spike");
    assert!((480..500).contains(&spike), "{spike}");
    ends_as(&verdicts, Pattern::Stable);
}

/// A recording, its time stretched by so much.
fn recorded(name: &str, stretch: f64) -> Vec<(Duration, u64)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/memory");
    let text = fs::read_to_string(folder.join(name).with_extension("csv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    let samples: Vec<_> = lines
        .map(|line| {
            let (seconds, bytes) = line.split_once(',').unwrap();
            let at = Duration::from_secs_f64(seconds.parse::<f64>().unwrap() * stretch);
            (at, bytes.parse().unwrap())
        })
        .collect();
    assert!(samples.len() > 500, "{name}: {}", samples.len());
    samples
}

/// Recordings at 2 s a sample, as they were made, and as if a sample had taken 30 s: as the one
/// who looks at a process for a quarter of an hour, and as the one who watches it for hours.
fn replayed(name: &str) -> [Vec<(usize, Verdict)>; 2] {
    let close = Options {
        sample_interval: Duration::from_secs(2),
        analysis_interval: Duration::from_secs(8),
        baseline_after: Duration::from_secs(60),
        ..Options::default()
    };
    [
        verdicts(close, &recorded(name, 1.0)),
        verdicts(Options::default(), &recorded(name, 15.0)),
    ]
}

/// A minute of warm-up and two of growth tell that it grows; a leak it is in hours.
#[test]
fn recorded_leaks_grow() {
    for (name, within) in [("leak_small", 200), ("leak_under_sawtooth", 450)] {
        let [close, hours] = replayed(name);
        for verdicts in [&close, &hours] {
            let found = first(verdicts, GROWING).expect(name);
            assert!(found <= within, "{name}: sample {found}");
        }
        ends_as(&close, Pattern::Linear);
        ends_as(&hours, Pattern::Leak);
    }
}

#[test]
fn recorded_programs_that_settle_are_no_leaks() {
    // From close up nothing could be one in so short a time.
    for name in ["ffmpeg", "fragments", "python_collector"] {
        let [close, hours] = replayed(name);
        ends_as(&close, Pattern::Stable);
        is_never(&hours, ALARMING);
        ends_as(&hours, Pattern::Stable);
    }
    // It still grows a little when the recording ends.
    let [close, hours] = replayed("prometheus");
    is_never(&hours, ALARMING);
    let (_, last) = close.last().unwrap();
    let (_, most) = last.slope_interval.unwrap_or_default();
    assert!(most < 15e3, "{last:#?}");
}

#[test]
fn recorded_programs_that_do_not_grow_never_seem_to() {
    for name in ["ffmpeg", "fragments"] {
        for verdicts in replayed(name) {
            is_never(&verdicts, GROWING);
        }
    }
}
