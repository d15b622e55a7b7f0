//! No peak is lost between what memory has and what the history has.

use std::{path::PathBuf, time::UNIX_EPOCH};

use super::*;
use crate::{
    coarse_clock::CoarseInstant,
    history::{HistoryOptions, MemorySample, Pace, Retain},
    shutdown::Tasks,
    units::ByteSize,
};

/// More samples than memory keeps one by one.
const SAMPLES: u32 = 200;
const APART: Duration = Duration::from_millis(100);
const PEAK: (u32, u64) = (40, 7_000_000);

fn resident(sample: u32) -> u64 {
    if sample == PEAK.0 { PEAK.1 } else { 1_000_000 }
}

/// A process whose past began so many samples ago.
fn past() -> Past {
    let first = CoarseInstant::now().earlier(APART * SAMPLES);
    let moments = (0..SAMPLES).map(|sample| Moment {
        at: first.later(APART * sample),
        resident: resident(sample),
        swap: 0,
        heap: None,
        external: None,
        processes: 1,
    });
    moments.collect()
}

/// A history that was told all of it, in a directory of its own.
struct Told {
    directory: PathBuf,
    history: Arc<History>,
    tasks: Tasks,
}

impl Told {
    async fn of(name: &ProcessName, past: &[SystemTime]) -> Self {
        let directory = std::env::temp_dir().join(format!("past-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let tasks = Tasks::default();
        let pace = Pace {
            gather: Duration::from_millis(1),
            ..Pace::default()
        };
        let history = History::start(&tasks, pace).unwrap();
        history.configure(Some(HistoryOptions {
            path: directory.join("history.db"),
            retain: Retain::default(),
            max_size: ByteSize(1 << 30),
        }));
        for (sample, at) in (0..).zip(past) {
            history.recorder().record(MemorySample {
                at: *at,
                process: name.to_string(),
                resident: resident(sample),
                swap: Some(0),
                heap: None,
                external: None,
                processes: 1,
                threads: 1,
            });
        }
        let written = tokio::time::timeout(Duration::from_secs(60), async {
            while history.status().written < past.len() as u64 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(written.await.is_ok(), "{:?}", history.status());
        Self {
            directory,
            history,
            tasks,
        }
    }

    async fn end(self) {
        self.tasks.cancel();
        assert!(self.tasks.drain(Duration::from_secs(60)).await);
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}

#[tokio::test]
async fn what_memory_has_thinned_out_the_history_tells() {
    let name = ProcessName::new("bird").unwrap();
    let past = past();
    assert!(past.moments().all(|moment| moment.resident < PEAK.1));
    let first = past.moments().next().unwrap().at.wall();
    let times: Vec<_> = (0..SAMPLES).map(|sample| first + APART * sample).collect();
    let told = Told::of(&name, &times).await;

    let levels = levels(&past, &told.history, &name, 60 * NEAR).await;
    let most = levels.iter().map(|level| level.most).max();
    assert_eq!(most, Some(PEAK.1));
    assert!(levels.is_sorted_by_key(|level| level.at));

    let all = newest(&past, &told.history, &name, 5_000).await;
    assert!(all.iter().any(|held| held.resident == PEAK.1));
    assert!(all.is_sorted_by_key(|held| held.at));
    // The first one that memory has alone may be told by both: a clock's reading is not exact.
    let exact = SAMPLES as usize..=SAMPLES as usize + 1;
    assert!(exact.contains(&all.len()), "{}", all.len());
    let some = newest(&past, &told.history, &name, 150).await;
    assert_eq!(some.len(), 150);
    told.end().await;
}

#[test]
fn where_the_history_has_nothing_memory_tells_and_nothing_twice() {
    let minute = |minute: u64| UNIX_EPOCH + Duration::from_secs(60 * minute);
    let joined = |told: &[u64], lasts: u64| -> Vec<u64> {
        let told = told.iter().map(|at| minute(*at)).collect();
        let rare = [0, 5, 10, 15, 20].map(minute).into_iter();
        let all = filled(told, rare, |at| *at, Duration::from_secs(60 * lasts));
        let minutes = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap().as_secs() / 60;
        all.into_iter().map(minutes).collect()
    };
    assert_eq!(joined(&[], 1), [0, 5, 10, 15, 20]);
    // It was switched off for a while.
    assert_eq!(
        joined(&[0, 1, 2, 3, 17, 18, 19, 20], 1),
        [0, 1, 2, 3, 5, 10, 15, 17, 18, 19, 20]
    );
    // A step of ten minutes tells of what comes in it.
    assert_eq!(joined(&[0, 20], 10), [0, 10, 15, 20]);
}
