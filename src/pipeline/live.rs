//! What sessions without a pace of their own have in common: audio counts when it comes.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Context, End,
    sink::{Sink, block_duration},
    watch::Watch,
};
use crate::{decode::SampleBlock, sources::State};

/// A segment that comes in one piece is expected to be followed within this at the most.
const LONGEST_PIECE: Duration = Duration::from_secs(3600);

/// Takes the blocks of one container after another into one session.
pub(super) struct Intake<'a> {
    context: &'a Context<'a>,
    transport: &'static str,
    pub(super) sink: Sink<'a>,
    pub(super) watch: Watch<'a>,
    codec: Option<String>,
    waiting: bool,
    piece: Piece,
    /// How much longer than real time the latest piece was when it came.
    ahead: Duration,
}

/// One container.
struct Piece {
    began: Instant,
    latest: Instant,
    audio: Duration,
}

impl Piece {
    fn begin() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            latest: now,
            audio: Duration::ZERO,
        }
    }

    /// How much of it came faster than it was recorded.
    fn ahead(&self) -> Duration {
        let took = self.latest.duration_since(self.began);
        self.audio.saturating_sub(took).min(LONGEST_PIECE)
    }
}

impl<'a> Intake<'a> {
    pub(super) fn new(context: &'a Context<'a>, transport: &'static str) -> Self {
        Self {
            context,
            transport,
            sink: Sink::new(context),
            watch: Watch::new(context),
            codec: None,
            waiting: false,
            piece: Piece::begin(),
            ahead: Duration::ZERO,
        }
    }

    /// Takes a block; one that is not wanted (`old`) goes no further. A container that
    /// cannot be played is returned with its words.
    pub(super) async fn take(
        &mut self,
        block: SampleBlock,
        old: bool,
    ) -> Result<Option<String>, End> {
        let account = self.context.account;
        match block {
            SampleBlock::Started(codec) => {
                self.ahead = self.piece.ahead();
                self.piece = Piece::begin();
                if self.codec.as_ref() != Some(&codec) {
                    account.joined(Some(codec.clone()), self.transport);
                    self.sink = Sink::new(self.context);
                    self.sink.codec(&codec);
                    self.codec = Some(codec);
                }
            }
            SampleBlock::Samples(..) if old => self.watch.audio_came(),
            SampleBlock::Samples(format, samples) => {
                self.sink.make_room(format).await;
                self.sink.push(format, &samples).await?;
                self.watch.audio_came();
                self.waiting = false;
                self.piece.latest = Instant::now();
                self.piece.audio += block_duration(format, &samples);
            }
            SampleBlock::Undecodable => self.sink.undecodable(),
            // Only of whole files, and none comes here.
            SampleBlock::CutOff(_) => {}
            SampleBlock::Skipped(words) => return Ok(Some(words)),
        }
        Ok(None)
    }

    /// Looks at the clock. `absent`: there is nothing to read, for this reason.
    pub(super) fn check(&mut self, absent: Option<&str>) {
        let account = self.context.account;
        if let Some(words) = absent {
            account.waiting(words);
            self.waiting = true;
            self.watch.rest();
            return;
        }
        if std::mem::take(&mut self.waiting) {
            account.enter(State::Connecting);
        }
        // Whoever writes whole files cannot be expected before the next one is full.
        let patience = self.ahead.max(self.piece.ahead());
        self.watch.check_only(account, patience);
    }
}
