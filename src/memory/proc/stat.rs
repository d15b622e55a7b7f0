//! `/proc/PID/stat`: who its parent is, when it started, what it has cost.

use super::{Proc, Unreadable, identity::Identity};

/// `USER_HZ`, the unit of the times in `stat`: 100 on every architecture this runs on,
/// whatever the kernel's own tick.
pub(in crate::memory) const TICKS_PER_SECOND: f64 = 100.0;

/// The flag of the kernel's threads.
const PF_KTHREAD: u64 = 0x0020_0000;

/// What a process has used since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::memory) struct Used {
    /// User and system time.
    pub(in crate::memory) cpu_ticks: u64,
    /// Pages that had to be read from a disk.
    pub(in crate::memory) major_faults: u64,
    /// Pages that were there, or had only to be made.
    pub(in crate::memory) minor_faults: u64,
}

impl Used {
    /// Each figure of both together.
    #[must_use]
    pub(in crate::memory) fn plus(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// Each figure, down to zero.
    #[must_use]
    pub(in crate::memory) fn minus(self, other: Self) -> Self {
        self.with(other, u64::saturating_sub)
    }

    /// The smaller one of each figure.
    #[must_use]
    pub(in crate::memory) fn at_most(self, other: Self) -> Self {
        self.with(other, u64::min)
    }

    fn with(self, other: Self, each: fn(u64, u64) -> u64) -> Self {
        Self {
            cpu_ticks: each(self.cpu_ticks, other.cpu_ticks),
            major_faults: each(self.major_faults, other.major_faults),
            minor_faults: each(self.minor_faults, other.minor_faults),
        }
    }
}

/// What `stat` says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::memory) struct Stat {
    /// The name that the kernel knows it by, at most 15 bytes.
    pub(in crate::memory) comm: String,
    /// It has ended, and waits for its parent to notice.
    pub(in crate::memory) ended: bool,
    pub(in crate::memory) parent: u32,
    /// It is a thread of the kernel.
    pub(in crate::memory) kernel: bool,
    pub(in crate::memory) used: Used,
    /// What its children had used that have ended, with theirs; only those it waited for.
    pub(in crate::memory) waited: Used,
    pub(in crate::memory) threads: u64,
    /// After the machine's own start.
    pub(in crate::memory) start_ticks: u64,
}

impl Stat {
    /// `None` for what is cut short or strange.
    pub(in crate::memory) fn parse(text: &str) -> Option<Self> {
        // The second field is the command name in parentheses, which may itself hold spaces
        // and parentheses; the last one ends it.
        let (before, rest) = text.rsplit_once(')')?;
        let (_, comm) = before.split_once('(')?;
        let mut fields = [""; 22];
        let found = fields.iter_mut().zip(rest.split_ascii_whitespace());
        found.for_each(|(field, word)| *field = word);
        // proc(5) counts from 1 and the first two fields are gone.
        let number = |position: usize| fields[position - 3].parse::<u64>().ok();
        Some(Self {
            comm: comm.to_owned(),
            ended: matches!(fields[0], "Z" | "X" | "x"),
            parent: fields[1].parse().ok()?,
            kernel: number(9)? & PF_KTHREAD != 0,
            used: Used {
                cpu_ticks: number(14)?.checked_add(number(15)?)?,
                major_faults: number(12)?,
                minor_faults: number(10)?,
            },
            waited: Used {
                cpu_ticks: number(16)?.checked_add(number(17)?)?,
                major_faults: number(13)?,
                minor_faults: number(11)?,
            },
            threads: number(20)?,
            start_ticks: number(22)?,
        })
    }
}

impl Proc {
    /// `stat` of a process.
    pub(in crate::memory) fn stat(&self, pid: u32) -> Result<Stat, Unreadable> {
        let text = self
            .read(pid, "stat")
            .map_err(|error| self.unreadable(&error))?;
        Stat::parse(&text).ok_or_else(|| Unreadable::malformed("/proc/PID/stat"))
    }

    /// Who a process is at the moment; `None` where it is gone.
    pub(in crate::memory) fn identity(&self, pid: u32) -> Option<Identity> {
        let stat = self.stat(pid).ok().filter(|stat| !stat.ended)?;
        Some(Identity {
            pid,
            started: stat.start_ticks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_cannot_shift_the_fields() {
        let tail = "S 1 2 3 4 5 6 7 8 9 10 250 50 70 7 20 0 7 0 12345 1 2";
        for name in ["audio", "a b", "a) R 9 (b", ") ) )"] {
            let expected = Stat {
                comm: name.to_owned(),
                ended: false,
                parent: 1,
                kernel: false,
                used: Used {
                    cpu_ticks: 300,
                    major_faults: 9,
                    minor_faults: 7,
                },
                waited: Used {
                    cpu_ticks: 77,
                    major_faults: 10,
                    minor_faults: 8,
                },
                threads: 7,
                start_ticks: 12_345,
            };
            let stat = Stat::parse(&format!("42 ({name}) {tail}"));
            assert_eq!(stat, Some(expected), "{name}");
        }
    }

    #[test]
    fn what_is_cut_short_or_strange_is_refused() {
        for text in [
            "",
            "42 (x",
            "42 (x) S 1 2 3",
            "42 (x) S a b c d e f g h i j k l m n o p q r s t u",
        ] {
            assert_eq!(Stat::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn one_that_has_ended_is_not_there() {
        let tail = "1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 7 0 12345 1 2";
        assert!(Stat::parse(&format!("42 (x) Z {tail}")).unwrap().ended);
        assert!(!Stat::parse(&format!("42 (x) D {tail}")).unwrap().ended);
    }
}
