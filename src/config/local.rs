//! The keys of local places: growing files, directories, pipes.

use super::{mistake::shown, section::Section};
use crate::{
    sources::{LiveLocation, SegmentFolder},
    units::{PcmEncoding, PcmFormat},
};

/// The keys of local places, read so that every mistake in them shows.
pub(super) struct LocalKeys {
    pub(super) follow: bool,
    pattern: Option<String>,
    pcm: Option<PcmFormat>,
}

impl LocalKeys {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let pattern = section.text("pattern").and_then(|written| {
            let wrong = written.is_empty() || written.contains(['/', '\0']);
            if wrong {
                let problem = format!("{} is no pattern for file names", shown(written));
                section.mistake(
                    "pattern",
                    problem,
                    "write one such as *.wav, without a directory",
                );
            }
            (!wrong).then(|| written.to_owned())
        });
        Self {
            follow: section.flag("follow"),
            pattern,
            pcm: pcm(section),
        }
    }

    /// Puts them into a place, and notes those that mean nothing there.
    pub(super) fn apply(
        self,
        section: &Section<'_>,
        place: Option<LiveLocation>,
    ) -> Option<LiveLocation> {
        let is_folder = matches!(place, Some(LiveLocation::Segments(_)));
        let is_pipe = matches!(place, Some(LiveLocation::Pipe { .. }));
        let is_file = matches!(place, Some(LiveLocation::Follow { .. }));
        for (key, given, fits, where_) in [
            ("follow", self.follow, is_file, "a file"),
            (
                "pattern",
                section.has("pattern"),
                is_folder,
                "a directory (dir:)",
            ),
            (
                "pcm",
                section.has("pcm"),
                is_pipe,
                "a pipe (fifo: or stdin:)",
            ),
        ] {
            if given && !fits {
                let problem = format!("means something only for {where_}");
                section.mistake(key, problem, "remove the key");
            }
        }
        Some(match place? {
            LiveLocation::Segments(folder) => LiveLocation::Segments(SegmentFolder {
                pattern: self.pattern,
                ..folder
            }),
            LiveLocation::Pipe { path, .. } => LiveLocation::Pipe {
                path,
                pcm: self.pcm,
            },
            follow @ LiveLocation::Follow { .. } => follow,
        })
    }
}

fn pcm(section: &Section<'_>) -> Option<PcmFormat> {
    let given = section.has("pcm");
    let pcm = section.section("pcm");
    pcm.choice("format", "write one of these");
    let encoding = pcm.text("format").and_then(PcmEncoding::named);
    let sample_rate = pcm.integer("sample_rate");
    let channels = pcm.integer("channels").and_then(|n| u16::try_from(n).ok());
    if given {
        for key in ["format", "sample_rate", "channels"] {
            if !pcm.has(key) {
                let remedy =
                    "raw samples do not say what they are: give format, sample_rate and channels";
                pcm.mistake(key, "missing", remedy);
            }
        }
    }
    Some(PcmFormat {
        encoding: encoding?,
        sample_rate: sample_rate?,
        channels: channels?,
    })
}
