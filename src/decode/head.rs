//! The beginning of a stream: tags skipped, format recognised, bytes rationed.

use std::{
    fmt,
    io::{self, Cursor, Read, Seek, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use symphonia::core::io::{
    MediaSource, MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource,
};

use super::sniff::{self, Foreign, Format, Verdict};

/// The bytes that are looked at first; in a live stream they take a moment to come.
const FIRST_LOOK: usize = 4 * 1024;
/// The bytes after which an unknown format stays unknown.
const LAST_LOOK: usize = 64 * 1024;
/// Tags in a row that are skipped.
const MOST_TAGS: usize = 8;
/// Bytes of tags that are skipped: pictures make files' tags large.
const MOST_TAG_BYTES_LIVE: u64 = 1024 * 1024;
const MOST_TAG_BYTES_FILE: u64 = 64 * 1024 * 1024;

/// What stands at the beginning is nothing that can be played.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotAudio {
    Foreign(Foreign),
    Unknown,
    /// Tags without an end.
    Tags,
    /// The bytes could not be read.
    Read(io::ErrorKind),
}

/// Skips the tags and recognises the format. The stream returned begins with its first
/// frame; only an MP4 file can be sought in, because it must.
pub(super) fn begin(
    mut media: Box<dyn MediaSource>,
    ration: Ration,
) -> Result<(Format, MediaSourceStream<'static>), NotAudio> {
    let read = |error: io::Error| NotAudio::Read(error.kind());
    let seekable = media.is_seekable();
    let limit = if seekable {
        MOST_TAG_BYTES_FILE
    } else {
        MOST_TAG_BYTES_LIVE
    };
    let mut head = skip_tags(&mut media, limit)?;
    // Of what still grows the next bytes may be long in coming.
    if let Verdict::Foreign(foreign) = sniff::identify(&head, false) {
        return Err(NotAudio::Foreign(foreign));
    }
    let mut look = FIRST_LOOK;
    let format = loop {
        let whole = fill(&mut media, &mut head, look).map_err(read)?;
        match sniff::identify(&head, whole) {
            Verdict::Known(format) => break format,
            Verdict::Foreign(foreign) => return Err(NotAudio::Foreign(foreign)),
            Verdict::Unknown if whole || look >= LAST_LOOK => return Err(NotAudio::Unknown),
            Verdict::Unknown => look *= 4,
        }
    };
    if format == Format::Mp4 && seekable {
        media.seek(SeekFrom::Start(0)).map_err(read)?;
        return Ok((format, stream(Rationed { media, ration })));
    }
    if let Format::Mp3(at) | Format::Adts(at) = format {
        head.drain(..at);
    }
    let rest = Rationed { media, ration };
    Ok((
        format,
        stream(ReadOnlySource::new(Cursor::new(head).chain(rest))),
    ))
}

fn stream(media: impl MediaSource + 'static) -> MediaSourceStream<'static> {
    MediaSourceStream::new(Box::new(media), MediaSourceStreamOptions::default())
}

/// Reads up to `most` bytes in all; true when the stream has ended.
fn fill(media: &mut impl Read, head: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    let wanted = most.saturating_sub(head.len());
    let got = media.take(wanted as u64).read_to_end(head)?;
    Ok(got < wanted)
}

/// Skips `ID3v2` tags (<https://id3.org/id3v2.4.0-structure>) without looking into them:
/// nothing here uses a tag, and readers of them have been overflowed. Returns what was
/// read of the audio behind them.
fn skip_tags(media: &mut Box<dyn MediaSource>, limit: u64) -> Result<Vec<u8>, NotAudio> {
    let read = |error: io::Error| NotAudio::Read(error.kind());
    let mut skipped = 0;
    for _ in 0..=MOST_TAGS {
        let mut head = Vec::new();
        fill(media, &mut head, 10).map_err(read)?;
        let Some(length) = tag_length(&head) else {
            return Ok(head);
        };
        skipped += length;
        if skipped > limit {
            break;
        }
        let gone = io::copy(&mut media.take(length), &mut io::sink()).map_err(read)?;
        if gone < length {
            break;
        }
    }
    Err(NotAudio::Tags)
}

/// The bytes of a tag behind its header of ten bytes.
fn tag_length(head: &[u8]) -> Option<u64> {
    let head: &[u8; 10] = head.try_into().ok()?;
    let size = &head[6..];
    if !head.starts_with(b"ID3") || size.iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let body = size.iter().fold(0, |sum, byte| sum << 7 | u64::from(*byte));
    let footer = if head[5] & 0x10 == 0 { 0 } else { 10 };
    Some(body + footer)
}

/// How many bytes may still be read before the next packet must be there.
///
/// A demuxer looks for the next frame as long as it takes: of what is no audio any more
/// it would swallow everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Ration(Arc<AtomicU64>);

impl Ration {
    pub(super) fn set(&self, bytes: u64) {
        self.0.store(bytes, Relaxed);
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.0.load(Relaxed) == 0
    }
}

/// A source that ends with an error when its ration is used up.
struct Rationed {
    media: Box<dyn MediaSource>,
    ration: Ration,
}

impl Read for Rationed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.ration.0.load(Relaxed);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        if most == 0 && !into.is_empty() {
            return Err(io::Error::other("too many bytes without a packet"));
        }
        let read = self.media.read(&mut into[..most])?;
        self.ration.set(left - read as u64);
        Ok(read)
    }
}

