//! What is thought of one process's memory: the verdict, and fixed limits.

use std::time::Duration;

use super::status::Reading;
use crate::{
    id::ProcessName,
    memory::{
        MemoryOptions,
        thresholds::{self, Crossing, Figures, Thresholds},
        verdict::{self, Counted, Counts, Judge, Pattern, Sample, Verdict},
    },
};

/// A judge, its last verdict, and when it was made.
#[derive(Debug)]
pub(super) struct Judgement {
    options: verdict::Options,
    thresholds: Thresholds,
    judge: Judge,
    verdict: Option<Verdict>,
    decided: Option<Duration>,
    /// How much there was at the time of the baseline.
    running_before: Running,
    /// By [`Counted::index`].
    counts: [Counts; Counted::COUNT],
    growing: Vec<Counted>,
}

/// What runs at once. Where tasks are not always known, each is compared with its like only.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    tasks: Option<u64>,
    threads: Option<u64>,
}

/// So many more of it are worth a word.
fn least(what: Counted) -> u32 {
    match what {
        Counted::OpenFds | Counted::Threads => 8,
        Counted::Processes => 5,
    }
}

impl Judgement {
    pub(super) fn new(options: &MemoryOptions) -> Self {
        Self {
            options: options.judge,
            thresholds: options.thresholds,
            judge: Judge::new(options.judge),
            verdict: None,
            decided: None,
            running_before: Running::default(),
            counts: std::array::from_fn(|i| Counts::new(least(Counted::ALL[i]))),
            growing: Vec::new(),
        }
    }

    pub(super) fn options(&self) -> &verdict::Options {
        &self.options
    }

    /// Takes other options over. True when that makes it forget what it knew.
    pub(super) fn reconfigure(&mut self, options: &MemoryOptions) -> bool {
        self.thresholds = options.thresholds;
        let differs = self.options != options.judge;
        if differs {
            *self = Self::new(options);
        }
        differs
    }

    /// Another process: nothing before counts.
    pub(super) fn restarted(&mut self, now: Duration) {
        self.judge.restarted(now);
        (self.verdict, self.decided) = (None, None);
        self.running_before = Running::default();
        self.growing.clear();
        for (counts, what) in self.counts.iter_mut().zip(Counted::ALL) {
            *counts = Counts::new(least(*what));
        }
    }

    /// There is nothing to judge at the moment. What piled up is not told anew afterwards.
    pub(super) fn suspend(&mut self) {
        (self.verdict, self.decided) = (None, None);
    }

    pub(super) fn add(&mut self, now: Duration, bytes: u64) {
        self.judge.add(Sample { at: now, bytes });
    }

    /// Takes in what is counted, once the warm-up is over.
    pub(super) fn count(&mut self, reading: &Reading) {
        if self.baseline().is_none() {
            return;
        }
        for (counts, what) in self.counts.iter_mut().zip(Counted::ALL) {
            let count = match what {
                Counted::OpenFds => reading.open_fds,
                Counted::Threads => Some(reading.threads),
                Counted::Processes => Some(u64::from(reading.processes)),
            };
            if let Some(count) = count {
                counts.add(count);
            }
        }
    }

    /// What piles up, as of the last verdict.
    pub(super) fn growing(&self) -> &[Counted] {
        if self.verdict.is_some() {
            &self.growing
        } else {
            &[]
        }
    }

