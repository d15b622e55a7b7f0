//! The program as a whole, sources, their audio and their buffers.

use hyper::{Method, StatusCode};

use super::{
    operation::{Operation, Part, Path},
    schemas::{bytes, text},
};
use crate::http::{
    api::{
        allocations::{self, Document, Switch, Tracker},
        live,
        sources::{SourceInDepth, Sources},
        status::Status,
    },
    audio,
    commands::Reconnecting,
};

fn source() -> Part {
    Part::name("The source's configured name.")
}

pub(super) fn status() -> Path {
    let operation = Operation::new("How all of it is, never better than its worst part.");
    Path::read("/api/v1/status", operation.json::<Status>())
}

pub(super) fn events() -> Path {
    let operation = Operation::new("The same as it happens, over a WebSocket (RFC 6455).")
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .problems(&[426])
        .message(live::described);
    Path::with("/api/v1/events", Method::GET, operation)
}

pub(super) fn all() -> Path {
    let operation = Operation::new("Every configured source, in order of names.");
    Path::read("/api/v1/sources", operation.json::<Sources>())
}

pub(super) fn one() -> Path {
    let operation = Operation::new("One source and its live buffers.");
    let path = Path::read("/api/v1/sources/{name}", operation.json::<SourceInDepth>());
    path.part(source())
}

pub(super) fn reconnect() -> Path {
    let operation = Operation::new("Ends its session and opens a new one at once.")
        .status(StatusCode::ACCEPTED)
        .json::<Reconnecting>()
        .problems(&[409, 429]);
    Path::with("/api/v1/sources/{name}/reconnect", Method::POST, operation).part(source())
}

pub(super) fn clip() -> Path {
    let operation = Operation::new("Audio that the capture buffer holds, as a WAV file.")
        .query(&audio::PARAMETERS)
        .sends("audio/wav", bytes())
        .headers(&[
            ("Content-Disposition", "A name for the file."),
            ("Clip-Start", "When its first sample was recorded."),
            ("Clip-End", "When its last sample ended."),
            (
                "Clip-Seconds",
                "What was requested, and what of it is audio, silence or missing.",
            ),
            ("Clip-Frames", "The same in samples."),
            ("Clip-Gap-Count", "How often audio is missing inside it."),
            ("Clip-Gaps", "Where, and for how long."),
        ])
        .problems(&[409, 413]);
    Path::read("/api/v1/sources/{name}/clip.wav", operation).part(source())
}

pub(super) fn live() -> Path {
    let operation = Operation::new("The same audio from now on, without an end.")
        .sends("audio/wav", bytes())
        .headers(&[("Content-Disposition", "A name for the file.")])
        .problems(&[409]);
    Path::read("/api/v1/sources/{name}/live.wav", operation).part(source())
}

pub(super) fn allocations() -> Path {
    let report = Operation::new("Who has which buffer, who asked for it, and what came of it.")
        .query(&allocations::PARAMETERS)
        .json::<Document>()
        .sends("text/plain", text())
        .problems(&[404]);
    let switch = Operation::new("Switches the recording of attempts on or off.")
        .body::<Switch>(true)
        .json::<Tracker>();
    Path::read("/api/v1/allocations", report).and(Method::PUT, switch)
}
