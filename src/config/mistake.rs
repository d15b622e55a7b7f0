//! What is wrong in a configuration, said so that it can be put right.

use std::{
    cell::RefCell,
    fmt,
    path::{Path, PathBuf},
};

/// At most so many mistakes are printed; a file with more is another kind of file.
const MOST_SHOWN: usize = 100;

/// One mistake. Holds no secret: see the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line in the file, from 1, where it has one.
    pub line: Option<usize>,
    /// The key's path such as `sources[2].stall_after` (indices from 0), or which argument.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// Every mistake of a configuration, in order of lines; it prints one a line, as
/// `file:line: key: what is wrong; what to do`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    file: Option<PathBuf>,
    mistakes: Vec<Mistake>,
}

impl ConfigErrors {
    /// The mistakes; at least one.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().take(MOST_SHOWN).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            if let (Some(file), Some(line)) = (&self.file, mistake.line) {
                write!(f, "{}:{line}: ", file.display())?;
            }
            let Mistake {
                path,
                problem,
                remedy,
                ..
            } = mistake;
            if !path.is_empty() {
                write!(f, "{path}: ")?;
            }
            write!(f, "{problem}; {remedy}")?;
        }
        match self.mistakes.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// Collects mistakes while the rest is still being read.
#[derive(Debug, Default)]
pub(super) struct Mistakes(RefCell<Vec<Mistake>>);

impl Mistakes {
    pub(super) fn add(
        &self,
        line: Option<usize>,
        path: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.borrow_mut().push(Mistake {
            line,
            path: path.to_owned(),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// `Ok` when there were none.
    pub(super) fn into_result(self, file: Option<&Path>) -> Result<(), ConfigErrors> {
        let mut mistakes = self.0.into_inner();
        if mistakes.is_empty() {
            return Ok(());
        }
        mistakes.sort_by_key(|mistake| mistake.line.unwrap_or(usize::MAX));
        Err(ConfigErrors {
            file: file.map(Path::to_owned),
            mistakes,
        })
    }
}

/// A value as a message may show it: short, printable, and not at all when it looks as if
/// it carried an address or credentials.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.contains("://") || text.contains('@') {
        return "(not shown)".to_owned();
    }
    let cut: String = text.chars().take(LONGEST).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", cut.escape_debug())
}

/// Stands for a key that may be a secret in the wrong place.
pub(super) const HIDDEN_KEY: &str = "(a key not shown)";

/// A key as a message may show it: only what looks like a key.
pub(super) fn shown_key(key: &str) -> &str {
    let looks_like_one = |c: char| c.is_ascii_alphanumeric() || "_-.<".contains(c);
    if (1..=40).contains(&key.len()) && key.chars().all(looks_like_one) {
        key
    } else {
        HIDDEN_KEY
    }
}
