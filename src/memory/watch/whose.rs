//! Whose memory a watch is about, and how that one is found.

use super::{
    members::{Heads, Members},
    own::Own,
};
use crate::memory::{
    MemoryOptions, Unreadable, WatchOptions,
    proc::{Finder, Look},
};

/// Whose memory it is.
#[derive(Debug)]
pub(super) enum Whose {
    /// This process's.
    Ours(Own),
    /// Another's.
    Theirs(Box<WatchOptions>, Finder),
}

impl Whose {
    /// The most bytes that the configuration lets it have.
    pub(super) fn allowed(&self, options: &MemoryOptions) -> Option<u64> {
        match self {
            Self::Ours(_) => options.own_limit,
            Self::Theirs(watch, _) => watch.memory_limit,
        }
    }

    /// Finds the process anew and notes who belongs to it.
    pub(super) fn find(
        &mut self,
        look: &Look<'_>,
        members: &mut Members,
    ) -> Result<Heads, Unreadable> {
        match self {
            Self::Ours(_) => members.update_own(look.proc()).map(|()| Heads::Stayed),
            Self::Theirs(_, finder) => {
                let heads = finder.find(look)?;
                members.update(look, &heads)
            }
        }
    }
}
