//! One mapping of the file, read key by key against the list of keys.

mod names;

use std::{collections::HashMap, rc::Rc, time::Duration};

use super::{
    keys::{Key, Keys, Kind, bytes_within, duration_within},
    mistake::{HIDDEN_KEY, Mistakes, shown, shown_key},
    nearest::nearest,
    yaml::{Entry, Item, Node, Value},
};
use crate::units::{ByteSize, Dbfs, parse_duration};

/// What to do with more sources than one exporter takes.
pub(super) const DIVIDE: &str = "divide them among several exporters with --shard.total";

/// A mapping whose unknown and duplicate keys have been reported.
///
/// A reader returns the value, or what holds without it; a mistake has then been noted and
/// the configuration will be refused.
pub(super) struct Section<'a> {
    /// As messages name it: `sources[2].expect`; empty at the top.
    path: String,
    /// As the list of keys names it: `sources[].expect`.
    pattern: String,
    line: Option<usize>,
    entries: HashMap<&'a str, (usize, &'a Node)>,
    keys: Keys,
    mistakes: &'a Mistakes,
}

impl<'a> Section<'a> {
    /// The whole of a file, if there is one, in which these keys may stand. What is missing is
    /// missing at its beginning.
    pub(super) fn top(
        keys: Keys,
        root: Option<&'a Rc<Node>>,
        is_file: bool,
        mistakes: &'a Mistakes,
    ) -> Self {
        let mut top = Self {
            path: String::new(),
            pattern: String::new(),
            line: is_file.then_some(1),
            entries: HashMap::new(),
            keys,
            mistakes,
        };
        if let Some(node) = root.filter(|node| !node.is_null()) {
            top.take(node, node.line);
        }
        top
    }

    /// As messages name it.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The line it begins on.
    pub(super) fn line(&self) -> Option<usize> {
        self.line
    }

    /// Notes a mistake at one of its keys, at the line of that key if it is there.
    pub(super) fn mistake(&self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        let line = self.entries.get(key).map(|(line, _)| *line).or(self.line);
        self.mistakes
            .add(line, &join(&self.path, key), problem, remedy);
    }

    fn child(&self, key: &str, pattern: &str, line: Option<usize>) -> Self {
        Self {
            path: join(&self.path, key),
            pattern: join(&self.pattern, pattern),
            line,
            entries: HashMap::new(),
            keys: self.keys,
            mistakes: self.mistakes,
        }
    }

    fn take(&mut self, node: &'a Node, line: usize) {
        let Value::Map(entries) = &node.value else {
            let problem = format!("expected keys and values, found {}", node.kind());
            let remedy = format!("write {} under it", self.known());
            self.mistakes.add(Some(line), &self.path, problem, remedy);
            return;
        };
        for entry in entries {
            self.take_entry(entry);
        }
    }

    fn take_entry(&mut self, entry: &'a Entry) {
        let Some(key) = entry.key.as_deref() else {
            let remedy = format!("write {}", self.known());
            self.mistakes
                .add(Some(entry.line), &self.path, "a key must be a text", remedy);
            return;
        };
        if !self.keys.inside(&self.pattern).any(|known| known == key) {
            let remedy = self.instead_of(key);
            // In `{ password: a,b }` the piece behind the comma is a key without a value.
            let meant = nearest(key, self.keys.inside(&self.pattern)).is_some();
            let key = if meant || !entry.node.is_null() {
                shown_key(key)
            } else {
                HIDDEN_KEY
            };
            self.mistakes.add(
                Some(entry.line),
                &join(&self.path, key),
                "unknown key",
                remedy,
            );
        } else if let Some((first, _)) = self.entries.get(key) {
            let problem = format!("written twice, first in line {first}");
            self.mistakes.add(
                Some(entry.line),
                &join(&self.path, key),
                problem,
                "keep one of the two",
            );
        } else {
            self.entries.insert(key, (entry.line, &entry.node));
        }
    }

