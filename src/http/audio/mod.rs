//! Audio: `clip.wav` and `live.wav` of a source.
//!
//! Voices are in it, so it leaves only where `web.audio` says so, to who has the role, and never
//! for a page of another site.

mod moment;
mod query;

pub(super) use self::query::PARAMETERS;

use std::{panic::Location, sync::Arc};

use hyper::{
    Method, Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::moment::{Clocks, Moment};
use super::{
    Limits, WebOptions, guard,
    metrics::{HttpMetrics, Rejection},
    parameters,
    problem::Problem,
    reply::{Body, in_parts, reply, streaming},
    resource::Sound,
    timestamp,
};
use crate::{
    buffers::{
        BufferKind, Buffers, CaptureBuffer,
        budget::{Budget, OverBudget},
    },
    clip::{self, ClipError, Nothing, Plan},
    id::SourceId,
    objects::Category,
    status::Snapshot,
    units::{AudioFormat, ByteSize},
};

/// The media type of what is served.
const WAV: &str = "audio/wav";
/// More than the header of any clip has.
const HEADER_ROOM: u64 = 1_024;
/// Gaps that are listed one by one.
const LISTED_GAPS: usize = 32;

const CLIP_START: HeaderName = HeaderName::from_static("clip-start");
const CLIP_END: HeaderName = HeaderName::from_static("clip-end");
const CLIP_SECONDS: HeaderName = HeaderName::from_static("clip-seconds");
const CLIP_FRAMES: HeaderName = HeaderName::from_static("clip-frames");
const CLIP_GAPS: HeaderName = HeaderName::from_static("clip-gaps");
const CLIP_GAP_COUNT: HeaderName = HeaderName::from_static("clip-gap-count");

/// How many may be served at once, and what all of them go by.
#[derive(Debug)]
pub(super) struct Turns {
    clips: Arc<Semaphore>,
    /// What the copies hold until they are sent; beside the buffers' budget, for capture is
    /// worth more than a clip.
    copies: Arc<Budget>,
    listeners: Arc<Semaphore>,
    clocks: Clocks,
}

impl Turns {
    pub(super) fn new(limits: &Limits) -> Self {
        let turns = |limit: usize| Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        Self {
            clips: turns(limits.clips),
            copies: Budget::new(ByteSize::default()),
            listeners: turns(limits.listeners),
            clocks: Clocks::default(),
        }
    }
}

/// What answers are made from.
pub(super) struct Desk<'a> {
    pub(super) web: &'a watch::Receiver<Arc<WebOptions>>,
    /// The last picture; `None` while the program starts.
    pub(super) snapshot: Option<Arc<Snapshot>>,
    pub(super) buffers: &'a Buffers,
    pub(super) turns: &'a Turns,
    pub(super) limits: &'a Limits,
    pub(super) metrics: &'a HttpMetrics,
}

/// Answers a request whose method is known to fit.
pub(super) async fn answer(desk: &Desk<'_>, sound: &Sound, head: &Parts) -> Response<Body> {
    let answer = match (desk.admit(head), sound) {
        (Err(refused), _) => Err(refused),
        (Ok(()), Sound::Clip(source)) => clip(desk, source, head).await,
        (Ok(()), Sound::Live(source)) => live(desk, source, head),
        (Ok(()), Sound::NotWav) => Err(not_wav()),
    };
    answer.unwrap_or_else(Problem::into_reply)
}

/// `clip.wav`: audio of the past.
async fn clip(desk: &Desk<'_>, source: &SourceId, head: &Parts) -> Result<Response<Body>, Problem> {
    let now = desk.turns.clocks.now();
    let wanted = query::wanted(head.uri.query().unwrap_or_default(), &now)?;
    let buffer = desk.buffer(source)?;
    let plan = Plan::new(buffer.format(), buffer.time_map(now.monotonic), wanted)
        .map_err(|nothing| not_there(nothing, &now))?;
    if plan.wav_bytes() > desk.limits.clip_bytes {
        return Err(too_long(&plan, desk.limits.clip_bytes));
    }
    if head.method == Method::HEAD {
        let mut reply = reply(StatusCode::OK, WAV, "");
        describe(&mut reply, source, &plan, &now);
        let length = plan.wav_bytes().into();
        reply.headers_mut().insert(header::CONTENT_LENGTH, length);
        return Ok(reply);
    }
    let turn = desk.turn(&desk.turns.clips, "clips")?;
    let copies = desk.copies(&buffer);
    let reserved = copies.reserve(plan.held_bytes()).map_err(|full| {
        desk.metrics.reject(Rejection::Requests);
        no_room(&plan, &full)
    })?;
    let name = format!("{source}/clip");
    let bytes = plan.held_bytes();
    let consumers = desk.buffers.holdings().consumers();
    let usage = consumers.enter(Category::Clip, &name, Location::caller(), bytes);
    let clip = clip::copy(&buffer, plan).await.map_err(not_copied)?;
    let mut reply = in_parts(StatusCode::OK, WAV, clip.parts);
    describe(&mut reply, source, &clip.plan, &now);
    reply.body_mut().hold((turn, reserved, usage));
    Ok(reply)
}

