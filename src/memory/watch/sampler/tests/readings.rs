//! What goes with a sample: the recorder's own words, limits, a look on demand.

use super::*;
use crate::memory::ReadFailure;

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
