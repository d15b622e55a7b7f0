//! Rounds over a tree of files, at times of the test's choice.

use super::*;
use crate::memory::{
    OwnFigures, ProcessStatus, ReadFailure, Selector, proc::tree_for_tests::Tree, verdict::Pattern,
};

const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(30);

struct Fixture {
    tree: Tree,
    roster: Roster<ProcessName, Subject>,
    sampler: Sampler,
}

fn watch(name: &str, selector: Selector) -> WatchOptions {
    WatchOptions {
        name: ProcessName::new(name).unwrap(),
        selector,
        metrics_url: None,
        memory_limit: None,
    }
}

fn bird() -> WatchOptions {
    watch("bird", Selector::Command("bird".to_owned()))
}

impl Fixture {
    fn new(watches: &[WatchOptions]) -> Self {
        let tree = Tree::new();
        tree.process(std::process::id(), 1, "own", &["own"]);
        let roster = Roster::default();
        let own = Own::new(OwnFigures::default);
        let mut sampler = Sampler::with(tree.proc(), &Tasks::default(), roster.clone(), own);
        sampler.apply(options(watches));
        Self {
            tree,
            roster,
            sampler,
        }
    }

    fn at(&mut self, now: Duration) -> Arc<ProcessStatus> {
        self.sampler.round(now);
        self.status("bird")
    }

    fn status(&self, name: &str) -> Arc<ProcessStatus> {
        let name = ProcessName::new(name).unwrap();
        self.roster.get(&name).unwrap().status()
    }

    fn samples(&self) -> usize {
        let name = ProcessName::new("bird").unwrap();
        self.roster.get(&name).unwrap().past().moments().len()
    }
}

fn options(watches: &[WatchOptions]) -> MemoryOptions {
    MemoryOptions {
        watches: watches.to_vec(),
        ..MemoryOptions::default()
    }
}

fn pages(status: &ProcessStatus) -> Option<u64> {
    let page = rustix::param::page_size() as u64;
    status
        .reading
        .as_ref()
        .map(|reading| reading.resident / page)
}

#[test]
fn a_sample_interval_is_a_whole_number_of_rounds() {
    let mut fixture = Fixture::new(&[]);
    for (interval, period) in [(30_000, 5_000), (7_000, 3_500), (5_000, 5_000), (100, 100)] {
        let mut options = options(&[]);
        options.judge.sample_interval = Duration::from_millis(interval);
        fixture.sampler.apply(options);
        assert_eq!(fixture.sampler.period(), Duration::from_millis(period));
    }
}

#[test]
fn a_process_is_seen_within_a_round_and_sampled_by_its_interval() {
    let mut fixture = Fixture::new(&[bird()]);
    let status = fixture.at(Duration::ZERO);
    assert_eq!((status.up, pages(&status)), (false, None));
    assert_eq!(status.totals.failures[ReadFailure::NotFound.index()], 1);
    assert!(
        status
            .problem
            .as_ref()
            .unwrap()
            .problem
            .contains("\"bird\"")
    );

    fixture.tree.process(10, 1, "bird", &["bird"]);
    let status = fixture.at(5 * SECOND);
    assert_eq!((status.up, pages(&status)), (true, Some(100)));
    assert_eq!((&status.pids[..], &status.problem), (&[10][..], &None));
    fixture.tree.resident(10, 700);
    for round in 2..7 {
        assert_eq!(pages(&fixture.at(round * 5 * SECOND)), Some(100));
    }
    assert_eq!(pages(&fixture.at(5 * SECOND + INTERVAL)), Some(700));
    assert_eq!(fixture.samples(), 2);
    assert!(fixture.roster.get(&ProcessName::own()).unwrap().status().up);
}

#[test]
fn a_process_that_ends_is_noticed_before_its_next_sample_and_is_no_fault() {
    let mut fixture = Fixture::new(&[bird()]);
    fixture.tree.process(10, 1, "bird", &["bird"]);
    fixture.at(Duration::ZERO);
    fixture.tree.end(10);
    let status = fixture.at(5 * SECOND);
    assert_eq!((status.up, pages(&status)), (false, None));
    assert_eq!((status.verdict.as_ref(), status.baseline), (None, None));
    assert_eq!(status.totals.restarts, 0, "nothing came in its place yet");
    fixture.tree.process_started(44, 1, "bird", &["bird"], 900);
    let status = fixture.at(10 * SECOND);
    assert_eq!((status.up, status.totals.restarts), (true, 1));
}