impl Seek for Rationed {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.media.seek(to)
    }
}

impl MediaSource for Rationed {
    fn is_seekable(&self) -> bool {
        self.media.is_seekable()
    }

    fn byte_len(&self) -> Option<u64> {
        self.media.byte_len()
    }
}

impl fmt::Debug for Rationed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rationed({:?})", self.ration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(body: usize) -> Vec<u8> {
        let size: Vec<u8> = (0..4)
            .rev()
            .map(|n| (body >> (7 * n) & 0x7f) as u8)
            .collect();
        let mut tag = [b"ID3\x04\0\0", &size[..]].concat();
        tag.resize(10 + body, 0xff);
        tag
    }

    fn begun(bytes: Vec<u8>) -> Result<Format, NotAudio> {
        let media = Box::new(ReadOnlySource::new(Cursor::new(bytes)));
        begin(media, Ration::default()).map(|(format, _)| format)
    }

    #[test]
    fn tags_are_skipped_within_bounds() {
        let audio = b"fLaC and more".to_vec();
        let tagged = |tags: Vec<Vec<u8>>| [tags.concat(), audio.clone()].concat();
        assert_eq!(begun(tagged(vec![tag(0)])), Ok(Format::Flac));
        assert_eq!(begun(tagged(vec![tag(300_000); 3])), Ok(Format::Flac));
        assert_eq!(begun(tagged(vec![tag(300_000); 4])), Err(NotAudio::Tags));
        assert_eq!(begun(tagged(vec![tag(5); 8])), Ok(Format::Flac));
        assert_eq!(begun(tagged(vec![tag(5); 9])), Err(NotAudio::Tags));
        let cut = tag(5000)[..2000].to_vec();
        assert_eq!(begun(cut), Err(NotAudio::Tags));
    }

    #[test]
    fn a_ration_ends_the_reading() {
        let ration = Ration::default();
        ration.set(10);
        let mut rationed = Rationed {
            media: Box::new(ReadOnlySource::new(io::repeat(7))),
            ration: ration.clone(),
        };
        let mut read = Vec::new();
        assert!(rationed.read_to_end(&mut read).is_err());
        assert_eq!(read, [7; 10]);
        assert!(ration.is_used_up());
        ration.set(1);
        assert_eq!(rationed.read(&mut [0; 4]).unwrap(), 1);
    }
}
