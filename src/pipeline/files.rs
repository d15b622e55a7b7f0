//! Sessions that are files somebody is still writing: one followed, or a directory of them.

use std::{io, path::Path, sync::Arc};

use super::{Context, Ended, container::no_thread, file_turn, live::Intake};
use crate::{
    decode::{Container, ContainerEnd, Growing, Open, Opened, Rounds},
    sources::{
        FailureReason, Follower, GrowingFile, LiveStatus, OpenError, SegmentFolder,
        SegmentFollower, address_hint,
    },
};

/// How much of what was there before us is played, in seconds: enough to know the format.
const KEPT_SECONDS: u64 = 2;

const NO_SEGMENT: &str = "there is no audio file in the directory yet";
const GONE: &str = "the file is gone; its recorder has to write it anew, or correct the path";
const UNFINISHED_SEGMENT: &str =
    "the newest file is an MP4 whose index (moov) comes last; it is played when it is finished";
const UNFINISHED: &str = "this MP4 is still being written and cannot be read before it has its \
    index (moov); let the recorder write fragmented MP4 (ffmpeg: -movflags \
    +empty_moov+default_base_moof+frag_keyframe -frag_duration 1000000 -flush_packets 1), or AAC in ADTS frames";

/// What is said while nothing follows a segment that was skipped.
const UNPLAYABLE: &str = "the latest file in the directory cannot be played; the log says why";

/// Which files.
#[derive(Clone, Copy)]
pub(super) enum Files<'a> {
    /// The one at a path, and what takes its place.
    Followed(&'a Path),
    /// Those of a directory, one after another.
    Segments(&'a SegmentFolder),
}

pub(super) async fn run(context: &Context<'_>, files: Files<'_>) -> Ended {
    let (status, _wanted) = LiveStatus::new();
    let turn = file_turn(context).await?;
    let mut next = files.opener(&status);
    let open: Open<OpenError> = Box::new(move || {
        let _held_by_the_thread = &turn;
        next().map(|(file, extension)| {
            Opened::growing(file, extension, |file, layout| {
                file.skip_backlog(layout.block, layout.rate * KEPT_SECONDS)
            })
        })
    });
    let name = context.options.id.as_str();
    let mut container = Container::start(context.tasks, name, open, Rounds::Live)
        .map_err(|error| no_thread(&error))?;
    let mut intake = Intake::new(context, "file");
    let mut no_segment = NO_SEGMENT;
    loop {
        tokio::select! {
            block = container.next() => {
                let block = block.map_err(not_opened)?;
                let Some(words) = intake.take(block, status.is_behind()).await? else {
                    continue;
                };
                // Only a file that is one of many is followed by others.
                if matches!(files, Files::Followed(_)) {
                    return Err(OpenError::new(FailureReason::Unsupported, words).into());
                }
                tracing::warn!(source = name, "a segment is skipped: {words}");
                intake.sink.broken();
                no_segment = UNPLAYABLE;
            }
            () = intake.watch.tick() => {
                let nothing_yet = files.nothing_yet(&status, intake.watch.had_audio, no_segment);
                intake.check(nothing_yet.as_deref());
            }
        }
    }
}

/// Opens one file after another, on the container's thread.
type Next = Box<dyn FnMut() -> Result<(GrowingFile, Option<String>), OpenError> + Send>;

impl Files<'_> {
    fn opener(self, status: &Arc<LiveStatus>) -> Next {
        let status = Arc::clone(status);
        match self {
            Self::Followed(path) => {
                let mut follower = Follower::new(path.to_owned(), status);
                Box::new(move || follower.open_next())
            }
            Self::Segments(folder) => {
                let mut follower = SegmentFollower::new(folder.clone(), status);
                Box::new(move || follower.open_next())
            }
        }
    }

    /// Why nothing can be read, where that is so. `no_segment`: what an empty directory means.
    fn nothing_yet(self, status: &LiveStatus, had_audio: bool, no_segment: &str) -> Option<String> {
        let (absent, unfinished) = (status.is_absent(), status.is_unfinished());
        match self {
            Self::Followed(path) if absent => {
                let hint = address_hint(path).map(|hint| format!("; {hint}"));
                Some(if had_audio {
                    GONE.to_owned()
                } else {
                    let hint = hint.unwrap_or_default();
                    format!("the file does not exist yet{hint}")
                })
            }
            Self::Followed(_) => unfinished.then(|| UNFINISHED.to_owned()),
            Self::Segments(_) if absent => Some(no_segment.to_owned()),
            // Later ones are due when the one before was over, as any that come whole.
            Self::Segments(_) => (unfinished && !had_audio).then(|| UNFINISHED_SEGMENT.to_owned()),
        }
    }
}

impl Growing for GrowingFile {
    fn peek(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        Self::peek(self, at, into)
    }

    fn wait(&mut self, unfinished: bool) -> io::Result<bool> {
        Self::wait(self, unfinished)
    }
}

fn not_opened(end: ContainerEnd<OpenError>) -> OpenError {
    match end {
        ContainerEnd::Open(error) => error,
        // A live container has no other end but a bug in it.
        other => OpenError::new(FailureReason::Local, other.to_string()),
    }
}
