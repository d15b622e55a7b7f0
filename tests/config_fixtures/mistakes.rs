//! Beside each bad file stands what must be said of it: one line for each mistake, its
//! essential parts separated by ` | `. Nothing less and nothing more may be reported.

use std::{fs, path::PathBuf};

use audio_capture_exporter::config;

use crate::fixtures;

#[test]
fn every_mistake_is_reported_with_its_line_and_remedy() {
    let mut files: Vec<PathBuf> = fs::read_dir(fixtures("bad"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    assert!(files.len() >= 20, "only {} bad files", files.len());
    let mut failures = Vec::new();
    for file in files {
        let expected = fs::read_to_string(file.with_extension("expected")).unwrap();
        let said = match config::load(Some(&file), &[]) {
            Ok(_) => "nothing".to_owned(),
            Err(errors) => errors.to_string(),
        };
        if let Err(why) = compare(&expected, &said) {
            failures.push(format!("{}: {why}\nsaid:\n{said}", file.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn compare(expected: &str, said: &str) -> Result<(), String> {
    let mut left: Vec<&str> = said.lines().collect();
    for mistake in expected.lines() {
        let fits = |line: &str| mistake.split(" | ").all(|part| line.contains(part));
        let found = left.iter().position(|line| fits(line));
        left.remove(found.ok_or_else(|| format!("missing: {mistake}"))?);
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(format!("said too much: {left:?}"))
    }
}

#[test]
fn no_bad_file_gives_its_secret_away() {
    for entry in fs::read_dir(fixtures("bad")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let errors = config::load(Some(&path), &[]).unwrap_err();
            let shown = format!("{errors} {errors:?} {errors:#?}");
            assert!(!shown.contains("CANARY"), "{}: {shown}", path.display());
            assert!(!shown.contains("hunter2"), "{}: {shown}", path.display());
        }
    }
}

#[test]
fn a_file_that_is_not_there_or_no_file_is_said() {
    for (path, part) in [
        (fixtures("good").join("nowhere.yaml"), "No such file"),
        (fixtures("good"), "not a regular file"),
    ] {
        let errors = config::load(Some(&path), &[]).unwrap_err();
        assert_eq!(errors.mistakes().len(), 1, "{errors}");
        assert!(errors.to_string().contains(part), "{errors}");
        assert!(
            errors.to_string().contains(&path.display().to_string()),
            "{errors}"
        );
    }
}
