//! One session's loop: next → decode → measure → push.
//!
//! This is where the organs meet: a source yields packets, a decoder makes samples of
//! them, the meter measures them, the ring keeps them, and the account is told of each
//! second. Nothing here retries; the supervisor does.

use std::{io, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::{
    buffers::{Asker, BufferKind, CaptureBuffer},
    decode::{Container, ContainerEnd, Opened, PacketDecoder, SampleBlock, to_s16},
    shutdown::Tasks,
    signal::{Levels, Meter},
    sources::{
        Account, ConnectOptions, DisconnectReason, FailureReason, Location, OpenError, RtspTarget,
        SessionEnd, SourceOptions, State, open_file, open_rtsp,
    },
    units::AudioFormat,
};

/// How often a session looks at its clock, and the RTSP client is polled at the least.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// Packets that may fail in a row before a session is given up.
const MAX_CONSECUTIVE_ERRORS: u32 = 100;
/// A file that falls this far behind its pace goes on from now instead of catching up.
const MAX_CATCH_UP: Duration = Duration::from_secs(1);

/// What a session needs.
pub struct Context<'a> {
    /// Where its helpers are spawned.
    pub tasks: &'a Tasks,
    /// What the operator configured.
    pub options: &'a SourceOptions,
    /// Deadlines.
    pub connect: ConnectOptions,
    /// Where its story is told.
    pub account: &'a Account,
    /// Where its level goes.
    pub meter: &'a Meter,
    /// The right to ask for its buffer.
    pub asker: &'a Asker,
}

/// How a session ended.
#[derive(Debug)]
pub enum End {
    /// It never yielded audio that can be used.
    NotOpened(OpenError),
    /// It was open and is over.
    Closed(SessionEnd),
    /// A file was played to its end.
    Finished,
}

