//! The threads, and a file that goes away under them.

use super::*;

/// A history that hardly gathers, and what it needs to run.
fn running(path: PathBuf) -> (Arc<History>, Tasks) {
    let tasks = Tasks::default();
    let pace = Pace {
        gather: Duration::from_millis(1),
        ..Pace::default()
    };
    let history = History::start(&tasks, pace).unwrap();
    history.configure(Some(HistoryOptions {
        path,
        retain: Retain::default(),
        max_size: ByteSize(1 << 30),
    }));
    (history, tasks)
}

async fn until(history: &History, holds: impl Fn(&HistoryStatus) -> bool) {
    let waited = tokio::time::timeout(MINUTE, async {
        while !holds(&history.status()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{:?}", history.status());
}

fn removed(status: &HistoryStatus) -> u64 {
    status.failures[WriteFailure::Removed.index()]
}

#[tokio::test]
async fn a_file_that_is_removed_is_noticed_by_who_writes_and_by_who_reads() {
    let scratch = Scratch::new();
    let path = scratch.file();
    let (history, tasks) = running(path.clone());
    let now = SystemTime::now();
    history.recorder().record(sample("garden", now, 60));
    until(&history, |status| status.written == 1).await;

    fs::remove_file(&path).unwrap();
    history.recorder().record(sample("pond", now, 60));
    until(&history, |status| status.written == 2).await;
    assert_eq!(removed(&history.status()), 1);
    let page = ask(&path, Kind::Sources, Shape::Page(10, None));
    assert_eq!(page.rows.len(), 1, "in the new file");
    assert_eq!(*cell(&page, 0, "source"), Cell::Text("pond".into()));

    // Nothing is recorded, but somebody reads; then another file takes its place.
    let other = scratch.0.join("other.db");
    drop(open::open(&other).unwrap());
    fs::rename(&path, scratch.0.join("away.db")).unwrap();
    let query = query(Kind::Sources, Shape::Page(10, None));
    let read = history.read(query.clone()).await;
    assert!(matches!(read, Err(ReadError::Unavailable(_))), "{read:?}");
    until(&history, |status| removed(status) == 2).await;
    history.recorder().record(sample("pond", now, 60));
    until(&history, |status| status.written == 3).await;
    fs::rename(&other, &path).unwrap();
    history.recorder().record(sample("lane", now, 60));
    until(&history, |status| status.written == 4).await;
    assert_eq!(removed(&history.status()), 3);
    let page = history.read(query).await.unwrap();
    assert_eq!(*cell(&page, 0, "source"), Cell::Text("lane".into()));
    assert_eq!(page.rows.len(), 1, "nothing of the file before");
    let away = ask(
        &scratch.0.join("away.db"),
        Kind::Sources,
        Shape::Page(10, None),
    );
    assert_eq!(away.rows.len(), 1, "that one is whole");
    assert!(tasks.drain(MINUTE).await);
    assert_eq!(history.status().lost, 0);
}

#[tokio::test]
async fn what_waits_for_a_file_that_never_came_is_counted_as_lost() {
    let scratch = Scratch::new();
    let (history, tasks) = running(scratch.0.join("nowhere/history.db"));
    until(&history, |status| status.problem.is_some()).await;
    for n in 0..3 {
        let at = new_year() + MINUTE * n;
        history.recorder().record(sample("garden", at, 60));
    }
    assert!(tasks.drain(MINUTE).await);
    assert_eq!(history.status().lost, 3);
}
