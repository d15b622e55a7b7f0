//! Where decoded blocks go: the meter, the rings, the account.

use std::{
    hash::BuildHasher as _,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Context, End, arrivals::Arrivals};
use crate::{
    backoff::Backoff,
    buffers::{Allocation, AllocationError, BufferKind, CaptureBuffer, ErrorType},
    decode::{is_overlapped, to_s16},
    signal::{Gate, Levels, Repetition, is_digital_silence},
    sources::{DisconnectReason, SessionEnd},
    units::AudioFormat,
};

/// Where decoded blocks go.
pub(super) struct Sink<'a> {
    context: &'a Context<'a>,
    rings: Option<Rings>,
    samples: Vec<i16>,
    gate: Gate,
    repetition: Repetition,
    arrivals: Arrivals,
}

/// The buffers of one format.
struct Rings {
    format: AudioFormat,
    capture: Arc<CaptureBuffer>,
    analysis: Measured,
    /// Audio pushed since that moment.
    burst: (Instant, Duration),
}

/// Whether there is a buffer to measure the audio from: the capture is worth more than its
/// measurement (`docs/decisions/0015-captured-but-not-measured.md`).
enum Measured {
    From(Arc<CaptureBuffer>),
    /// It could not be had; it is asked for again at that time.
    Not(Instant),
}

/// How often what could not be released yet is asked for again.
const RELEASE_LOOKS: u32 = 3;

impl<'a> Sink<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        Self {
            context,
            rings: None,
            samples: Vec::new(),
            gate: Gate::default(),
            repetition: Repetition::default(),
            arrivals: Arrivals::default(),
        }
    }

    /// What follows is of the codec of this name.
    pub(super) fn codec(&mut self, name: &str) {
        self.gate.judge(is_overlapped(name));
    }

    /// How long the latest block was: the best guess for one that is missing.
    pub(super) fn block_duration(&self) -> Option<Duration> {
        self.arrivals.block_duration()
    }

    /// Packets that held so much audio are missing before the next block.
    pub(super) fn lost(&mut self, packets: u16, missing: Duration) {
        self.missing(missing);
        self.context.account.lost(u64::from(packets), missing);
        self.gate.disturb();
    }

    /// This machine was too slow to take so much audio of the source, in so many places.
    #[cfg(feature = "device")]
    pub(super) fn too_slow(&mut self, missing: Duration, breaks: u64) {
        self.missing(missing);
        self.context.account.too_slow(missing, breaks);
    }

    /// A packet could not be decoded.
    pub(super) fn undecodable(&mut self) {
        let missing = self.block_duration();
        self.missing(missing.unwrap_or_default());
        self.context.account.undecodable(missing);
        self.gate.disturb();
    }

    /// Something could not be decoded, nobody knows how much.
    pub(super) fn broken(&mut self) {
        let buffer = self.rings.as_ref().map(|rings| &*rings.capture);
        let missing = self.arrivals.broken(buffer);
        self.context.account.undecodable(missing);
        self.gate.disturb();
    }

    fn missing(&mut self, audio: Duration) {
        let buffer = self.rings.as_ref().map(|rings| &*rings.capture);
        self.arrivals.missing(buffer, audio);
    }

    /// Before a block of this format is pushed: has the analysis let go of a buffer of another
    /// format or length, which would be charged beside the one that takes its place. Ready
    /// where there is none. Cancellation safe.
    pub(super) async fn make_room(&mut self, format: AudioFormat) {
        if self
            .rings
            .as_ref()
            .is_some_and(|rings| rings.format == format)
        {
            return;
        }
        self.rings = None;
        let Context {
            asker,
            meter,
            options,
            ..
        } = self.context;
        let released = asker.release_misfit(BufferKind::Analysis, format, options.analysis);
        let Some(released) = released else {
            return;
        };
        // The look that ends next may have begun before.
        for _ in 0..RELEASE_LOOKS {
            meter.hurry().await;
            if released.strong_count() == 0 {
                return;
            }
        }
    }

    /// Takes a block, at the call. The future is ready, but in a burst it waits until the
    /// analysis has looked.
    // No `async fn`: such a one cannot tell the tracker who called it.
    #[track_caller]
    pub(super) fn push(
        &mut self,
        format: AudioFormat,
        samples: &[f32],
    ) -> impl Future<Output = Result<(), End>> + use<'a> {
        let taken = self.take(format, samples);
        let meter = self.context.meter;
        async move {
            if taken? {
                meter.hurry().await;
            }
            Ok(())
        }
    }

    /// True when the analysis should look first.
    #[track_caller]
    fn take(&mut self, format: AudioFormat, samples: &[f32]) -> Result<bool, End> {
        let Context { account, meter, .. } = self.context;
        // Buffers of another format must not be charged beside the new ones.
        let kept = self.rings.take().filter(|rings| rings.format == format);
        let mut rings = match kept {
            Some(rings) => rings,
            None => self.allocate(format)?,
        };
        if matches!(rings.analysis, Measured::Not(again) if again <= Instant::now()) {
            rings.analysis = self.analysis(format);
        }
        let duration = block_duration(format, samples);
        let admitted = self.gate.admit(Levels::of(samples), duration);
        to_s16(samples, &mut self.samples);
        let pushed = self
            .arrivals
            .push(&rings.capture, &self.samples, Instant::now());
        let duration =
            pushed.map_err(|error| SessionEnd::new(DisconnectReason::Decode, error.to_string()))?;
        let mut hurried = false;
        if admitted.plausible {
            self.repetition.next(fingerprint(&self.samples), duration);
            hurried = rings.analyse(&self.samples, duration);
        } else {
            account.damaged();
        }
        meter.record(admitted.levels, self.repetition.is_stuck());
        self.rings = Some(rings);
        account.audio(duration);
        Ok(hurried)
    }

    /// The one place that asks for buffers: once a session, as soon as the session's
    /// format is known, and again when the format changes. Whose frames they are is told to
    /// the tracker.
    #[track_caller]
    fn allocate(&mut self, format: AudioFormat) -> Result<Rings, End> {
        let Context {
            account,
            asker,
            options,
            ..
        } = self.context;
        account.format(format);
        self.repetition = Repetition::default();
        // No closure: it would hide the caller from the tracker.
        let capture = asker
            .allocate_if_needed(BufferKind::Capture, format, options.capture)
            .map_err(|error| refused(&error))?;
        if let Allocation::Repeated(buffer) = &capture {
            self.arrivals.join(buffer);
        }
        Ok(Rings {
            format,
            capture: capture.into_buffer(),
            analysis: self.analysis(format),
            burst: (Instant::now(), Duration::ZERO),
        })
    }

    /// Asks for the buffer to measure from. At its own slow pace where it cannot be had: each
    /// time is an attempt in the ledger.
    #[track_caller]
    fn analysis(&self, format: AudioFormat) -> Measured {
        let Context {
            account,
            asker,
            options,
            connect,
            ..
        } = self.context;
        match asker.allocate_if_needed(BufferKind::Analysis, format, options.analysis) {
            Ok(buffer) => {
                account.unmeasured(None);
                Measured::From(buffer.into_buffer())
            }
            Err(error) => {
                let remedy = match error.error_type() {
                    ErrorType::OverBudget => "; raise buffers.memory_budget or shorten a buffer",
                    _ => "",
                };
                let problem = format!("captured but not measured: {error}{remedy}");
                account.unmeasured(Some(problem));
                let pause = Backoff::longest_delay(&connect.backoff, Backoff::random_unit());
                Measured::Not(Instant::now() + pause)
            }
        }
    }
}

