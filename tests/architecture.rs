//! The house stands: imports go down only, files stay small, and one place spawns.
//!
//! The table below is the law; `ARCHITECTURE.md` explains it. Test code may import
//! anything.

#[path = "support/rust_source.rs"]
mod rust_source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use rust_source::{paths_from, tokens, without_tests};

/// Which module stands on which floor. Modules of one floor never import one another.
const FLOORS: &[(u8, &[&str])] = &[
    (13, &["main"]),
    (12, &["app"]),
    (11, &["cli", "demo"]),
    (10, &["config"]),
    (9, &["http"]),
    (8, &["alarms"]),
    (7, &["status"]),
    (6, &["supervisor", "probe"]),
    (5, &["pipeline", "clip"]),
    (
        4,
        &[
            "sources", "decode", "buffers", "signal", "memory", "profiles", "history",
        ],
    ),
    (3, &["net"]),
    (2, &["shutdown", "objects", "shard"]),
    (1, &["metrics"]),
    (
        0,
        &[
            "backoff",
            "error",
            "units",
            "id",
            "secret",
            "closed_set",
            "quiet_hours",
            "coarse_clock",
            "codec_name",
        ],
    ),
];

/// A file longer than this has more than one idea in it. Files named `tests.rs` are exempt.
const MOST_LINES: usize = 400;

/// The only file that may start tasks and threads.
const SPAWNER: &str = "shutdown.rs";

/// Paths whose ends start a task or a thread.
const SPAWNING: &[[&str; 2]] = &[
    ["tokio", "spawn"],
    ["task", "spawn"],
    ["task", "spawn_blocking"],
    ["task", "spawn_local"],
    ["task", "JoinSet"],
    ["thread", "spawn"],
    ["thread", "Builder"],
];

/// Files by their path below `src`, with `/`.
type Tree = BTreeMap<String, String>;

fn floor_of(module: &str) -> Option<u8> {
    let floor = FLOORS.iter().find(|(_, names)| names.contains(&module))?;
    Some(floor.0)
}

/// `a/mod.rs` is `[a]`, `a/b.rs` is `[a, b]`, `lib.rs` is the root `[]`.
fn module_path(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut path: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod") || path == ["lib"] {
        path.pop();
    }
    path
}

/// Every way in which the tree breaks the rules, as `file:line: what`.
fn violations(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut code = BTreeMap::new();
    let mut test_modules = BTreeSet::new();
    for (file, text) in tree {
        let module = module_path(file);
        let (kept, tests) = without_tests(&tokens(text));
        test_modules.extend(
            tests
                .into_iter()
                .map(|name| [&module[..], &[name]].concat()),
        );
        let lines = text.lines().count();
        if lines > MOST_LINES && !file.ends_with("tests.rs") {
            wrong.push(format!("{file}: {lines} lines, more than {MOST_LINES}"));
        }
        code.insert(file.as_str(), (module, kept));
    }
    code.retain(|_, (module, _)| !(1..=module.len()).any(|n| test_modules.contains(&module[..n])));

    let modules: BTreeSet<Vec<String>> = code.values().map(|(module, _)| module.clone()).collect();
    let reexports = reexports(&code, &modules);
    let mut siblings: BTreeMap<Vec<String>, BTreeSet<(String, String)>> = BTreeMap::new();
    for (file, (module, kept)) in &code {
        if let Some(top) = module.first().filter(|top| floor_of(top).is_none()) {
            wrong.push(format!("{file}: the module `{top}` stands on no floor"));
        }
        if *file != SPAWNER {
            wrong.extend(spawns(file, kept));
        }
        for (target, line) in imports(module, kept) {
            let Some(target) = target else {
                wrong.push(format!("{file}:{line}: super::super; start from crate::"));
                continue;
            };
            let shared = module
                .iter()
                .zip(&target)
                .take_while(|(a, b)| a == b)
                .count();
            let (Some(from), Some(to)) = (module.get(shared), target.get(shared)) else {
                continue;
            };
            if shared == 0 {
                wrong.extend(floor_fault(from, to).map(|fault| format!("{file}:{line}: {fault}")));
                continue;
            }
            let folder = &module[..shared];
            let child = [folder, std::slice::from_ref(to)].concat();
            let to = if modules.contains(&child) {
                Some(to)
            } else {
                reexports.get(&child)
            };
            if let Some(to) = to.filter(|to| *to != from) {
                let edge = (from.clone(), to.clone());
                siblings.entry(folder.to_vec()).or_default().insert(edge);
            }
        }
    }
    for (folder, edges) in &siblings {
        wrong.extend(
            cycle(edges)
                .map(|names| format!("{}: a cycle: {}", folder.join("/"), names.join(" -> "))),
        );
    }
    wrong
}

/// What a file's code names, as paths from the crate's root; `None` where it climbs more
/// than one step.
fn imports(module: &[String], code: &[rust_source::Token]) -> Vec<(Option<Vec<String>>, usize)> {
    let absolute = paths_from(code, "crate")
        .into_iter()
        .map(|(path, line)| (Some(path[1..].to_vec()), line));
    let relative = paths_from(code, "super").into_iter().map(|(path, line)| {
        let parent = &module[..module.len().saturating_sub(1)];
        let climbs = path.get(1).is_some_and(|next| next == "super");
        ((!climbs).then(|| [parent, &path[1..]].concat()), line)
    });
    absolute.chain(relative).collect()
}

