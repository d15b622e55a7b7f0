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
        let too_long = window.is_some_and(|window| {
            let quiet = silence.quiet_hours.contain(SystemTime::now());
            patience.is_over(window.silent_for, silence.after, quiet)
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
    use std::{cell::RefCell, future::pending};

    use super::*;

    #[tokio::test]
    async fn a_panic_costs_what_was_there_and_the_watch_goes_on() {
        let (tasks, meter) = (Tasks::default(), Meter::default());
        meter.flows(None, true);
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
