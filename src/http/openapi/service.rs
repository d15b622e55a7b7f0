//! The page, metrics, health, reload, probes, profiles, and files.

use hyper::Method;

use super::{
    Setting,
    operation::{Operation, Part, Path},
    schemas::{Content, bytes, text},
};
use crate::http::{
    page, probe,
    profile::{Sampling, Wanted, Written, parameters},
};

const TEXT: &str = "text/plain";

pub(super) fn page() -> Path {
    let operation = Operation::new("The page for people.");
    Path::read("/", operation.sends("text/html", text()))
}

/// A path for each media type.
pub(super) fn page_parts() -> Vec<Path> {
    let kinds = [
        ("js", "text/javascript"),
        ("css", "text/css"),
        ("svg", "image/svg+xml"),
    ];
    let one = |(end, media_type)| {
        let names = page::part_paths().map(|path| path.trim_start_matches("/page/"));
        files("/page", end, media_type, names)
    };
    kinds.into_iter().filter_map(one).collect()
}

/// Dashboards and rules.
pub(super) fn assets(setting: &Setting) -> Vec<Path> {
    let kinds = [
        ("grafana", "json", "application/json"),
        ("alerts", "yaml", "application/yaml"),
    ];
    let one = |(folder, end, media_type)| {
        let names = setting.assets.iter().filter_map(|(name, _)| {
            let name = name.strip_prefix(folder)?;
            name.strip_prefix('/')
        });
        files(&format!("/{folder}"), end, media_type, names)
    };
    kinds.into_iter().filter_map(one).collect()
}

fn files<'a>(
    folder: &str,
    end: &str,
    media_type: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Option<Path> {
    let stems = names.filter_map(|name| name.strip_suffix(end)?.strip_suffix('.'));
    let stems: Vec<_> = stems.collect();
    let content = match media_type {
        "application/json" | "application/yaml" => {
            Content::As(serde_json::json!({ "type": "object" }))
        }
        _ => text(),
    };
    let operation = Operation::new("A file that comes with the program.");
    let template = format!("{folder}/{{name}}.{end}");
    let path = Path::read(&template, operation.sends(media_type, content));
    (!stems.is_empty()).then(|| path.part(Part::one_of("Its name.", &stems)))
}

pub(super) fn telemetry(setting: &Setting) -> Path {
    let operation = Operation::new("All metrics, for Prometheus.")
        .sends(TEXT, text())
        .sends("application/openmetrics-text", text())
        .problems(&[500]);
    Path::read(&setting.telemetry_path, operation)
}

pub(super) fn openapi() -> Path {
    let content = Content::As(serde_json::json!({ "type": "object" }));
    let operation = Operation::new("This document.");
    Path::read(
        "/openapi.json",
        operation.sends("application/json", content),
    )
}

pub(super) fn healthy() -> Path {
    let operation = Operation::new("Whether this program works; says nothing about any source.");
    Path::read("/-/healthy", operation.sends(TEXT, text()))
}

pub(super) fn ready() -> Path {
    let operation = Operation::new("Whether there is something to ask for.");
    Path::read("/-/ready", operation.sends(TEXT, text()))
}

pub(super) fn reload() -> Path {
    let reload = || {
        Operation::new("Reads the configuration again; one with mistakes changes nothing.")
            .sends(TEXT, text())
            .problems(&[422])
    };
    Path::with("/-/reload", Method::POST, reload()).and(Method::PUT, reload())
}

pub(super) fn probe() -> Path {
    let operation = Operation::new("One probe of one source, as metrics of its own.")
        .query(&probe::PARAMETERS)
        .sends(TEXT, text())
        .sends("application/openmetrics-text", text())
        .problems(&[500]);
    Path::read("/probe", operation)
}

fn profile(summary: &'static str, wanted: Wanted) -> Operation {
    Operation::new(summary)
        .query(parameters(wanted))
        .problems(&[409, 500, 501])
}

/// A profile as a file.
fn file(summary: &'static str, wanted: Wanted) -> Operation {
    profile(summary, wanted)
        .sends("application/octet-stream", bytes())
        .headers(&[("Content-Disposition", "A name for the file.")])
}

pub(super) fn heap() -> Path {
    let operation = file("What is allocated, and by whom (pprof).", Wanted::Heap);
    Path::with("/debug/pprof/heap", Method::GET, operation)
}

pub(super) fn cpu() -> Path {
    let operation = file(
        "Where CPU time goes, for 30 s unless told (pprof).",
        Wanted::Cpu,
    );
    Path::with("/debug/pprof/profile", Method::GET, operation)
}

pub(super) fn write() -> Path {
    let summary = "Writes a heap profile, and one of CPU time where `seconds` are told, as files.";
    let operation = profile(summary, Wanted::Write).json::<Written>();
    Path::with("/debug/pprof/write", Method::POST, operation)
}

pub(super) fn sampling() -> [Path; 2] {
    let switch = |path, summary, on| {
        let operation = profile(summary, Wanted::Sample(on)).json::<Sampling>();
        Path::with(path, Method::POST, operation)
    };
    [
        switch(
            "/debug/pprof/start",
            "Begins to sample what is allocated.",
            true,
        ),
        switch("/debug/pprof/stop", "Ends that.", false),
    ]
}
