//! Sessions that are a FIFO or the standard input.

use std::{
    io::{self, Cursor, Read as _},
    path::Path,
    sync::atomic::Ordering::Relaxed,
};

use bytes::Bytes;

use super::{Context, End, Ended, container::no_thread, live::Intake};
use crate::{
    decode::{Container, ContainerEnd, EndlessWav, FeedReader, Opened, Rounds, feed, wav_header},
    sources::{DisconnectReason, FailureReason, OpenError, PipeRead, PipeReader, State},
    units::PcmFormat,
};

/// The most that is read at once, in bytes.
const READ: usize = 16 << 10;

const MISSING: &str = "the FIFO does not exist yet; the recorder or mkfifo makes it";
const NO_WRITER: &str = "nobody writes into the FIFO";
const PAUSED: &str = "the writer of the pipe has written nothing more";
const NO_INPUT: &str = "nothing has come on the standard input";

/// Waits for one writer after another. A FIFO stays open in between and after the session,
/// so that no writer finds it without a reader.
pub(super) async fn run(
    context: &Context<'_>,
    path: Option<&Path>,
    pcm: Option<PcmFormat>,
) -> Ended {
    let account = context.account;
    let mut pipe = context.pipe.take(path)?;
    pipe.look()?;
    let mut buffer = vec![0; READ];
    let mut again = false;
    loop {
        let mut looked = false;
        let (first, skip) = loop {
            // An earlier session may have left in the middle of what a writer writes.
            let midway = pipe.is_written();
            if !midway || looked {
                account.waiting(match path {
                    _ if midway => PAUSED,
                    None => NO_INPUT,
                    Some(_) if pipe.is_open() => NO_WRITER,
                    Some(_) => MISSING,
                });
            }
            looked = true;
            let skip = pcm.map_or(0, |format| pipe.to_next_block(format.block().into()));
            match pipe.first(&mut buffer).await? {
                None => {}
                Some(PipeRead::Bytes(count)) => {
                    break (Bytes::copy_from_slice(&buffer[..count]), skip);
                }
                Some(PipeRead::NoWriter) => return Err(End::InputEnded),
            }
        };
        if std::mem::replace(&mut again, true) {
            account.attempt();
        }
        if account.state() == State::Waiting {
            account.enter(State::Connecting);
        }
        let had_audio = one_writer(context, &mut pipe, first, (pcm, skip)).await?;
        if path.is_none() {
            return Err(End::InputEnded);
        }
        if had_audio {
            let words = "the writer closed the FIFO";
            account.disconnected(DisconnectReason::Closed, Some(words));
        } else {
            let words = "a writer came and went without audio that can be decoded";
            account.failed(FailureReason::Closed, words);
        }
    }
}

/// Plays what one writer writes. Returns whether there was audio in it.
async fn one_writer(
    context: &Context<'_>,
    pipe: &mut PipeReader,
    first: Bytes,
    (pcm, skip): (Option<PcmFormat>, u64),
) -> Result<bool, End> {
    let (sender, reader) = feed();
    let mut reader = Some(reader);
    let open = move || match reader.take() {
        Some(reader) => Ok(container(reader, pcm, skip)),
        None => Err(OpenError::new(FailureReason::Local, "a pipe is read once")),
    };
    let name = context.options.id.as_str();
    let mut container = Container::start(context.tasks, name, Box::new(open), Rounds::Once)
        .map_err(|error| no_thread(&error))?;
    let mut intake = Intake::new(context, "pipe");
    let traffic = context.account.traffic();
    let pumping = async move {
        let mut buffer = vec![0; READ];
        let mut piece = first;
        loop {
            traffic.bytes.fetch_add(piece.len() as u64, Relaxed);
            if !sender.send(piece).await {
                return;
            }
            match pipe.read(&mut buffer).await {
                PipeRead::Bytes(count) => piece = Bytes::copy_from_slice(&buffer[..count]),
                PipeRead::NoWriter => return,
            }
        }
    };
    let mut pumping = std::pin::pin!(pumping);
    let mut pumped = false;
    // Its end drops the sender, and that ends the container.
    loop {
        tokio::select! {
            () = &mut pumping, if !pumped => pumped = true,
            block = container.next() => match block {
                Ok(block) => {
                    intake.take(block, false).await?;
                }
                Err(ContainerEnd::EndOfFile) => return Ok(intake.watch.had_audio),
                // A writer that was cut off leaves half a header behind.
                Err(_) if pumped => return Ok(intake.watch.had_audio),
                Err(end) => return Err(not_played(end)),
            },
            // A writer that is gone has not fallen silent.
            () = intake.watch.tick(), if !pumped => intake.check(None),
        }
    }
}

fn container(mut reader: FeedReader, pcm: Option<PcmFormat>, skip: u64) -> Opened {
    match pcm {
        Some(format) => {
            // A pipe has no errors; its end shows at the next read too.
            let _skipped = io::copy(&mut reader.by_ref().take(skip), &mut io::sink());
            let header = Cursor::new(wav_header(format));
            Opened::stream(header.chain(reader), Some("wav".to_owned()))
        }
        None => Opened::stream(EndlessWav::new(reader), None),
    }
}

fn not_played(end: ContainerEnd<OpenError>) -> End {
    let words = match end {
        ContainerEnd::Unsupported {
            codec: Some(codec),
            problem,
        } => {
            let error = OpenError::new(FailureReason::Unsupported, problem);
            let codec = Some(codec.to_owned());
            return OpenError { codec, ..error }.into();
        }
        other => {
            format!(
                "{other}; set `pcm` if the pipe carries samples without a container, and let the \
                 writer begin anew if it was writing before this source was set up"
            )
        }
    };
    OpenError::new(FailureReason::Unsupported, words).into()
}
