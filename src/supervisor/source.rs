//! The life of one source: connect, stream, back off, for ever.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, sleep_until},
};

use crate::{
    backoff::{Backoff, Policy},
    buffers::{Lease, ReleaseReason},
    net::Dialler,
    pipeline::{self, Context, End},
    shutdown::{TaskKind, Tasks},
    signal::MeterMembership,
    sources::{
        AccountMembership, ConnectOptions, DisconnectReason, FailureReason, KeptPipe,
        SourceOptions, State,
    },
};

/// How much longer than the backoff's cap a stream is left alone that cannot be decoded:
/// it will not change by itself.
const RARELY: u32 = 10;

const INPUT_ENDED: &str = "the program that wrote to standard input has ended; nothing will come \
any more: restart both";

/// Everything one source's task owns. Dropping it releases the source's buffer and
/// removes its series.
pub(super) struct Supervisor {
    /// All sources' tasks: cancelled when the program stops.
    pub(super) fleet: Tasks,
    /// This source's own.
    pub(super) tasks: Tasks,
    pub(super) dialler: Arc<Dialler>,
    pub(super) account: AccountMembership,
    pub(super) meter: MeterMembership,
    pub(super) lease: Lease,
    pub(super) options: watch::Receiver<Arc<SourceOptions>>,
    pub(super) connect: watch::Receiver<ConnectOptions>,
    /// At most one thread of this source reads a file or holds a device, also one that hangs.
    pub(super) thread_turn: Arc<Semaphore>,
    /// Its pipe, which outlives its sessions.
    pub(super) pipe: KeptPipe,
}

/// What follows a session.
enum Next {
    /// Try again after a wait.
    Retry(Pause),
    /// Nothing more to do until the configuration changes.
    Rest(State),
    /// The same, and that is a fault: what feeds the source is gone for good.
    Died(&'static str),
}

/// A wait between two attempts.
enum Pause {
    /// As the backoff says.
    Backoff,
    /// As the backoff says; the fault is our own.
    LocalFault,
    /// The backoff's longest: what blocks the source in this state stays for a while.
    Blocked(State),
    /// Much longer.
    Hopeless(State),
}

/// The fleet has let go of this source.
struct Dismissed;

impl Supervisor {
    /// Runs until the group is cancelled.
    pub(super) async fn run(mut self) {
        let tasks = self.tasks.clone();
        tokio::select! {
            // First: a stop also ends the sessions, and must not look like their fault.
            biased;
            () = tasks.cancelled() => {}
            Dismissed = self.live() => {}
        }
        self.account.disconnected(DisconnectReason::Local, None);
        let stopping = self.fleet.is_cancelled();
        self.lease.release(if stopping {
            ReleaseReason::Shutdown
        } else {
            ReleaseReason::Removed
        });
    }

    async fn live(&mut self) -> Dismissed {
        let mut backoff = Backoff::default();
        loop {
            let options = Arc::clone(&self.options.borrow_and_update());
            self.account.expect(options.expect.clone());
            // What was wrong under the old options says nothing about these.
            let mut fresh = true;
            let changed = loop {
                let next = if options.enabled {
                    let mut changed = self.options.clone();
                    let before = self.account.flowed();
                    let next = tokio::select! {
                        next = self.attempt(&options, fresh) => Ok(next),
                        changed = changed.changed() => Err(changed),
                    };
                    let flowed = self.account.flowed().saturating_sub(before);
                    backoff.after_session(&self.connect.borrow().backoff, flowed);
                    match next {
                        Ok(next) => next,
                        Err(changed) => {
                            self.account.disconnected(DisconnectReason::Local, None);
                            break changed;
                        }
                    }
                } else {
                    self.lease.clear();
                    self.pipe.close();
                    Next::Rest(State::Disabled)
                };
                if let Some(changed) = self.wait(next, &mut backoff).await {
                    break changed;
                }
                fresh = false;
            };
            if changed.is_err() {
                return Dismissed;
            }
        }
    }

    /// One session from connecting to its end.
    async fn attempt(&self, options: &SourceOptions, fresh: bool) -> Next {
        let account = &self.account;
        // A blocked source that is re-checked stays blocked until audio proves otherwise.
        if fresh || !is_blocked(account.state()) {
            account.enter(State::Connecting);
        }
        account.attempt();
        let context = Context {
            tasks: &self.tasks,
            dialler: &self.dialler,
            options,
            connect: *self.connect.borrow(),
            account,
            meter: &self.meter,
            asker: &self.lease.asker(),
            thread_turn: &self.thread_turn,
            pipe: &self.pipe,
        };
        let end = self
            .tasks
            .contain(TaskKind::Session, pipeline::run(&context))
            .await;
        match end {
            Some(end) => self.conclude(end),
            None => {
                let text = "the program failed; please report this bug";
                account.disconnected(DisconnectReason::Local, Some(text));
                account.failed(FailureReason::Local, text);
                Next::Retry(Pause::LocalFault)
            }
        }
    }

