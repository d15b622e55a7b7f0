//! The rules see what breaks them.

use crate::{MOST_LINES, Tree, too_long, violations};

/// A tree of which every file is in order.
fn sound() -> Tree {
    let files = [
        ("lib.rs", "pub mod buffers; pub mod http; pub mod id;"),
        (
            "main.rs",
            "fn main() { audio_capture_exporter::app::run() }",
        ),
        (
            "id.rs",
            "//! See crate::http.\npub struct Id; /* crate::app /* nested */ */",
        ),
        (
            "buffers/mod.rs",
            "mod ring; mod cursor; pub use ring::{Ring, Lap as Round}; pub use cursor::Cursor;",
        ),
        (
            "buffers/ring.rs",
            "use super::Cursor; use crate::{id::Id, metrics::{self, Family}};\n\
             const TEXT: &str = \"crate::http \\\" crate::app\"; const C: char = '\"';\n\
             const RAW: &str = r#\"crate::http \"quoted\" \"#;\n\
             fn f<'a>(x: &'a str) {}\n\
             #[cfg(test)] use crate::http::Server;\n\
             #[cfg(any(test, fuzzing))] use crate::app::App;\n\
             #[cfg(test)] #[allow(unused)] mod tests { use super::super::x; use crate::app::App; }",
        ),
        (
            "buffers/cursor.rs",
            "pub struct Cursor; #[cfg(test)] mod tests;",
        ),
        ("buffers/cursor/tests.rs", "use crate::app::App;"),
        ("http/mod.rs", "use crate::{buffers::Ring, sources::State};"),
        ("shutdown.rs", "fn f() { tokio::spawn(async {}); }"),
    ];
    let pair = |(file, text): (&str, &str)| (file.to_owned(), text.to_owned());
    files.into_iter().map(pair).collect()
}

#[test]
fn a_sound_tree_has_no_violation() {
    assert_eq!(violations(&sound()), Vec::<String>::new());
}

/// What is wrong with the sound tree once this file has this text, and nothing else.
#[track_caller]
fn gives(file: &str, text: &str, expected: &str) {
    let mut tree = sound();
    tree.insert(file.to_owned(), text.to_owned());
    let wrong = violations(&tree);
    let [only] = &wrong[..] else {
        panic!("{file}: {text:?} gave {wrong:?}")
    };
    assert!(only.contains(expected), "{file}: {text:?} gave {only}");
}

#[test]
fn each_planted_violation_is_seen() {
    let planted = [
        (
            "id.rs",
            "use crate::metrics::Family;",
            "id.rs:1: `id` imports upward: `metrics`",
        ),
        (
            "id.rs",
            "use crate::{\n  units,\n};",
            "id.rs:2: `id` imports sideways: `units`",
        ),
        (
            "buffers/ring.rs",
            "fn f() { crate::sources::State::x() }",
            "ring.rs:1: `buffers` imports sideways: `sources`",
        ),
        (
            "buffers/deep/leaf.rs",
            "use crate::{id, net::{a, b}, http::x};",
            "leaf.rs:1: `buffers` imports upward: `http`",
        ),
        (
            "buffers/mod.rs",
            "use super::http::Server;",
            "mod.rs:1: `buffers` imports upward: `http`",
        ),
        (
            "helpers.rs",
            "",
            "helpers.rs: the module `helpers` stands on no floor",
        ),
        (
            "http/mod.rs",
            "use crate::helpers::x;",
            "mod.rs:1: `helpers` is no module with a floor",
        ),
        (
            "buffers/ring.rs",
            "use super::super::id::Id;",
            "ring.rs:1: super::super",
        ),
        (
            "buffers/cursor.rs",
            "use super::Ring; #[cfg(test)] mod tests;",
            "buffers: a cycle: cursor -> ring -> cursor",
        ),
        (
            "buffers/cursor.rs",
            "use crate::buffers::ring::Ring; #[cfg(test)] mod tests;",
            "buffers: a cycle: cursor -> ring -> cursor",
        ),
        (
            "http/mod.rs",
            "fn f() { tokio::spawn(x()); }",
            "mod.rs:1: tokio::spawn outside",
        ),
        (
            "http/mod.rs",
            "use std::thread;\nfn f() { thread::Builder::new(); }",
            "mod.rs:2: thread::Builder::new outside",
        ),
        (
            "http/mod.rs",
            "use tokio::task::{self, spawn_blocking};",
            "mod.rs:1: tokio::task::spawn_blocking outside",
        ),
        (
            "http/mod.rs",
            "#[cfg(any(test, unix))] use crate::app::App;",
            "mod.rs:1: `http` imports upward: `app`",
        ),
        (
            "http/mod.rs",
            "#[cfg(not(test))] use crate::app::App;",
            "mod.rs:1: `http` imports upward: `app`",
        ),
        (
            "id.rs",
            "#[cfg(test)] mod tests {}\nuse crate::net::x;",
            "id.rs:2: `id` imports upward: `net`",
        ),
    ];
    for (file, text, expected) in planted {
        gives(file, text, expected);
    }
}

#[test]
fn a_long_file_is_seen_be_it_a_test_or_not() {
    let long = "\n".repeat(MOST_LINES + 1);
    for file in ["http/long.rs", "buffers/cursor/tests.rs"] {
        gives(file, &long, &format!("{file}: 401 lines, more than 400"));
        assert_eq!(
            too_long(&Tree::from([(file.to_owned(), long[1..].to_owned())])),
            [""; 0]
        );
    }
}
