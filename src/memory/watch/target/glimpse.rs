//! One more look, for who asks.

use std::{sync::Arc, time::Duration};

use super::Target;
use crate::memory::{
    Unreadable,
    proc::Look,
    watch::{members::Members, status::Glimpse, whose::Whose},
};

impl Target {
    /// Reads and judges it as of now. Adds nothing to what is judged, counted or remembered,
    /// however often it is asked for. With all that belong to it, for what is too dear to be read
    /// here.
    pub(in crate::memory::watch) fn analyze(&mut self, now: Duration, look: &Look<'_>) -> Glimpse {
        let proc = look.proc();
        if !(self.up && self.members.live(proc)) {
            self.look(now, Duration::ZERO, look);
        }
        let mut members = Members::default();
        let read = proc.can_open();
        let read = read.and_then(|()| self.whose.find(look, &mut members));
        let read = read.and_then(|_| members.read(proc));
        if let Whose::Ours(own) = &mut self.whose {
            // Open beside those of the watch itself while ours were counted.
            own.watching_fds += members.kept_open();
        }
        let held = match (read, &self.problem) {
            (Ok(held), _) if self.up => held,
            (Ok(_), problem) => return self.no_glimpse(problem.clone()),
            (Err(unread), _) => return self.no_glimpse(Some(unread)),
        };
        let limit = self.limit_now(proc);
        let pressure = self.reading.as_ref().and_then(|reading| reading.pressure);
        let mut reading = self.reading_of(&held, pressure);
        reading.limit = limit;
        self.describe(now, &mut reading);
        let verdict = self.judgement.as_of(now, limit);
        Glimpse {
            status: Arc::new(self.status(Some(reading), Some(verdict))),
            members: Ok(members.all().collect()),
        }
    }

    fn no_glimpse(&self, problem: Option<Unreadable>) -> Glimpse {
        Glimpse {
            status: self.subject.status(),
            members: Err(problem.unwrap_or_else(Unreadable::vanished)),
        }
    }
}
