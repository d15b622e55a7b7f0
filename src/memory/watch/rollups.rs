//! The figures that the kernel walks page tables for, read where nobody else waits for them.

use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};

use super::status::{Analysis, Glimpse};
use crate::{
    memory::{
        ReadFailure, Rollup, Unreadable,
        proc::{Identity, Proc},
    },
    shutdown::{TaskKind, Tasks},
};

/// Reads them on a thread for each request, one at a time.
#[derive(Debug)]
pub(super) struct Rollups {
    tasks: Tasks,
    proc: Proc,
    turn: Arc<Semaphore>,
}

impl Rollups {
    pub(super) fn new(tasks: &Tasks) -> Self {
        Self {
            tasks: tasks.clone(),
            proc: Proc::of_this_system(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Adds the dear figures. `None` when the program stops or the system gives no thread.
    ///
    /// Cancellation safe: a thread that reads goes on to its end, and keeps its turn until then.
    pub(super) async fn of(&self, glimpses: Vec<Glimpse>) -> Option<Vec<Analysis>> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        let (reply, answer) = oneshot::channel();
        let (tasks, proc) = (self.tasks.clone(), self.proc.clone());
        let read = move || {
            let _until_read = turn;
            let analyses = glimpses.into_iter().map(|glimpse| Analysis {
                rollup: glimpse.members.and_then(|members| {
                    let members = members.into_iter().take_while(|_| !tasks.is_cancelled());
                    sum(&proc, members)
                }),
                status: glimpse.status,
            });
            // Who asked may have gone.
            let _told = reply.send(analyses.collect());
        };
        self.tasks.thread(TaskKind::Memory, "rollup", read).ok()?;
        answer.await.ok()
    }
}

fn sum(proc: &Proc, members: impl Iterator<Item = Identity>) -> Result<Rollup, Unreadable> {
    let mut sum = None::<Rollup>;
    for member in members {
        match proc.rollup(member.pid) {
            Ok(part) => sum = Some(sum.map_or(part, |sum| sum + part)),
            Err(gone) if gone.reason == ReadFailure::Vanished => {}
            Err(unread) => return Err(unread),
        }
    }
    sum.ok_or_else(Unreadable::vanished)
}
