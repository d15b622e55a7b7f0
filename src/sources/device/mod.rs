//! Audio devices: whatever the sound system of this machine records from.
//!
//! ```text
//! the sound system's thread ── inlet ── ring ──▶ the session, which looks every 50 ms
//!        ▲
//! a thread of ours opens the stream, holds it, and closes it when the session is dropped
//! ```

mod find;
mod inlet;
mod ring;

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed, mpsc},
    time::Duration,
};

use cpal::{
    BufferSize, ErrorKind, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
    traits::{DeviceTrait as _, StreamTrait as _},
};
use tokio::{
    sync::oneshot,
    time::{Interval, MissedTickBehavior, interval, timeout},
};

use self::{
    find::Refusal,
    inlet::{End, Inlet, Pace, Shared, codec_name},
    ring::{Reader, ring},
};
use super::{Account, DisconnectReason, Expectation, FailureReason, OpenError, SessionEnd};
use crate::{
    shutdown::{TaskKind, Tasks},
    units::AudioFormat,
};

/// How often the session looks for samples. Waking it from the sound system's thread would
/// mean a lock there.
const LOOK: Duration = Duration::from_millis(50);
/// Seconds of audio that wait for a session which is late.
const HELD_SECONDS: usize = 2;
/// The most samples that do, whatever a device claims to be.
const MOST_HELD: usize = 1 << 23;
/// The device is asked for a period of this part of a second: nobody here needs less delay,
/// and a longer one survives more.
const PERIODS_A_SECOND: u32 = 10;

/// A device that is being recorded from. Dropping it closes the device, on its own thread.
pub struct DeviceSession {
    codec: String,
    format: AudioFormat,
    sample_bytes: u64,
    samples: Vec<f32>,
    reader: Reader,
    shared: Arc<Shared>,
    look: Interval,
    /// Dropped, it lets the thread close the stream and end.
    _held: mpsc::Sender<Infallible>,
}

/// What came, and what did not.
#[derive(Debug)]
pub struct Heard<'a> {
    /// The shape of the samples.
    pub format: AudioFormat,
    /// Interleaved samples, full scale ±1; may be empty.
    pub samples: &'a [f32],
    /// Audio of the device that this machine was too slow to take.
    pub lost: Duration,
    /// In how many places.
    pub breaks: u64,
}

/// Opens the input device of this name, `default` for the system's, within `limit`. It is
/// asked for the rate, channels and codec of `wanted` where it offers them together, else for
/// its own default. `turn` is held by the thread until the device is closed, however long
/// that hangs.
///
/// Cancellation safe: the thread closes what it opened for nobody.
///
/// # Errors
/// [`OpenError`] with a remedy; where no such device is there, with the names of those that
/// are.
pub async fn open(
    tasks: &Tasks,
    thread: &str,
    name: &str,
    wanted: &Expectation,
    turn: impl Send + 'static,
    limit: Duration,
) -> Result<DeviceSession, OpenError> {
    let (tell, told) = oneshot::channel();
    let (name, wanted) = (name.to_owned(), wanted.clone());
    let body = move || {
        let _turn = turn;
        let _quiet = find::quiet();
        match start(&name, &wanted) {
            Ok((stream, opened, released)) => {
                if tell.send(Ok(opened)).is_ok() {
                    // An error: the session is gone.
                    let _released = released.recv();
                }
                // Before the turn, which says that the device is free.
                drop(stream);
            }
            Err(error) => {
                let _told = tell.send(Err(error));
            }
        }
    };
    tasks
        .thread(TaskKind::Device, thread, body)
        .map_err(|error| {
            let text = format!("this machine has no thread to give: {error}");
            OpenError::new(FailureReason::Local, text)
        })?;
    match timeout(limit, told).await {
        Ok(Ok(opened)) => opened.map(Opened::into_session),
        Ok(Err(_)) => {
            let text = "opening the device failed; this is a bug, please report it";
            Err(OpenError::new(FailureReason::Local, text))
        }
        Err(_) => {
            let text = format!(
                "the sound system did not open the device within {limit:?}; restart PulseAudio or \
                 PipeWire, or name the device itself (hw:…)"
            );
            Err(OpenError::new(FailureReason::Timeout, text))
        }
    }
}

/// What the thread hands over.
struct Opened {
    codec: String,
    format: AudioFormat,
    sample_bytes: u64,
    reader: Reader,
    shared: Arc<Shared>,
    held: mpsc::Sender<Infallible>,
}

impl Opened {
    fn into_session(self) -> DeviceSession {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        DeviceSession {
            codec: self.codec,
            format: self.format,
            sample_bytes: self.sample_bytes,
            samples: Vec::new(),
            reader: self.reader,
            shared: self.shared,
            look,
            _held: self.held,
        }
    }
}