#[test]
fn restarts_are_counted_and_never_judged_as_growth() {
    let mut fixture = Fixture::new(&[bird()]);
    // Each time larger than before, as a leak would look.
    for minute in 0..200_u32 {
        let pid = 100 + minute;
        fixture
            .tree
            .process_started(pid, 1, "bird", &["bird"], u64::from(minute) * 6_000);
        fixture.tree.resident(pid, u64::from(minute) * 1_000 + 1);
        for round in 0..12 {
            let status = fixture.at(minute * 60 * SECOND + round * 5 * SECOND);
            let verdict = status.verdict.as_ref().unwrap();
            assert_eq!(
                verdict.pattern,
                Pattern::Unknown,
                "minute {minute}: {verdict:?}"
            );
            assert!(verdict.samples <= 3, "{verdict:?}");
        }
        assert_eq!(fixture.status("bird").totals.restarts, u64::from(minute));
        fixture.tree.end(pid);
    }
}

#[test]
fn a_number_given_to_another_process_is_not_the_same_process() {
    let mut fixture = Fixture::new(&[watch("bird", Selector::Pid(10))]);
    fixture.tree.process_started(10, 1, "bird", &["bird"], 100);
    assert!(fixture.at(Duration::ZERO).up);
    fixture.tree.end(10);
    fixture
        .tree
        .process_started(10, 1, "other", &["other"], 900);
    let status = fixture.at(5 * SECOND);
    let problem = status.problem.as_ref().unwrap();
    assert_eq!((status.up, problem.reason), (false, ReadFailure::NotFound));
    assert!(
        problem.problem.contains("another has its number"),
        "{problem}"
    );
}

#[test]
fn a_reload_keeps_who_is_watched_alike_and_drops_the_rest() {
    let other = watch("bat", Selector::Command("bat".to_owned()));
    let mut fixture = Fixture::new(&[bird(), other.clone()]);
    fixture.tree.process(10, 1, "bird", &["bird"]);
    fixture.at(Duration::ZERO);
    fixture.at(INTERVAL);
    let names = |fixture: &Fixture| -> Vec<String> {
        let members = fixture.roster.members();
        members.iter().map(|(name, _)| name.to_string()).collect()
    };
    assert_eq!(names(&fixture), ["bat", "bird", "self"]);
    fixture.sampler.apply(options(&[bird()]));
    assert_eq!(
        (names(&fixture), fixture.samples()),
        (vec!["bird".to_owned(), "self".to_owned()], 2)
    );
    // The same name for another process is another watch.
    fixture
        .sampler
        .apply(options(&[watch("bird", Selector::Pid(10))]));
    assert_eq!((names(&fixture).len(), fixture.samples()), (2, 0));
    fixture.sampler.apply(options(&[]));
    assert_eq!(names(&fixture), ["self"]);
}

