//! The life of one source: connect, stream, back off, for ever.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use crate::{
    backoff::Backoff,
    buffers::{Lease, ReleaseReason},
    pipeline::{self, Context, End},
    shutdown::{TaskKind, Tasks},
    signal::MeterMembership,
    sources::{
        AccountMembership, ConnectOptions, DisconnectReason, FailureReason, SourceOptions, State,
    },
};

/// Everything one source's task owns. Dropping it releases the source's buffer and
/// removes its series.
pub(super) struct Supervisor {
    /// All sources' tasks: cancelled when the program stops.
    pub(super) fleet: Tasks,
    /// This source's own.
    pub(super) tasks: Tasks,
    pub(super) account: AccountMembership,
    pub(super) meter: MeterMembership,
    pub(super) lease: Lease,
    pub(super) options: watch::Receiver<Arc<SourceOptions>>,
    pub(super) connect: watch::Receiver<ConnectOptions>,
}

/// What follows a session.
enum Next {
    /// Try again after a wait in this state.
    Retry(State, Wait),
    /// Nothing more to do until the configuration changes.
    Rest(State),
}

/// How long to wait before trying again.
enum Wait {
    /// As the backoff says.
    Backoff,
    /// The backoff's longest: what blocks the source will not go away by itself.
    Longest,
}

impl Supervisor {
    /// Runs until the group is cancelled.
    pub(super) async fn run(mut self) {
        let tasks = self.tasks.clone();
        tokio::select! {
            // First: a stop also ends the sessions, and must not look like their fault.
            biased;
            () = tasks.cancelled() => {}
            () = self.live() => {}
        }
        if self.account.view().state == State::Streaming {
            self.account.disconnected(DisconnectReason::Local, None);
        }
        let stopping = self.fleet.is_cancelled();
        self.lease.release(if stopping {
            ReleaseReason::Shutdown
        } else {
            ReleaseReason::Removed
        });
    }

    async fn live(&mut self) {
        let mut backoff = Backoff::default();
        loop {
            let options = Arc::clone(&self.options.borrow_and_update());
            self.account.expect(options.expect.clone());
            let next = if options.enabled {
                let (mut changed, stop) = (self.options.clone(), DisconnectReason::Local);
                tokio::select! {
                    next = self.attempt(&options, &mut backoff) => next,
                    still_wanted = changed.changed() => {
                        if still_wanted.is_err() {
                            return;
                        }
                        if self.account.view().state == State::Streaming {
                            self.account.disconnected(stop, None);
                        }
                        continue;
                    }
                }
            } else {
                self.lease.clear();
                Next::Rest(State::Disabled)
            };
            if self.wait(next, &mut backoff).await.is_err() {
                return;
            }
        }
    }

    /// One session from connecting to its end.
    async fn attempt(&self, options: &SourceOptions, backoff: &mut Backoff) -> Next {
        let account = &self.account;
        // A blocked source that is re-checked stays blocked until audio proves otherwise.
        if !is_blocked(account.view().state) {
            account.enter(State::Connecting);
        }
        account.attempt();
        let connect = *self.connect.borrow();
        let asker = self.lease.asker();
        let context = Context {
            tasks: &self.tasks,
            options,
            connect,
            account,
            meter: &self.meter,
            asker: &asker,
        };
        let before = account.view().time.audio;
        let end = self
            .tasks
            .contain(TaskKind::Supervisor, pipeline::run(&context))
            .await;
        backoff.after_session(
            &connect.backoff,
            account.view().time.audio.saturating_sub(before),
        );
        match end {
            Some(end) => self.conclude(end),
            None => {
                account.enter_local_fault("the program failed; please report this bug".to_owned());
                Next::Retry(State::BackingOff, Wait::Backoff)
            }
        }
    }

    fn conclude(&self, end: End) -> Next {
        let account = &self.account;
        match end {
            End::Finished => {
                account.disconnected(DisconnectReason::EndOfFile, None);
                Next::Rest(State::Ended)
            }
            End::Unheard(end) => {
                account.disconnected(end.reason, Some(end.problem));
                Next::Retry(State::Unsupported, Wait::Longest)
            }
            End::Closed(end) => {
                let over_budget = end.reason == DisconnectReason::Buffer;
                account.disconnected(end.reason, Some(end.problem));
                if over_budget {
                    Next::Retry(State::OverBudget, Wait::Longest)
                } else {
                    Next::Retry(State::BackingOff, Wait::Backoff)
                }
            }
            End::NotOpened(error) => {
                account.failed(error.reason, error.problem);
                if let Some(codec) = error.codec {
                    account.refused_codec(codec);
                }
                match error.reason {
                    FailureReason::Unauthorized => Next::Retry(State::Unauthorized, Wait::Longest),
                    FailureReason::NoAudioTrack => Next::Retry(State::NoAudioTrack, Wait::Longest),
                    FailureReason::Unsupported => Next::Retry(State::Unsupported, Wait::Longest),
                    _ => Next::Retry(State::BackingOff, Wait::Backoff),
                }
            }
        }
    }

    /// Waits for the next attempt, or for a changed configuration. `Err` when the fleet
    /// is gone.
    async fn wait(&mut self, next: Next, backoff: &mut Backoff) -> Result<(), ()> {
        let policy = self.connect.borrow().backoff;
        let delay = match next {
            Next::Rest(state) => {
                self.account.enter(state);
                return self.options.changed().await.map_err(|_| ());
            }
            Next::Retry(state, wait) => {
                self.account.enter(state);
                let drawn = backoff.next_delay(&policy, Backoff::random_unit());
                if matches!(wait, Wait::Longest) {
                    longest(policy.max())
                } else {
                    drawn
                }
            }
        };
        self.account.next_attempt_in(delay);
        tokio::select! {
            () = sleep(delay) => Ok(()),
            changed = self.options.changed() => changed.map_err(|_| ()),
        }
    }
}

fn longest(max: Duration) -> Duration {
    max.mul_f64(0.5 + 0.5 * Backoff::random_unit())
}

fn is_blocked(state: State) -> bool {
    matches!(
        state,
        State::Unauthorized | State::Unsupported | State::NoAudioTrack | State::OverBudget
    )
}