/// `live.wav`: audio from now on.
fn live(desk: &Desk<'_>, source: &SourceId, head: &Parts) -> Result<Response<Body>, Problem> {
    parameters::of(head, &[])?;
    let buffer = desk.buffer(source)?;
    let mut reply = if head.method == Method::HEAD {
        reply(StatusCode::OK, WAV, "")
    } else {
        let turn = desk.turn(&desk.turns.listeners, "listeners")?;
        let web = desk.web.clone();
        let allowed = move || {
            let _held_while_listening = &turn;
            web.borrow().audio
        };
        streaming(WAV, clip::live(&buffer, allowed))
    };
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, disposition(source, "live"));
    // It ends with the connection.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(reply)
}

/// What was asked for is not WAV.
fn not_wav() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "Audio is served as WAV only.",
        "Ask for clip.wav or live.wav; ffmpeg makes anything else of it, for example \
         `curl URL | ffmpeg -i - clip.mp3`.",
    )
}

impl Desk<'_> {
    fn admit(&self, head: &Parts) -> Result<(), Problem> {
        if !self.web.borrow().audio {
            let detail = "No audio leaves this program: that is its setting.";
            let remedy = "Set `web.audio: true` in the configuration and reload.";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail, remedy));
        }
        if guard::is_foreign(head) {
            let detail = "A page of another site asked for this.";
            let remedy = "Open the address itself, or ask with a program such as curl.";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail, remedy));
        }
        Ok(())
    }

    fn buffer(&self, source: &SourceId) -> Result<Arc<CaptureBuffer>, Problem> {
        if let Some(buffer) = self.buffers.get(source, BufferKind::Capture) {
            return Ok(buffer);
        }
        let Some(snapshot) = &self.snapshot else {
            return Err(Problem::starting());
        };
        let known = snapshot.sources.iter().find(|known| known.id == *source);
        let status = known.ok_or_else(Problem::unknown_source)?;
        let detail = format!(
            "There is no audio of this source yet; its state is `{}`.",
            status.state.as_str()
        );
        Err(no_audio(detail))
    }

    /// A quarter of what buffers may hold, as configured now, but room for all of this one.
    fn copies(&self, buffer: &CaptureBuffer) -> &Arc<Budget> {
        let (_, ByteSize(limit)) = self.buffers.budget();
        let whole = buffer.capacity_bytes() + HEADER_ROOM;
        self.turns.copies.set_limit(ByteSize(whole.max(limit / 4)));
        &self.turns.copies
    }

    fn turn(&self, turns: &Arc<Semaphore>, what: &str) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(turns).try_acquire_owned().map_err(|_| {
            self.metrics.reject(Rejection::Requests);
            let detail = format!("There are as many {what} at once as there may be.");
            let remedy = "Ask again when others are done; a clip takes seconds.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail, remedy).retry_after(5)
        })
    }
}

fn no_audio(detail: impl Into<String>) -> Problem {
    let remedy = "Ask again while the source streams; /api/v1/sources tells the states.";
    Problem::new(StatusCode::CONFLICT, detail, remedy)
}

