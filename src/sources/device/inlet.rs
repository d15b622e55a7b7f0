//! The side of a device's session that runs on the sound system's own thread. Nothing here
//! waits or allocates while audio flows.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant},
};

use cpal::{Data, ErrorKind, I24, Sample as _, SampleFormat, U24};

use super::ring::Writer;
use crate::units::AudioFormat;

/// Errors in a row, without audio between them, that end a session. Some pass: a signal that
/// interrupts the sound system's wait is one.
const MOST_ERRORS: u32 = 10;
/// A device that gives this much more than twice what the clock allows has no clock at all,
/// such as ALSA's `null`; it would keep a processor busy.
const MOST_AHEAD: Duration = Duration::from_secs(5);
/// What keeps the sound system from asking on and on once the session is over.
const BREATH: Duration = Duration::from_millis(10);

/// Why no more audio will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The device is not there any more.
    Gone,
    /// The system set it up anew.
    Changed,
    /// The sound system fails and fails.
    Failing,
    /// It gives samples as fast as they are taken.
    Unpaced,
}

/// What both sides know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    lost_nanos: AtomicU64,
    breaks: AtomicU64,
    /// The device's own buffer ran over, and no audio has come since.
    overrun: AtomicBool,
    errors: AtomicU32,
    end: OnceLock<End>,
}

impl Shared {
    /// What was lost since the last call, and in how many places.
    pub(super) fn take_lost(&self) -> (Duration, u64) {
        let breaks = self.breaks.swap(0, Acquire);
        let nanos = self.lost_nanos.swap(0, Relaxed);
        (Duration::from_nanos(nanos), breaks)
    }

    /// Why no more audio will come.
    pub(super) fn end(&self) -> Option<End> {
        self.end.get().copied()
    }

    fn lose(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.lost_nanos.fetch_add(nanos, Relaxed);
        self.breaks.fetch_add(1, Release);
    }

    /// Takes an error of the running stream.
    pub(super) fn failed(&self, kind: ErrorKind) {
        match kind {
            ErrorKind::Xrun => self.overrun.store(true, Relaxed),
            // Nothing is lost by either.
            ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {}
            ErrorKind::DeviceNotAvailable => self.over(End::Gone),
            ErrorKind::StreamInvalidated => self.over(End::Changed),
            _ if self.errors.fetch_add(1, Relaxed) + 1 >= MOST_ERRORS => self.over(End::Failing),
            _ => {}
        }
    }

    fn over(&self, end: End) {
        // The first one is the cause.
        self.end.get_or_init(|| end);
        std::thread::sleep(BREATH);
    }
}

/// Where the device's samples go in.
#[derive(Debug)]
pub(super) struct Inlet {
    pub(super) writer: Writer,
    pub(super) shared: Arc<Shared>,
    pub(super) format: AudioFormat,
    pub(super) latest: Option<Instant>,
    pub(super) pace: Pace,
}

/// How much came since when.
#[derive(Debug, Default)]
pub(super) struct Pace {
    since: Option<Instant>,
    audio: Duration,
}

impl Pace {
    /// Counts audio; false when no clock can have made it.
    fn is_real(&mut self, now: Instant, audio: Duration) -> bool {
        let since = *self.since.get_or_insert(now);
        self.audio += audio;
        let passed = now.saturating_duration_since(since);
        let real = self.audio <= 2 * passed + MOST_AHEAD;
        if passed >= MOST_AHEAD {
            *self = Self::default();
        }
        real
    }
}

impl Inlet {
    /// Takes what the device has recorded up to now.
    pub(super) fn take(&mut self, data: &Data) {
        use SampleFormat as F;
        match data.sample_format() {
            F::I8 => self.take_all(data.as_slice::<i8>(), f32::from_sample),
            F::I16 => self.take_all(data.as_slice::<i16>(), f32::from_sample),
            F::I24 => self.take_all(data.as_slice::<I24>(), |n| i24(n.inner())),
            F::I32 => self.take_all(data.as_slice::<i32>(), f32::from_sample),
            F::I64 => self.take_all(data.as_slice::<i64>(), f32::from_sample),
            F::U8 => self.take_all(data.as_slice::<u8>(), f32::from_sample),
            F::U16 => self.take_all(data.as_slice::<u16>(), f32::from_sample),
            F::U24 => self.take_all(data.as_slice::<U24>(), |n| u24(n.inner())),
            F::U32 => self.take_all(data.as_slice::<u32>(), f32::from_sample),
            F::U64 => self.take_all(data.as_slice::<u64>(), f32::from_sample),
            F::F32 => self.take_all(data.as_slice::<f32>(), |n| n),
            F::F64 => self.take_all(data.as_slice::<f64>(), |n| n as f32),
            // Never opened: `codec_name` has no name for it.
            _ => {}
        }
    }

    fn take_all<T: Copy>(&mut self, samples: Option<&[T]>, to_f32: impl Fn(T) -> f32) {
        let samples = samples.unwrap_or_default();
        self.take_at(Instant::now(), samples.iter().map(|n| to_f32(*n)));
    }

    fn take_at(&mut self, now: Instant, samples: impl ExactSizeIterator<Item = f32>) {
        let frames = samples.len() / usize::from(self.format.channels).max(1);
        let duration = self.format.duration_of(frames as u64);
        self.shared.errors.store(0, Relaxed);
        if self.shared.overrun.swap(false, Relaxed)
            && let Some(latest) = self.latest
        {
            // The device began anew after it had run over: what it recorded between the
            // samples before and these is gone.
            let since = now.saturating_duration_since(latest);
            self.shared.lose(since.saturating_sub(duration));
        }
        self.latest = Some(now);
        if !self.pace.is_real(now, duration) {
            self.shared.over(End::Unpaced);
        }
        if !self.writer.push(samples) {
            self.shared.lose(duration);
        }
    }
}