#[test]
fn what_a_recorder_says_of_its_heap_goes_with_the_sample() {
    let mut options = bird();
    options.metrics_url = Some(Url::parse("http://127.0.0.1:1/metrics").unwrap());
    let mut fixture = Fixture::new(&[options]);
    fixture.tree.process(10, 1, "bird", &["bird"]);
    let asked = fixture.sampler.round(Duration::ZERO);
    assert_eq!(asked.len(), 1);
    let question = asked.into_iter().next().unwrap();
    let words = OwnWords {
        heap: Some(4096),
        idle: Some(4096),
        tasks: Some(7),
        collecting: Some(0.5),
    };
    fixture
        .sampler
        .told(Duration::ZERO, (question.clone(), Ok(words)));
    let kinds = |fixture: &Fixture| fixture.status("bird").reading.clone().unwrap().kinds;
    assert_eq!(kinds(&fixture).heap, Some(4096));
    assert_eq!(kinds(&fixture).fragmentation, Some(0.5));
    let resident = fixture.status("bird").reading.as_ref().unwrap().resident;
    assert_eq!(kinds(&fixture).external, Some(resident - 4096));
    // It stays for a while when the server does not answer, and then is unknown.
    let silent = Unreadable::new(ReadFailure::Metrics, "silent");
    fixture.at(INTERVAL);
    fixture
        .sampler
        .told(INTERVAL, (question.clone(), Err(silent)));
    let status = fixture.status("bird");
    assert!(status.up && kinds(&fixture).heap.is_some());
    assert_eq!(
        status.problem.as_ref().unwrap().reason,
        ReadFailure::Metrics
    );
    assert_eq!(status.totals.failures[ReadFailure::Metrics.index()], 1);
    fixture.at(5 * INTERVAL);
    assert_eq!(kinds(&fixture).heap, None);
    // A late answer of the process before, or from another place, is nobody's.
    let mut elsewhere = question.clone();
    elsewhere.url = Url::parse("http://127.0.0.1:2/metrics").unwrap();
    fixture.sampler.told(5 * INTERVAL, (elsewhere, Ok(words)));
    assert_eq!(kinds(&fixture).heap, None);
    fixture.tree.end(10);
    fixture.tree.process_started(11, 1, "bird", &["bird"], 900);
    fixture.at(6 * INTERVAL);
    fixture.sampler.told(6 * INTERVAL, (question, Ok(words)));
    assert_eq!(kinds(&fixture).heap, None);
}

