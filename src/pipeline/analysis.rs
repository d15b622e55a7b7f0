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
    signal::{Analyser, HOP, Meter, Quiet},
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
}

impl Analysis {
    /// Runs until `tasks` are cancelled. A panic costs the audio that is in the buffer.
    pub async fn run(self, tasks: Tasks) {
        again_after_panics(&tasks, &self.meter, |from| self.watch(from)).await;
    }

    async fn watch(&self, mut from: StartAt) -> Infallible {
        let mut epoch = None;
        let mut samples = vec![0; CHUNK];
        let mut tick = next_tick();
        loop {
            let on_time = tokio::select! {
                () = sleep_until(tick) => true,
                () = self.meter.hurried() => false,
            };
            self.read(&mut epoch, &mut from, &mut samples);
            self.meter.looked();
            if on_time {
                tick = next_tick();
                self.tell(epoch.as_ref());
            }
        }
    }

    /// Reads what is new.
    fn read(&self, epoch: &mut Option<Epoch>, from: &mut StartAt, samples: &mut [i16]) {
        let options = Arc::clone(&self.options.borrow());
        let quiet_below = options.silence.below.mean_square();
        let mut silent = Quiet::default();
        loop {
            if let Some(Epoch { reader, analyser }) = epoch {
                // First, so that what is written before the end is read.
                let over = reader.buffer().is_retired();
                let format = reader.buffer().format();
                loop {
                    let frames = reader.read(samples).frames;
                    if frames == 0 {
                        break;
                    }
                    let count = frames * usize::from(format.channels);
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
        Some(Epoch { reader, analyser })
    }

    fn tell(&self, epoch: Option<&Epoch>) {
        if self.account.state() != State::Streaming {
            self.meter.rests();
            return;
        }
        let window = epoch.and_then(|epoch| epoch.analyser.window());
        let options = self.options.borrow();
        let too_long = window.is_some_and(|w| w.silent_for >= options.silence.after);
        let quiet_hours = || options.silence.quiet_hours.contain(SystemTime::now());
        self.meter.flows(window, too_long && !quiet_hours());
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
