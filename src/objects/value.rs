//! How much of something there is.

/// A number of objects, and the bytes they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Bytes that they hold together; `None` where nobody knows.
    pub bytes: Option<u64>,
}

impl Amount {
    /// So many, of unknown size.
    pub fn of(count: u64) -> Self {
        Self { count, bytes: None }
    }

    /// So many, with so many bytes.
    pub fn sized(count: u64, bytes: u64) -> Self {
        Self {
            count,
            bytes: Some(bytes),
        }
    }

    /// The greater of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            count: self.count.max(other.count),
            bytes: self.bytes.max(other.bytes),
        }
    }
}
