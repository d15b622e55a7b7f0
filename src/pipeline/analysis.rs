//! The reader of a source's analysis buffer.

use std::{
    convert::Infallible,
    sync::{Arc, LazyLock},
    time::SystemTime,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    buffers::{BufferKind, Buffers, Reader, ReaderKind, StartAt},
    shutdown::{TaskKind, Tasks},
    signal::{Analyser, HOP, Meter, Patience, Quiet},
    sources::{Account, SourceOptions, State},
};

/// Samples read at once.
const CHUNK: usize = 4_096;

/// All analyses wake together, so that one timer serves them.
static GRID_ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Measures the audio of one source for as long as the source exists: one reader of its
/// analysis buffer, which the capture never waits for.
#[derive(Debug)]
pub struct Analysis {
    /// Where the audio is.
    pub buffers: Arc<Buffers>,
    /// What the source is doing.
    pub account: Arc<Account>,
    /// Where the measurements go.
    pub meter: Arc<Meter>,
    /// What the operator configured.
    pub options: watch::Receiver<Arc<SourceOptions>>,
}

/// An epoch of the buffer that is being read.
struct Epoch {
    reader: Reader,
    analyser: Analyser,
    /// At the latest slot: how many there were, and the samples that had come by then.
    latest: (u64, u64),
}

impl Epoch {
    /// Whether the window is of the audio that flows, of which so many samples came. Not when
    /// there were two slots more of it, of which nothing came here: the gate kept it back.
    fn is_current(&mut self, heard: u64) -> bool {
        let slots = self.analyser.slots();
        if self.latest.0 != slots {
            self.latest = (slots, heard);
        }
        let format = self.reader.buffer().format();
        let frames = (heard - self.latest.1) / u64::from(format.channels.max(1));
        format.duration_of(frames) < 2 * HOP
    }
}

impl Analysis {
    /// Runs until `tasks` are cancelled. A panic costs the audio that is in the buffer.
    pub async fn run(self, tasks: Tasks) {
        again_after_panics(&tasks, &self.meter, |from| self.watch(from)).await;
    }

    async fn watch(&self, mut from: StartAt) -> Infallible {
        let mut epoch = None;
        let mut patience = Patience::default();
        let mut samples = vec![0; CHUNK];
        let mut tick = next_tick();
        loop {
            let on_time = tokio::select! {
                () = sleep_until(tick) => true,
                () = self.meter.hurried() => false,
            };
            // Before the reading: all of it that passed the gate is in the buffer.
            let heard = self.meter.overall().samples;
            self.read(&mut epoch, &mut from, &mut samples);
            self.meter.looked();
            if on_time {
                tick = next_tick();
                self.tell(epoch.as_mut(), heard, &mut patience);
            }
        }
    }

    /// Reads what is new.
    fn read(&self, epoch: &mut Option<Epoch>, from: &mut StartAt, samples: &mut [i16]) {
        let options = Arc::clone(&self.options.borrow());
        let quiet_below = options.silence.below.mean_square();
        let mut silent = Quiet::default();
        loop {
            if let Some(Epoch {
                reader, analyser, ..
            }) = epoch
            {
                // First, so that what is written before the end is read.
                let over = reader.buffer().is_retired();
                let format = reader.buffer().format();
                loop {
                    let read = reader.read(samples);
                    if read.missed > 0 {
                        analyser.missed(quiet_below, &mut silent);
                    }
                    if read.frames == 0 {
                        break;
                    }
                    let count = read.frames * usize::from(format.channels);
                    analyser.push(&samples[..count], quiet_below, &mut silent);
                }
                if !over {
                    break;
                }
                analyser.finish(quiet_below, &mut silent);
            }
            *epoch = self.next_epoch(&options, std::mem::replace(from, StartAt::Oldest));
            if epoch.is_none() {
                break;
            }
        }
        self.meter.record_silence(&silent);
    }

    fn next_epoch(&self, options: &SourceOptions, from: StartAt) -> Option<Epoch> {
        let source = self.account.id();
        let buffer = self.buffers.get(source, BufferKind::Analysis)?;
        let analyser = Analyser::new(buffer.format(), options.analysis)?;
        let reader = buffer.subscribe(ReaderKind::Analysis, from);
        Some(Epoch {
            reader,
            analyser,
            latest: (0, 0),
        })
    }

    fn tell(&self, mut epoch: Option<&mut Epoch>, heard: u64, patience: &mut Patience) {
        let silence = self.options.borrow().silence.clone();
        if self.account.state() != State::Streaming {
            let mut silent = Quiet::default();
            if let Some(epoch) = &mut epoch {
                epoch
                    .analyser
                    .rest(silence.below.mean_square(), &mut silent);
            }
            self.meter.record_silence(&silent);
            self.meter.rests();
            return;
        }
        let window = epoch.and_then(|epoch| {
            let current = epoch.is_current(heard);
            current.then(|| epoch.analyser.window()).flatten()
        });
        let too_long = window.and_then(|window| {
            let quiet = silence.quiet_hours.contain(SystemTime::now());
            let too_long = patience.is_over(window.silent_for, silence.after, quiet);
            // Silence that may have begun before anybody listened is not over by that.
            (too_long || quiet || window.sounded).then_some(too_long)
        });
        self.meter.flows(window, too_long);
    }
}

/// Runs `watch` until `tasks` are cancelled, and anew when it panics.
async fn again_after_panics<W>(tasks: &Tasks, meter: &Meter, watch: impl Fn(StartAt) -> W)
where
    W: Future<Output = Infallible>,
{
    let mut from = StartAt::Oldest;
    loop {
        tokio::select! {
            biased;
            () = tasks.cancelled() => return,
            _panicked = tasks.contain(TaskKind::Analysis, watch(from)) => {}
        }
        meter.rests();
        // What made it panic is still there.
        from = StartAt::Now;
    }
}