fn floor_fault(from: &str, to: &str) -> Option<String> {
    // A module without a floor is reported once, for its file.
    let here = floor_of(from)?;
    match floor_of(to) {
        None => Some(format!("`{to}` is no module with a floor")),
        Some(there) if there > here => Some(format!("`{from}` imports upward: `{to}`")),
        Some(there) if there == here => Some(format!("`{from}` imports sideways: `{to}`")),
        Some(_) => None,
    }
}

/// Which child an item of a folder comes from: `[a, Thing]` is `b` if `a/mod.rs` says
/// `use b::Thing`.
fn reexports(
    code: &BTreeMap<&str, (Vec<String>, Vec<rust_source::Token>)>,
    modules: &BTreeSet<Vec<String>>,
) -> BTreeMap<Vec<String>, String> {
    let mut from = BTreeMap::new();
    for (module, kept) in code.values() {
        for child in modules
            .iter()
            .filter(|child| child.len() == module.len() + 1 && child.starts_with(module))
        {
            let name = &child[module.len()];
            for (path, _) in paths_from(kept, name) {
                if let Some(item) = path.last() {
                    from.insert(
                        [&module[..], std::slice::from_ref(item)].concat(),
                        name.clone(),
                    );
                }
            }
        }
    }
    from
}

fn spawns(file: &str, code: &[rust_source::Token]) -> Vec<String> {
    let roots: BTreeSet<&str> = ["tokio", "task", "std", "thread"].into();
    let paths = roots.iter().flat_map(|root| paths_from(code, root));
    paths
        .filter(|(path, _)| {
            let named = |pair: &[String]| SPAWNING.iter().any(|spawning| pair == spawning);
            path.windows(2).any(named)
        })
        .map(|(path, line)| {
            let path = path.join("::");
            format!("{file}:{line}: {path} outside {SPAWNER}; use shutdown::Tasks")
        })
        .collect()
}

/// A cycle among the edges, if there is one.
fn cycle(edges: &BTreeSet<(String, String)>) -> Option<Vec<String>> {
    fn walk(edges: &BTreeSet<(String, String)>, way: &mut Vec<String>) -> bool {
        let here = way[way.len() - 1].clone();
        for (_, to) in edges.iter().filter(|(from, _)| *from == here) {
            let again = way.iter().position(|name| name == to);
            way.push(to.clone());
            if let Some(start) = again {
                way.drain(..start);
                return true;
            }
            if walk(edges, way) {
                return true;
            }
            way.pop();
        }
        false
    }
    edges.iter().find_map(|(from, _)| {
        let mut way = vec![from.clone()];
        walk(edges, &mut way).then_some(way)
    })
}

fn read(folder: &Path, below: &str, tree: &mut Tree) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{name}/"), tree)?;
        } else if entry.path().extension().is_some_and(|kind| kind == "rs") {
            tree.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}

#[test]
fn the_source_keeps_the_rules() {
    let mut tree = Tree::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read(&source, "", &mut tree).unwrap();
    assert!(tree.contains_key("lib.rs"), "read the wrong folder");
    let wrong = violations(&tree);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Files that no `mod` names: the compiler never sees them.
fn undeclared(tree: &Tree) -> Vec<&str> {
    let declares = |parent: &[String], name: &str| {
        tree.iter().any(|(file, text)| {
            // `main.rs` is a root of its own.
            let root = parent.is_empty() && file == "main.rs";
            let words: Vec<_> = text.split_whitespace().collect();
            (root || module_path(file) == parent)
                && words
                    .windows(2)
                    .any(|pair| pair[0] == "mod" && pair[1].trim_end_matches(';') == name)
        })
    };
    let files = tree.keys().map(String::as_str);
    files
        .filter(|file| *file != "main.rs")
        .filter(|file| {
            let module = module_path(file);
            let Some((name, parent)) = module.split_last() else {
                return false;
            };
            !declares(parent, name)
        })
        .collect()
}

#[test]
fn every_file_is_compiled() {
    let mut tree = Tree::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read(&source, "", &mut tree).unwrap();
    assert_eq!(undeclared(&tree), Vec::<&str>::new());
    tree.insert("sources/left_over.rs".to_owned(), String::new());
    assert_eq!(undeclared(&tree), ["sources/left_over.rs"]);
}

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

#[test]
fn each_planted_violation_is_seen() {
    let long = "\n".repeat(MOST_LINES + 1);
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
        (
            "http/long.rs",
            &long,
            "http/long.rs: 401 lines, more than 400",
        ),
    ];
    for (file, text, expected) in planted {
        let mut tree = sound();
        tree.insert(file.to_owned(), text.to_owned());
        let wrong = violations(&tree);
        assert_eq!(wrong.len(), 1, "{file}: {text:?} gave {wrong:?}");
        assert!(
            wrong[0].contains(expected),
            "{file}: {text:?} gave {wrong:?}"
        );
    }
}
