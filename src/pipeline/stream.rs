//! Sessions whose bytes arrive live: HTTP.
//!
//! The bytes go through a bounded pipe to the container's thread. Nothing is held to real
//! time, since the server does that; only one that sends far ahead of it is slowed down.

use std::{
    convert::Infallible,
    pin::pin,
    time::{Duration, Instant},
};

use tokio::time::{Instant as TokioInstant, sleep, sleep_until, timeout};

use super::{
    Context, End, Ended,
    container::{no_thread, not_played},
    sink::{Sink, block_duration},
    undecodable::{self, Packets},
    watch::Watch,
};
use crate::{
    decode::{Container, ContainerEnd, Opened, PipeWriter, Rounds, SampleBlock, pipe},
    sources::{Account, FailureReason, HttpStream, HttpTarget, OpenError, SessionEnd, open_http},
};

/// Bytes on their way to the container's thread.
const PIPE_BYTES: usize = 128 * 1024;
/// How far audio may run ahead of the clock, which servers do when a listener joins. One
/// that keeps on doing it sends a file, or wants to keep a processor busy.
const MOST_AHEAD: Duration = Duration::from_secs(60);

/// What cannot be decoded is taken no faster, in bytes a second: more than any audio needs, and
/// less than a line has that a large file would fill.
const UNHEARD_RATE: f64 = 512.0 * 1024.0;
/// A page or a playlist ends within this, and is not listened to.
const LINGER: Duration = Duration::from_secs(1);

pub(super) async fn run(context: &Context<'_>, target: &HttpTarget) -> Ended {
    let account = context.account;
    let limit = context.connect.timeout;
    let mut stream = open_http(context.dialler, target, account, limit).await?;
    let transport = stream.transport();
    let error = match play(context, &mut stream).await {
        Err(End::NotOpened(error)) if error.reason == FailureReason::Unsupported => error,
        other => return other,
    };
    let mut unheard = Unheard {
        stream,
        owed: Duration::ZERO,
    };
    let ended = async { while unheard.next_packet(account).await.is_ok() {} };
    if timeout(LINGER, ended).await.is_ok() {
        return Err(error.into());
    }
    account.joined(error.codec.clone(), transport);
    undecodable::run(context, &mut unheard, error).await
}

/// A stream whose bytes only show that it runs.
struct Unheard {
    stream: HttpStream,
    /// How long to wait before more is taken.
    owed: Duration,
}

impl Packets for Unheard {
    async fn next_packet(&mut self, _: &Account) -> Result<u16, SessionEnd> {
        sleep(self.owed).await;
        let bytes = self.stream.next().await?;
        self.owed = Duration::from_secs_f64(bytes.len() as f64 / UNHEARD_RATE);
        Ok(0)
    }
}

async fn play(context: &Context<'_>, stream: &mut HttpStream) -> Ended {
    let Context {
        account, options, ..
    } = context;
    let limit = context.connect.timeout;
    let transport = stream.transport();
    // The watch ends a silent session first, which closes the pipe.
    let (writer, reader) = pipe(PIPE_BYTES, options.stall_after * 2 + limit);
    let claimed = stream.claimed().map(str::to_owned);
    let mut once = Some(Opened::stream(reader, claimed));
    let open = move || {
        let again = "a stream cannot be opened twice";
        once.take()
            .ok_or_else(|| OpenError::new(FailureReason::Local, again))
    };
    let name = options.id.as_str();
    let mut container = Container::start(context.tasks, name, Box::new(open), Rounds::Once)
        .map_err(|error| no_thread(&error))?;
    let mut pump = pin!(pump(stream, writer));
    let (mut pumping, mut pump_end) = (true, None);
    let mut sink = Sink::new(context);
    let mut watch = Watch::new(context);
    let mut pace = Pace::new();
    let mut unrecognised = Some(TokioInstant::now() + limit);
    loop {
        let recognise_by = unrecognised.unwrap_or_else(TokioInstant::now);
        let block = tokio::select! {
            biased;
            block = container.next() => block,
            // Its end closes the pipe; what is in there is still played.
            end = &mut pump, if pumping => {
                (pumping, pump_end) = (false, end);
                continue;
            }
            () = sleep_until(recognise_by), if unrecognised.is_some() => {
                return Err(not_recognised(limit).into());
            }
            () = watch.tick() => {
                watch.check(account)?;
                continue;
            }
        };
        match block.map_err(|end| why(end, pump_end.take(), watch.had_audio))? {
            SampleBlock::Started(codec) => {
                unrecognised = None;
                sink.codec(&codec);
                account.joined(Some(codec), transport);
            }
            SampleBlock::Samples(format, samples) => {
                sink.make_room(format).await;
                sink.push(format, &samples).await?;
                watch.audio_came();
                if let Some(wait) = pace.ahead_by(block_duration(format, &samples)) {
                    sleep(wait).await;
                }
            }
            SampleBlock::Undecodable | SampleBlock::Skipped(_) | SampleBlock::CutOff(_) => {
                sink.undecodable();
            }
        }
    }
}

/// Moves bytes from the server to the container's thread until either is over. `None` when
/// the thread was the first; then it says why.
async fn pump(stream: &mut HttpStream, mut writer: PipeWriter) -> Option<SessionEnd> {
    let never: Result<Infallible, Option<SessionEnd>> = async {
        loop {
            let bytes = stream.next().await.map_err(Some)?;
            writer.write(&bytes).await.map_err(|_| None)?;
        }
    }
    .await;
    match never {
        Err(end) => end,
    }
}

/// What the end of the container means: the end of its bytes is explained by their source.
fn why(end: ContainerEnd<OpenError>, source: Option<SessionEnd>, had_audio: bool) -> End {
    match (end, source) {
        (ContainerEnd::EndOfFile, Some(end)) if had_audio => end.into(),
        (ContainerEnd::EndOfFile, Some(end)) => {
            OpenError::new(FailureReason::Closed, end.problem).into()
        }
        (ContainerEnd::EndOfFile, None) => {
            let text = "the audio ended in the middle of the stream".to_owned();
            not_played(ContainerEnd::Broken(text), had_audio)
        }
        (end, _) => not_played(end, had_audio),
    }
}

fn not_recognised(limit: Duration) -> OpenError {
    let text = format!(
        "what the server sent within {limit:?} could not be recognised as audio; check the \
         address, or raise connect.timeout"
    );
    OpenError::new(FailureReason::Timeout, text)
}

/// How far the audio has run ahead of the clock.
struct Pace {
    began: Instant,
    audio: Duration,
}

impl Pace {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            audio: Duration::ZERO,
        }
    }

    /// Counts a block; how long to wait when there is too much.
    fn ahead_by(&mut self, block: Duration) -> Option<Duration> {
        self.audio += block;
        let ahead = self.audio.saturating_sub(self.began.elapsed());
        ahead.checked_sub(MOST_AHEAD).filter(|wait| !wait.is_zero())
    }
}