fn next_tick() -> Instant {
    let origin = *GRID_ORIGIN;
    let ticks = origin.elapsed().as_millis() / HOP.as_millis() + 1;
    origin + HOP * u32::try_from(ticks).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::pending, time::Duration};

    use super::*;
    use crate::{
        buffers::CaptureBuffer,
        demo,
        signal::{Levels, View},
        sources::SourceKind,
        units::{AudioFormat, ByteSize},
    };

    const MONO: AudioFormat = AudioFormat {
        sample_rate: 8_000,
        channels: 1,
    };

    /// An analysis that is driven by hand, and what it reads.
    struct Rig {
        analysis: Analysis,
        buffer: Arc<CaptureBuffer>,
        epoch: Option<Epoch>,
        patience: Patience,
        _lease: crate::buffers::Lease,
    }

    impl Rig {
        fn new() -> Self {
            let options = demo::sources(([127, 0, 0, 1], 1).into()).remove(0);
            let buffers = Buffers::new(ByteSize(1 << 20));
            let lease = buffers.lease(options.id.clone()).unwrap();
            let three_seconds = Duration::from_secs(3);
            let buffer = lease
                .asker()
                .allocate_if_needed(BufferKind::Analysis, MONO, three_seconds)
                .unwrap()
                .into_buffer();
            let account = Account::new(options.id.clone(), SourceKind::Rtsp);
            account.audio(three_seconds);
            let analysis = Analysis {
                buffers,
                account: Arc::new(account),
                meter: Arc::default(),
                options: watch::channel(Arc::new(options)).1,
            };
            Self {
                analysis,
                buffer,
                epoch: None,
                patience: Patience::default(),
                _lease: lease,
            }
        }

        /// So many frames come; `admitted` into the buffer.
        fn comes(&self, sample: i16, frames: usize, admitted: bool) {
            let level = f32::from(sample) / 32_768.0;
            self.analysis
                .meter
                .record(Levels::of(&vec![level; frames]), false);
            if admitted {
                self.buffer.push(&vec![sample; frames]).unwrap();
            }
        }

        fn look(&mut self) -> Option<View> {
            let heard = self.analysis.meter.overall().samples;
            let (mut from, mut samples) = (StartAt::Oldest, vec![0; CHUNK]);
            self.analysis.read(&mut self.epoch, &mut from, &mut samples);
            self.analysis
                .tell(self.epoch.as_mut(), heard, &mut self.patience);
            self.analysis.meter.view()
        }
    }

    #[test]
    fn a_window_is_told_as_long_as_it_is_of_the_audio_that_flows() {
        let mut rig = Rig::new();
        let mut is_told = |frames, admitted| {
            rig.comes(1_000, frames, admitted);
            rig.look().unwrap().window.is_some()
        };
        assert!(is_told(5_000, true));
        // Nothing comes, as between two bursts.
        assert!(is_told(0, true));
        // What comes is kept back, for a hop and for longer.
        assert!(is_told(4_000, false));
        assert!(!is_told(4_000, false));
        assert!(!is_told(40_000, false));
        assert!(is_told(4_000, true));
        rig.analysis.account.enter(State::Stalled);
        assert_eq!(rig.look(), None);
        // The first block after a pause is not yet a window.
        rig.analysis.account.audio(HOP);
        rig.comes(1_000, 160, true);
        assert_eq!(rig.look().unwrap().window, None);
    }

    #[test]
    fn silence_that_may_be_older_than_the_listening_is_not_said_to_be_over() {
        let mut rig = Rig::new();
        rig.comes(0, 24_000, true);
        let undecided = |view: Option<View>| view.unwrap().silence_undecided;
        assert!(undecided(rig.look()));
        rig.comes(1_000, 2_000, true);
        rig.comes(-1_000, 2_000, true);
        assert!(!undecided(rig.look()), "there was sound");
        rig.comes(0, 4_000, true);
        assert!(!undecided(rig.look()), "and then silence");
        // Of five seconds the first two are gone before anybody looks.
        rig.comes(0, 40_000, true);
        assert!(undecided(rig.look()));
    }

    #[test]
    fn silence_does_not_last_across_audio_that_was_overwritten() {
        let mut rig = Rig::new();
        rig.comes(0, 24_000, true);
        let silent_for = |view: Option<View>| view.unwrap().window.unwrap().silent_for;
        assert_eq!(silent_for(rig.look()), Duration::from_secs(3));
        // Of five seconds the first two are gone before anybody looks.
        rig.comes(0, 40_000, true);
        assert_eq!(silent_for(rig.look()), Duration::from_secs(3));
        rig.comes(0, 8_000, true);
        assert_eq!(silent_for(rig.look()), Duration::from_secs(4));
    }

    #[tokio::test]
    async fn a_panic_costs_what_was_there_and_the_watch_goes_on() {
        let (tasks, meter) = (Tasks::default(), Meter::default());
        meter.flows(None, Some(true));
        let begun = RefCell::new(Vec::new());
        again_after_panics(&tasks, &meter, |from| {
            begun.borrow_mut().push(from);
            let first = begun.borrow().len() == 1;
            let tasks = &tasks;
            async move {
                assert!(!first, "on purpose");
                tasks.cancel();
                pending().await
            }
        })
        .await;
        assert_eq!(*begun.borrow(), [StartAt::Oldest, StartAt::Now]);
        assert_eq!(meter.view(), None, "nothing is known until it looks again");
        let counted = tasks.panics().find(|(kind, _)| *kind == TaskKind::Analysis);
        assert_eq!(counted, Some((TaskKind::Analysis, 1)));
    }
}
