//! Which of several exporters a source belongs to.
//!
//! Every exporter is given the same configuration and a number of its own. A source belongs to
//! the one that its name alone says, so that no two need to talk to one another. The name goes
//! through FNV-1a (64 bit) and the jump consistent hash of Lamping and Veach
//! (arXiv:1406.2294): with one shard more, only the sources that the new one takes move. See
//! decision 19.

mod metrics;

use std::fmt;

use crate::id::SourceId;

/// One of a number of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u16,
    total: u16,
}

/// Why there is no such shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidShard {
    /// The number of shards is out of range.
    #[error("--shard.total is {0}, but there are 1 to {max} shards", max = Shard::MAX_TOTAL)]
    Total(u16),
    /// Shards are counted from 0.
    #[error(
        "--shard.index {index} of --shard.total {total} does not exist: shards are counted from 0 \
         to {last}",
        last = total - 1
    )]
    Index {
        /// The shard asked for.
        index: u16,
        /// How many there are.
        total: u16,
    },
    /// The name has no number at its end.
    #[error(
        "POD_NAME does not end in - and a number, as the pods of a StatefulSet do; give \
         --shard.index"
    )]
    PodName,
    /// The set has more pods than there are shards.
    #[error(
        "POD_NAME says pod {ordinal}, but --shard.total {total} has the shards 0 to {last}; set \
         --shard.total to the StatefulSet's replicas",
        last = total - 1
    )]
    Ordinal {
        /// The pod's number.
        ordinal: u64,
        /// How many shards there are.
        total: u16,
    },
}

impl Shard {
    /// The most shards there may be.
    pub const MAX_TOTAL: u16 = 1_024;

    /// The only one: every source belongs to it.
    pub const WHOLE: Self = Self { index: 0, total: 1 };

    /// Shard `index`, counted from 0, of `total`, from 1 to [`Self::MAX_TOTAL`].
    ///
    /// # Errors
    /// [`InvalidShard`] when there is no such shard.
    pub fn new(index: u16, total: u16) -> Result<Self, InvalidShard> {
        if !(1..=Self::MAX_TOTAL).contains(&total) {
            return Err(InvalidShard::Total(total));
        }
        if index >= total {
            return Err(InvalidShard::Index { index, total });
        }
        Ok(Self { index, total })
    }

    /// The shard of a pod of a Kubernetes `StatefulSet`, whose name ends in its number:
    /// `exporter-2`.
    ///
    /// # Errors
    /// [`InvalidShard`] when the name has no number or there is no such shard.
    pub fn of_pod(name: &str, total: u16) -> Result<Self, InvalidShard> {
        let digits = name.rsplit_once('-').map_or("", |(_, digits)| digits);
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let ordinal = digits.parse::<u64>().ok().filter(|_| plain);
        let ordinal = ordinal.ok_or(InvalidShard::PodName)?;
        match u16::try_from(ordinal) {
            Ok(index) if index < total => Self::new(index, total),
            _ if total == 0 => Err(InvalidShard::Total(total)),
            _ => Err(InvalidShard::Ordinal { ordinal, total }),
        }
    }

    /// Its number, from 0.
    pub fn index(self) -> u16 {
        self.index
    }

    /// How many there are; 1 where nothing is divided.
    pub fn total(self) -> u16 {
        self.total
    }

    /// Whether this exporter watches the source. Of all shards of a number exactly one does, and
    /// the other sources have no say in it.
    pub fn owns(self, source: &SourceId) -> bool {
        jump(fnv_1a(source.as_str().as_bytes()), self.total) == self.index
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} of {} (from 0)", self.index, self.total)
    }
}

/// The Fowler–Noll–Vo hash 1a of 64 bit.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The bucket of a key among `buckets`, which is at least 1. The key seeds a generator, and each
/// of its numbers says how many buckets there may be until the key moves again: it ends up in
/// the last one it moved to.
fn jump(mut key: u64, buckets: u16) -> u16 {
    let (mut bucket, mut next) = (0, 0);
    while next < u64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let fraction = ((key >> 33) + 1) as f64 / (1u64 << 31) as f64;
        next = ((bucket + 1) as f64 / fraction) as u64;
    }
    bucket as u16
}

#[cfg(test)]
mod tests;
