//! The names of sources and of watched processes.

use std::{borrow::Borrow, fmt, sync::Arc};

/// A source's configured name: the `source` label of every series it has.
///
/// Matches `[A-Za-z0-9._:-]{1,63}`, so it needs no escaping in a label, a URL path or
/// HTML. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(Arc<str>);

/// Why a text is not a [`SourceId`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a source name has 1 to 63 characters out of A-Z a-z 0-9 . _ : - ")]
pub struct InvalidSourceId;

impl SourceId {
    /// The longest name, in characters.
    pub const MAX_LEN: usize = 63;
    /// What all names are made of, as a regular expression (ECMA-262).
    pub const PATTERN: &str = "^[A-Za-z0-9._:-]{1,63}$";

    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`InvalidSourceId`] when the name is empty, too long or has a character outside
    /// the set.
    pub fn new(name: &str) -> Result<Self, InvalidSourceId> {
        if is_name(name) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidSourceId)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What both kinds of names are made of.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    (1..=SourceId::MAX_LEN).contains(&text.len()) && text.chars().all(allowed)
}

impl Borrow<str> for SourceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceId({})", self.0)
    }
}

/// The configured name of a watched process: the `process` label of every series it has.
///
/// Made of the same characters as a [`SourceId`]. `self` is this process and nobody else.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessName(Arc<str>);

/// Why a text is not the [`ProcessName`] of another process.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidProcessName {
    /// It has other characters, or too many of them, or none.
    #[error("a process's name has 1 to 63 characters out of A-Z a-z 0-9 . _ : - ")]
    Characters,
    /// It is this process's.
    #[error("`self` is this program; choose another name")]
    Own,
}

impl ProcessName {
    const OWN: &str = "self";

    /// Checks and wraps the name of another process.
    ///
    /// # Errors
    /// [`InvalidProcessName`] says what is wrong with it.
    pub fn new(name: &str) -> Result<Self, InvalidProcessName> {
        if !is_name(name) {
            return Err(InvalidProcessName::Characters);
        }
        if name == Self::OWN {
            return Err(InvalidProcessName::Own);
        }
        Ok(Self(name.into()))
    }

    /// This process's.
    pub fn own() -> Self {
        Self(Self::OWN.into())
    }

    /// Whether it is this process's.
    pub fn is_own(&self) -> bool {
        self.as_str() == Self::OWN
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessName({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidProcessName, ProcessName, SourceId};

    #[test]
    fn a_process_is_never_called_like_this_one() {
        assert_eq!(ProcessName::new("bird:1").unwrap().as_str(), "bird:1");
        assert_eq!(ProcessName::new("self"), Err(InvalidProcessName::Own));
        assert_eq!(ProcessName::new("a b"), Err(InvalidProcessName::Characters));
        assert!(ProcessName::own().is_own() && !ProcessName::new("selfish").unwrap().is_own());
    }

    #[test]
    fn accepts_what_needs_no_escaping_and_nothing_else() {
        for good in ["garden", "cam-1.lan:8554", "A_b", &"x".repeat(63)] {
            assert_eq!(SourceId::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "a b",
            "a/b",
            "..\\",
            "\"",
            "ä",
            "<script>",
            "a\n",
            &"x".repeat(64),
        ] {
            assert!(SourceId::new(bad).is_err(), "{bad:?} must be refused");
        }
    }
}