#[test]
fn a_look_on_demand_leaves_no_trace() {
    let mut fixture = Fixture::new(&[bird()]);
    fixture.tree.process(10, 1, "bird", &["bird"]);
    fixture.tree.write(
        "proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    );
    for round in 0..40 {
        fixture.at(round * INTERVAL);
    }
    let now = 39 * INTERVAL;
    fixture.tree.resident(10, 900);
    let mut judged = Vec::new();
    let name = ProcessName::new("bird").unwrap();
    for ask in 0..200 {
        let now = now + ask * Duration::from_millis(25);
        let glimpse = fixture.sampler.analyze(now, Some(&name)).remove(0);
        assert_eq!(pages(&glimpse.status), Some(900), "it is read anew");
        assert_eq!(glimpse.members.unwrap().len(), 1);
        judged.push(glimpse.status.verdict.as_ref().unwrap().samples);
    }
    judged.dedup();
    assert_eq!(judged.len(), 1, "{judged:?}");
    assert_eq!(fixture.samples(), 40);
    assert_eq!(pages(&fixture.status("bird")), Some(100), "as last sampled");
    // A third of the time since the last sample, not since the last look on demand.
    fixture.tree.write(
        "proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=10000000\n",
    );
    let pressure = fixture.at(now + INTERVAL).reading.clone().unwrap().pressure;
    assert!((pressure.unwrap() - 1.0 / 3.0).abs() < 0.01, "{pressure:?}");

    fixture.tree.end(10);
    let glimpse = fixture
        .sampler
        .analyze(now + INTERVAL, Some(&name))
        .remove(0);
    assert!(!glimpse.status.up && glimpse.members.is_err());
}

#[test]
fn this_process_has_the_limit_of_the_configuration_and_keeps_its_history() {
    let mut fixture = Fixture::new(&[]);
    let me = std::process::id();
    fixture.tree.write("proc/meminfo", "MemTotal: 9000 kB\n");
    fixture.tree.write(&format!("proc/{me}/cgroup"), "0::/a\n");
    fixture.tree.write("cgroup/a/cgroup.procs", "1\n");
    let mut seen = Vec::new();
    for (round, own_limit) in [None, Some(5_000_000), Some(50_000_000)]
        .into_iter()
        .enumerate()
    {
        fixture.sampler.apply(MemoryOptions {
            own_limit,
            ..options(&[])
        });
        // A verdict is due, with it the limit.
        fixture
            .sampler
            .round(Duration::from_secs(120) * round as u32);
        let status = fixture.roster.get(&ProcessName::own()).unwrap().status();
        seen.push(status.reading.as_ref().unwrap().limit);
    }
    assert_eq!(seen, [Some(9_216_000), Some(5_000_000), Some(9_216_000)]);
    let own = fixture.roster.get(&ProcessName::own()).unwrap();
    assert_eq!(own.past().moments().len(), 3);
}

#[test]
fn a_configured_limit_holds_where_none_can_be_seen_or_it_is_the_tighter_one() {
    let mut options = bird();
    options.memory_limit = Some(5_000_000);
    let mut fixture = Fixture::new(&[options]);
    let limit = |fixture: &mut Fixture, now| fixture.at(now).reading.as_ref().unwrap().limit;
    fixture.tree.write("proc/meminfo", "MemTotal: 9000 kB\n");
    fixture.tree.process(10, 1, "bird", &["bird"]);
    fixture.tree.write("proc/10/cgroup", "0::/../other\n");
    assert_eq!(limit(&mut fixture, Duration::ZERO), Some(5_000_000));
    fixture.tree.end(10);
    fixture.at(5 * SECOND);
    fixture.tree.process_started(11, 1, "bird", &["bird"], 700);
    fixture.tree.write("proc/11/cgroup", "0::/a\n");
    fixture.tree.write("cgroup/a/memory.max", "4000000\n");
    assert_eq!(limit(&mut fixture, 10 * SECOND), Some(4_000_000));
}

const HOUR: Duration = Duration::from_secs(3_600);

/// A level with a little noise, in pages of 4 KiB of some 100 MB.
fn level(sample: u32) -> u64 {
    25_000 + u64::from(sample * 7_919 % 101)
}

#[test]
fn a_wall_clock_that_steps_changes_nothing() {
    let course = |steps: bool| {
        let mut fixture = Fixture::new(&[bird()]);
        let mut seen = Vec::new();
        fixture.tree.process(10, 1, "bird", &["bird"]);
        for sample in 0..480 {
            // The kernel derives the boot time from the wall clock.
            let boot = match sample {
                200..300 if steps => 1_700_003_600,
                300.. if steps => 1_699_996_400,
                _ => 1_700_000_000_u64,
            };
            fixture
                .tree
                .write("proc/stat", &format!("cpu 1\nbtime {boot}\n"));
            fixture.tree.now(1_000 + u64::from(sample) * 3_000);
            fixture.tree.resident(10, level(sample));
            let status = fixture.at(sample * INTERVAL);
            let verdict = status.verdict.clone().unwrap();
            let reading = status.reading.as_ref().unwrap();
            seen.push((verdict, reading.started, status.totals.clone()));
        }
        seen
    };
    let calm = course(false);
    assert_eq!(calm.last().unwrap().0.pattern, Pattern::Stable);
    assert_eq!(course(true), calm);
}

/// Nobody saw what it held meanwhile, or how fast it came to it.
#[test]
fn a_machine_that_slept_is_no_growth() {
    let mut fixture = Fixture::new(&[bird()]);
    fixture.tree.process(10, 1, "bird", &["bird"]);
    let (mut now, mut patterns) = (Duration::ZERO, Vec::new());
    for sample in 0..960 {
        now += if sample == 480 { 8 * HOUR } else { INTERVAL };
        fixture.tree.now(1_000 + now.as_secs() * 100);
        let more = if sample < 480 { 0 } else { 10_000 };
        fixture.tree.resident(10, level(sample) + more);
        let status = fixture.at(now);
        let verdict = status.verdict.clone().unwrap();
        if sample >= 480 {
            let awake = (sample - 480) * INTERVAL;
            assert!(verdict.lasting <= awake, "{verdict:?}");
        }
        let says_so = verdict.recommendation.contains("nobody looked for 8.0 h");
        match sample {
            0..480 => assert!(!says_so, "{sample} {verdict:?}"),
            480..500 => assert!(says_so, "{sample} {verdict:?}"),
            _ => {}
        }
        assert!(
            verdict.slope_bytes_per_second.abs() < 1_000.0,
            "{verdict:?}"
        );
        assert!(status.growing.is_empty() && status.totals.restarts == 0);
        patterns.push(verdict.pattern);
    }
    let grows = |pattern: &Pattern| {
        matches!(
            pattern,
            Pattern::Linear | Pattern::Leak | Pattern::Exponential
        )
    };
    assert!(!patterns.iter().any(grows));
    assert_eq!(patterns.last(), Some(&Pattern::Stable));
}