/// The name of a sample format as of PCM in a container; `None` where it cannot be captured.
/// The sound system gives samples in this machine's byte order.
pub(super) fn codec_name(format: SampleFormat) -> Option<String> {
    let kind = match format {
        _ if format.is_dsd() => return None,
        _ if format.is_float() => 'f',
        _ if format.is_int() => 's',
        _ if format.is_uint() => 'u',
        _ => return None,
    };
    let bits = format.bits_per_sample();
    let order = match bits {
        8 => "",
        _ if cfg!(target_endian = "big") => "be",
        _ => "le",
    };
    Some(format!("pcm_{kind}{bits}{order}"))
}

/// 24 bits in 32, of which the highest eight say nothing.
fn i24(word: i32) -> f32 {
    f32::from_sample(word << 8)
}

fn u24(word: i32) -> f32 {
    i24(word ^ (1 << 23))
}

#[cfg(test)]
mod tests {
    use super::{
        super::ring::{Reader, ring},
        *,
    };

    const MONO: AudioFormat = AudioFormat {
        sample_rate: 8_000,
        channels: 1,
    };
    const TENTH: Duration = Duration::from_millis(100);

    fn inlet() -> (Inlet, Reader, Arc<Shared>) {
        let shared = Arc::new(Shared::default());
        let (writer, reader) = ring(2_048);
        let inlet = Inlet {
            writer,
            shared: Arc::clone(&shared),
            format: MONO,
            latest: None,
            pace: Pace::default(),
        };
        (inlet, reader, shared)
    }

    fn block() -> impl ExactSizeIterator<Item = f32> {
        [0.5; 800].into_iter()
    }

    #[test]
    fn what_nobody_takes_in_time_is_counted_as_lost() {
        let (mut inlet, mut reader, shared) = inlet();
        let mut now = Instant::now();
        for _ in 0..5 {
            now += TENTH;
            inlet.take_at(now, block());
        }
        // Two blocks fit; three do not.
        assert_eq!(shared.take_lost(), (3 * TENTH, 3));
        assert_eq!(shared.take_lost(), (Duration::ZERO, 0));
        let mut out = Vec::new();
        reader.drain(&mut out);
        assert_eq!(out.len(), 1_600);
    }

    #[test]
    fn after_an_overrun_the_time_between_is_lost() {
        let (mut inlet, _reader, shared) = inlet();
        let begin = Instant::now();
        shared.failed(ErrorKind::Xrun);
        inlet.take_at(begin, block());
        assert_eq!(shared.take_lost().1, 0, "nothing was there to be lost");
        shared.failed(ErrorKind::Xrun);
        inlet.take_at(begin + 7 * TENTH, block());
        assert_eq!(shared.take_lost(), (6 * TENTH, 1));
        assert_eq!(shared.end(), None);
    }

    #[test]
    fn errors_end_it_when_they_stay_and_a_device_that_is_gone_at_once() {
        let (mut inlet, _reader, shared) = inlet();
        for _ in 0..3 {
            for _ in 1..MOST_ERRORS {
                shared.failed(ErrorKind::BackendError);
            }
            assert_eq!(shared.end(), None, "they passed");
            inlet.take_at(Instant::now(), block());
        }
        for _ in 0..MOST_ERRORS {
            shared.failed(ErrorKind::BackendError);
        }
        assert_eq!(shared.end(), Some(End::Failing));
        let shared = Shared::default();
        shared.failed(ErrorKind::DeviceNotAvailable);
        shared.failed(ErrorKind::BackendError);
        assert_eq!(shared.end(), Some(End::Gone));
    }

    #[test]
    fn a_device_without_a_clock_is_left_and_one_that_caught_up_is_not() {
        let (mut inlet, _reader, shared) = inlet();
        let begin = Instant::now();
        // After a pause of four seconds, and an hour of a clock that is a hundredth fast.
        for n in 0..40 {
            inlet.take_at(begin + 40 * TENTH + TENTH * n / 40, block());
        }
        for n in 40..36_000 {
            inlet.take_at(begin + TENTH * (n * 100 / 101), block());
        }
        assert_eq!(shared.end(), None);
        for _ in 0..100 {
            inlet.take_at(begin + 36_000 * TENTH, block());
        }
        assert_eq!(shared.end(), Some(End::Unpaced));
    }

    #[test]
    fn every_width_has_the_same_full_scale() {
        assert_eq!((i24(0), i24(1 << 22), i24(-(1 << 23))), (0.0, 0.5, -1.0));
        // A device may leave anything in the highest byte.
        assert_eq!(i24(0x00C0_0000), -0.5);
        assert_eq!(i24(0x7FC0_0000), -0.5);
        assert_eq!((u24(1 << 23), u24(0), u24(0xC0_0000)), (0.0, -1.0, 0.5));
        assert_eq!(f32::from_sample(i16::MIN), -1.0);
        assert_eq!(f32::from_sample(192_u8), 0.5);
    }

    #[test]
    fn codecs_have_the_names_of_pcm_in_containers() {
        for (format, name) in [
            (SampleFormat::I16, Some("pcm_s16le")),
            (SampleFormat::I24, Some("pcm_s24le")),
            (SampleFormat::F32, Some("pcm_f32le")),
            (SampleFormat::U8, Some("pcm_u8")),
            (SampleFormat::DsdU8, None),
        ] {
            assert_eq!(codec_name(format).as_deref(), name);
        }
    }
}
