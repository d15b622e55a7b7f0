//! What every parser of foreign bytes promises, as functions from bytes to a panic.
//!
//! Compiled for tests and for `fuzz/` only. Each body stands beside the code it tries; this
//! is their list, and what they share. Here they run over the seeds in `fuzz/seeds` and over
//! mutations of them, so that none can rot; `scripts/fuzz` runs them for real.

use std::{
    cell::Cell,
    collections::BTreeSet,
    sync::{Mutex, Once, PoisonError},
};

use crate::{config, decode, demo, http, memory, metrics, net, sources};

/// One body and its name.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the fuzzer and of its folder of seeds.
    pub name: &'static str,
    /// Panics when a promise is broken.
    pub body: fn(&[u8]),
}

const fn target(name: &'static str, body: fn(&[u8])) -> Target {
    Target { name, body }
}

/// Every target, in the order of `docs/fuzzing.md`.
pub const TARGETS: &[Target] = &[
    target("framing", net::fuzz::framing),
    target("relay_client", net::fuzz::relay_client),
    target("reorder", net::fuzz::reorder),
    target("sdp", sources::fuzz::sdp),
    target("rtsp_session", sources::fuzz::rtsp_session),
    target("payload", sources::fuzz::payload),
    target("bits", sources::fuzz::bits),
    target("http_answer", sources::fuzz::http_answer),
    target("icy", sources::fuzz::icy),
    target("redirect", sources::fuzz::redirect),
    target("sniff", decode::fuzz::sniff),
    target("wav", decode::fuzz::wav),
    target("container", decode::fuzz::container),
    target("packet_decoder", decode::fuzz::packet_decoder),
    target("adpcm", decode::fuzz::adpcm),
    target("config_yaml", config::fuzz::yaml),
    target("config_secrets", config::fuzz::secrets),
    target("address", config::fuzz::address),
    target("http_request", http::fuzz::request),
    target("recorder_metrics", memory::recorder_metrics),
    target("exposition", metrics::fuzz::exposition),
    target("demo_inbox", demo::rtsp::fuzz::inbox),
];

/// Runs the target of that name; a foreign panic in a place that contains it is listed, not
/// fatal.
///
/// # Panics
/// When a promise is broken, and when there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    list_foreign_panics();
    (target.expect("a target of this name").body)(bytes);
}

/// Places in libraries that panicked. What runs a library's decoder contains its panics, as
/// the program's tasks do: they are findings about the library.
static FOREIGN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

thread_local! {
    /// Whether the latest panic of this thread was a library's.
    static WAS_FOREIGN: Cell<bool> = const { Cell::new(false) };
}

/// The name of a thread that contains panics by itself; one of our own ends the process.
pub(crate) const CONTAINING_THREAD: &str = "fuzzed";

/// The fuzzer's own hook ends the process at any panic, contained or not. This one lets
/// those of libraries unwind, and prints each place once.
fn list_foreign_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().filter(|at| is_foreign(at.file()));
            WAS_FOREIGN.set(place.is_some());
            if let Some(place) = place {
                let mut seen = FOREIGN.lock().unwrap_or_else(PoisonError::into_inner);
                if seen.insert(place.to_string()) {
                    eprintln!("contained: {panic}");
                }
                return;
            }
            before(panic);
            if std::thread::current().name() == Some(CONTAINING_THREAD) {
                std::process::abort();
            }
        }));
    });
}

fn is_foreign(file: &str) -> bool {
    file.contains("/registry/src/")
}

/// Runs what a task of the program would contain: `None` after a panic inside a library.
///
/// # Panics
/// With the body's panic, if it is one of our own.
pub(crate) fn contained<T>(body: impl FnOnce() -> T) -> Option<T> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
        Ok(value) => Some(value),
        Err(_) if WAS_FOREIGN.get() => None,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Bytes that decide what a body does, taken from the front.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; zero at the end.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// The next two bytes, big-endian.
    pub(crate) fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// One of the choices.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// A piece whose length comes first, in one byte; at the end a shorter one.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        piece
    }

    /// A piece whose length comes first, in two bytes.
    pub(crate) fn long_piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.word()).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        piece
    }

    /// A short piece as text.
    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.piece()).into_owned()
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Cuts bytes as a network may: whole for seed 0, one by one for 1, else in uneven pieces of
/// at most `seed` bytes.
pub(crate) fn cut(bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    match seed {
        0 if bytes.is_empty() => Vec::new(),
        0 => vec![bytes],
        1 => bytes.chunks(1).collect(),
        _ => {
            let mut state = u32::from(seed);
            let (mut pieces, mut rest) = (Vec::new(), bytes);
            while !rest.is_empty() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let length = 1 + (state >> 16) as usize % usize::from(seed);
                let (piece, later) = rest.split_at(length.min(rest.len()));
                pieces.push(piece);
                rest = later;
            }
            pieces
        }
    }
}

#[cfg(test)]
mod tests;
