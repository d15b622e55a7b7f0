//! Sessions whose codec cannot be decoded here: state `unsupported`, yet the transport is
//! watched on (`docs/decisions/0013-unsupported.md`).

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Context, End, Ended};
use crate::sources::{Account, DisconnectReason, OpenError, RtspSession, SessionEnd, State};

/// How long one such session is kept before a new one looks whether the codec has changed.
const RECHECK: Duration = Duration::from_secs(600);
/// How often the session is polled at the least.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// A session, as far as it matters when nothing is decoded.
pub(super) trait Packets: Send {
    /// Waits for a packet: how many are missing before it. Cancellation safe.
    fn next_packet(
        &mut self,
        account: &Account,
    ) -> impl Future<Output = Result<u16, SessionEnd>> + Send;
}

impl Packets for RtspSession {
    async fn next_packet(&mut self, account: &Account) -> Result<u16, SessionEnd> {
        Ok(self.next(account).await?.lost())
    }
}

/// Says what is wrong, then counts packets until the session ends, goes quiet, or is old.
pub(super) async fn run(
    context: &Context<'_>,
    session: &mut impl Packets,
    error: OpenError,
) -> Ended {
    let account = context.account;
    let quiet = context.options.stall_after + context.options.stall_after / 2;
    account.failed(error.reason, &error.problem);
    if let Some(codec) = &error.codec {
        account.named_codec(codec);
    }
    account.enter(State::Unsupported);
    let mut end = listen(account, quiet, session).await;
    // What is wrong with the source is still its codec.
    end.problem = format!("{}; {}", error.problem, end.problem);
    Err(End::Unheard(end))
}

async fn listen(account: &Account, quiet: Duration, session: &mut impl Packets) -> SessionEnd {
    let begun = Instant::now();
    let mut latest = begun;
    let mut tick = interval(WATCH_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            lost = session.next_packet(account) => match lost {
                Ok(lost) => {
                    latest = Instant::now();
                    account.missed_packets(u64::from(lost));
                }
                Err(end) => return end,
            },
            _ = tick.tick() => {
                if latest.elapsed() >= quiet {
                    let text = format!("no packet came for {}s", quiet.as_secs());
                    return SessionEnd::new(DisconnectReason::Stall, text);
                }
                if begun.elapsed() >= RECHECK {
                    let text = "now looking whether that has changed";
                    return SessionEnd::new(DisconnectReason::Recheck, text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::SourceId, sources::SourceKind};

    fn account() -> Account {
        Account::new(SourceId::new("cam").unwrap(), SourceKind::Rtsp)
    }

    /// Yields packets each 20 ms, each tenth after a loss of two; or nothing ever.
    struct Every20Ms(Option<u32>);

    impl Packets for Every20Ms {
        async fn next_packet(&mut self, _: &Account) -> Result<u16, SessionEnd> {
            let Some(count) = &mut self.0 else {
                return std::future::pending().await;
            };
            tokio::time::sleep(Duration::from_millis(20)).await;
            *count += 1;
            Ok(if count.is_multiple_of(10) { 2 } else { 0 })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_without_packets_is_left_and_one_with_packets_is_rechecked() {
        let quiet = Duration::from_secs(15);
        for (mut packets, reason, after) in [
            (Every20Ms(None), DisconnectReason::Stall, quiet),
            (Every20Ms(Some(0)), DisconnectReason::Recheck, RECHECK),
        ] {
            let began = Instant::now();
            let end = listen(&account(), quiet, &mut packets).await;
            assert_eq!(end.reason, reason);
            assert!((after..after + WATCH_INTERVAL).contains(&began.elapsed()));
        }
    }
}
