//! What a file imports, and which of it stands too high.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    floor_of,
    rust_source::{Token, paths_from},
};

/// What a file's code names, as paths from the crate's root; `None` where it climbs more
/// than one step.
pub(super) fn imports(module: &[String], code: &[Token]) -> Vec<(Option<Vec<String>>, usize)> {
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

pub(super) fn floor_fault(from: &str, to: &str) -> Option<String> {
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
pub(super) fn reexports(
    code: &BTreeMap<&str, (Vec<String>, Vec<Token>)>,
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

/// A cycle among the edges, if there is one.
pub(super) fn cycle(edges: &BTreeSet<(String, String)>) -> Option<Vec<String>> {
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
