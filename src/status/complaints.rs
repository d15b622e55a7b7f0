//! What is wrong with audio that flows, in words, and when that begins and ends.

use std::{collections::HashMap, sync::Arc};

use crate::{
    id::SourceId,
    signal::{self, Silence},
    sources::{Account, AccountView},
    units::Roughly,
};

/// What may be wrong with audio that flows: it is silent for too long, it comes again and
/// again, it is not what the operator expects.
const COMPLAINTS: [&str; 3] = ["silent", "stuck", "unexpected_format"];

/// Which complaints there are about each source. The heartbeat keeps it.
///
/// They are judged while audio flows, and stay what they were while none does: a connection
/// that breaks and comes back mends no microphone.
#[derive(Debug, Default)]
pub struct Complaints {
    of: HashMap<SourceId, [bool; COMPLAINTS.len()]>,
}

impl Complaints {
    /// Forgets all sources but these.
    pub(super) fn keep(&mut self, accounts: &[Arc<Account>]) {
        if self.of.len() > accounts.len() {
            let stays = |id: &SourceId| accounts.iter().any(|account| account.id() == id);
            self.of.retain(|id, _| stays(id));
        }
    }

    /// What is wrong with the audio of a source that streams; logs what begins or ends.
    pub(super) fn about(
        &mut self,
        source: &SourceId,
        view: &AccountView,
        signal: Option<&signal::View>,
    ) -> Option<String> {
        let words = [
            signal.filter(|view| view.silent).map(silent),
            signal.filter(|view| view.stuck).map(|_| STUCK.to_owned()),
            view.unexpected(),
        ];
        let unknown = [
            signal.is_none(),
            signal.is_none(),
            view.info.format.is_none(),
        ];
        let held = self.of.entry(source.clone()).or_default();
        for (at, words) in words.iter().enumerate() {
            // In the first moments of a session.
            if unknown[at] || held[at] == words.is_some() {
                continue;
            }
            held[at] = words.is_some();
            let complaint = COMPLAINTS[at];
            match words {
                Some(words) => tracing::warn!(%source, complaint, "{words}"),
                None => tracing::info!(%source, complaint, "no longer"),
            }
        }
        let words: Vec<_> = words.into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(". Besides, "))
    }
}

const STUCK: &str = "the same audio comes again and again; restart the camera or the recorder";

fn silent(view: &signal::View) -> String {
    let silent_for = view.window.map(|window| window.silent_for);
    let after = Roughly(silent_for.unwrap_or_default());
    match view.silence() {
        Some(Silence::Digital) => format!(
            "silent for {after}, every sample is zero; check that the microphone is connected and \
             not muted"
        ),
        _ => format!(
            "silent for {after}; check that the microphone is connected and not muted, or, if it \
             is so quiet there, lower silence.below_dbfs"
        ),
    }
}
