//! Files that somebody is still writing, as the demultiplexers can read them.
//!
//! Most formats are read as they grow. An MP4 file (ISO 14496-12) is, too, when its index
//! `moov` stands before its audio, as in a fragmented one. Where the index comes last
//! nothing can be played before the writer is done, and until then we wait. A whole file
//! goes the same way: one that was cut off is taken for as long as its index says, so that
//! it is played up to where it breaks off.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use symphonia::core::io::MediaSource;

use super::{
    block::Opened,
    wav::{EndlessWav, Skip},
};

/// The largest `moov` that is looked into, in bytes.
const MAX_INDEX: u64 = 64 << 20;
/// Boxes that are passed on the way to the index. Fragments stand behind it.
const MOST_BOXES: usize = 64;
/// The length of a file whose end nobody knows: more than any, and no sum overflows.
const ENDLESS: u64 = 1 << 62;

/// A file that may grow. A read at its present end waits for more; that nothing comes means
/// that nothing will.
pub trait Growing: Read + Seek + Send + Sync {
    /// Reads what is there already at a place, without moving; fewer bytes than `into` holds
    /// when the file is not that long.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn peek(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Waits a moment for the writer. False when nothing will come any more. `unfinished`:
    /// what is there cannot be played without what is to come.
    ///
    /// # Errors
    /// When the file cannot be read, or nobody wants it any more.
    fn wait(&mut self, unfinished: bool) -> io::Result<bool>;
}

/// A whole file grows no more.
impl Growing for File {
    fn peek(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.read_at(into, at)
    }

    fn wait(&mut self, _: bool) -> io::Result<bool> {
        Ok(false)
    }
}

impl Opened {
    /// A regular file, positioned at its start.
    pub fn file(mut file: File, claimed: Option<String>) -> Self {
        let media: Box<dyn MediaSource> = match length_of_mp4(&mut file) {
            Ok(Some(length)) => Box::new(Mp4 { file, length }),
            _ => Box::new(file),
        };
        Self {
            media,
            claimed,
            progress: Arc::default(),
            live: false,
        }
    }

    /// A file that may still grow. Blocks until its first bytes are there, and while it is an
    /// MP4 file whose index has not been written. `skip` is that of [`EndlessWav`].
    pub fn growing<F: Growing + 'static>(
        mut file: F,
        claimed: Option<String>,
        skip: Skip<F>,
    ) -> Self {
        match length_of_mp4(&mut file) {
            // What cannot be read here will be told by whoever reads it next.
            Ok(None) | Err(_) => Self::stream(EndlessWav::with_skip(file, skip), claimed),
            Ok(Some(length)) => Self {
                media: Box::new(Mp4 { file, length }),
                claimed,
                progress: Arc::default(),
                live: true,
            },
        }
    }
}

/// Waits until an MP4 file can be read, and returns how long it is to be taken for. `None`
/// for a file that is none.
fn length_of_mp4(file: &mut impl Growing) -> io::Result<Option<u64>> {
    let mut head = [0; 8];
    while file.peek(0, &mut head)? < head.len() {
        if !file.wait(false)? {
            return Ok(None);
        }
    }
    if &head[4..] != b"ftyp" {
        return Ok(None);
    }
    loop {
        let (length, audio_first) = look(file)?;
        if length.is_some() {
            return Ok(length);
        }
        if !file.wait(audio_first)? {
            // The writer was cut off: the demultiplexer finds no index and says so.
            let length = file.seek(SeekFrom::End(0))?;
            file.rewind()?;
            return Ok(Some(length));
        }
    }
}

/// How long the file is to be taken for, if its index is there, and whether its audio comes
/// before that.
fn look(file: &impl Growing) -> io::Result<(Option<u64>, bool)> {
    let (mut at, mut audio_first) = (0u64, false);
    for _ in 0..MOST_BOXES {
        let Some(found) = BoxHeader::read(file, at)? else {
            break;
        };
        audio_first |= found.kind == *b"mdat";
        let Some(end) = found.end(at) else { break };
        if found.kind == *b"moov" {
            let whole = found.length <= MAX_INDEX && file.peek(end - 1, &mut [0])? == 1;
            let endless = !audio_first || has_child(file, at + 8, end, *b"mvex")?;
            let length = if endless { ENDLESS } else { end };
            return Ok((whole.then_some(length), audio_first));
        }
        at = end;
    }
    Ok((None, audio_first))
}

/// Whether there is a box of this kind among those between two places.
fn has_child(file: &impl Growing, mut at: u64, end: u64, kind: [u8; 4]) -> io::Result<bool> {
    for _ in 0..MOST_BOXES {
        if at >= end {
            break;
        }
        match BoxHeader::read(file, at)? {
            Some(found) if found.kind == kind => return Ok(true),
            Some(found) => match found.end(at) {
                Some(behind) => at = behind,
                None => break,
            },
            None => break,
        }
    }
    Ok(false)
}

