//! Every file is compiled: what no `mod` names is lost without a word.

use std::collections::BTreeSet;

use crate::{Tree, module_path, tree_of};

/// Files that no `mod` names: the compiler never sees them.
fn undeclared(tree: &Tree) -> Vec<&str> {
    let mut declared = BTreeSet::new();
    for (file, text) in tree {
        // `main.rs` is a root of its own.
        let root = file == "main.rs";
        let parent = if root { Vec::new() } else { module_path(file) };
        let words: Vec<_> = text.split_whitespace().collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "mod") {
            let name = pair[1].trim_end_matches(';').to_owned();
            declared.insert([&parent[..], &[name]].concat());
        }
    }
    let files = tree.keys().map(String::as_str);
    files
        .filter(|file| !["main.rs", "lib.rs"].contains(file))
        .filter(|file| !declared.contains(&module_path(file)))
        .collect()
}

#[test]
fn every_file_is_compiled() {
    let mut tree = tree_of("src").unwrap();
    assert_eq!(undeclared(&tree), Vec::<&str>::new());
    tree.insert("sources/left_over.rs".to_owned(), String::new());
    assert_eq!(undeclared(&tree), ["sources/left_over.rs"]);
}

/// The same of test targets, where the path of a room often stands above its `mod`.
fn undeclared_rooms(tree: &Tree) -> Vec<&str> {
    let mut declared = BTreeSet::new();
    for (file, text) in tree {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let below = |path: String| [folder, &path].join("/").trim_start_matches('/').to_owned();
        for line in text.lines().map(str::trim) {
            if let Some(path) = line.strip_prefix("#[path = \"") {
                declared.insert(below(path.trim_end_matches("\"]").to_owned()));
            } else if let Some((_, child)) = line.trim_end_matches(';').split_once("mod ") {
                let stem = name.trim_end_matches(".rs");
                declared.insert(below(format!("{child}.rs")));
                declared.insert(below(format!("{child}/mod.rs")));
                declared.insert(below(format!("{stem}/{child}.rs")));
            }
        }
    }
    let files = tree.keys().map(String::as_str);
    files
        .filter(|file| file.contains('/') && !declared.contains(*file))
        .collect()
}

#[test]
fn every_room_of_a_test_is_compiled() {
    let mut tree = tree_of("tests").unwrap();
    assert_eq!(undeclared_rooms(&tree), Vec::<&str>::new());
    let lost = ["alarms/left_over.rs", "support/faulty/left_over.rs"];
    tree.extend(lost.map(|file| (file.to_owned(), String::new())));
    assert_eq!(undeclared_rooms(&tree), lost);
}