type Started = (cpal::Stream, Opened, mpsc::Receiver<Infallible>);

/// Opens and starts the stream. Blocks for as long as the sound system likes.
fn start(name: &str, wanted: &Expectation) -> Result<Started, OpenError> {
    let (device, refusal) = find::device(name)?;
    let chosen = find::config(&device, wanted).map_err(|error| refusal.of(&error))?;
    let codec = codec_name(chosen.sample_format()).ok_or_else(Refusal::no_pcm)?;
    let format = AudioFormat {
        sample_rate: chosen.sample_rate(),
        channels: chosen.channels(),
    };
    let (held, released) = mpsc::channel();
    let mut sizes = vec![period(&chosen)];
    if sizes != [BufferSize::Default] {
        sizes.push(BufferSize::Default);
    }
    let mut latest = None;
    for size in sizes {
        let (stream, reader, shared) = match build(&device, &chosen, format, size) {
            Ok(built) => built,
            // Some devices offer periods that they do not take.
            Err(error) if error.kind() == ErrorKind::UnsupportedConfig => {
                latest = Some(error);
                continue;
            }
            Err(error) => return Err(refusal.of(&error)),
        };
        let opened = Opened {
            codec,
            format,
            sample_bytes: chosen.sample_format().sample_size() as u64,
            reader,
            shared,
            held,
        };
        return Ok((stream, opened, released));
    }
    Err(refusal.of(&latest.unwrap_or_else(|| ErrorKind::UnsupportedConfig.into())))
}

fn build(
    device: &cpal::Device,
    chosen: &SupportedStreamConfig,
    format: AudioFormat,
    buffer_size: BufferSize,
) -> Result<(cpal::Stream, Reader, Arc<Shared>), cpal::Error> {
    let a_second = (format.sample_rate as usize).saturating_mul(format.channels.into());
    let capacity = a_second.saturating_mul(HELD_SECONDS).min(MOST_HELD);
    let (writer, reader) = ring(capacity);
    let shared = Arc::new(Shared::default());
    let mut inlet = Inlet {
        writer,
        shared: Arc::clone(&shared),
        format,
        latest: None,
        pace: Pace::default(),
    };
    let errors = Arc::clone(&shared);
    let config = StreamConfig {
        buffer_size,
        ..chosen.config()
    };
    let stream = device.build_input_stream_raw(
        config,
        chosen.sample_format(),
        move |data, _| inlet.take(data),
        move |error| errors.failed(error.kind()),
        None,
    )?;
    stream.play()?;
    Ok((stream, reader, shared))
}

/// A tenth of a second, as far as the device allows.
fn period(chosen: &SupportedStreamConfig) -> BufferSize {
    match chosen.buffer_size() {
        SupportedBufferSize::Range { min, max } if min <= max => {
            BufferSize::Fixed((chosen.sample_rate() / PERIODS_A_SECOND).clamp(*min, *max))
        }
        _ => BufferSize::Default,
    }
}

impl DeviceSession {
    /// The name of the sample format, such as `pcm_s16le`.
    pub fn codec_name(&self) -> &str {
        &self.codec
    }

    /// Waits until samples came or were lost. Cancellation safe.
    ///
    /// # Errors
    /// [`SessionEnd`] when the device is gone or the sound system has broken off; what came
    /// before has been given by then.
    pub async fn next(&mut self, account: &Account) -> Result<Heard<'_>, SessionEnd> {
        loop {
            self.look.tick().await;
            let end = self.shared.end();
            let (lost, breaks) = self.shared.take_lost();
            self.samples.clear();
            self.reader.drain(&mut self.samples);
            if end == Some(End::Unpaced) {
                return Err(ended(End::Unpaced));
            }
            if !self.samples.is_empty() || breaks > 0 {
                let bytes = self.samples.len() as u64 * self.sample_bytes;
                account.traffic().bytes.fetch_add(bytes, Relaxed);
                return Ok(Heard {
                    format: self.format,
                    samples: &self.samples,
                    lost,
                    breaks,
                });
            }
            if let Some(end) = end {
                return Err(ended(end));
            }
        }
    }
}

fn ended(end: End) -> SessionEnd {
    let (reason, text) = match end {
        End::Gone => (
            DisconnectReason::Closed,
            "the device is gone; is it still plugged in?",
        ),
        End::Changed => (
            DisconnectReason::Closed,
            "the device was set up anew by the system",
        ),
        End::Failing => (
            DisconnectReason::Closed,
            "the sound system broke off; does PulseAudio or PipeWire still run?",
        ),
        End::Unpaced => (
            DisconnectReason::Protocol,
            "the device gives samples without end and without a clock; name one that records",
        ),
    };
    SessionEnd::new(reason, text)
}

impl fmt::Debug for DeviceSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceSession({}, {})", self.codec, self.format)
    }
}