    /// Whether it is time for another verdict.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        let interval = self.options.analysis_interval;
        self.decided
            .is_none_or(|last| now.saturating_sub(last) >= interval)
    }

    /// Makes a verdict, and says where a leak begins or ends.
    pub(super) fn decide(&mut self, now: Duration, limit: Option<u64>, process: &ProcessName) {
        let verdict = self.judge.verdict(now, limit);
        let before = self.verdict.as_ref().map(|verdict| verdict.pattern);
        match (before, verdict.pattern) {
            (Some(Pattern::Leak), Pattern::Leak) => {}
            (_, Pattern::Leak) => {
                tracing::warn!(%process, "memory leaks: {}", verdict.recommendation);
            }
            (Some(Pattern::Leak), pattern) => {
                tracing::info!(%process, %pattern, "memory leaks no more");
            }
            _ => {}
        }
        self.verdict = Some(verdict);
        self.decided = Some(now);
        let grows = |what: &&Counted| self.counts[what.index()].grows();
        let growing: Vec<Counted> = Counted::ALL.iter().filter(grows).copied().collect();
        for what in growing.iter().filter(|what| !self.growing.contains(what)) {
            tracing::warn!(%process, %what, "something of a watched process piles up");
        }
        for what in self.growing.iter().filter(|what| !growing.contains(what)) {
            tracing::info!(%process, %what, "it piles up no more");
        }
        self.growing = growing;
    }

    /// What a verdict would say now; keeps and logs nothing.
    pub(super) fn as_of(&self, now: Duration, limit: Option<u64>) -> Verdict {
        self.judge.verdict(now, limit)
    }

    pub(super) fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// What is held now is what growth is measured from.
    pub(super) fn set_baseline(&mut self, now: Duration) {
        self.judge.set_baseline(now);
        self.running_before = Running::default();
    }

    pub(super) fn baseline(&self) -> Option<u64> {
        self.judge.baseline()
    }

    /// How much runs at once, which is kept where there is a baseline and none of it yet.
    pub(super) fn note_running(&mut self, reading: &Reading) {
        if self.baseline().is_some() {
            let Running { tasks, threads } = &mut self.running_before;
            // None at all is what a recorder says that has just begun.
            *tasks = tasks.or(reading.tasks.filter(|count| *count > 0));
            threads.get_or_insert(reading.threads);
        }
    }

    /// Of goroutines or tasks where they are known, else of threads.
    fn task_growth(&self, reading: &Reading) -> Option<f64> {
        let Running { tasks, threads } = self.running_before;
        let (now, before) = match reading.tasks {
            Some(now) => (now, tasks),
            None => (reading.threads, threads),
        };
        let before = before.filter(|before| *before > 0)?;
        Some(now as f64 / before as f64 - 1.0)
    }

    /// The fixed limits that a reading with this verdict is above.
    pub(super) fn crossings(
        &self,
        reading: Option<&Reading>,
        verdict: Option<&Verdict>,
    ) -> Vec<Crossing> {
        let Some(reading) = reading else {
            return Vec::new();
        };
        let buffers = reading.kinds.buffers.unwrap_or(0);
        let figures = Figures {
            // Without the buffers, which are as large as they were configured.
            resident_bytes: Some(reading.resident.saturating_sub(buffers)),
            heap_bytes: reading.kinds.heap,
            external_bytes: reading.kinds.external,
            growth_ratio: verdict.and_then(|verdict| verdict.floor_growth_ratio),
            growth_bytes_per_second: verdict.map(|verdict| verdict.slope_bytes_per_second),
            task_growth_ratio: self.task_growth(reading),
            pressure_ratio: match (reading.pressure, reading.collecting) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            },
            idle_heap_ratio: reading.kinds.fragmentation,
        };
        thresholds::crossed(&figures, &self.thresholds)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        coarse_clock::CoarseInstant, logged_for_tests::logged, memory::watch::status::Kinds,
    };

    const HOUR: f64 = 3600.0;

    fn reading(bytes: u64, files: u64, threads: u64, processes: u32) -> Reading {
        Reading {
            taken: CoarseInstant::now(),
            resident: bytes,
            swap: None,
            kinds: Kinds::default(),
            processes,
            unread_processes: 0,
            threads,
            open_fds: Some(files),
            watching_fds: None,
            started: None,
            limit: None,
            pressure: None,
            tasks: None,
            collecting: None,
        }
    }

    /// A recording of a real process, four samples a second, replayed at one in 30 s: at the pace
    /// of the days on which such a thing happens. When each of what is counted was first said to
    /// pile up, hours, and whether the memory ever leaked.
    fn replayed(name: &str) -> ([Option<f64>; Counted::COUNT], bool) {
        const STRETCH: f64 = 120.0;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/memory");
        let text = std::fs::read_to_string(folder.join(name).with_extension("csv")).unwrap();
        let process = ProcessName::new("replayed").unwrap();
        let mut judgement = Judgement::new(&MemoryOptions::default());
        let (mut told, mut leaks) = ([None; Counted::COUNT], false);
        for line in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
            let fields: Vec<f64> = line
                .split(',')
                .map(|field| field.parse().unwrap())
                .collect();
            let [seconds, bytes, files, threads, processes] = fields[..] else {
                panic!("{line}");
            };
            let now = Duration::from_secs_f64(seconds * STRETCH);
            judgement.add(now, bytes as u64);
            judgement.count(&reading(
                bytes as u64,
                files as u64,
                threads as u64,
                processes as u32,
            ));
            if judgement.is_due(now) {
                judgement.decide(now, None, &process);
                let pattern = judgement.verdict().map(|verdict| verdict.pattern);
                leaks |= pattern == Some(Pattern::Leak);
                for what in judgement.growing() {
                    told[what.index()].get_or_insert(now.as_secs_f64() / HOUR);
                }
            }
        }
        (told, leaks)
    }

    #[test]
    fn files_that_nobody_closes_are_told_within_hours_at_real_pace() {
        let (told, leaks) = replayed("leak_files");
        assert!(
            told[Counted::OpenFds.index()].is_some_and(|hours| hours < 2.0),
            "{told:?}"
        );
        assert_eq!(told[Counted::Processes.index()], None);
        assert_eq!(told[Counted::Threads.index()], None);
        assert!(!leaks, "its memory does not grow");
    }

    #[test]
    fn children_that_nobody_ends_are_told_within_hours_at_real_pace() {
        let (told, leaks) = replayed("leak_children");
        assert!(
            told[Counted::Processes.index()].is_some_and(|hours| hours < 3.0),
            "{told:?}"
        );
        assert!(leaks, "each holds memory");
    }

    #[test]
    fn files_and_children_that_come_and_go_never_pile_up() {
        assert_eq!(replayed("busy"), ([None; Counted::COUNT], false));
    }

    /// A recorder that cannot be read for a while.
    #[test]
    fn what_piled_up_before_a_pause_is_still_known_after_it() {
        let process = ProcessName::new("paused").unwrap();
        let mut judgement = Judgement::new(&MemoryOptions::default());
        let mut steps = (0..).map(|step| Duration::from_secs(30 * step));
        // Looks at it, and tells how often the log says that something piles up.
        let mut told = |judgement: &mut Judgement, files: u64| {
            let lines = logged(|| {
                let now = steps.next().unwrap();
                judgement.add(now, 100 << 20);
                judgement.count(&reading(100 << 20, files, 1, 1));
                judgement.decide(now, None, &process);
            });
            lines
                .iter()
                .filter(|line| line.contains("piles up"))
                .count()
        };
        let first: usize = (0..600)
            .map(|step| told(&mut judgement, 10 + step / 4))
            .sum();
        assert_eq!((first, judgement.growing()), (1, &[Counted::OpenFds][..]));
        judgement.suspend();
        assert_eq!(judgement.growing(), [], "nothing is read that could grow");
        assert_eq!(told(&mut judgement, 160), 0, "it was told before");
        assert_eq!(judgement.growing(), [Counted::OpenFds]);
        judgement.restarted(Duration::from_secs(30 * 601));
        assert_eq!(told(&mut judgement, 160), 0, "another process");
        assert_eq!(judgement.growing(), []);
    }

    /// A recorder whose server answers late, falls silent, and answers again.
    #[test]
    fn goroutines_are_never_held_against_threads() {
        let options = MemoryOptions::default();
        let mut judgement = Judgement::new(&options);
        for tenth in 0..=200 {
            judgement.add(Duration::from_secs(3 * tenth), 100 << 20);
        }
        assert!(judgement.baseline().is_some());
        let mut crosses = |threads, tasks| {
            let reading = Reading {
                tasks,
                ..reading(100 << 20, 9, threads, 1)
            };
            judgement.note_running(&reading);
            !judgement.crossings(Some(&reading), None).is_empty()
        };
        assert!(!crosses(10, None));
        assert!(!crosses(10, Some(40)), "it answers for the first time");
        assert!(crosses(10, Some(61)));
        assert!(!crosses(15, None));
        assert!(crosses(16, None), "more threads, while it is silent");
        assert!(!crosses(10, Some(60)));
        let mut judgement = Judgement::new(&options);
        judgement.add(Duration::ZERO, 1 << 20);
        assert_eq!(judgement.task_growth(&reading(1 << 20, 9, 5, 1)), None);
    }
}
