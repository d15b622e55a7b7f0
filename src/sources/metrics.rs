//! The `myaudio_source_*` families.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Account, AccountView, DisconnectReason, FailureReason, GapCause, SourceKind, State};
use crate::{
    id::SourceId,
    metrics::{AlreadyPresent, Expose, Exposition, Family, Membership, Roster, Series},
};

type M = Family;

static INFO: M = Family::gauge(
    "myaudio_source_info",
    "What the source sends; always 1",
    &[
        "source",
        "kind",
        "codec",
        "sample_rate",
        "channels",
        "transport",
    ],
);
static UP: M = Family::gauge(
    "myaudio_source_up",
    "Whether audio samples arrive (1) or not (0)",
    &["source"],
);
static STATE: M = Family::gauge(
    "myaudio_source_state",
    "What the source is doing; exactly one state is 1",
    &["source", "state"],
);
static ATTEMPTS: M = Family::counter(
    "myaudio_source_connect_attempts_total",
    "Attempts to open a session",
    &["source"],
);
static FAILURES: M = Family::counter(
    "myaudio_source_connect_failures_total",
    "Attempts to open a session that failed, by reason",
    &["source", "reason"],
);
static DISCONNECTS: M = Family::counter(
    "myaudio_source_disconnects_total",
    "Open sessions that ended, by reason",
    &["source", "reason"],
);
static EXPECTED: M = Family::counter(
    "myaudio_source_expected_seconds_total",
    "Wall-clock seconds while the source was not ended or disabled",
    &["source"],
);
static AUDIO: M = Family::counter(
    "myaudio_source_audio_seconds_total",
    "Seconds of audio received and decoded",
    &["source"],
);
static SURPLUS: M = Family::counter(
    "myaudio_source_surplus_seconds_total",
    "Seconds of audio that arrived faster than real time, such as a join burst",
    &["source"],
);
static GAPS: M = Family::counter(
    "myaudio_source_gap_seconds_total",
    "Seconds of audio that are missing, by cause",
    &["source", "cause"],
);
static LAST_AUDIO: M = Family::gauge(
    "myaudio_source_last_audio_timestamp_seconds",
    "Unix time of the latest audio; 0 before the first",
    &["source"],
);
static NEXT_ATTEMPT: M = Family::gauge(
    "myaudio_source_next_attempt_timestamp_seconds",
    "Unix time of the next attempt to connect; 0 while none is waited for",
    &["source"],
);
static BYTES: M = Family::counter(
    "myaudio_source_received_bytes_total",
    "Bytes received from the source, signalling included",
    &["source"],
);
static PACKETS: M = Family::counter(
    "myaudio_source_received_packets_total",
    "RTP packets received",
    &["source"],
);
static LOST: M = Family::counter(
    "myaudio_source_lost_packets_total",
    "RTP packets that the sequence numbers show as lost",
    &["source"],
);
static DECODE_ERRORS: M = Family::counter(
    "myaudio_source_decode_errors_total",
    "Packets that could not be decoded",
    &["source"],
);
static DISCONTINUITIES: M = Family::counter(
    "myaudio_source_discontinuities_total",
    "Places where the captured audio is not continuous",
    &["source"],
);
static JITTER: M = Family::gauge(
    "myaudio_source_jitter_seconds",
    "Interarrival jitter of RTP in this session, of batches taken every 100 ms: less does not show",
    &["source"],
);
static SKEW: M = Family::gauge(
    "myaudio_source_clock_skew_ratio",
    "How much faster the source's clock runs than this machine's; NaN until 10 minutes of a session tell",
    &["source"],
);
static MISMATCH: M = Family::gauge(
    "myaudio_source_format_mismatch",
    "Whether the source sends something else than its configuration expects",
    &["source", "aspect"],
);

static FAMILIES: [&Family; 20] = [
    &INFO,
    &UP,
    &STATE,
    &ATTEMPTS,
    &FAILURES,
    &DISCONNECTS,
    &EXPECTED,
    &AUDIO,
    &SURPLUS,
    &GAPS,
    &LAST_AUDIO,
    &NEXT_ATTEMPT,
    &BYTES,
    &PACKETS,
    &LOST,
    &DECODE_ERRORS,
    &DISCONTINUITIES,
    &JITTER,
    &SKEW,
    &MISMATCH,
];

/// The accounts of all configured sources, as a scrape sees them.
#[derive(Debug, Default)]
pub struct Accounts {
    roster: Roster<SourceId, Account>,
}

/// Keeps one source's account, and with it its series, alive.
pub type AccountMembership = Membership<SourceId, Account>;

impl Accounts {
    /// Opens the account of a source; its series exist at zero from here on.
    ///
    /// # Errors
    /// [`AlreadyPresent`] when a source of this name is still there.
    pub fn open(
        &self,
        id: &SourceId,
        kind: SourceKind,
    ) -> Result<AccountMembership, AlreadyPresent> {
        self.roster
            .join(id.clone(), Arc::new(Account::new(id.clone(), kind)))
    }

    /// Every open account, by name.
    pub fn all(&self) -> Vec<Arc<Account>> {
        self.roster
            .members()
            .into_iter()
            .map(|(_, account)| account)
            .collect()
    }
}

