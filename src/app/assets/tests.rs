use std::{collections::BTreeSet, path::Path};

use super::*;

/// Files of a folder of the repository and those below it, by their path in it.
fn folder(name: &str, extension: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    let mut folders = vec![root.join(name)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.insert(name.to_owned());
            }
        }
    }
    found
}

fn names(assets: http::Assets, prefix: &str) -> BTreeSet<String> {
    let names = assets.iter().map(|(name, _)| *name);
    names
        .filter(|name| name.starts_with(prefix))
        .map(str::to_owned)
        .collect()
}

/// A file that was added and forgotten here would be in the repository and nowhere else.
#[test]
fn the_table_is_complete() {
    assert_eq!(names(SERVED, "grafana/"), folder("grafana", "json"));
    let rules = folder("alerts", "yaml").into_iter();
    let rules: BTreeSet<_> = rules
        .filter(|name| !name.starts_with("alerts/tests/"))
        .collect();
    assert_eq!(names(SERVED, "alerts/"), rules);
    let runbooks = folder("docs/runbooks", "md").into_iter();
    let runbooks = runbooks.map(|name| name.replacen("docs/", "", 1)).collect();
    assert_eq!(names(SERVED, "runbooks/"), runbooks);
    assert_eq!(
        names(PROVISIONING, ""),
        folder("grafana/provisioning", "yaml")
    );
}

#[test]
fn every_rule_leads_to_a_runbook_that_is_served() {
    let mut seen = 0;
    for (name, text) in SERVED
        .iter()
        .filter(|(name, _)| name.starts_with("alerts/"))
    {
        for line in text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("runbook_url: "))
        {
            let page = line
                .strip_prefix("http://127.0.0.1:10480/")
                .unwrap_or_default();
            assert!(
                SERVED.iter().any(|(served, _)| *served == page),
                "{name}: {line}"
            );
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn everything_is_written_and_the_runbooks_are_where_they_are_said_to_be() {
    let directory = std::env::temp_dir().join(format!("assets-{}", std::process::id()));
    let mut options = AssetsOptions {
        directory: directory.join("new"),
        runbooks: None,
    };
    let number = write(&options).unwrap();
    assert_eq!(number, SERVED.len() + PROVISIONING.len());
    let rules = options.directory.join("alerts/sources.yaml");
    assert_eq!(
        fs::read_to_string(&rules).unwrap(),
        include_str!("../../../alerts/sources.yaml")
    );
    options.runbooks = Some("https://wiki.example/audio/".to_owned());
    write(&options).unwrap();
    let text = fs::read_to_string(&rules).unwrap();
    assert!(
        text.contains("runbook_url: https://wiki.example/audio/SourceDown.md"),
        "{text}"
    );
    assert!(!text.contains(RUNBOOKS), "{text}");
    options.directory = rules;
    assert!(write(&options).is_err(), "a file is no directory");
    fs::remove_dir_all(directory).unwrap();
}
