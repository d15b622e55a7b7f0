//! `/debug/pprof/`: profiles of this process, under the names that `go tool pprof` knows.

use std::time::Duration;

use hyper::{
    Method, Response, StatusCode,
    header::{self, HeaderValue},
    http::request::Parts,
};

use super::{
    guard::is_foreign,
    problem::Problem,
    reply::{Body, reply},
    resource::Methods,
};
use crate::profiles::{self, LONGEST, ProfileError, Profiler};

/// How long CPU time is sampled unless the client asks otherwise.
const SECONDS: u64 = 30;

/// What is asked for below `/debug/pprof/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// `heap`.
    Heap,
    /// `profile`.
    Cpu,
    /// `write`: all of them, into the directory.
    Write,
    /// `start` and `stop`: samples of what is allocated.
    Sample(bool),
}

impl Wanted {
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            "heap" => Some(Self::Heap),
            "profile" => Some(Self::Cpu),
            "write" => Some(Self::Write),
            "start" => Some(Self::Sample(true)),
            "stop" => Some(Self::Sample(false)),
            _ => None,
        }
    }

    /// The methods it knows, also as `Allow` lists them.
    pub(super) fn methods(self) -> Methods {
        match self {
            // Even its head would take a minute.
            Self::Heap | Self::Cpu => (&[Method::GET], "GET"),
            Self::Write | Self::Sample(_) => (&[Method::POST], "POST"),
        }
    }
}

/// Answers a request whose method is known to fit.
pub(super) async fn answer(profiler: &Profiler, wanted: Wanted, head: &Parts) -> Response<Body> {
    let answer = if is_foreign(head) {
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "A page of another site asked for this.",
            "Ask with go tool pprof or curl.",
        ))
    } else {
        take(profiler, wanted, head.uri.query().unwrap_or_default()).await
    };
    answer.unwrap_or_else(Problem::into_reply)
}

async fn take(profiler: &Profiler, wanted: Wanted, query: &str) -> Result<Response<Body>, Problem> {
    let seconds = seconds(query)?;
    let cpu = |seconds| profiles::Wanted::Cpu(Duration::from_secs(seconds));
    match wanted {
        Wanted::Heap | Wanted::Sample(_) if seconds.is_some() => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "A heap profile is of one moment and knows no `seconds`.",
            "Take two, and compare them with go tool pprof -base.",
        )),
        Wanted::Heap => send(profiler, profiles::Wanted::Heap, "heap").await,
        Wanted::Cpu => send(profiler, cpu(seconds.unwrap_or(SECONDS)), "profile").await,
        Wanted::Sample(on) => {
            profiler.sample_heap(on).map_err(|error| problem(&error))?;
            let document = serde_json::json!({ "sampling": on }).to_string();
            Ok(reply(StatusCode::OK, "application/json", document))
        }
        Wanted::Write => {
            let mut names = vec![write(profiler, profiles::Wanted::Heap).await?];
            if let Some(seconds) = seconds {
                names.push(write(profiler, cpu(seconds)).await?);
            }
            let document = serde_json::json!({ "written": names }).to_string();
            Ok(reply(StatusCode::OK, "application/json", document))
        }
    }
}

async fn send(
    profiler: &Profiler,
    wanted: profiles::Wanted,
    name: &'static str,
) -> Result<Response<Body>, Problem> {
    let profile = profiler
        .take(wanted)
        .await
        .map_err(|error| problem(&error))?;
    let mut reply = reply(StatusCode::OK, "application/octet-stream", profile);
    let file = match name {
        "heap" => "attachment; filename=\"heap.pb.gz\"",
        _ => "attachment; filename=\"cpu.pb.gz\"",
    };
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(file));
    Ok(reply)
}

/// The name of the file that was written.
async fn write(profiler: &Profiler, wanted: profiles::Wanted) -> Result<String, Problem> {
    let path = profiler
        .write(wanted)
        .await
        .map_err(|error| problem(&error))?;
    let name = path.file_name().unwrap_or_default();
    Ok(name.to_string_lossy().into_owned())
}

/// `seconds` of the query: 1 to 60.
fn seconds(query: &str) -> Result<Option<u64>, Problem> {
    let wrong = || {
        let most = LONGEST.as_secs();
        Problem::new(
            StatusCode::BAD_REQUEST,
            format!("The only parameter is `seconds`, once: a whole number from 1 to {most}."),
            "Ask for /debug/pprof/profile?seconds=30.",
        )
    };
    let mut asked = None;
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let range = 1..=LONGEST.as_secs();
        let seconds = value.parse().ok().filter(|seconds| range.contains(seconds));
        let seconds = seconds.ok_or_else(wrong)?;
        if key != "seconds" || asked.replace(seconds).is_some() {
            return Err(wrong());
        }
    }
    Ok(asked)
}

fn problem(error: &ProfileError) -> Problem {
    let (status, remedy) = match error {
        ProfileError::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Ask again when it is done.",
        ),
        ProfileError::NotBuilt(_) | ProfileError::Off => (
            StatusCode::NOT_IMPLEMENTED,
            "docs/profiles.md says what a build and a start need.",
        ),
        ProfileError::Inactive => (
            StatusCode::CONFLICT,
            "POST /debug/pprof/start, give it time, then ask again.",
        ),
        ProfileError::NoDirectory => (
            StatusCode::CONFLICT,
            "Set `profiles.directory` in the configuration and reload.",
        ),
        ProfileError::System(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Check the directory, its permissions and the room on its disk.",
        ),
        ProfileError::Temporary { .. } => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Free room in that directory, or set TMPDIR for the program to another one.",
        ),
        ProfileError::Failed(_) | ProfileError::Stopping => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Ask again; if it stays so, please report it.",
        ),
    };
    let problem = Problem::new(status, format!("No profile: {error}."), remedy);
    match error {
        ProfileError::Busy => problem.retry_after(5),
        _ => problem,
    }
}
