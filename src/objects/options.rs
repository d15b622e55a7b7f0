//! What the configuration says about an object.

use std::time::Duration;

use super::{Amount, Name};

/// How much is too much; `None` is no opinion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// The most objects that are in order.
    pub max_count: Option<u64>,
    /// The most bytes that are in order.
    pub max_bytes: Option<u64>,
}

impl Thresholds {
    /// Whether an amount is more than is in order.
    pub fn exceeded_by(&self, amount: Amount) -> bool {
        self.max_count.is_some_and(|most| amount.count > most)
            || self
                .max_bytes
                .zip(amount.bytes)
                .is_some_and(|(most, bytes)| bytes > most)
    }
}

/// An object that other programs may report, or thresholds for one of the program's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectOptions {
    /// Its name: the `object` label.
    pub name: Name,
    /// How much is too much.
    pub thresholds: Thresholds,
    /// How long a report holds that is not renewed.
    pub expire_after: Duration,
}

impl ObjectOptions {
    /// How long a report holds unless the configuration says otherwise.
    pub const EXPIRE_AFTER: Duration = Duration::from_secs(60);
}
