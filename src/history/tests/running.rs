//! The threads, and a file that goes away under them.

use std::{fs::OpenOptions, process::Command};

use super::*;

/// A file of which every `open` waits until somebody opens its other end.
fn hanging(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// A history that hardly gathers, and what it needs to run.
fn running(path: PathBuf) -> (Arc<History>, Tasks) {
    running_with(path, Pace::default().unanswered)
}

/// The same with so much patience for a disk.
fn running_with(path: PathBuf, unanswered: Duration) -> (Arc<History>, Tasks) {
    let tasks = Tasks::default();
    let pace = Pace {
        gather: Duration::from_millis(1),
        unanswered,
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

#[tokio::test]
async fn a_disk_that_does_not_answer_is_told_for_as_long_as_it_does_not() {
    let scratch = Scratch::new();
    let lock = scratch.0.join("history.db-lock");
    hanging(&lock);
    let (history, tasks) = running_with(scratch.file(), Duration::from_millis(300));
    history.recorder().record(sample("garden", new_year(), 60));
    until(&history, |status| status.state == HistoryState::Failing).await;
    let status = history.status();
    assert!(status.problem.unwrap().contains("does not answer"));
    // It answers.
    let _other_end = fs::File::open(&lock).unwrap();
    let timeouts = |status: &HistoryStatus| status.failures[WriteFailure::Timeout.index()];
    until(&history, |status| timeouts(status) >= 1).await;
    until(&history, |status| status.written == 1).await;
    until(&history, |status| status.state == HistoryState::Writing).await;
    assert_eq!(history.status().problem, None);
    assert!(tasks.drain(MINUTE).await);
}

#[tokio::test]
async fn who_asks_a_disk_that_does_not_answer_is_told_that() {
    let scratch = Scratch::new();
    let path = scratch.file();
    // The disk does answer in this time.
    let (history, tasks) = running_with(path.clone(), Duration::from_secs(3));
    history.recorder().record(sample("garden", new_year(), 60));
    until(&history, |status| status.written == 1).await;
    fs::rename(&path, scratch.0.join("away.db")).unwrap();
    hanging(&path);
    let ask = || history.read(query(Kind::Sources, Shape::Page(10, None)));
    // More than may wait for an answer.
    for _ in 0..2 * QUESTIONS {
        let told = tokio::time::timeout(MINUTE, ask()).await;
        assert_eq!(told, Ok(Err(ReadError::Unanswered)));
    }
    // It answers, and what waited is nobody's any more.
    drop(OpenOptions::new().write(true).open(&path).unwrap());
    fs::remove_file(&path).unwrap();
    let answered = tokio::time::timeout(MINUTE, async {
        while ask().await.is_err() {
            history.recorder().record(sample("pond", new_year(), 60));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(answered.await.is_ok(), "{:?}", history.status());
    assert!(tasks.drain(MINUTE).await);
}