/// Runs one session to its end.
///
/// Cancellation safe: dropping the future closes what it opened; audio already pushed
/// stays in the buffer.
pub async fn run(context: &Context<'_>) -> End {
    let ended = match &context.options.location {
        Location::Rtsp(target) => run_packets(context, target).await,
        Location::File { path, looped } => {
            let path = path.clone();
            let open = move || {
                open_file(&path).map(|source| Opened {
                    file: source.file,
                    extension: source.extension,
                })
            };
            run_container(context, Box::new(open), *looped).await
        }
    };
    match ended {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

/// A session ends in an [`End`], never in success.
type Ended = Result<std::convert::Infallible, End>;

impl From<OpenError> for End {
    fn from(error: OpenError) -> Self {
        Self::NotOpened(error)
    }
}

impl From<SessionEnd> for End {
    fn from(end: SessionEnd) -> Self {
        Self::Closed(end)
    }
}

async fn run_packets(context: &Context<'_>, target: &RtspTarget) -> Ended {
    let account = context.account;
    let mut session = open_rtsp(context.tasks, target, account, context.connect.timeout).await?;
    let codec = session.codec().clone();
    let mut decoder = PacketDecoder::new(
        &codec.name,
        codec.clock_rate,
        codec.channels,
        &codec.extra_data,
    )
    .map_err(|_| OpenError::unsupported(&codec.name))?;
    account.joined(Some(codec.name.clone()), "tcp");
    let mut sink = Sink::new(context);
    let mut watch = Watch::new(context);
    loop {
        let packet = tokio::select! {
            packet = session.next() => packet?,
            () = watch.tick() => {
                watch.check(account)?;
                continue;
            }
        };
        if packet.lost() > 0 {
            let lost = u32::from(packet.lost());
            account.lost(u64::from(lost), sink.block_duration.saturating_mul(lost));
        }
        match decoder.decode(packet.data()) {
            Ok((format, samples)) => {
                sink.push(format, samples)?;
                watch.audio_came();
            }
            Err(_) => {
                account.undecodable(sink.block_duration);
                watch.failed(&codec.name)?;
            }
        }
    }
}

async fn run_container(
    context: &Context<'_>,
    open: crate::decode::Open<OpenError>,
    looped: bool,
) -> Ended {
    let account = context.account;
    let name = context.options.id.as_str();
    let mut container =
        Container::start(context.tasks, name, open, looped).map_err(|error| no_thread(&error))?;
    let limit = context.connect.timeout;
    let mut next = match timeout(limit, container.next()).await {
        Ok(first) => first.map_err(|end| not_played(end, false))?,
        Err(_) => {
            let text = format!("the file could not be opened and read within {limit:?}");
            return Err(OpenError::new(FailureReason::Timeout, text).into());
        }
    };
    let mut sink = Sink::new(context);
    let mut watch = Watch::new(context);
    let mut due = Instant::now();
    loop {
        match next {
            SampleBlock::Started(codec) => account.joined(Some(codec), "file"),
            SampleBlock::Samples(format, samples) => {
                due += block_duration(format, &samples);
                due = if Instant::now() > due + MAX_CATCH_UP {
                    Instant::now()
                } else {
                    due
                };
                // Audio counts as arrived when it would have been recorded: at its end.
                sleep_until(due).await;
                sink.push(format, &samples)?;
                watch.audio_came();
            }
            SampleBlock::Undecodable => account.undecodable(sink.block_duration),
        }
        next = loop {
            tokio::select! {
                block = container.next() => {
                    break block.map_err(|end| not_played(end, watch.had_audio))?;
                }
                () = watch.tick() => watch.check(account)?,
            }
        };
    }
}

/// Where decoded blocks go.
struct Sink<'a> {
    context: &'a Context<'a>,
    buffer: Option<(AudioFormat, Arc<CaptureBuffer>)>,
    samples: Vec<i16>,
    /// How long the latest block was: the best guess for one that is missing.
    block_duration: Duration,
}

impl<'a> Sink<'a> {
    fn new(context: &'a Context<'a>) -> Self {
        Self {
            context,
            buffer: None,
            samples: Vec::new(),
            block_duration: Duration::ZERO,
        }
    }

    fn push(&mut self, format: AudioFormat, samples: &[f32]) -> Result<(), End> {
        let Context { account, meter, .. } = self.context;
        let buffer = match &self.buffer {
            Some((current, buffer)) if *current == format => buffer,
            _ => self.allocate(format)?,
        };
        let buffer = Arc::clone(buffer);
        meter.record(Levels::of(samples));
        to_s16(samples, &mut self.samples);
        buffer
            .push(&self.samples)
            .map_err(|error| SessionEnd::new(DisconnectReason::Decode, error.to_string()))?;
        self.block_duration = block_duration(format, samples);
        account.audio(self.block_duration);
        Ok(())
    }

    /// The one place that asks for a buffer: once a session, as soon as the session's
    /// format is known, and again when the format changes.
    fn allocate(&mut self, format: AudioFormat) -> Result<&Arc<CaptureBuffer>, End> {
        let Context {
            account,
            asker,
            options,
            ..
        } = self.context;
        account.format(format);
        let allocation = asker
            .allocate_if_needed(BufferKind::Capture, format, options.capture)
            .map_err(|error| SessionEnd::new(DisconnectReason::Buffer, error.to_string()))?;
        Ok(&self.buffer.insert((format, allocation.into_buffer())).1)
    }
}

/// Watches for audio that stays away.
struct Watch {
    interval: tokio::time::Interval,
    stall_after: Duration,
    last_audio: Instant,
    had_audio: bool,
    consecutive_errors: u32,
}

impl Watch {
    fn new(context: &Context<'_>) -> Self {
        let mut interval = interval(WATCH_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            interval,
            stall_after: context.options.stall_after,
            last_audio: Instant::now(),
            had_audio: false,
            consecutive_errors: 0,
        }
    }

    async fn tick(&mut self) {
        self.interval.tick().await;
    }

    fn audio_came(&mut self) {
        self.last_audio = Instant::now();
        self.had_audio = true;
        self.consecutive_errors = 0;
    }

    /// Declares a stall, and after half as long again gives the session up: a camera that
    /// only paused goes on in the same session, any other gets a new one soon enough.
    fn check(&self, account: &Account) -> Result<(), End> {
        let silent = self.last_audio.elapsed();
        if silent >= self.stall_after + self.stall_after / 2 {
            let text = format!(
                "the session is open but no audio came for {}s",
                silent.as_secs()
            );
            return Err(SessionEnd::new(DisconnectReason::Stall, text).into());
        }
        if silent >= self.stall_after {
            account.enter(State::Stalled);
        }
        Ok(())
    }

    fn failed(&mut self, codec: &str) -> Result<(), End> {
        self.consecutive_errors += 1;
        if self.consecutive_errors < MAX_CONSECUTIVE_ERRORS {
            Ok(())
        } else if self.had_audio {
            let text = format!("{MAX_CONSECUTIVE_ERRORS} packets in a row could not be decoded");
            Err(SessionEnd::new(DisconnectReason::Decode, text).into())
        } else {
            Err(OpenError::unsupported(codec).into())
        }
    }
}

/// What the end of a container means for the session.
fn not_played(end: ContainerEnd<OpenError>, had_audio: bool) -> End {
    match end {
        ContainerEnd::Open(error) => error.into(),
        ContainerEnd::EndOfFile => End::Finished,
        ContainerEnd::Broken(text) if had_audio => {
            SessionEnd::new(DisconnectReason::Decode, text).into()
        }
        ContainerEnd::Broken(text) | ContainerEnd::Unsupported(text) => {
            OpenError::new(FailureReason::Unsupported, text).into()
        }
    }
}

fn no_thread(error: &io::Error) -> OpenError {
    OpenError::new(
        FailureReason::Local,
        format!("this machine has no thread to give: {error}"),
    )
}

fn block_duration(format: AudioFormat, samples: &[f32]) -> Duration {
    let channels = usize::from(format.channels).max(1);
    format.duration_of((samples.len() / channels) as u64)
}
