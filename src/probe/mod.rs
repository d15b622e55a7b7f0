//! One-off probes: connect as a capture would, listen for a moment, and tell.
//!
//! A probe runs one session of the ordinary pipeline with an account, a meter and a small
//! buffer of its own. It shares nothing with the captured sources but the dialler, so it
//! waits for its turn like everyone else and changes none of their series.

mod metrics;
mod report;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tracing::Instrument as _;

pub use metrics::ProbeMetrics;
pub use report::{Failure, Report};

use crate::{
    buffers::{Buffers, ReleaseReason},
    net::Dialler,
    pipeline::{self, Context, End},
    shutdown::{TaskKind, Tasks},
    signal::Meters,
    sources::{
        Account, ConnectOptions, DisconnectReason, FailureReason, KeptPipe, SourceOptions, State,
    },
    units::ByteSize,
};

/// How much audio the probe's own buffer holds; nobody reads it.
const BUFFER: Duration = Duration::from_millis(100);
/// Enough for that much of any format there is.
const BUDGET: ByteSize = ByteSize(16 << 20);
/// How often the account is looked at for the first audio, which carries its own time.
const LOOK: Duration = Duration::from_millis(20);

/// What to probe and for how long.
#[derive(Clone, Debug)]
pub struct Request {
    /// The source; `enabled` plays no part.
    pub source: SourceOptions,
    /// Deadlines of opening.
    pub connect: ConnectOptions,
    /// How long to listen from the first audio on.
    pub listen: Duration,
    /// The longest that all of it may take.
    pub limit: Duration,
}

/// Why a source is not probed on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such target.
    NotAllowed,
    /// It is a pipe: what a probe reads of it, its capture misses.
    Pipe,
}

/// Runs one probe. `tasks` is where its helpers are spawned; they end with it. `waiting` is
/// told, whenever that changes, what is waited for while nothing is there to listen to.
///
/// Cancellation safe: dropping the future closes what it opened.
pub async fn run(
    tasks: &Tasks,
    dialler: &Dialler,
    request: &Request,
    waiting: impl FnMut(&str),
) -> Report {
    // The level of an error, so that the mark is there whatever the log shows.
    let mark = tracing::error_span!("probe", probe = true);
    listen(tasks, dialler, request, waiting)
        .instrument(mark)
        .await
}

async fn listen(
    tasks: &Tasks,
    dialler: &Dialler,
    request: &Request,
    waiting: impl FnMut(&str),
) -> Report {
    let began = Instant::now();
    let deadline = began + request.limit;
    let options = SourceOptions {
        capture: BUFFER,
        analysis: BUFFER,
        ..request.source.clone()
    };
    let account = Account::of_probe(options.id.clone(), options.location.kind());
    let (meters, buffers) = (Meters::default(), Buffers::new(BUDGET));
    let (Ok(meter), Ok(lease)) = (meters.open(&options.id), buffers.lease(options.id.clone()))
    else {
        // Nobody else knows these rosters, so the name is always free.
        return Report::failed(
            began,
            FailureReason::Local,
            "the probe failed; this is a bug",
        );
    };
    account.expect(options.expect.clone());
    account.enter(State::Connecting);
    let helpers = tasks.child();
    let asker = lease.asker();
    let (thread_turn, pipe) = (Arc::new(Semaphore::new(1)), KeptPipe::default());
    let context = Context {
        tasks: &helpers,
        dialler,
        options: &options,
        connect: request.connect,
        account: &account,
        meter: &meter,
        asker: &asker,
        thread_turn: &thread_turn,
        pipe: &pipe,
    };
    let session = helpers.contain(TaskKind::Probe, pipeline::run(&context));
    let ended = tokio::select! {
        end = session => Ended::Itself(end),
        enough = timeout_at(deadline, heard_enough(&account, request.listen, waiting)) => {
            if enough.is_ok() { Ended::Enough } else { Ended::Late }
        }
    };
    let failure = failure(ended, &account, request.limit);
    lease.release(ReleaseReason::Removed);
    helpers.cancel();
    Report::new(began, &account, meter.overall(), failure)
}

/// Why the listening stopped.
enum Ended {
    /// By itself; without an end when the program failed.
    Itself(Option<End>),
    /// Audio has flowed for as long as was asked.
    Enough,
    /// The time was up.
    Late,
}

/// Waits until audio has flowed for `listen`, or never will.
async fn heard_enough(account: &Account, listen: Duration, mut waiting: impl FnMut(&str)) {
    let mut told = None;
    let first = loop {
        let view = account.view();
        if view.state == State::Waiting && view.problem != told {
            told = view.problem;
            waiting(told.as_deref().unwrap_or_default());
        }
        if view.state == State::Unsupported {
            return;
        }
        if let Some(first) = view.first_audio {
            break first;
        }
        sleep(LOOK).await;
    };
    sleep_until(first + listen).await;
}

fn failure(ended: Ended, account: &Account, limit: Duration) -> Option<Failure> {
    let view = account.view();
    match ended {
        // The session goes on, but only its transport is of use.
        Ended::Enough if view.state == State::Unsupported => Some(Failure {
            reason: FailureReason::Unsupported.as_str(),
            problem: view.problem.unwrap_or_default(),
        }),
        Ended::Itself(Some(End::InputEnded)) if view.first_audio.is_none() => Some(Failure {
            reason: FailureReason::Closed.as_str(),
            problem: "the standard input ended without any audio; check the program that writes \
                      to it"
                .to_owned(),
        }),
        Ended::Enough | Ended::Itself(Some(End::Finished | End::InputEnded | End::CutOff(_))) => {
            None
        }
        // There was less time than asked for, but what there was had audio.
        Ended::Late if view.first_audio.is_some() => None,
        Ended::Late if view.state == State::Waiting => Some(Failure {
            reason: FailureReason::Timeout.as_str(),
            problem: format!(
                "nothing came within {limit:?}: {}",
                view.problem.unwrap_or_default()
            ),
        }),
        Ended::Late if view.info.transport.is_some() => Some(Failure {
            reason: DisconnectReason::Stall.as_str(),
            problem: format!(
                "the session is open but no audio came within {limit:?}; restart the camera, and \
                 check that its microphone is switched on"
            ),
        }),
        Ended::Late => Some(Failure {
            reason: FailureReason::Timeout.as_str(),
            problem: format!("no session could be opened within {limit:?}; allow it more time"),
        }),
        Ended::Itself(Some(End::NotOpened(error))) => Some(Failure {
            reason: error.reason.as_str(),
            problem: error.problem,
        }),
        Ended::Itself(Some(End::Closed(end) | End::Unheard(end))) => Some(Failure {
            reason: end.reason.as_str(),
            problem: end.problem,
        }),
        Ended::Itself(None) => Some(Failure {
            reason: FailureReason::Local.as_str(),
            problem: "the program failed; please report this bug".to_owned(),
        }),
    }
}
