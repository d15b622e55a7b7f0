//! `/proc/PID/smaps_rollup`: what memory is a process's alone. The kernel walks all of its
//! page tables for it, tens of milliseconds for a large one: only when somebody asks.

use super::{Proc, Unreadable, units::kibibytes};

/// Sums over all mappings of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    /// Resident memory, each shared page divided among those who share it.
    pub proportional: u64,
    /// What nobody shares: it would be free if the process ended.
    pub unshared: u64,
    /// Swapped out, shared pages divided.
    pub swap: u64,
}

impl Rollup {
    fn parse(text: &str) -> Option<Self> {
        Some(Self {
            proportional: kibibytes(text, "Pss:")?,
            unshared: kibibytes(text, "Private_Clean:")?
                .checked_add(kibibytes(text, "Private_Dirty:")?)?,
            swap: kibibytes(text, "SwapPss:").unwrap_or(0),
        })
    }
}

impl std::ops::Add for Rollup {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            proportional: self.proportional.saturating_add(other.proportional),
            unshared: self.unshared.saturating_add(other.unshared),
            swap: self.swap.saturating_add(other.swap),
        }
    }
}

impl Proc {
    /// `smaps_rollup` of a process.
    pub(in crate::memory) fn rollup(&self, pid: u32) -> Result<Rollup, Unreadable> {
        let text = self.read(pid, "smaps_rollup");
        let text = text.map_err(|error| self.unreadable(&error))?;
        Rollup::parse(&text).ok_or_else(|| Unreadable::malformed("/proc/PID/smaps_rollup"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_this_process_is_plausible() {
        let proc = Proc::of_this_system();
        let me = std::process::id();
        let rollup = proc.rollup(me).unwrap();
        assert!(
            rollup.unshared > 0 && rollup.unshared <= rollup.proportional,
            "{rollup:?}"
        );
        let resident = proc.statm(me).unwrap().resident().unwrap().unwrap();
        assert!(
            rollup.proportional <= resident + (8 << 20),
            "{rollup:?} of {resident}"
        );
        assert_eq!(Rollup::parse("Pss: 1 kB\n"), None);
    }
}