impl Rings {
    /// Hands a block to the analysis. True when so much came so fast that the buffer would be
    /// full before its reader's time.
    fn analyse(&mut self, samples: &[i16], duration: Duration) -> bool {
        let Measured::From(buffer) = &self.analysis else {
            return false;
        };
        // The capture buffer has taken these very samples, so they are whole frames.
        let taken = buffer.push(samples).is_ok();
        let (since, audio) = &mut self.burst;
        *audio += duration;
        if !taken || *audio < buffer.capacity() / 4 {
            return false;
        }
        let now = Instant::now();
        let hurried = now.duration_since(*since) < *audio / 2;
        self.burst = (now, Duration::ZERO);
        hurried
    }
}

/// What tells a block from others; `None` for digital silence.
fn fingerprint(samples: &[i16]) -> Option<u64> {
    let silent = is_digital_silence(samples);
    (!silent).then(|| foldhash::fast::FixedState::default().hash_one(samples))
}

pub(super) fn block_duration(format: AudioFormat, samples: &[f32]) -> Duration {
    let channels = usize::from(format.channels).max(1);
    format.duration_of((samples.len() / channels) as u64)
}

/// Why there is no buffer, as the end of a session.
fn refused(error: &AllocationError) -> SessionEnd {
    let reason = match error.error_type() {
        ErrorType::OverBudget => DisconnectReason::Buffer,
        ErrorType::OutOfMemory => DisconnectReason::Memory,
        ErrorType::Revoked | ErrorType::Panic => DisconnectReason::Local,
        ErrorType::ZeroDuration
        | ErrorType::ZeroSampleRate
        | ErrorType::ZeroChannels
        | ErrorType::SizeOverflow => DisconnectReason::Format,
    };
    SessionEnd::new(reason, error.to_string())
}