    fn conclude(&self, end: End) -> Next {
        use DisconnectReason as D;
        use FailureReason as F;
        let account = &self.account;
        match end {
            End::Finished => {
                account.disconnected(D::EndOfFile, None);
                Next::Rest(State::Ended)
            }
            End::InputEnded => {
                account.disconnected(D::EndOfFile, None);
                Next::Died(INPUT_ENDED)
            }
            End::CutOff(problem) => {
                account.disconnected(D::Truncated, Some(&problem));
                Next::Rest(State::Ended)
            }
            End::Unheard(end) => {
                account.disconnected(end.reason, Some(&end.problem));
                Next::Retry(Pause::Blocked(State::Unsupported))
            }
            End::Closed(end) => {
                account.disconnected(end.reason, Some(&end.problem));
                Next::Retry(match end.reason {
                    D::Buffer => Pause::Blocked(State::OverBudget),
                    D::Format => Pause::Hopeless(State::Unsupported),
                    D::Memory | D::Local => Pause::LocalFault,
                    _ => Pause::Backoff,
                })
            }
            End::NotOpened(error) => {
                // A session may have been open and have yielded nothing that can be used.
                account.disconnected(D::Decode, None);
                account.failed(error.reason, &error.problem);
                if let Some(codec) = error.codec {
                    account.refused_codec(codec);
                }
                Next::Retry(match error.reason {
                    F::Unauthorized => Pause::Blocked(State::Unauthorized),
                    F::NoAudioTrack => Pause::Hopeless(State::NoAudioTrack),
                    F::Unsupported => Pause::Hopeless(State::Unsupported),
                    F::Local => Pause::LocalFault,
                    _ => Pause::Backoff,
                })
            }
        }
    }

    /// Waits for the next attempt, or for changed options: `Some` then, an error when the
    /// fleet has let go.
    async fn wait(
        &mut self,
        next: Next,
        backoff: &mut Backoff,
    ) -> Option<Result<(), watch::error::RecvError>> {
        let pause = match next {
            Next::Rest(state) => {
                self.account.enter(state);
                return Some(self.options.changed().await);
            }
            Next::Died(problem) => {
                self.account.died(problem);
                return Some(self.options.changed().await);
            }
            Next::Retry(pause) => pause,
        };
        match pause {
            Pause::Backoff => self.account.enter(State::BackingOff),
            Pause::LocalFault => self.account.enter_local_fault(),
            Pause::Blocked(state) | Pause::Hopeless(state) => self.account.enter(state),
        }
        backoff.failed();
        let unit = Backoff::random_unit();
        let mut due =
            Instant::now() + pause.delay(&self.connect.borrow_and_update().backoff, backoff, unit);
        loop {
            self.account
                .next_attempt_in(due.saturating_duration_since(Instant::now()));
            tokio::select! {
                () = sleep_until(due) => return None,
                // Whoever writes next is another chance.
                () = self.pipe.drain(self.account.traffic()) => return None,
                changed = self.options.changed() => return Some(changed),
                changed = self.connect.changed() => {
                    if changed.is_err() {
                        return Some(changed);
                    }
                    // A shorter backoff helps those who are waiting already. By the same
                    // throw of the dice: any other change leaves them where they are.
                    let policy = self.connect.borrow_and_update().backoff;
                    due = due.min(Instant::now() + pause.delay(&policy, backoff, unit));
                }
            }
        }
    }
}

impl Pause {
    /// How long it is by this policy; `unit` is a random number in `0.0..1.0`.
    fn delay(&self, policy: &Policy, backoff: &Backoff, unit: f64) -> Duration {
        match self {
            Self::Backoff | Self::LocalFault => backoff.delay(policy, unit),
            Self::Blocked(_) => Backoff::longest_delay(policy, unit),
            Self::Hopeless(_) => Backoff::longest_delay(policy, unit) * RARELY,
        }
    }
}

fn is_blocked(state: State) -> bool {
    matches!(
        state,
        State::Unauthorized | State::Unsupported | State::NoAudioTrack | State::OverBudget
    )
}
