//! From samples to windows that overlap. Pure.

use std::{collections::VecDeque, hash::BuildHasher as _, num::NonZeroU16, time::Duration};

use super::{HOP, Repetition, Slot};
use crate::{closed_set::closed_set, units::AudioFormat};

closed_set! {
    /// How a stretch of audio is silent: the `kind` label. No audio at all is neither.
    pub enum Silence {
        /// The codec's own silence: zeros.
        Digital => "digital",
        /// Something moves, below what counts as sound.
        Quiet => "quiet",
    }
}

/// How much audio was silent, by [`Silence`].
pub type Quiet = [Duration; Silence::COUNT];

/// Measurements of the latest audio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Root mean square, full scale 1.
    pub rms: f64,
    /// Mean of the channel farthest from zero, full scale 1, with its sign.
    pub dc_offset: f64,
    /// How the latest [`HOP`] is silent, if it is.
    pub silence: Option<Silence>,
    /// How much audio before now was silent without a break.
    pub silent_for: Duration,
    /// Whether there was sound since the measurement began, or since audio was missed.
    pub sounded: bool,
    /// Whether the latest audio repeats itself, hop by hop.
    pub stuck: bool,
}

/// Takes one format's audio in whatever pieces and measures windows of it, each a [`HOP`] later
/// than the one before.
#[derive(Debug)]
pub struct Analyser {
    format: AudioFormat,
    channels: NonZeroU16,
    /// Frames of a slot.
    slot_frames: u64,
    /// Slots of a window.
    window: usize,
    open: Slot,
    /// The latest first.
    closed: VecDeque<Slot>,
    /// Ever closed.
    slots: u64,
    silence: Option<Silence>,
    silent_for: Duration,
    sounded: bool,
    repetition: Repetition,
}

impl Analyser {
    /// An analyser of this format whose windows have this length, rounded to whole hops.
    /// `None` for a format without rate or channels.
    pub fn new(format: AudioFormat, window: Duration) -> Option<Self> {
        let channels = NonZeroU16::new(format.channels)?;
        let slot_frames = format.frames_in(HOP).filter(|frames| *frames > 0)?;
        let slots = (window.as_secs_f64() / HOP.as_secs_f64()).round().max(1.0);
        Some(Self {
            format,
            channels,
            slot_frames,
            window: slots as usize,
            open: Slot::new(channels),
            closed: VecDeque::new(),
            slots: 0,
            silence: None,
            silent_for: Duration::ZERO,
            sounded: false,
            repetition: Repetition::default(),
        })
    }

    /// Takes whole frames, with the mean square (full scale 1, without offset) below which
    /// a slot is quiet. Adds to `silent` what became known to be so.
    pub fn push(&mut self, mut samples: &[i16], quiet_below: f64, silent: &mut Quiet) {
        let channels = usize::from(self.channels.get());
        while !samples.is_empty() {
            let room = (self.slot_frames - self.open.frames()) as usize * channels;
            let (now, later) = samples.split_at(room.min(samples.len()));
            self.open.add(now);
            samples = later;
            if self.open.frames() == self.slot_frames {
                self.close(quiet_below, silent);
            }
        }
    }

    /// No more comes in this format: what the open slot holds is counted too.
    pub fn finish(&mut self, quiet_below: f64, silent: &mut Quiet) {
        if self.open.frames() > 0 {
            self.close(quiet_below, silent);
        }
    }

    /// Audio is missing here that nobody saw: what comes does not join what was, so no silence
    /// and no repetition lasts across the place. The open slot is counted as it is.
    pub fn missed(&mut self, quiet_below: f64, silent: &mut Quiet) {
        self.finish(quiet_below, silent);
        self.silent_for = Duration::ZERO;
        self.sounded = false;
        self.repetition = Repetition::default();
    }

    /// No audio flows: the window is over, and what comes later begins another. Silence goes
    /// on after a pause.
    pub fn rest(&mut self, quiet_below: f64, silent: &mut Quiet) {
        self.finish(quiet_below, silent);
        self.closed.clear();
        self.repetition = Repetition::default();
    }

    /// How many slots were ever measured.
    pub fn slots(&self) -> u64 {
        self.slots
    }

