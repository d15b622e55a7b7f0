//! `docs/metrics.md` as data.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// What the document says.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// Type and labels of each family.
    pub(crate) families: BTreeMap<String, (String, BTreeSet<String>)>,
    /// Labels that take any value.
    pub(crate) open: BTreeSet<String>,
    /// Labels whose values are listed.
    pub(crate) sets: Vec<ClosedSet>,
}

/// The values of one label.
#[derive(Debug)]
pub(crate) struct ClosedSet {
    pub(crate) label: String,
    /// The family it belongs to; `None` when it means the same everywhere.
    pub(crate) family: Option<String>,
    pub(crate) values: BTreeSet<String>,
}

fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap()
}

impl Catalogue {
    pub(crate) fn read() -> Self {
        let mut catalogue = Self::default();
        // What the rows of the table at hand are.
        let mut columns = "";
        for line in document().lines() {
            if let Some(heading) = line.strip_prefix("### `") {
                let (label, rest) = heading.split_once('`').unwrap();
                let family = rest.strip_prefix(" of `").map(|f| f.trim_end_matches('`'));
                catalogue.sets.push(ClosedSet {
                    label: label.into(),
                    family: family.map(str::to_owned),
                    values: BTreeSet::new(),
                });
            } else if line.starts_with("| ") && !line.starts_with("| `") {
                columns = line;
            } else if line.starts_with("| `") {
                let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
                assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
                assert_eq!(cells.len(), columns.matches(" |").count(), "{line}");
                catalogue.row(columns, &cells);
            }
        }
        catalogue
    }

    fn row(&mut self, columns: &str, cells: &[&str]) {
        let name = cells[0].trim_matches('`').to_owned();
        let new = match columns.split(' ').nth(1) {
            Some("family") => {
                let labels = cells[2].split(", ").filter(|label| *label != "none");
                let labels = labels.map(|label| label.trim_matches('`').to_owned());
                let row = (cells[1].to_owned(), labels.collect());
                self.families.insert(name.clone(), row).is_none()
            }
            Some("label") => self.open.insert(name.clone()),
            Some("value") => self.sets.last_mut().unwrap().values.insert(name.clone()),
            _ => panic!("a table of what? {columns}"),
        };
        assert!(new, "{name} is documented twice");
    }

    /// The set that a family's label takes its values from.
    pub(crate) fn set_of(&self, family: &str, label: &str) -> Option<&ClosedSet> {
        let mut sets = self.sets.iter().filter(|set| set.label == label);
        let fits = |set: &&ClosedSet| set.family.as_ref().is_none_or(|of| of == family);
        let found = sets.find(fits);
        assert!(
            !sets.any(|set| fits(&set)),
            "{label} of {family} is documented twice"
        );
        found
    }
}
