//! Asking for a buffer: leases, askers and `allocate_if_needed`.

use std::{
    fmt,
    panic::Location,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use super::{
    account::{Account, Statement, Timings},
    budget::Budget,
    capture::CaptureBuffer,
    departed::Departed,
    error::AllocationError,
    holdings::{AskedBy, Holdings},
    kind::BufferKind,
    ledger::{AllocationResult, ReleaseReason},
    pool::Pool,
    registry::{Answer, AskError, KeyLease, Registry},
    request::{Request, Size, approximate_bytes},
    tracker::Tracker,
};
use crate::{
    id::SourceId,
    metrics::{Membership, Roster},
    units::{AudioFormat, ByteSize},
};

/// All buffers of the program: at most one live buffer for each source and kind.
pub struct Buffers {
    pub(super) budget: Arc<Budget>,
    pub(super) pool: Arc<Pool>,
    registries: PerKind<Registry<SourceId, Arc<CaptureBuffer>>>,
    pub(super) timings: PerKind<Arc<Timings>>,
    pub(super) departed: Departed,
    pub(super) tracker: Tracker,
    holdings: Holdings,
    pub(super) started: Instant,
    pub(super) roster: Roster<SourceId, Subject>,
}

type PerKind<T> = [T; BufferKind::COUNT];

/// One source's accounts.
pub(super) struct Subject {
    pub(super) accounts: PerKind<Arc<Account>>,
}

/// The right to have buffers under a source's name; its supervisor holds it. As long as it is
/// held the source's series exist. Dropping it removes the source's buffers.
pub struct Lease {
    asker: Asker,
    _series: Membership<SourceId, Subject>,
}

/// A session's way to ask for its source's buffers. Outlives its [`Lease`] harmlessly: then
/// every answer is [`AllocationError::Revoked`].
#[derive(Clone)]
pub struct Asker {
    shared: Arc<Shared>,
}

struct Shared {
    buffers: Arc<Buffers>,
    source: SourceId,
    subject: Arc<Subject>,
    /// By [`BufferKind::index`].
    leases: Box<[KeyLease]>,
}

/// The source has a lease already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source {0} has a supervisor already")]
pub struct AlreadyLeased(pub SourceId);

/// A buffer, and whether this attempt made it.
#[derive(Clone, Debug)]
pub enum Allocation {
    /// Made by this attempt.
    First(Arc<CaptureBuffer>),
    /// It was there; its audio stays.
    Repeated(Arc<CaptureBuffer>),
}

impl Allocation {
    /// The buffer, however it came about.
    pub fn into_buffer(self) -> Arc<CaptureBuffer> {
        match self {
            Self::First(buffer) | Self::Repeated(buffer) => buffer,
        }
    }
}

impl Buffers {
    /// No buffers yet, and `budget` bytes for all that come.
    pub fn new(budget: ByteSize) -> Arc<Self> {
        let budget = Budget::new(budget);
        Arc::new(Self {
            pool: Arc::new(Pool::new(Arc::clone(&budget))),
            budget,
            registries: std::array::from_fn(|_| Registry::new()),
            timings: std::array::from_fn(|_| Arc::default()),
            departed: Departed::default(),
            tracker: Tracker::default(),
            holdings: Holdings::default(),
            started: Instant::now(),
            roster: Roster::default(),
        })
    }

    /// Leases a source's name. From here on its series exist, at zero.
    ///
    /// # Errors
    /// [`AlreadyLeased`] while another lease on the name is held.
    pub fn lease(self: &Arc<Self>, source: SourceId) -> Result<Lease, AlreadyLeased> {
        let subject = Arc::new(Subject {
            accounts: std::array::from_fn(|at| {
                Arc::new(Account::new(Arc::clone(&self.timings[at])))
            }),
        });
        // The roster decides: a lease leaves it last, so its name's keys are free by then.
        let series = self
            .roster
            .join(source.clone(), Arc::clone(&subject))
            .map_err(|_| AlreadyLeased(source.clone()))?;
        let opened = self.registries.iter().map(|r| r.open(source.clone()));
        let leases = opened
            .collect::<Result<_, _>>()
            .map_err(|_| AlreadyLeased(source.clone()))?;
        let shared = Shared {
            buffers: Arc::clone(self),
            source,
            subject,
            leases,
        };
        Ok(Lease {
            asker: Asker {
                shared: Arc::new(shared),
            },
            _series: series,
        })
    }

    /// A source's live buffer, if it has one. For those who only read.
    pub fn get(&self, source: &SourceId, kind: BufferKind) -> Option<Arc<CaptureBuffer>> {
        self.registries[kind.index()].get(source)
    }

    /// What buffers and readers there are, and whose memory it is.
    pub fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// Bytes of the budget in use, those of retired buffers that somebody still reads
    /// included; and its limit.
    pub fn budget(&self) -> (ByteSize, ByteSize) {
        (self.budget.used(), self.budget.limit())
    }

    /// Changes the budget. Buffers that are there stay, also beyond a smaller one.
    pub fn set_budget(&self, limit: ByteSize) {
        self.budget.set_limit(limit);
    }

    /// Everything about the leased sources' buffers, in order of names and kinds.
    pub fn statements(&self) -> Vec<(SourceId, BufferKind, Statement)> {
        let mut statements = Vec::new();
        for (source, subject) in self.roster.members() {
            for kind in BufferKind::ALL {
                let statement = subject.accounts[kind.index()].statement();
                statements.push((source.clone(), *kind, statement));
            }
        }
        statements
    }
}

impl Lease {
    /// A handle for the source's sessions.
    pub fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// Gives up the source's buffers but keeps the name: its series stay, and the next
    /// asker allocates anew. For a source that is switched off.
    pub fn clear(&self) {
        self.asker.shared.clear(ReleaseReason::Removed);
    }

    /// Gives up the source's buffers for a reason. Holders may finish them; askers are
    /// revoked. Dropping the lease does the same, with [`ReleaseReason::Removed`].
    pub fn release(self, reason: ReleaseReason) {
        self.asker.shared.close(reason);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.asker.shared.close(ReleaseReason::Removed);
    }
}

impl Shared {
    fn close(&self, reason: ReleaseReason) {
        for kind in BufferKind::ALL {
            let at = kind.index();
            let release = |buffer: &Arc<CaptureBuffer>| buffer.retire(reason);
            self.buffers.registries[at].close(&self.source, &self.leases[at], release);
        }
        self.buffers
            .departed
            .note(&self.source, &self.subject.accounts);
    }

    fn clear(&self, reason: ReleaseReason) {
        for kind in BufferKind::ALL {
            let at = kind.index();
            let release = |buffer: &Arc<CaptureBuffer>| buffer.retire(reason);
            self.buffers.registries[at].clear(&self.source, &self.leases[at], release);
        }
    }
}

impl Asker {
    /// The source it asks for.
    pub fn source(&self) -> &SourceId {
        &self.shared.source
    }

    /// Gets the source's buffer, allocating it if there is none. Atomic: of any number of
    /// callers one allocates and the others get that buffer.
    ///
    /// A buffer of another format or length is retired and a new one takes its place; two
    /// formats never share a buffer. Every call is one attempt in the ledger.
    ///
    /// `duration` times `format` is the capacity, rounded down to whole frames. Waits only
    /// while another caller allocates this same buffer, microseconds as memory is not touched.
    ///
    /// # Errors
    /// [`AllocationError`]; there is then no buffer, and the next call tries again. A wrong
    /// request leaves a live buffer alone; a change of format that fails has retired it.
    #[track_caller]
    pub fn allocate_if_needed(
        &self,
        kind: BufferKind,
        format: AudioFormat,
        duration: Duration,
    ) -> Result<Allocation, AllocationError> {
        let asked_at = Location::caller();
        let answer = self.attempt(kind, format, duration, asked_at);
        let tracker = &self.shared.buffers.tracker;
        if tracker.is_on() {
            let outcome = match &answer {
                Ok(Allocation::First(_)) => (AllocationResult::FirstAllocation, None),
                Ok(Allocation::Repeated(_)) => (AllocationResult::RepeatedBlocked, None),
                Err(error) => (AllocationResult::Error, Some(error.to_string())),
            };
            let wanted = (format, duration);
            tracker.note(asked_at, (self.source(), kind), wanted, outcome);
        }
        answer
    }

    /// Gives up the source's buffer unless it is of this format and length, so that who holds
    /// it can be asked to let go before another takes its place: until then both would be
    /// charged. `None` when there was nothing to give up; else it shows whether somebody
    /// still holds it. Not an attempt. A wrong request leaves the buffer alone.
    pub fn release_misfit(
        &self,
        kind: BufferKind,
        format: AudioFormat,
        duration: Duration,
    ) -> Option<Weak<CaptureBuffer>> {
        let size = Size::of(format, duration).ok()?;
        let Shared {
            buffers,
            source,
            leases,
            ..
        } = &*self.shared;
        let at = kind.index();
        let mut given_up = None;
        let misfit = |buffer: &Arc<CaptureBuffer>| !size.fits(format, buffer);
        buffers.registries[at].clear_if(source, &leases[at], misfit, |buffer| {
            buffer.retire(ReleaseReason::FormatChange);
            given_up = Some(Arc::downgrade(buffer));
        });
        given_up
    }

    fn attempt(
        &self,
        kind: BufferKind,
        format: AudioFormat,
        duration: Duration,
        asked_at: &'static Location<'static>,
    ) -> Result<Allocation, AllocationError> {
        let Shared {
            buffers,
            source,
            subject,
            leases,
        } = &*self.shared;
        let at = kind.index();
        let account = &subject.accounts[at];
        let size = Size::of(format, duration);
        let requested = match &size {
            Ok(size) => size.bytes as f64,
            Err(_) => approximate_bytes(format, duration),
        };
        let mut attempt = Some(account.ledger().attempt(requested));
        let answer = size.and_then(|size| {
            let mut request = Request {
                size,
                format,
                duration,
                pool: &buffers.pool,
                account,
                asked_by: AskedBy {
                    holdings: &buffers.holdings,
                    source,
                    kind,
                    asked_at,
                },
                attempt: &mut attempt,
            };
            let answer = buffers.registries[at].ask(source, &leases[at], &mut request);
            answer.map_err(|error| match error {
                AskError::Revoked => AllocationError::Revoked,
                AskError::Failed(error) => error,
            })
        });
        // A first allocation has taken its attempt with it.
        match (answer, attempt) {
            (Ok(Answer::First(buffer)), _) => Ok(Allocation::First(buffer)),
            (Ok(Answer::Repeated(buffer)), attempt) => {
                if let Some(attempt) = attempt {
                    attempt.repeated();
                }
                Ok(Allocation::Repeated(buffer))
            }
            (Err(error), attempt) => {
                if let Some(attempt) = attempt {
                    attempt.error(error.error_type());
                }
                Err(error)
            }
        }
    }
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, limit) = self.budget();
        write!(f, "Buffers({:?}, {used} of {limit})", self.roster)
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.asker.shared.source)
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asker({})", self.shared.source)
    }
}
