//! Keys that the file itself names, and looks at others without a word.

use super::{Section, join};
use crate::config::yaml::{Entry, Node, Value};

/// A name that the file has chosen, its line and its text: `None` where something else stands,
/// which the caller reports without quoting it.
pub(in crate::config) type Named<'a> = (&'a str, usize, Option<&'a str>);

impl<'a> Section<'a> {
    /// Notes a mistake at a line, of a key that the file has named.
    pub(in crate::config) fn mistake_at(
        &self,
        line: usize,
        key: &str,
        problem: String,
        remedy: &str,
    ) {
        self.mistakes
            .add(Some(line), &join(&self.path, key), problem, remedy);
    }

    /// The text at a key, without a word about what else may stand there.
    pub(in crate::config) fn peek(&self, name: &str) -> Option<&'a str> {
        self.entries
            .get(name)
            .filter(|(_, node)| !node.is_null())
            .and_then(|(_, node)| node.scalar())
    }

    /// Names that the file chooses. Empty when absent; `None` when something else stands there, which
    /// has been noted.
    pub(in crate::config) fn named(&self, name: &str) -> Option<Vec<Named<'a>>> {
        let found = self.entries.get(name).filter(|(_, node)| !node.is_null());
        let Some((_, node)) = found else {
            return Some(Vec::new());
        };
        let Value::Map(entries) = &node.value else {
            self.not(name, node, "a section", "write `NAME: VALUE` under it");
            return None;
        };
        let text = |node: &'a Node| node.scalar().filter(|_| !node.is_null());
        let read = |entry: &'a Entry| {
            (
                entry.key.as_deref().unwrap_or(""),
                entry.line,
                text(&entry.node),
            )
        };
        Some(entries.iter().map(read).collect())
    }
}
