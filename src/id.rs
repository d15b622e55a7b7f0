//! The name of a source.

use std::{fmt, sync::Arc};

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

    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`InvalidSourceId`] when the name is empty, too long or has a character outside
    /// the set.
    pub fn new(name: &str) -> Result<Self, InvalidSourceId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
        if (1..=Self::MAX_LEN).contains(&name.len()) && name.chars().all(allowed) {
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

#[cfg(test)]
mod tests {
    use super::SourceId;

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
