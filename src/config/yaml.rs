//! YAML as a tree that remembers lines.
//!
//! Scalars keep their text (`007` stays `007`), duplicate keys stay visible, and aliases
//! share their target instead of copying it, so a small file cannot grow into a large tree.
//! Why not a typed deserializer: `docs/decisions/0006-yaml.md`.

use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, Span};

/// The most values a file may have: far beyond a thousand sources.
const MAX_NODES: usize = 100_000;
/// The deepest nesting, aliases counted in.
const MAX_DEPTH: usize = 32;

/// One value and the line it starts on, from 1.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
    depth: usize,
}

#[derive(Debug)]
pub(super) enum Value {
    /// `plain`: written without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Item>),
    Map(Vec<Entry>),
}

/// One item of a list; of an alias, `line` is where the alias stands.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) line: usize,
    pub(super) node: Rc<Node>,
}

/// One `key: value` of a mapping.
#[derive(Debug)]
pub(super) struct Entry {
    /// `None` for a key that is not a scalar.
    pub(super) key: Option<String>,
    pub(super) line: usize,
    pub(super) node: Rc<Node>,
}

impl Node {
    /// Nothing stands there: an empty value, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The text of a single value.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// What stands there, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a section",
        }
    }
}

/// Why a text is no tree. The messages never quote the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) problem: String,
    pub(super) remedy: &'static str,
}

impl SyntaxError {
    fn at(span: Span, problem: &str, remedy: &'static str) -> Self {
        Self {
            line: span.start.line(),
            problem: problem.to_owned(),
            remedy,
        }
    }
}

/// A collection that is still being read.
struct Open {
    line: usize,
    anchor: usize,
    children: Vec<Item>,
    is_map: bool,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    /// Finished nodes by anchor id, which counts from 1 in order of definition.
    anchors: Vec<(usize, Rc<Node>)>,
    root: Option<Rc<Node>>,
    nodes: usize,
    documents: usize,
}

/// Reads one YAML document; `None` when there is nothing in it.
pub(super) fn parse(text: &str) -> Result<Option<Rc<Node>>, SyntaxError> {
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::default();
    for step in Parser::new_from_str_with_options(text, options) {
        let (event, span) = step.map_err(|error| SyntaxError {
            line: error.marker().line(),
            problem: format!(
                "not YAML at column {}: {}",
                error.marker().col() + 1,
                error.kind()
            ),
            remedy: "check the indentation, the quotes and the spaces after `:`",
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.root)
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let line = span.start.line();
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let remedy = "write one document, without `---` in the middle";
                    return Err(SyntaxError::at(span, "a second document", remedy));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                no_tag(tag.is_some(), span)?;
                let value = Value::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                self.finish(line, anchor, value, 0, span)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                no_tag(tag.is_some(), span)?;
                self.begin(line, anchor, false);
            }
            Event::MappingStart(_, anchor, tag) => {
                no_tag(tag.is_some(), span)?;
                self.begin(line, anchor, true);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let deepest = open.children.iter().map(|item| item.node.depth).max();
                    let depth = 1 + deepest.unwrap_or(0);
                    let (line, anchor) = (open.line, open.anchor);
                    self.finish(line, anchor, open.into_value(), depth, span)?;
                }
            }
            Event::Alias(id) => {
                // An alias to a collection that is still open would be a loop.
                let found = self.anchors.binary_search_by_key(&id, |(id, _)| *id);
                let Ok(at) = found else {
                    let remedy = "write the value out here";
                    return Err(SyntaxError::at(span, "an alias to itself", remedy));
                };
                let node = Rc::clone(&self.anchors[at].1);
                self.place(line, node, span)?;
            }
            Event::UnresolvedAlias(_) => {
                let remedy = "quote a value that begins with `*`, or define its anchor before it";
                return Err(SyntaxError::at(span, "an alias without an anchor", remedy));
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, line: usize, anchor: usize, is_map: bool) {
        let children = Vec::new();
        self.open.push(Open {
            line,
            anchor,
            children,
            is_map,
        });
    }

    fn finish(
        &mut self,
        line: usize,
        anchor: usize,
        value: Value,
        depth: usize,
        span: Span,
    ) -> Result<(), SyntaxError> {
        let node = Rc::new(Node { line, value, depth });
        if anchor != 0 {
            // Inner anchors end before outer ones that were numbered first.
            let at = self.anchors.partition_point(|(id, _)| *id < anchor);
            self.anchors.insert(at, (anchor, Rc::clone(&node)));
        }
        self.place(line, node, span)
    }

    fn place(&mut self, line: usize, node: Rc<Node>, span: Span) -> Result<(), SyntaxError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let problem = format!("more than {MAX_NODES} values");
            return Err(SyntaxError::at(
                span,
                &problem,
                "a configuration is smaller",
            ));
        }
        if node.depth + self.open.len() > MAX_DEPTH {
            let problem = format!("nested deeper than {MAX_DEPTH}");
            return Err(SyntaxError::at(
                span,
                &problem,
                "a configuration is flatter",
            ));
        }
        match self.open.last_mut() {
            Some(open) => open.children.push(Item { line, node }),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

impl Open {
    fn into_value(self) -> Value {
        if !self.is_map {
            return Value::List(self.children);
        }
        let mut entries = Vec::with_capacity(self.children.len() / 2);
        let mut children = self.children.into_iter();
        while let (Some(Item { line, node: key }), Some(Item { node, .. })) =
            (children.next(), children.next())
        {
            let key = match &key.value {
                Value::Scalar { text, .. } => Some(text.clone()),
                Value::List(_) | Value::Map(_) => None,
            };
            entries.push(Entry { key, line, node });
        }
        Value::Map(entries)
    }
}

fn no_tag(present: bool, span: Span) -> Result<(), SyntaxError> {
    if present {
        let remedy = "remove it, or quote a value that begins with `!`";
        return Err(SyntaxError::at(span, "a YAML tag", remedy));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