fn not_there(nothing: Nothing, now: &Moment) -> Problem {
    match nothing {
        Nothing::Empty => no_audio("There is no audio of this source yet."),
        Nothing::TooShort => Problem::new(
            StatusCode::BAD_REQUEST,
            "The range is shorter than a single sample.",
            "Ask for at least a millisecond.",
        ),
        Nothing::Elsewhere { held } => {
            let told = held.and_then(|(from, to)| {
                let from = timestamp::format(now.wall(from))?;
                let to = timestamp::format(now.wall(to))?;
                Some(format!(" There is audio from {from} to {to}."))
            });
            let detail = "There is no audio of that time.".to_owned() + &told.unwrap_or_default();
            let remedy = "Ask for what there is, or for the newest with ?last=10s; \
                          `buffers.capture.duration` sets how much is kept.";
            Problem::new(StatusCode::NOT_FOUND, detail, remedy)
        }
    }
}

fn not_copied(error: ClipError) -> Problem {
    match error {
        ClipError::Overwritten => Problem::new(
            StatusCode::NOT_FOUND,
            "There is no audio of that time any more: newer audio has just replaced it.",
            "Ask for something newer, such as ?last=10s.",
        ),
        ClipError::OutOfMemory => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "There is no memory for so long a clip.",
            "Ask for a shorter one, or later.",
        )
        .retry_after(5),
    }
}

fn no_room(plan: &Plan, full: &OverBudget) -> Problem {
    let (bytes, OverBudget { used, limit }) = (ByteSize(plan.held_bytes()), full);
    let detail = format!("This clip takes {bytes}; clips in progress hold {used} of {limit}.");
    let remedy = "Ask again when they are sent, or for a shorter one; clips may hold a quarter \
                  of `buffers.memory_budget`.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail, remedy).retry_after(5)
}

fn too_long(plan: &Plan, limit: u64) -> Problem {
    let (bytes, limit) = (ByteSize(plan.wav_bytes()), ByteSize(limit));
    let detail = format!("A clip may have {limit} here; this one would have {bytes}.");
    let remedy = "Ask for it in parts: ranges that meet neither overlap nor miss a sample.";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail, remedy)
}

/// Tells what is in a clip.
fn describe(reply: &mut Response<Body>, source: &SourceId, plan: &Plan, now: &Moment) {
    let format = plan.format();
    let seconds = |frames: u64| seconds(format, frames);
    let (wanted, audio, all) = (plan.wanted(), plan.audio(), plan.frames());
    let (silence, missing) = (all - audio, wanted.saturating_sub(all));
    let gaps: Vec<_> = plan.gaps().collect();
    let listed = gaps
        .iter()
        .take(LISTED_GAPS)
        .map(|(start, frames)| format!("{:.3};seconds={:.3}", seconds(*start), seconds(*frames)));
    let dictionary = |value: &dyn Fn(u64) -> String| {
        format!(
            "requested={}, audio={}, silence={}, missing={}",
            value(wanted),
            value(audio),
            value(silence),
            value(missing)
        )
    };
    let mut texts = vec![
        (
            CLIP_SECONDS,
            dictionary(&|frames| format!("{:.3}", seconds(frames))),
        ),
        (CLIP_FRAMES, dictionary(&|frames| frames.to_string())),
        (CLIP_GAP_COUNT, gaps.len().to_string()),
    ];
    if !gaps.is_empty() {
        texts.push((CLIP_GAPS, listed.collect::<Vec<_>>().join(", ")));
    }
    let mut name = "clip".to_owned();
    if let Some((start, end)) = plan.time() {
        let (start, end) = (now.wall(start), now.wall(end));
        name = timestamp::compact(start).unwrap_or(name);
        texts.extend(timestamp::format(start).map(|text| (CLIP_START, text)));
        texts.extend(timestamp::format(end).map(|text| (CLIP_END, text)));
    }
    let headers = reply.headers_mut();
    for (field, text) in texts {
        // All of it is digits and letters of ours.
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(field, value);
        }
    }
    headers.insert(header::CONTENT_DISPOSITION, disposition(source, &name));
}

fn seconds(format: AudioFormat, frames: u64) -> f64 {
    frames as f64 / f64::from(format.sample_rate.max(1))
}

/// A name that every file system takes, which shows nothing and climbs nowhere.
fn disposition(source: &SourceId, what: &str) -> HeaderValue {
    let safe: String = source.as_str().replace(':', "_");
    let safe = safe.trim_start_matches('.');
    let text = format!("inline; filename=\"{safe}-{what}.wav\"");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("inline"))
}
