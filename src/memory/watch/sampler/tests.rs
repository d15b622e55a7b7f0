//! Rounds over a tree of files, at times of the test's choice.

mod judged;
mod readings;
mod rounds;

use super::*;
use crate::memory::{OwnFigures, ProcessStatus, Selector, proc::tree_for_tests::Tree};

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

    fn own(&self) -> Arc<ProcessStatus> {
        self.roster.get(&ProcessName::own()).unwrap().status()
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
