//! Why a buffer could not be had.

use std::time::Duration;

use super::budget::OverBudget;
use crate::{
    closed_set::closed_set,
    units::{AudioFormat, ByteSize},
};

closed_set! {
    /// The `error_type` label of a failed allocation.
    pub enum ErrorType {
        /// The duration holds not one sample frame.
        ZeroDuration => "zero_duration",
        /// A sample rate of 0 Hz.
        ZeroSampleRate => "zero_sample_rate",
        /// No channel.
        ZeroChannels => "zero_channels",
        /// The size is beyond what this machine can address.
        SizeOverflow => "size_overflow",
        /// It does not fit into the memory budget.
        OverBudget => "over_budget",
        /// The operating system refused the memory.
        OutOfMemory => "out_of_memory",
        /// The source was removed meanwhile.
        Revoked => "revoked",
        /// The allocation panicked: a bug.
        Panic => "panic",
    }
}

/// Why there is no buffer, with the arithmetic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllocationError {
    /// Not one sample frame fits.
    #[error("a buffer of {0:?} at {1} holds not one sample frame")]
    ZeroDuration(Duration, AudioFormat),
    /// The source announced a sample rate of zero.
    #[error("the source announced a sample rate of 0 Hz")]
    ZeroSampleRate,
    /// The source announced no channel.
    #[error("the source announced audio without a channel")]
    ZeroChannels,
    /// More bytes than this machine can address.
    #[error("{0:?} at {1} ({0:?} × {rate} Hz × {channels} ch × 2 B) is more than this machine can address",
        rate = .1.sample_rate, channels = .1.channels)]
    SizeOverflow(Duration, AudioFormat),
    /// The budget is used up.
    #[error("{duration:?} at {format} needs {needed} ({duration:?} × {rate} Hz × {channels} ch × 2 B = {bytes} B), \
             but {used} of the {limit} memory budget are in use",
        rate = .format.sample_rate, channels = .format.channels, bytes = .needed.0,
        used = .budget.used, limit = .budget.limit)]
    OverBudget {
        /// The length asked for.
        duration: Duration,
        /// The format asked for.
        format: AudioFormat,
        /// Their product.
        needed: ByteSize,
        /// The budget at that moment.
        budget: OverBudget,
    },
    /// The allocator has no such block to give.
    #[error("the operating system refused {0} of memory")]
    OutOfMemory(ByteSize),
    /// The source was removed, or its lease ended otherwise.
    #[error("the source was removed while a session asked for its buffer")]
    Revoked,
}

impl AllocationError {
    /// The label of this error.
    pub fn error_type(&self) -> ErrorType {
        match self {
            Self::ZeroDuration(..) => ErrorType::ZeroDuration,
            Self::ZeroSampleRate => ErrorType::ZeroSampleRate,
            Self::ZeroChannels => ErrorType::ZeroChannels,
            Self::SizeOverflow(..) => ErrorType::SizeOverflow,
            Self::OverBudget { .. } => ErrorType::OverBudget,
            Self::OutOfMemory(_) => ErrorType::OutOfMemory,
            Self::Revoked => ErrorType::Revoked,
        }
    }
}
