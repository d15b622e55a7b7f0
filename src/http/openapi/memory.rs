//! Memory of processes, and the history.

use hyper::Method;

use super::{
    operation::{Operation, Path},
    schemas::{Content, text},
};
use crate::{
    history::Kind,
    http::{
        api::{
            consumers, history,
            memory::{self, Baselines, Growth, Moments, Process, Processes},
        },
        resource::{Extent, MemoryView},
    },
};

fn operation(summary: &'static str, view: MemoryView) -> Operation {
    let operation = Operation::new(summary).query(memory::parameters(view));
    operation.problems(&[404])
}

fn path(view: MemoryView, operation: Operation) -> Path {
    let template = format!("/api/v1/memory/{}", view.path());
    match view {
        MemoryView::Analyze | MemoryView::Baseline => {
            Path::with(&template, Method::POST, operation)
        }
        _ => Path::read(&template, operation),
    }
}

pub(super) fn status() -> Path {
    let view = MemoryView::Status;
    let operation = operation("Each process as last read, and what to think of it.", view);
    path(view, operation.json::<memory::Status>())
}

pub(super) fn past() -> Path {
    let view = MemoryView::History;
    let operation = operation("What each process held, the oldest first.", view);
    path(view, operation.json::<Processes<Moments>>())
}

pub(super) fn growth() -> Path {
    let view = MemoryView::Growth;
    let operation = operation("How each process has grown lately.", view);
    path(view, operation.json::<Processes<Growth>>())
}

pub(super) fn report() -> Path {
    let view = MemoryView::Report;
    let operation = operation("All of it for people, as Markdown with pictures.", view);
    path(view, operation.sends("text/markdown", text()))
}

pub(super) fn analyze() -> Path {
    let view = MemoryView::Analyze;
    let operation = operation("Reads and judges now, and in depth.", view);
    path(view, operation.json::<Processes<Process>>())
}

pub(super) fn baseline() -> Path {
    let view = MemoryView::Baseline;
    let operation = operation("What is held now is what growth is measured from.", view);
    path(view, operation.json::<Baselines>())
}

pub(super) fn export() -> Path {
    let view = MemoryView::Export;
    let operation = Operation::new("All samples there are, as a file.");
    path(view, rows(operation, Kind::Memory, Extent::All))
}

pub(super) fn consumers() -> Path {
    let operation = Operation::new("Who uses this program's memory, the greatest first.")
        .query(&consumers::PARAMETERS)
        .json::<consumers::Document>();
    Path::read("/api/v1/memory/consumers", operation)
}

pub(super) fn history() -> Path {
    let operation = Operation::new("How the history fares.");
    Path::read("/api/v1/history", operation.json::<history::Status>())
}

pub(super) fn records() -> Vec<Path> {
    let one = |kind: &Kind| {
        let operation = Operation::new("What was, page by page or step by step.");
        let template = format!("/api/v1/history/{kind}");
        let operation = rows(operation, *kind, Extent::Part).problems(&[409]);
        Path::read(&template, operation)
    };
    Kind::ALL.iter().map(one).collect()
}

pub(super) fn exports() -> Vec<Path> {
    let one = |kind: &Kind| {
        let operation = Operation::new("All that was, as a file.");
        let template = format!("/api/v1/history/{kind}/export");
        let operation = rows(operation, *kind, Extent::All).problems(&[409]);
        Path::read(&template, operation)
    };
    Kind::ALL.iter().map(one).collect()
}

fn rows(operation: Operation, kind: Kind, extent: Extent) -> Operation {
    operation
        .query(history::parameters(kind, extent))
        .sends("application/json", Content::As(history::schema(kind)))
        .sends("text/csv", text())
        .headers(match extent {
            Extent::Part => &[("Next-Cursor", "For `cursor`; not at the end.")],
            Extent::All => &[("Content-Disposition", "A name for the file.")],
        })
}
