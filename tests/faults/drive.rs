//! Drives faults: healthy, broken, seen, mended, healthy again; all at the same time.

use std::time::{Duration, Instant};

use crate::{
    fault::Fault,
    rig::Rig,
    support::{Exporter, Scrape, Stopwatch, fault_table},
};

/// Every fault is seen within this.
const SEEN: Duration = Duration::from_secs(15);
/// Audio is back within this: the longest backoff, and 5 s.
const BACK: Duration = Duration::from_secs(2 + 5);
/// How much audio a session brings that goes on through its fault, in seconds.
const GOES_ON: f64 = 2.0;

/// `connect`, short enough for a test, and as long as `BACK` says.
pub(crate) const CONNECT: &str = "connect: { timeout: 2s, per_host: 64, total: 64, \
     backoff: { initial: 500ms, max: 2s } }\nbuffers: { capture: { duration: 5s } }\nsources:\n";

/// A fault, its source and the hand that breaks and mends it.
pub(crate) struct Case {
    pub(crate) fault: Fault,
    /// The source's.
    pub(crate) url: String,
    pub(crate) rig: Box<dyn Rig>,
}

/// One fault's course.
struct Course {
    case: Case,
    states: Vec<String>,
    began: Instant,
    watch: Stopwatch,
    audio: f64,
    seen: Option<Duration>,
    back: Option<Duration>,
}

impl Case {
    pub(crate) fn new(fault: Fault, url: String, rig: Box<dyn Rig>) -> Self {
        Self { fault, url, rig }
    }

    /// Its lines of the configuration.
    pub(crate) fn source(&self) -> String {
        let Fault { source, .. } = self.fault;
        let keys = if source.ends_with("-udp") {
            ", transport: udp"
        } else if self.url.starts_with('/') {
            ", follow: true"
        } else {
            ""
        };
        format!(
            "- {{ name: {source}, url: \"{}\", stall_after: 3s{keys} }}\n",
            self.url
        )
    }
}

/// Waits until all stream.
pub(crate) fn healthy(exporter: &Exporter, cases: &[Case]) -> Scrape {
    exporter.until("all stream", |scrape| {
        cases.iter().all(|Case { fault, .. }| {
            scrape.state(fault.source) == "streaming" && fault.count(scrape, "audio_seconds") > 2.0
        })
    })
}

/// Breaks all, waits until each is seen, mends all, waits until each streams, judges, and
/// holds the table against it. Gives the cases back: their servers run on.
pub(crate) fn drive(exporter: &Exporter, cases: Vec<Case>) -> Vec<Case> {
    let before = healthy(exporter, &cases);
    let mut courses: Vec<Course> = cases
        .into_iter()
        .map(|case| Course::begin(case, &before))
        .collect();
    watch(exporter, "seen", SEEN, &mut courses, |course, scrape| {
        course.look(&before, scrape);
        course.seen.is_some()
    });
    let broken = exporter.scrape();
    for at in 0..courses.len() {
        if courses[at].mend(&broken) > Duration::from_millis(200) {
            // A new server takes its time; others may be back meanwhile.
            let scrape = exporter.scrape();
            courses[..at]
                .iter_mut()
                .for_each(|course| course.look_back(&scrape));
        }
    }
    let after = watch(exporter, "back", BACK, &mut courses, |course, scrape| {
        course.look_back(scrape);
        course.back.is_some()
    });
    let mut rows = Vec::new();
    for course in &courses {
        let Fault { name, .. } = course.case.fault;
        course.case.fault.judge(&before, &after);
        let (seen, back) = (course.seen.unwrap(), course.back.unwrap());
        println!("{name}: seen after {seen:.1?}, back after {back:.1?}");
        let row = course
            .case
            .fault
            .row(seen.as_secs_f64(), back.as_secs_f64());
        rows.push(row);
    }
    fault_table::hold(&rows);
    courses.into_iter().map(|course| course.case).collect()
}

/// Scrapes until all are done, each within the limit since it began.
#[track_caller]
fn watch(
    exporter: &Exporter,
    what: &str,
    limit: Duration,
    courses: &mut [Course],
    mut done: impl FnMut(&mut Course, &Scrape) -> bool,
) -> Scrape {
    loop {
        let scrape = exporter.scrape();
        let mut left = 0;
        for course in &mut *courses {
            if done(course, &scrape) {
                continue;
            }
            left += 1;
            assert!(
                course.watch.promised() < limit,
                "{} is not {what} within {limit:?}: {:?}\n{}",
                course.case.fault.name,
                course.states,
                course.story(exporter, &scrape)
            );
        }
        if left == 0 {
            return scrape;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Course {
    fn begin(mut case: Case, before: &Scrape) -> Self {
        let (began, watch) = (Instant::now(), Stopwatch::start());
        case.rig.break_it();
        Self {
            audio: case.fault.count(before, "audio_seconds"),
            states: Vec::new(),
            began,
            watch,
            seen: None,
            back: None,
            case,
        }
    }

    /// What the log and a scrape tell of it.
    fn story(&self, exporter: &Exporter, scrape: &Scrape) -> String {
        let source = self.case.fault.source;
        let (log, samples) = (exporter.process.output(), scrape.without_zeros());
        let logged = format!("source={source} ");
        let labelled = format!("\"source\": {source:?}");
        let lines = log.lines().chain(samples.lines());
        let of_it = lines.filter(|line| line.contains(&logged) || line.contains(&labelled));
        of_it.collect::<Vec<_>>().join("\n")
    }

    fn look(&mut self, before: &Scrape, now: &Scrape) {
        let fault = &self.case.fault;
        let state = now.state(fault.source);
        if self.states.last() != Some(&state) {
            self.states.push(state);
        }
        let mut went = self.states.iter();
        // In this order, whatever came between.
        let passed = fault
            .states
            .iter()
            .all(|state| went.any(|was| was == state));
        let goes_on = fault.count(now, "audio_seconds") - self.audio > GOES_ON;
        let as_it_should = if fault.is_survived() && fault.states.is_empty() {
            assert_eq!(now.state(fault.source), "streaming", "{}", fault.name);
            goes_on
        } else {
            true
        };
        if self.seen.is_none() && passed && as_it_should && fault.is_counted(before, now) {
            self.seen = Some(self.began.elapsed());
        }
    }

    /// Mends it; how long that took.
    fn mend(&mut self, now: &Scrape) -> Duration {
        let began = Instant::now();
        self.case.rig.mend();
        (self.began, self.watch) = (Instant::now(), Stopwatch::start());
        self.audio = self.case.fault.count(now, "audio_seconds");
        self.began - began
    }

    fn look_back(&mut self, now: &Scrape) {
        let fault = &self.case.fault;
        let flows = fault.count(now, "audio_seconds") > self.audio + 0.1;
        if self.back.is_none() && now.state(fault.source) == "streaming" && flows {
            self.back = Some(self.began.elapsed());
        }
    }
}