/// What a box says of itself (ISO 14496-12 §4.2).
struct BoxHeader {
    kind: [u8; 4],
    /// With this header, in bytes; less than 8 while it is unknown.
    length: u64,
}

impl BoxHeader {
    /// `None` where there is none yet.
    fn read(file: &impl Growing, at: u64) -> io::Result<Option<Self>> {
        let mut head = [0; 16];
        let got = file.peek(at, &mut head)?;
        let [a, b, c, d, kind @ .., _, _, _, _, _, _, _, _] = head;
        let length = match u32::from_be_bytes([a, b, c, d]) {
            1 if got == 16 => head[8..]
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            short => u64::from(short),
        };
        Ok((got >= 8).then_some(Self { kind, length }))
    }

    /// Where the box ends that begins here.
    fn end(&self, at: u64) -> Option<u64> {
        let known = Some(self.length).filter(|length| *length >= 8);
        known.and_then(|length| at.checked_add(length))
    }
}

/// An MP4 file that is taken for longer than it is.
struct Mp4<F> {
    file: F,
    length: u64,
}

impl<F: Growing> Read for Mp4<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

impl<F: Growing> Seek for Mp4<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            // Only to ask for the length, and no file system has a place so far away.
            SeekFrom::End(0) => Ok(self.length),
            SeekFrom::End(_) => Err(io::ErrorKind::Unsupported.into()),
            other => self.file.seek(other),
        }
    }
}

impl<F: Growing> MediaSource for Mp4<F> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A file whose writer appends or patches at each wait.
    struct Written {
        bytes: Cursor<Vec<u8>>,
        next: Vec<fn(&mut Vec<u8>)>,
        waits: usize,
    }

    impl Read for Written {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.bytes.read(into)
        }
    }

    impl Seek for Written {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.bytes.seek(to)
        }
    }

    impl Growing for Written {
        fn peek(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
            let all = self.bytes.get_ref();
            (&all[(at as usize).min(all.len())..]).read(into)
        }

        fn wait(&mut self, _: bool) -> io::Result<bool> {
            self.waits += 1;
            let next = (!self.next.is_empty()).then(|| self.next.remove(0));
            next.inspect(|change| change(self.bytes.get_mut()));
            Ok(next.is_some())
        }
    }

    fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32 + 8).to_be_bytes();
        [&length[..], &kind, body].concat()
    }

    fn begun(next: Vec<fn(&mut Vec<u8>)>) -> (Option<u64>, usize) {
        let mut file = Written {
            bytes: Cursor::default(),
            next,
            waits: 0,
        };
        (length_of_mp4(&mut file).unwrap(), file.waits)
    }

    fn start(file: &mut Vec<u8>) {
        file.extend(boxed(*b"ftyp", b"isom"));
    }

    /// As a writer does that does not know the length yet.
    fn open_data(file: &mut Vec<u8>) {
        file.extend([0, 0, 0, 0, b'm', b'd', b'a', b't', 1, 2, 3]);
    }

    fn close_data(file: &mut Vec<u8>) {
        file.splice(15..16, [11]);
    }

    #[test]
    fn an_index_at_the_end_is_waited_for_until_it_is_whole() {
        let half = |file: &mut Vec<u8>| file.extend(&boxed(*b"moov", &[0; 20])[..10]);
        let rest = |file: &mut Vec<u8>| file.extend(&boxed(*b"moov", &[0; 20])[10..]);
        let all = begun(vec![start, open_data, close_data, half, rest]);
        assert_eq!(all, (Some(12 + 11 + 28), 5));
        let cut_off = begun(vec![start, open_data]);
        assert_eq!(cut_off, (Some(12 + 11), 3));
    }

    #[test]
    fn an_index_in_front_or_of_fragments_makes_it_endless() {
        let index = |file: &mut Vec<u8>| file.extend(boxed(*b"moov", &[0; 20]));
        assert_eq!(begun(vec![start, index]), (Some(ENDLESS), 2));
        let of_fragments = |file: &mut Vec<u8>| {
            let children = [boxed(*b"mvhd", &[0; 9]), boxed(*b"mvex", b"")].concat();
            file.extend(boxed(*b"moov", &children));
        };
        let all = begun(vec![start, open_data, close_data, of_fragments]);
        assert_eq!(all, (Some(ENDLESS), 4));
    }

    #[test]
    fn what_is_no_mp4_is_not_waited_for() {
        let riff = |file: &mut Vec<u8>| file.extend(b"RIFF\0\0\0\0WAVE");
        assert_eq!(begun(vec![riff]), (None, 1));
        assert_eq!(begun(vec![]), (None, 1));
    }
}
