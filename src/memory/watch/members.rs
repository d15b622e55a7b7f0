//! The processes of one watch: kept open from one look to the next, summed up.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use super::usage::Usage;
use crate::memory::proc::{
    Identity, Look, Proc, ReadFailure, Stat, Statm, Status, StatusFile, Unreadable, Used,
};

/// So many processes of a watch are kept open; those beyond are opened at each look.
const KEPT_OPEN: usize = 32;

/// Trees of processes and what they have used so far.
#[derive(Debug, Default)]
pub(in crate::memory) struct Members {
    /// At the head of their trees; those of the last look that found any.
    heads: BTreeSet<Identity>,
    known: BTreeMap<Identity, Member>,
    usage: Usage,
}

#[derive(Debug)]
struct Member {
    open: Option<Open>,
    threads: u64,
}

/// What is read at each sample.
#[derive(Debug)]
struct Open {
    statm: Statm,
    /// `None` where it is not told.
    status: Option<StatusFile>,
}

impl Open {
    /// Bytes in RAM, and their kinds as far as they are told; `None` when it has ended.
    fn read(&self) -> io::Result<Option<(u64, Status)>> {
        let Some(resident) = self.statm.resident()? else {
            return Ok(None);
        };
        let status = self.status.as_ref().map(StatusFile::read);
        Ok(Some((resident, status.unwrap_or_default())))
    }

    fn of(proc: &Proc, pid: u32) -> Result<Self, Unreadable> {
        let statm = proc.statm(pid)?;
        let status = match proc.status(pid) {
            Err(unread) if unread.reason == ReadFailure::Local => return Err(unread),
            status => status.ok(),
        };
        Ok(Self { statm, status })
    }
}

/// What became of the heads since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::memory) enum Heads {
    /// All are still there, perhaps with new ones.
    Stayed,
    /// At least one has ended; so many have come in place of some.
    Ended {
        /// New ones that were nobody's children here, at most as many as ended.
        replaced: u64,
    },
}

/// What they hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::memory) struct Held {
    pub(in crate::memory) resident: u64,
    pub(in crate::memory) anonymous: Option<u64>,
    pub(in crate::memory) file: Option<u64>,
    pub(in crate::memory) swap: Option<u64>,
    pub(in crate::memory) processes: u32,
    pub(in crate::memory) threads: u64,
    /// `None` when that of one cannot be had.
    pub(in crate::memory) open_fds: Option<u64>,
    /// How many could not be read, and are not in the sums.
    pub(in crate::memory) unread_processes: u32,
    /// Why it cannot.
    pub(in crate::memory) unread: Option<Unreadable>,
}

impl Members {
    /// Whether every head lives; a read of some 30 bytes each.
    pub(super) fn live(&self, proc: &Proc) -> bool {
        let lives = |head: &Identity| match self.known.get(head).and_then(|m| m.open.as_ref()) {
            Some(open) => matches!(open.statm.resident(), Ok(Some(_))),
            None => proc.identity(head.pid) == Some(*head),
        };
        !self.heads.is_empty() && self.heads.iter().all(lives)
    }

