//! The names of codecs whose audio can be heard: what a source may be expected to send.
//!
//! A session names its codec by where it comes from: µ-law is `pcmu` in RTP (RFC 3551 §6) and
//! `pcm_mulaw` in a file. Here they are one.

/// Each codec: its name first, then the others that it has elsewhere.
const CODECS: &[&[&str]] = &[
    &["aac", "aac-lc", "mp4a", "mp4a-latm", "mpeg4-generic"],
    &["flac"],
    &["mp2"],
    &["mp3"],
    // In every build, so that one configuration fits all: without the feature it is `unsupported`.
    &["opus"],
    &["vorbis"],
    &["pcmu", "pcm_mulaw", "mulaw", "ulaw", "g711u"],
    &["pcma", "pcm_alaw", "alaw", "g711a"],
    &["l16", "pcm_s16be", "s16be"],
    &["l24", "pcm_s24be", "s24be"],
    &["g722"],
    &["g726-16"],
    &["g726-24"],
    &["g726-32"],
    &["g726-40"],
    &["aal2-g726-16"],
    &["aal2-g726-24"],
    &["aal2-g726-32"],
    &["aal2-g726-40"],
    &["pcm_s8", "s8"],
    &["pcm_s16le", "s16le"],
    &["pcm_s24le", "s24le"],
    &["pcm_s32le", "s32le"],
    &["pcm_s64le", "s64le"],
    &["pcm_u8", "u8"],
    &["pcm_u16le", "u16le"],
    &["pcm_u24le", "u24le"],
    &["pcm_u32le", "u32le"],
    &["pcm_u64le", "u64le"],
    &["pcm_f32le", "f32le"],
    &["pcm_f64le", "f64le"],
    &["pcm_s32be", "s32be"],
    &["pcm_s64be", "s64be"],
    &["pcm_u16be", "u16be"],
    &["pcm_u24be", "u24be"],
    &["pcm_u32be", "u32be"],
    &["pcm_u64be", "u64be"],
    &["pcm_f32be", "f32be"],
    &["pcm_f64be", "f64be"],
];

/// Those that most sources send.
pub const USUAL: [&str; 10] = [
    "aac", "mp3", "mp2", "opus", "vorbis", "flac", "pcmu", "pcma", "g722", "l16",
];

/// The codec's own name, in lower case; `None` for what is no codec that can be heard.
pub fn known(name: &str) -> Option<&'static str> {
    let names = CODECS.iter().find(|names| names.contains(&name));
    names.and_then(|names| names.first().copied())
}

/// Whether two names are those of one codec.
pub fn same(one: &str, other: &str) -> bool {
    one == other || known(one).is_some_and(|name| known(other) == Some(name))
}

/// Every codec once, by its own name.
pub fn names() -> impl Iterator<Item = &'static str> {
    CODECS.iter().filter_map(|names| names.first().copied())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::units::PcmEncoding;

    #[test]
    fn a_name_is_of_one_codec() {
        let all: Vec<_> = CODECS.iter().flat_map(|names| names.iter()).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(names().count(), CODECS.len());
    }

    #[test]
    fn what_is_the_same_is_known_by_every_name() {
        assert!(same("pcmu", "pcm_mulaw") && same("mulaw", "pcmu") && same("l16", "pcm_s16be"));
        assert!(same("he-aac", "he-aac") && !same("he-aac", "aac"));
        assert!(!same("pcmu", "pcma") && !same("speex", "zzz"));
    }

    #[test]
    fn a_codec_is_called_by_its_own_name() {
        assert_eq!(known("pcm_mulaw"), Some("pcmu"));
        assert_eq!(known("mp4a-latm"), Some("aac"));
        assert_eq!(known("speex"), None);
        assert!(names().all(|name| known(name) == Some(name)));
        assert!(USUAL.iter().all(|name| known(name) == Some(name)));
    }

    #[test]
    fn the_handbook_has_every_name() {
        let page = include_str!("../docs/sources.md");
        let rows = page.split("## Names of codecs").nth(1).unwrap();
        let rows = rows.split("\n## ").next().unwrap();
        let told: Vec<_> = rows.split('`').skip(5).step_by(2).collect();
        let known: Vec<_> = CODECS
            .iter()
            .flat_map(|names| names.iter().copied())
            .collect();
        assert_eq!(told, known);
        assert!(USUAL.iter().all(|name| known.contains(name)));
    }

    #[test]
    fn the_words_for_raw_samples_are_names_too() {
        for word in PcmEncoding::NAMES {
            let name = format!("pcm_{word}");
            assert!(known(&name).is_some() && same(word, &name), "{word}");
        }
    }
}