    /// What the writer of an unknown key may have meant.
    fn instead_of(&self, key: &str) -> String {
        let suffix = format!(".{key}");
        let mut elsewhere = self.keys.0.iter().map(|known| known.path);
        if let Some(path) = elsewhere.find(|path| path.ends_with(&suffix)) {
            return format!("it belongs to `{path}`");
        }
        match nearest(key, self.keys.inside(&self.pattern)) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("known here: {}", self.known()),
        }
    }

    fn known(&self) -> String {
        self.keys
            .inside(&self.pattern)
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.find(&join(&self.pattern, name))
    }

    /// Whether the key is there, with or without a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// What stands at a key; an empty value is a mistake, since it does nothing.
    fn get(&self, name: &str) -> Option<(usize, &'a Node)> {
        let (line, node) = self.entries.get(name).copied()?;
        if node.is_null() {
            self.mistake(name, "has no value", "write one or remove the key");
            return None;
        }
        Some((line, node))
    }

    /// A section inside this one; an empty or absent one has no keys.
    pub(super) fn section(&self, name: &str) -> Self {
        let found = self.entries.get(name).copied();
        let mut section = self.child(name, name, found.map(|(line, _)| line));
        if let Some((line, node)) = found.filter(|(_, node)| !node.is_null()) {
            section.take(node, line);
        }
        section
    }

    /// The items of a list of sections, at most `most` of them.
    pub(super) fn sections(&self, name: &str, most: usize) -> Vec<Self> {
        let Some((_, node)) = self
            .entries
            .get(name)
            .copied()
            .filter(|(_, node)| !node.is_null())
        else {
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            let problem = format!("expected a list, found {}", node.kind());
            self.mistake(name, problem, "begin each item with `- `");
            return Vec::new();
        };
        if items.len() > most {
            let problem = format!("{} items, at most {most} are possible", items.len());
            let remedy = if name == "sources" {
                DIVIDE
            } else {
                "leave some out"
            };
            self.mistake(name, problem, remedy);
        }
        let pattern = format!("{name}[]");
        let read = |(index, item): (usize, &'a Item)| {
            let path = format!("{name}[{index}]");
            let mut section = self.child(&path, &pattern, Some(item.line));
            section.take(&item.node, item.line);
            section
        };
        items.iter().take(most).enumerate().map(read).collect()
    }

    /// A list of texts; empty when absent.
    pub(super) fn texts(&self, name: &str) -> Vec<&'a str> {
        let Some((_, node)) = self.get(name) else {
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            let problem = format!("expected a list, found {}", node.kind());
            self.mistake(name, problem, "write [ ] around it");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            match &item.node.value {
                Value::Scalar { text, .. } if !item.node.is_null() => texts.push(text.as_str()),
                _ => self.mistake(name, "an item is not a text", "write texts only"),
            }
        }
        texts
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let (_, node) = self.get(name)?;
        let text = node.scalar();
        if text.is_none() {
            self.not(name, node, "a text", "put a single value behind the key");
        }
        text
    }

    /// A word out of a fixed set; `other` gives the remedy for a word outside it.
    pub(super) fn choice(&self, name: &str, other: &str) {
        let Some(Kind::Choice(words)) = self.key(name).map(|key| key.kind) else {
            return;
        };
        if let Some(word) = self.text(name)
            && !words.contains(&word)
        {
            let problem = format!("{} is not {}", shown(word), words.join(" or "));
            self.mistake(name, problem, other);
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> bool {
        let default = self.key(name).is_some_and(Key::default_flag);
        let Some((_, node)) = self.get(name) else {
            return default;
        };
        match &node.value {
            Value::Scalar { text, plain: true } if text == "true" => true,
            Value::Scalar { text, plain: true } if text == "false" => false,
            _ => {
                self.not(name, node, "true or false", "write true or false, unquoted");
                default
            }
        }
    }

    /// A duration within the key's bounds.
    pub(super) fn duration(&self, name: &str) -> Duration {
        let Some(key) = self.key(name) else {
            return Duration::ZERO;
        };
        let default = key.default_duration();
        let Some((_, node)) = self.get(name) else {
            return default;
        };
        let Some(value) = node.scalar().and_then(parse_duration) else {
            let remedy = "write it with a unit, such as 10s, 500ms or 1m30s";
            self.not(name, node, "a duration", remedy);
            return default;
        };
        if let Kind::Duration(min, max) = key.kind
            && !duration_within(value, min, max)
        {
            self.out_of_range(name, node, min, max);
        }
        value
    }

    /// A number of bytes within the key's bounds; `None` when absent.
    pub(super) fn bytes(&self, name: &str) -> Option<ByteSize> {
        let (_, node) = self.get(name)?;
        let Some(value) = node.scalar().and_then(ByteSize::parse) else {
            let remedy = "write it as 512MiB, 2GiB or a number of bytes";
            self.not(name, node, "a size", remedy);
            return None;
        };
        if let Some(Kind::Bytes(min, max)) = self.key(name).map(|key| key.kind)
            && !bytes_within(value, min, max)
        {
            self.out_of_range(name, node, min, max);
        }
        Some(value)
    }

    /// A number of bytes within the key's bounds, of a key that has a default.
    pub(super) fn size(&self, name: &str) -> ByteSize {
        let default = self.key(name).map(Key::default_bytes).unwrap_or_default();
        self.bytes(name).unwrap_or(default)
    }

    /// A level within the key's bounds.
    pub(super) fn level(&self, name: &str) -> Dbfs {
        let Some(key) = self.key(name) else {
            return Dbfs::new(0);
        };
        let default = key.default_level();
        let Some((_, node)) = self.get(name) else {
            return default;
        };
        let Some(value) = node.scalar().and_then(Dbfs::parse) else {
            self.not(
                name,
                node,
                "a level",
                "write it in dBFS, such as -60 or -57.5",
            );
            return default;
        };
        if let Kind::Level(min, max) = key.kind
            && !(Dbfs::new(min)..=Dbfs::new(max)).contains(&value)
        {
            self.out_of_range(name, node, &min.to_string(), &max.to_string());
        }
        value
    }

    /// A whole number within the key's bounds; `None` when absent.
    pub(super) fn integer(&self, name: &str) -> Option<u32> {
        let (_, node) = self.get(name)?;
        let Some(Kind::Integer(min, max)) = self.key(name).map(|key| key.kind) else {
            return None;
        };
        let digits = match &node.value {
            Value::Scalar { text, plain: true } => text,
            _ => "",
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let remedy = format!("write a whole number from {min} to {max}, unquoted");
            self.not(name, node, "a whole number", &remedy);
            return None;
        }
        // A number beyond u32 is out of every range.
        let value = digits.parse().ok().filter(|n| (min..=max).contains(n));
        if value.is_none() {
            self.out_of_range(name, node, &min.to_string(), &max.to_string());
        }
        value
    }

    /// A whole number within the key's bounds, of a key that has a default.
    pub(super) fn number(&self, name: &str) -> usize {
        let default = self.key(name).map_or(0, Key::default_integer);
        self.integer(name).unwrap_or(default) as usize
    }

    fn not(&self, name: &str, node: &Node, wanted: &str, remedy: &str) {
        let found = match (node.scalar(), self.key(name).map(|key| key.kind)) {
            (Some(_), Some(Kind::Hidden | Kind::Names)) => "(not shown)".to_owned(),
            (Some(text), _) => shown(text),
            (None, _) => node.kind().to_owned(),
        };
        self.mistake(name, format!("{found} is not {wanted}"), remedy);
    }

    fn out_of_range(&self, name: &str, node: &Node, min: &str, max: &str) {
        let value = shown(node.scalar().unwrap_or_default());
        let problem = format!("{value} is out of range");
        self.mistake(name, problem, format!("choose from {min} to {max}"));
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
