//! The thread as its callers see it.

use std::{sync::mpsc as blocking, time::Instant};

use tokio::time::{sleep, timeout};

use super::*;
use crate::memory::{Selector, WatchOptions};

const PATIENCE: Duration = Duration::from_secs(30);
const A_MOMENT: Duration = Duration::from_millis(20);

fn watching(name: &str) -> MemoryOptions {
    let watch = WatchOptions {
        name: ProcessName::new(name).unwrap(),
        selector: Selector::Pid(1),
        metrics_url: None,
        memory_limit: None,
    };
    MemoryOptions {
        watches: vec![watch],
        ..MemoryOptions::default()
    }
}

#[tokio::test]
async fn what_was_said_last_holds_however_long_the_thread_hangs() {
    let tasks = Tasks::default();
    let (release, held) = blocking::channel::<()>();
    let (hangs, hung) = blocking::channel();
    // The first sample hangs until it is released.
    let memory = Memory::start(&tasks, move || {
        let _first = hangs.send(());
        let _released = held.recv();
        OwnFigures::default()
    })
    .unwrap();
    hung.recv_timeout(PATIENCE).unwrap();
    // More than the queue of orders takes.
    for _ in 0..=ORDERS {
        timeout(A_MOMENT, memory.set_baseline(None))
            .await
            .unwrap_err();
    }
    for name in ["one", "two", "three"] {
        let applied = timeout(A_MOMENT, memory.apply(watching(name)));
        applied.await.unwrap_err();
    }
    drop(release);
    let names = || -> Vec<String> {
        let processes = memory.processes();
        processes.iter().map(|it| it.name.to_string()).collect()
    };
    let began = Instant::now();
    while names() != ["self", "three"] {
        assert!(began.elapsed() < PATIENCE, "{:?}", names());
        sleep(A_MOMENT).await;
    }
    memory.apply(watching("four")).await.unwrap();
    assert_eq!(names(), ["four", "self"]);
    assert!(tasks.drain(PATIENCE).await);
    assert_eq!(memory.apply(watching("five")).await, Err(Stopped));
}
