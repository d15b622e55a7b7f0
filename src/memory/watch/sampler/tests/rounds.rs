//! Who is found and sampled in a round.

use super::*;
use crate::memory::ReadFailure;

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
fn nothing_is_kept_open_for_those_who_have_ended() {
    let by_number = watch("bat", Selector::Pid(20));
    let mut fixture = Fixture::new(&[bird(), by_number]);
    let kept = |fixture: &Fixture| -> u64 {
        let targets = fixture.sampler.targets.iter();
        targets.map(Target::kept_open).sum()
    };
    fixture.at(Duration::ZERO);
    let own = kept(&fixture);
    for (head, name) in [(10, "bird"), (20, "bat")] {
        fixture.tree.process(head, 1, name, &[name]);
        for child in head + 1..head + 9 {
            fixture.tree.process(child, head, "child", &["child"]);
        }
    }
    fixture.at(5 * SECOND);
    assert!(kept(&fixture) >= own + 18, "{}", kept(&fixture));
    // Of those that go on, only what lives: a child is missed with the next sample.
    fixture.tree.end(18);
    let before = kept(&fixture);
    fixture.at(5 * SECOND + INTERVAL);
    assert!(kept(&fixture) < before);
    for pid in (10..18).chain(20..29) {
        fixture.tree.end(pid);
    }
    assert!(!fixture.at(10 * SECOND + INTERVAL).up);
    assert_eq!(kept(&fixture), own);
    fixture.at(5 * SECOND + 2 * INTERVAL);
    let told = fixture.own().reading.as_ref().unwrap().watching_fds;
    assert_eq!(told, Some(own));
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
