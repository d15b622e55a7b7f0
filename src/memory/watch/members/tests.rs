//! Over trees of files.

use super::*;
use crate::memory::proc::tree_for_tests::Tree;

fn update(members: &mut Members, tree: &Tree, heads: &[u32]) -> Result<Heads, Unreadable> {
    let proc = tree.proc();
    members.update(&Look::new(&proc), &heads.iter().copied().collect())
}

fn resident(members: &Members, tree: &Tree) -> u64 {
    let page = rustix::param::page_size() as u64;
    members.read(&tree.proc()).unwrap().resident / page
}

#[test]
fn a_tree_is_summed_and_ends_with_its_head() {
    let tree = Tree::new();
    tree.process(10, 1, "x", &["x"]);
    tree.process(11, 10, "y", &["y"]);
    let mut members = Members::default();
    assert!(!members.live(&tree.proc()));
    assert_eq!(update(&mut members, &tree, &[10]), Ok(Heads::Stayed));
    assert_eq!(resident(&members, &tree), 200);
    let held = members.read(&tree.proc()).unwrap();
    assert_eq!((held.processes, held.threads, held.anonymous), (2, 4, None));
    // What could not be opened at first is tried again.
    tree.write("proc/11/status", "RssAnon:\t8 kB\n");
    assert_eq!(update(&mut members, &tree, &[10]), Ok(Heads::Stayed));
    assert_eq!(members.read(&tree.proc()).unwrap().anonymous, Some(8192));
    // A child that ends is no restart.
    tree.end(11);
    assert!(members.live(&tree.proc()));
    assert_eq!(update(&mut members, &tree, &[10]), Ok(Heads::Stayed));
    assert_eq!(resident(&members, &tree), 100);
    tree.end(10);
    assert!(!members.live(&tree.proc()));
    assert_eq!(
        update(&mut members, &tree, &[10]),
        Err(Unreadable::vanished())
    );
    tree.process_started(10, 1, "x", &["x"], 900);
    let again = update(&mut members, &tree, &[10]);
    assert_eq!(again, Ok(Heads::Ended { replaced: 1 }));
}

#[test]
fn who_cannot_be_read_is_told() {
    let tree = Tree::new();
    tree.process(10, 1, "x", &["x"]);
    tree.process(11, 10, "y", &["y"]);
    tree.write("proc/11/statm", "strange\n");
    let mut members = Members::default();
    update(&mut members, &tree, &[10]).unwrap();
    let held = members.read(&tree.proc()).unwrap();
    assert_eq!((held.processes, held.unread_processes), (1, 1));
    assert!(held.unread.is_some());
}

#[test]
fn another_process_under_the_same_number_is_another() {
    let tree = Tree::new();
    tree.process_started(10, 1, "x", &["x"], 100);
    let mut members = Members::default();
    update(&mut members, &tree, &[10]).unwrap();
    tree.end(10);
    tree.process_started(10, 1, "x", &["x"], 500);
    tree.resident(10, 900);
    assert!(!members.live(&tree.proc()));
    let change = update(&mut members, &tree, &[10]);
    assert_eq!(change, Ok(Heads::Ended { replaced: 1 }));
    assert_eq!(resident(&members, &tree), 900);
}

#[test]
fn children_that_outlive_their_head_are_no_restart() {
    let tree = Tree::new();
    tree.process(10, 1, "x", &["x"]);
    tree.process(11, 10, "x", &["x"]);
    tree.process(12, 10, "x", &["x"]);
    let mut members = Members::default();
    update(&mut members, &tree, &[10]).unwrap();
    tree.end(10);
    for orphan in [11, 12] {
        tree.process(orphan, 1, "x", &["x"]);
    }
    let change = update(&mut members, &tree, &[11, 12]);
    assert_eq!(change, Ok(Heads::Ended { replaced: 0 }));
    // Somebody else is one, whoever of them lives on.
    tree.end(11);
    tree.process(20, 1, "x", &["x"]);
    let change = update(&mut members, &tree, &[12, 20]);
    assert_eq!(change, Ok(Heads::Ended { replaced: 1 }));
}

#[test]
fn what_is_closed_is_opened_again_as_far_as_there_is_room() {
    let tree = Tree::new();
    tree.process(10, 1, "x", &["x"]);
    for pid in 11..60 {
        tree.process(pid, 10, "y", &["y"]);
    }
    let mut members = Members::default();
    update(&mut members, &tree, &[10]).unwrap();
    let kept = members.kept_open();
    assert!(kept >= KEPT_OPEN as u64, "{kept}");
    members.close();
    assert_eq!(members.kept_open(), 0);
    assert!(members.live(&tree.proc()), "it is looked for by name");
    assert_eq!(resident(&members, &tree), 5_000);
    assert_eq!(update(&mut members, &tree, &[10]), Ok(Heads::Stayed));
    assert_eq!(members.kept_open(), kept);
}

#[test]
fn heads_that_join_are_growth_and_heads_that_leave_are_not_a_restart() {
    let tree = Tree::new();
    for pid in [10, 20] {
        tree.process(pid, 1, "x", &["x"]);
    }
    let mut members = Members::default();
    update(&mut members, &tree, &[10]).unwrap();
    assert_eq!(update(&mut members, &tree, &[10, 20]), Ok(Heads::Stayed));
    assert_eq!(resident(&members, &tree), 200);
    tree.end(10);
    let change = update(&mut members, &tree, &[20]);
    assert_eq!(change, Ok(Heads::Ended { replaced: 0 }));
}

#[test]
fn who_could_not_be_seen_for_a_reason_of_ours_has_not_ended() {
    let tree = Tree::new();
    tree.process(10, 1, "x", &["x"]);
    tree.process(11, 10, "y", &["y"]);
    let mut members = Members::default();
    update(&mut members, &tree, &[10]).unwrap();
    tree.end(11);
    let proc = tree.proc();
    let look = Look::new(&proc);
    look.missed(&Unreadable::new(ReadFailure::Local, "no descriptor"));
    let failed = members.update(&look, &[10].into()).unwrap_err();
    assert_eq!(failed.reason, ReadFailure::Local);
    assert_eq!(members.all().count(), 2);
}
