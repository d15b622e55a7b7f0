//! What an object or a reporter is called.

use std::{fmt, sync::Arc};

/// The name of a tracked object or of one who reports it: `[A-Za-z0-9._:-]{1,63}`, so that it
/// needs no escaping in a label, a URL path or a log line. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// Why a text is not a [`Name`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a name has 1 to 63 characters out of A-Z a-z 0-9 . _ : - ")]
pub struct InvalidName;

impl Name {
    /// The longest name, in characters.
    pub const MAX_LEN: usize = 63;

    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`InvalidName`] when it is empty, too long or has a character outside the set.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
        if (1..=Self::MAX_LEN).contains(&name.len()) && name.chars().all(allowed) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidName)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.0)
    }
}
