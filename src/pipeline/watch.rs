//! The session's clock: stalls and hopeless packets.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Context, End};
use crate::sources::{Account, DisconnectReason, LiveLocation, Location, SessionEnd, State};

/// How often a session looks at its clock, and the RTSP client is polled at the least.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// Packets that may fail in a row before a session is given up.
const MAX_CONSECUTIVE_ERRORS: u32 = 100;

/// Watches for audio that stays away.
pub(super) struct Watch<'a> {
    interval: tokio::time::Interval,
    stall_after: Duration,
    location: &'a Location,
    last_audio: Instant,
    pub(super) had_audio: bool,
    /// What may also help a session that never had audio.
    pub(super) hint: &'static str,
    consecutive_errors: u32,
}

impl<'a> Watch<'a> {
    pub(super) fn new(context: &Context<'a>) -> Self {
        let mut interval = interval(WATCH_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            interval,
            stall_after: context.options.stall_after,
            location: &context.options.location,
            last_audio: Instant::now(),
            had_audio: false,
            hint: "",
            consecutive_errors: 0,
        }
    }

    pub(super) async fn tick(&mut self) {
        self.interval.tick().await;
    }

    pub(super) fn audio_came(&mut self) {
        self.last_audio = Instant::now();
        self.had_audio = true;
        self.consecutive_errors = 0;
    }

    /// Declares a stall, and after half as long again gives the session up: a camera that
    /// only paused goes on in the same session, any other gets a new one soon enough.
    pub(super) fn check(&self, account: &Account) -> Result<(), End> {
        let silent = self.last_audio.elapsed();
        if silent >= self.stall_after + self.stall_after / 2 {
            let text = self.words(silent);
            return Err(SessionEnd::new(DisconnectReason::Stall, text).into());
        }
        if silent >= self.stall_after {
            self.stalled(account, silent);
        }
        Ok(())
    }

    fn stalled(&self, account: &Account, silent: Duration) {
        if account.state() != State::Stalled {
            account.stalled(&self.words(silent));
        }
    }

    /// What is wrong, and what to do about it.
    fn words(&self, silent: Duration) -> String {
        let seconds = silent.as_secs();
        let what = what_stalls(self.location);
        let hint = if self.had_audio { "" } else { self.hint };
        format!("{} {seconds}s; {}{hint}", what[0], what[1])
    }

    /// Declares a stall after this much more than `stall_after`, and leaves it at that: a
    /// file or pipe that is silent would not speak sooner for being opened again.
    pub(super) fn check_only(&self, account: &Account, patience: Duration) {
        let silent = self.last_audio.elapsed();
        if silent >= self.stall_after + patience {
            self.stalled(account, silent);
        }
    }

    /// Nothing can come now; a stall begins to count later.
    pub(super) fn rest(&mut self) {
        self.last_audio = Instant::now();
    }

    /// Counts a packet that could not be decoded. True when nothing of this session ever
    /// could be.
    pub(super) fn failed(&mut self) -> Result<bool, End> {
        self.consecutive_errors += 1;
        if self.consecutive_errors < MAX_CONSECUTIVE_ERRORS {
            Ok(false)
        } else if self.had_audio {
            let text = format!("{MAX_CONSECUTIVE_ERRORS} packets in a row could not be decoded");
            Err(SessionEnd::new(DisconnectReason::Decode, text).into())
        } else {
            Ok(true)
        }
    }
}

/// What has happened for how long, and what to do about it.
fn what_stalls(location: &Location) -> [&'static str; 2] {
    match location {
        Location::Live(LiveLocation::Follow { .. }) => [
            "nothing was written to the file for",
            "check that its recorder runs and has room on its disk",
        ],
        Location::Live(LiveLocation::Segments(_)) => [
            "no new audio came into the directory for",
            "check that the recorder runs and has room on its disk",
        ],
        Location::Live(LiveLocation::Pipe { .. }) => [
            "the pipe is open for writing but no audio came for",
            "check the recorder that writes into it",
        ],
        Location::File { .. } => [
            "nothing could be read from the file for",
            "check its disk or network share",
        ],
        Location::Device(_) => [
            "the device is open but no audio came for",
            "check its cable, or restart the sound server",
        ],
        Location::Http(_) => [
            "the stream is open but no audio came for",
            "check what feeds the server",
        ],
        Location::Rtsp(_) => [
            "the session is open but no audio came for",
            "restart the camera, and check that its microphone is switched on",
        ],
    }
}
