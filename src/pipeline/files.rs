//! Sessions that are files somebody is still writing: one followed, or a directory of them.

use std::{path::Path, sync::Arc};

use super::{Context, Ended, container::no_thread, file_turn, live::Intake};
use crate::{
    decode::{Container, ContainerEnd, EndlessWav, Open, Opened, Rounds},
    sources::{
        FailureReason, Follower, GrowingFile, LiveStatus, OpenError, SegmentFolder, SegmentFollower,
    },
};

/// How much of what was there before us is played, in seconds: enough to know the format.
const KEPT_SECONDS: u64 = 2;

pub(super) async fn follow(context: &Context<'_>, path: &Path) -> Ended {
    let (status, wanted) = LiveStatus::new();
    let mut follower = Follower::new(path.to_owned(), Arc::clone(&status));
    let turn = file_turn(context).await?;
    let open = move || {
        let _held_by_the_thread = &turn;
        follower.open_next().map(container)
    };
    let plan = Plan {
        status: &status,
        absent: "the file does not exist yet",
        one_of_many: false,
    };
    let ended = run(context, Box::new(open), &plan).await;
    drop(wanted);
    ended
}

pub(super) async fn segments(context: &Context<'_>, folder: &SegmentFolder) -> Ended {
    let (status, wanted) = LiveStatus::new();
    let mut follower = SegmentFollower::new(folder.clone(), Arc::clone(&status));
    let turn = file_turn(context).await?;
    let open = move || {
        let _held_by_the_thread = &turn;
        follower.open_next().map(container)
    };
    let plan = Plan {
        status: &status,
        absent: "there is no audio file in the directory yet",
        one_of_many: true,
    };
    let ended = run(context, Box::new(open), &plan).await;
    drop(wanted);
    ended
}

/// What makes the difference between the two.
struct Plan<'a> {
    status: &'a LiveStatus,
    absent: &'static str,
    /// A file that cannot be played is followed by others.
    one_of_many: bool,
}

fn container((file, extension): (GrowingFile, Option<String>)) -> Opened {
    let stream = EndlessWav::with_skip(file, |file, layout| {
        file.skip_backlog(layout.block, layout.rate * KEPT_SECONDS)
    });
    Opened::stream(stream, extension)
}

async fn run(context: &Context<'_>, open: Open<OpenError>, plan: &Plan<'_>) -> Ended {
    let name = context.options.id.as_str();
    let mut container = Container::start(context.tasks, name, open, Rounds::Live)
        .map_err(|error| no_thread(&error))?;
    let mut intake = Intake::new(context, "file");
    loop {
        tokio::select! {
            block = container.next() => {
                let block = block.map_err(not_opened)?;
                let Some(words) = intake.take(block, plan.status.is_behind()).await? else {
                    continue;
                };
                if !plan.one_of_many {
                    return Err(OpenError::new(FailureReason::Unsupported, words).into());
                }
                tracing::warn!(source = name, "a segment is skipped: {words}");
                intake.sink.undecodable();
            }
            () = intake.watch.tick() => {
                intake.check(plan.status.is_absent().then_some(plan.absent));
            }
        }
    }
}

fn not_opened(end: ContainerEnd<OpenError>) -> OpenError {
    match end {
        ContainerEnd::Open(error) => error,
        // A live container has no other end but a bug in it.
        other => OpenError::new(FailureReason::Local, other.to_string()),
    }
}
