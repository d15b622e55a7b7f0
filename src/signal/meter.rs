//! What is known about one source's signal.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use super::{HOP, Levels, Quiet, Silence, Window, recent::Recent};

/// How long a burst waits for the analysis at each of its looks.
const PATIENCE: Duration = Duration::from_secs(1);

/// The measurements of one source.
#[derive(Debug, Default)]
pub struct Meter {
    state: Mutex<State>,
    hurry: Notify,
    looked: Notify,
    /// Somebody has waited in vain for the analysis since its last look.
    late: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// Of everything so far; the peak too.
    pub(super) levels: Levels,
    pub(super) silent: Quiet,
}

#[derive(Debug, Default)]
struct State {
    totals: Totals,
    /// Since the last look of the analysis.
    pending: Levels,
    recent: Recent,
    /// Whether the latest blocks repeat themselves.
    blocks_stuck: bool,
    /// Since the last pause.
    measured: Duration,
    view: Option<View>,
}

/// What the audio is like at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Measurements of the window; `None` before the first, and without an analysis buffer.
    pub window: Option<Window>,
    /// Largest magnitude of the last 60 s, full scale 1, at most 1.
    pub peak: f64,
    /// The part of the samples of the last 60 s that was clipped, 0 to 1.
    pub clipped: f64,
    /// Whether the audio has been silent for too long, as the operator sees it.
    pub silent: bool,
    /// Whether the same audio comes again and again.
    pub stuck: bool,
    /// How long audio has flowed without a pause, as far as it was measured.
    pub measured: Duration,
    /// Whether it has been silent for as long as anybody has listened, and that is not long enough
    /// to tell.
    pub silence_undecided: bool,
}

impl View {
    /// How the latest audio is silent, if it is.
    pub fn silence(&self) -> Option<Silence> {
        self.window.and_then(|window| window.silence)
    }

    /// Level of the window in dBFS. `None` without one, and while the audio is digital
    /// silence: nobody made that, also where a codec's silence is a number other than zero.
    pub fn dbfs(&self) -> Option<f64> {
        let sounds = |window: &Window| window.silence != Some(Silence::Digital);
        let window = self.window.filter(sounds)?;
        Some(20.0 * window.rms.log10())
    }
}

impl Meter {
    /// Adds a measured block; `stuck`: it repeats those before it.
    pub fn record(&self, levels: Levels, stuck: bool) {
        let mut state = self.lock();
        state.totals.levels += levels;
        state.pending += levels;
        state.blocks_stuck = stuck;
    }

    /// Adds silent audio.
    pub fn record_silence(&self, silent: &Quiet) {
        let mut state = self.lock();
        for (sum, more) in state.totals.silent.iter_mut().zip(silent) {
            *sum += *more;
        }
    }

    /// Another hop of the clock is over, and audio flows: this is its window, and whether it has
    /// been silent for too long; `None` if that cannot be told yet.
    pub fn flows(&self, window: Option<Window>, silent: Option<bool>) {
        let mut state = self.lock();
        let recent = state.next_hop();
        state.measured = state.measured.saturating_add(HOP);
        state.view = Some(View {
            window,
            peak: f64::from(recent.peak).min(1.0),
            clipped: recent.clipped as f64 / recent.samples.max(1) as f64,
            silent: silent == Some(true),
            stuck: state.blocks_stuck || window.is_some_and(|window| window.stuck),
            measured: state.measured,
            silence_undecided: silent.is_none(),
        });
    }

    /// Another hop of the clock is over, and no audio flows: nothing is known of it.
    pub fn rests(&self) {
        let mut state = self.lock();
        state.next_hop();
        state.blocks_stuck = false;
        state.measured = Duration::ZERO;
        state.view = None;
    }

    /// The measurement of everything so far as if it were one block.
    pub fn overall(&self) -> Levels {
        self.totals().levels
    }

    /// What the audio is like at the moment; `None` while none flows.
    pub fn view(&self) -> Option<View> {
        self.lock().view
    }

    /// Audio comes faster than the clock runs: the analysis should look before its time.
    /// Completes when it has looked, or after a second; at once when it was waited for in
    /// vain before and has not looked since. Cancellation safe.
    pub async fn hurry(&self) {
        // Made first: it then knows of every look that ends from here on.
        let looked = self.looked.notified();
        self.hurry.notify_one();
        // Capture never depends on its measurement.
        if !self.late.load(Relaxed) && timeout(PATIENCE, looked).await.is_err() {
            self.late.store(true, Relaxed);
        }
    }

    /// The analysis has looked at all that there was.
    pub fn looked(&self) {
        self.late.store(false, Relaxed);
        self.looked.notify_waiters();
    }

    /// Completes when the analysis should look before its time. Cancellation safe.
    pub async fn hurried(&self) {
        self.hurry.notified().await;
    }

    pub(super) fn totals(&self) -> Totals {
        self.lock().totals
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_hop(&mut self) -> Levels {
        self.recent.push(std::mem::take(&mut self.pending));
        self.recent.overall()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_analysis_that_stalls_holds_a_burst_up_once() {
        let (meter, began) = (Meter::default(), Instant::now());
        for _ in 0..100 {
            meter.hurry().await;
        }
        assert_eq!(began.elapsed(), PATIENCE);
        // It looks again, so it is worth waiting for again.
        meter.looked();
        let (began, looks) = (Instant::now(), Duration::from_millis(100));
        let look = async {
            tokio::time::sleep(looks).await;
            meter.looked();
        };
        tokio::join!(meter.hurry(), look);
        assert_eq!(began.elapsed(), looks);
    }
}
