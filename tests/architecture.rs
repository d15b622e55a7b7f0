//! The house stands: imports go down only, files stay small, and one place spawns.
//!
//! The table below is the law; `ARCHITECTURE.md` explains it. Test code may import
//! anything.

#[path = "architecture/compiled.rs"]
mod compiled;
#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/planted.rs"]
mod planted;
#[path = "support/rust_source.rs"]
mod rust_source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use imports::{cycle, floor_fault, imports, reexports};
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
            "listed",
            "logged_for_tests",
            "quiet_hours",
            "coarse_clock",
            "codec_name",
        ],
    ),
];

/// A file longer than this has more than one idea in it, be it a test or not.
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

fn too_long(tree: &Tree) -> Vec<String> {
    let counted = tree.iter().map(|(file, text)| (file, text.lines().count()));
    counted
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| format!("{file}: {lines} lines, more than {MOST_LINES}"))
        .collect()
}

/// Every way in which the tree breaks the rules, as `file:line: what`.
fn violations(tree: &Tree) -> Vec<String> {
    let mut wrong = too_long(tree);
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

/// The Rust files below a folder of the repository.
fn tree_of(folder: &str) -> io::Result<Tree> {
    let mut tree = Tree::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    read(&root, "", &mut tree)?;
    Ok(tree)
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
    let tree = tree_of("src").unwrap();
    assert!(tree.contains_key("lib.rs"), "read the wrong folder");
    let wrong = violations(&tree);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Beside `src`: tests, benchmarks, examples and fuzz targets.
#[test]
fn no_rust_file_of_the_repository_is_long() {
    for folder in ["tests", "benches", "examples", "fuzz/fuzz_targets"] {
        let tree = tree_of(folder).unwrap();
        assert!(!tree.is_empty(), "{folder} is elsewhere");
        let wrong = too_long(&tree);
        assert!(wrong.is_empty(), "{folder}/{}", wrong.join("\n"));
    }
}