impl Expose for Accounts {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let accounts: Vec<_> = self.all().into_iter().map(|a| (a.view(), a)).collect();
        expose_state(out, &accounts)?;
        expose_time(out, &accounts)?;
        expose_transport(out, &accounts)
    }
}

type Row = (AccountView, Arc<Account>);

/// Writes a family with one series for each source.
fn each<V: Into<crate::metrics::Value>>(
    out: &mut Exposition<'_>,
    family: &'static Family,
    rows: &[Row],
    value: impl Fn(&AccountView, &Account) -> V,
) -> fmt::Result {
    out.family(family, |series| {
        rows.iter().try_for_each(|(view, account)| {
            series.sample(&[account.id().as_str()], value(view, account))
        })
    })
}

/// Writes a family with a series for each source and value of a closed set.
fn each_of<V: Into<crate::metrics::Value>, L: Copy>(
    out: &mut Exposition<'_>,
    family: &'static Family,
    rows: &[Row],
    set: &[L],
    label: impl Fn(L) -> &'static str,
    value: impl Fn(&AccountView, &Account, L) -> V,
) -> fmt::Result {
    out.family(family, |series: &mut Series<'_>| {
        rows.iter().try_for_each(|(view, account)| {
            set.iter().try_for_each(|item| {
                series.sample(
                    &[account.id().as_str(), label(*item)],
                    value(view, account, *item),
                )
            })
        })
    })
}

fn expose_state(out: &mut Exposition<'_>, rows: &[Row]) -> fmt::Result {
    out.family(&INFO, |series| {
        rows.iter().try_for_each(|(view, account)| {
            let unknown = || "unknown".to_owned();
            let number = |n: Option<u32>| n.map_or_else(unknown, |n| n.to_string());
            let info = &view.info;
            let labels = [
                account.id().as_str(),
                account.kind().as_str(),
                info.codec.as_deref().unwrap_or("unknown"),
                &number(info.format.map(|format| format.sample_rate)),
                &number(info.format.map(|format| u32::from(format.channels))),
                info.transport.unwrap_or("unknown"),
            ];
            series.sample(&labels, 1u64)
        })
    })?;
    each(out, &UP, rows, |view, _| view.state == State::Streaming)?;
    each_of(
        out,
        &STATE,
        rows,
        State::ALL,
        State::as_str,
        |view, _, state| view.state == state,
    )?;
    out.family(&MISMATCH, |series| {
        rows.iter().try_for_each(|(view, account)| {
            view.mismatches().iter().try_for_each(|(aspect, differs)| {
                series.sample(&[account.id().as_str(), aspect], *differs)
            })
        })
    })
}

fn expose_time(out: &mut Exposition<'_>, rows: &[Row]) -> fmt::Result {
    each(out, &EXPECTED, rows, |view, _| {
        view.time.expected.as_secs_f64()
    })?;
    each(out, &AUDIO, rows, |view, _| view.time.audio.as_secs_f64())?;
    each(out, &SURPLUS, rows, |view, _| {
        view.time.surplus.as_secs_f64()
    })?;
    each_of(
        out,
        &GAPS,
        rows,
        GapCause::ALL,
        GapCause::as_str,
        |view, _, cause| view.time.gaps[cause.index()].as_secs_f64(),
    )?;
    each(out, &LAST_AUDIO, rows, |view, _| {
        unix_seconds(view.last_audio)
    })?;
    each(out, &NEXT_ATTEMPT, rows, |view, _| {
        unix_seconds(view.next_attempt)
    })
}

fn expose_transport(out: &mut Exposition<'_>, rows: &[Row]) -> fmt::Result {
    each(out, &ATTEMPTS, rows, |_, account| {
        account.counts.attempts.load(Relaxed)
    })?;
    out.family(&FAILURES, |series| {
        rows.iter().try_for_each(|(_, account)| {
            let source = account.id().as_str();
            FailureReason::ALL.iter().try_for_each(|reason| {
                let count = account.counts.failures[reason.index()].load(Relaxed);
                if count == 0 && !reason.concerns(account.kind()) {
                    return Ok(());
                }
                series.sample(&[source, reason.as_str()], count)
            })
        })
    })?;
    let reasons = DisconnectReason::ALL;
    each_of(
        out,
        &DISCONNECTS,
        rows,
        reasons,
        DisconnectReason::as_str,
        |_, account, reason| account.counts.disconnects[reason.index()].load(Relaxed),
    )?;
    each(out, &BYTES, rows, |_, account| {
        account.traffic().bytes.load(Relaxed)
    })?;
    each(out, &PACKETS, rows, |_, account| {
        account.traffic().packets.load(Relaxed)
    })?;
    each(out, &LOST, rows, |_, account| {
        account.counts.lost_packets.load(Relaxed)
    })?;
    each(out, &DECODE_ERRORS, rows, |_, account| {
        account.counts.decode_errors.load(Relaxed)
    })?;
    each(out, &DISCONTINUITIES, rows, |_, account| {
        account.counts.discontinuities.load(Relaxed)
    })?;
    each(out, &JITTER, rows, |_, account| account.clock.jitter())?;
    each(out, &SKEW, rows, |_, account| account.clock.skew())
}

fn unix_seconds(time: Option<SystemTime>) -> f64 {
    time.and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0.0, |since| since.as_secs_f64())
}