    /// The latest window; `None` before the first hop is full.
    pub fn window(&self) -> Option<Window> {
        let mut whole = self.closed.front()?.clone();
        self.closed
            .iter()
            .skip(1)
            .for_each(|slot| whole.merge(slot));
        Some(Window {
            rms: whole.rms(),
            dc_offset: whole.dc_offset(),
            silence: self.silence,
            silent_for: self.silent_for,
            sounded: self.sounded,
            stuck: self.repetition.is_stuck(),
        })
    }

    fn close(&mut self, quiet_below: f64, silent: &mut Quiet) {
        let slot = std::mem::replace(&mut self.open, Slot::new(self.channels));
        let length = self.format.duration_of(slot.frames());
        self.slots += 1;
        let digital = slot.is_digital_silence();
        self.silence = if digital {
            Some(Silence::Digital)
        } else if slot.mean_square_without_offset() < quiet_below {
            Some(Silence::Quiet)
        } else {
            None
        };
        match self.silence {
            Some(kind) => {
                self.silent_for = self.silent_for.saturating_add(length);
                silent[kind.index()] += length;
            }
            None => {
                self.silent_for = Duration::ZERO;
                self.sounded = true;
            }
        }
        // Equal sums and extremes of half a second, ten times over, are no coincidence.
        let fingerprint = foldhash::fast::FixedState::default().hash_one(&slot);
        self.repetition
            .next((!digital).then_some(fingerprint), length);
        self.closed.truncate(self.window - 1);
        self.closed.push_front(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONO: AudioFormat = AudioFormat {
        sample_rate: 8_000,
        channels: 1,
    };
    /// -60 dBFS.
    const BELOW: f64 = 1e-6;

    fn analyser() -> Analyser {
        Analyser::new(MONO, Duration::from_secs(3)).unwrap()
    }

    fn sine(dbfs: f64, seconds: f64) -> Vec<i16> {
        let amplitude = 10f64.powf(dbfs / 20.0) * std::f64::consts::SQRT_2 * 32_768.0;
        // No whole number of periods fits into a hop, as with everything that is recorded.
        let step = std::f64::consts::TAU * 1_003.7 / 8_000.0;
        let frames = (seconds * 8_000.0) as u32;
        (0..frames)
            .map(|n| (amplitude * (step * f64::from(n)).sin()).round() as i16)
            .collect()
    }

    /// What was silent, and the last window.
    fn measured(samples: &[i16]) -> (Quiet, Window) {
        let (mut analyser, mut silent) = (analyser(), Quiet::default());
        analyser.push(samples, BELOW, &mut silent);
        (silent, analyser.window().unwrap())
    }

    fn dbfs(window: Window) -> f64 {
        20.0 * window.rms.log10()
    }

    #[test]
    fn known_signals_read_as_what_they_are() {
        let square: Vec<i16> = (0..32_000)
            .map(|n| if n % 8 < 4 { 32_767 } else { -32_768 })
            .collect();
        let leaning: Vec<i16> = sine(-40.0, 4.0).into_iter().map(|s| s + 1_638).collect();
        let offset = vec![1_638; 32_000];
        for (name, samples, level, offset, silence) in [
            ("tone", sine(-15.0, 4.0), -15.0, 0.0, None),
            ("soft tone", sine(-55.0, 4.0), -55.0, 0.0, None),
            (
                "softer tone",
                sine(-65.0, 4.0),
                -65.0,
                0.0,
                Some(Silence::Quiet),
            ),
            ("square", square, 0.0, 0.0, None),
            ("leaning tone", leaning, -25.88, 0.05, None),
            // An offset is no sound.
            ("offset", offset, -26.02, 0.05, Some(Silence::Quiet)),
        ] {
            let (_, window) = measured(&samples);
            assert!((dbfs(window) - level).abs() < 0.1, "{name}: {window:?}");
            assert!(
                (window.dc_offset - offset).abs() < 2e-4,
                "{name}: {window:?}"
            );
            assert_eq!(window.silence, silence, "{name}");
        }
        let (_, nothing) = measured(&vec![0; 32_000]);
        assert_eq!(
            (nothing.rms, nothing.silence),
            (0.0, Some(Silence::Digital))
        );
    }

    #[test]
    fn the_kinds_of_silence_exclude_each_other_and_add_up() {
        let quiet = sine(-70.0, 2.5);
        let audio = [vec![0; 12_000], quiet, sine(-20.0, 1.0), vec![0; 4_000]].concat();
        let (silent, window) = measured(&audio);
        let seconds = silent.map(|kind| kind.as_secs_f64());
        assert_eq!(seconds, [2.0, 2.5]);
        // The tone broke the silence.
        assert_eq!(window.silent_for, HOP);
        let (_, both) = measured(&audio[..32_000]);
        assert_eq!(both.silent_for, Duration::from_secs(4));
    }

    #[test]
    fn a_window_forgets_what_is_older_than_itself() {
        let audio = [sine(-10.0, 5.0), sine(-30.0, 3.0)].concat();
        let (mut analyser, mut silent) = (analyser(), Quiet::default());
        let mut levels = Vec::new();
        for piece in audio.chunks(777) {
            analyser.push(piece, BELOW, &mut silent);
            levels.extend(analyser.window().map(dbfs));
        }
        assert!((levels[0] + 10.0).abs() < 0.1);
        assert!((levels.last().unwrap() + 30.0).abs() < 0.1);
        assert!(levels.is_sorted_by(|a, b| a + 0.1 >= *b), "{levels:?}");
        // In between it is both: overlapping windows, not one after the other.
        assert!(levels.iter().any(|level| (-14.0..-12.0).contains(level)));
    }

    #[test]
    fn pieces_do_not_matter_and_the_rest_is_counted_at_the_end() {
        let audio = [vec![0; 9_000], sine(-70.0, 2.0)].concat();
        let mut all = Vec::new();
        for size in [1, 159, 160, 4_001, audio.len()] {
            let (mut analyser, mut silent) = (analyser(), Quiet::default());
            for piece in audio.chunks(size) {
                analyser.push(piece, BELOW, &mut silent);
            }
            analyser.finish(BELOW, &mut silent);
            assert_eq!(
                silent.iter().sum::<Duration>().as_secs_f64(),
                3.125,
                "{size}"
            );
            all.push((silent, analyser.window()));
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
    }

    #[test]
    fn nothing_lasts_across_audio_that_was_missed() {
        let (mut analyser, mut silent) = (analyser(), Quiet::default());
        let again = sine(-20.0, 0.5).repeat(8);
        // A quarter of a slot more, which is counted and not joined to what follows.
        for (audio, rest) in [(vec![0; 80_000], vec![0; 1_000]), (again, vec![])] {
            analyser.push(&[&audio[..], &rest].concat(), BELOW, &mut silent);
            analyser.missed(BELOW, &mut silent);
            assert_eq!(analyser.window().unwrap().silent_for, Duration::ZERO);
            analyser.push(&audio[..20_000], BELOW, &mut silent);
            assert!(!analyser.window().unwrap().stuck);
        }
        assert_eq!(silent[0].as_secs_f64(), 10.0 + 0.125 + 2.5);
        // Without the hole the same is both.
        let (_, window) = measured(&sine(-20.0, 0.5).repeat(13));
        assert!(window.stuck);
    }

    #[test]
    fn after_a_pause_another_window_begins_and_silence_goes_on() {
        let (mut analyser, mut silent) = (analyser(), Quiet::default());
        analyser.push(
            &[sine(-10.0, 2.0), vec![0; 10_000]].concat(),
            BELOW,
            &mut silent,
        );
        analyser.rest(BELOW, &mut silent);
        assert_eq!(analyser.window(), None);
        analyser.push(&[0; 4_000], BELOW, &mut silent);
        let window = analyser.window().unwrap();
        assert_eq!((window.rms, window.silent_for.as_secs_f64()), (0.0, 1.75));
    }

    #[test]
    fn half_a_second_again_and_again_is_stuck_and_recorded_audio_is_not() {
        let again = sine(-20.0, 0.5).repeat(20);
        assert!(measured(&again[..44_000]).1.stuck);
        assert!(
            !measured(&again[..40_000]).1.stuck,
            "not yet five seconds of repetition"
        );
        assert!(!measured(&sine(-20.0, 20.0)).1.stuck);
        assert!(!measured(&vec![0; 160_000]).1.stuck);
    }

    #[test]
    fn a_format_that_is_none_has_no_analyser() {
        for (sample_rate, channels) in [(0, 1), (1, 1), (8_000, 0)] {
            let format = AudioFormat {
                sample_rate,
                channels,
            };
            assert!(Analyser::new(format, Duration::from_secs(3)).is_none());
        }
    }
}