    /// The heads, in order of their numbers.
    pub(super) fn heads(&self) -> impl Iterator<Item = Identity> + '_ {
        self.heads.iter().copied()
    }

    /// So many descriptors are kept open to read them.
    pub(super) fn kept_open(&self) -> u64 {
        let open = self
            .known
            .values()
            .filter_map(|member| member.open.as_ref());
        open.map(|open| 1 + u64::from(open.status.is_some())).sum()
    }

    /// They are gone, or cannot be read: nothing is kept open for their sake until they are found.
    pub(super) fn close(&mut self) {
        for member in self.known.values_mut() {
            member.open = None;
        }
    }

    /// Everybody.
    pub(super) fn all(&self) -> impl Iterator<Item = Identity> + '_ {
        self.known.keys().copied()
    }

    /// What all that ever belonged here used while they did.
    pub(super) fn used(&self) -> Used {
        self.usage.total()
    }

    /// A look began at `ticks`, whether or not it found anybody.
    pub(super) fn looked(&mut self, ticks: u64) {
        self.usage.looked(ticks);
    }

    /// Takes over who belongs here now.
    pub(in crate::memory) fn update(
        &mut self,
        look: &Look<'_>,
        heads: &BTreeSet<u32>,
    ) -> Result<Heads, Unreadable> {
        let trees = look.trees(heads);
        // Children that were not seen have not ended.
        look.complete()?;
        self.take(look.proc(), trees, heads)
    }

    /// This process, whose children are not looked for: it has none.
    pub(super) fn update_own(&mut self, proc: &Proc) -> Result<(), Unreadable> {
        let pid = std::process::id();
        let stat = proc.stat(pid)?;
        let started = stat.start_ticks;
        let alone = [(Identity { pid, started }, stat)].into();
        self.take(proc, alone, &[pid].into()).map(drop)
    }

    fn take(
        &mut self,
        proc: &Proc,
        trees: BTreeMap<Identity, Stat>,
        heads: &BTreeSet<u32>,
    ) -> Result<Heads, Unreadable> {
        let members = trees.keys();
        let heads: BTreeSet<Identity> = members
            .filter(|identity| heads.contains(&identity.pid))
            .copied()
            .collect();
        let Some(first) = heads.first() else {
            return Err(Unreadable::vanished());
        };
        if self.known.get(first).is_none_or(|head| head.open.is_none()) {
            // Says why, if it may not be read at all.
            proc.statm(first.pid)?;
        }
        let ended = self.heads.difference(&heads).count();
        // Children that outlive their head are at the head themselves: nothing was started.
        let came = heads.difference(&self.heads);
        let came = came.filter(|head| !self.known.contains_key(head)).count();
        self.heads = heads;
        self.known
            .retain(|identity, _| trees.contains_key(identity));
        self.usage.take(proc, &trees);
        let members = self.known.values();
        let mut open = members.filter(|member| member.open.is_some()).count();
        for (identity, stat) in trees {
            let member = self.known.entry(identity).or_insert(Member {
                open: None,
                threads: 0,
            });
            match &mut member.open {
                // What failed for want of descriptors is tried again.
                Some(open) if open.status.is_none() => open.status = proc.status(identity.pid).ok(),
                None if open < KEPT_OPEN => {
                    member.open = Open::of(proc, identity.pid).ok();
                    open += usize::from(member.open.is_some());
                }
                _ => {}
            }
            member.threads = stat.threads;
        }
        Ok(if ended == 0 {
            Heads::Stayed
        } else {
            Heads::Ended {
                replaced: ended.min(came) as u64,
            }
        })
    }

    /// Sums up. A process that ends meanwhile is left out.
    pub(in crate::memory) fn read(&self, proc: &Proc) -> Result<Held, Unreadable> {
        let mut held = Held {
            open_fds: Some(0),
            ..Held::default()
        };
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        for (identity, member) in &self.known {
            let pid = identity.pid;
            let told = |open: &Open| open.read().map_err(|error| proc.unreadable(&error));
            let told = match &member.open {
                Some(open) => told(open),
                None => Open::of(proc, pid).and_then(|open| told(&open)),
            };
            let (resident, status) = match told {
                Ok(Some(told)) => told,
                Ok(None) => continue,
                Err(gone) if gone == Unreadable::vanished() => continue,
                // A part would be taken for the whole.
                Err(unread) if unread.reason == ReadFailure::Local => return Err(unread),
                Err(unread) => {
                    held.unread_processes += 1;
                    held.unread = Some(unread);
                    continue;
                }
            };
            held.resident = held.resident.saturating_add(resident);
            held.processes += 1;
            held.threads += member.threads;
            // What a process lacks that has just ended, the sum does not lack.
            let Status {
                anonymous,
                file,
                swap,
            } = status;
            held.anonymous = sum(held.anonymous, anonymous);
            held.file = sum(held.file, file);
            held.swap = sum(held.swap, swap);
            match proc.open_fds(pid) {
                Ok(open) => held.open_fds = held.open_fds.map(|sum| sum + open),
                Err(gone) if gone == Unreadable::vanished() => {}
                Err(unread) => {
                    held.open_fds = None;
                    held.unread = Some(unread);
                }
            }
        }
        if held.processes == 0 {
            return Err(Unreadable::vanished());
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests;
