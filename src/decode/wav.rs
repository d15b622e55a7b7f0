//! WAV streams whose header does not know how long they are.
//!
//! A recorder writes its header first and the length, if at all, at the end: until then it
//! says 0, 2³²−1, some large number, or what held a while ago. [`EndlessWav`] passes a
//! stream on with lengths that say "unknown", so that the demultiplexer reads to the end of
//! the stream; anything that is not WAV passes unchanged. `RF64` (EBU Tech 3306) becomes
//! `RIFF`: with unknown lengths they are the same.

use std::io::{self, Read};

use crate::units::PcmFormat;

/// A header longer than this is none.
const MAX_HEADER: usize = 1 << 20;
const UNKNOWN: [u8; 4] = [0xff; 4];

/// What a WAV header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WavLayout {
    /// Where the samples begin, in bytes.
    pub data_start: u64,
    /// Bytes of a frame, or of a block of frames; at least 1.
    pub block: u64,
    /// Bytes a second.
    pub rate: u64,
    /// How many bytes of samples the header announces, where that may be true.
    pub data_len: Option<u64>,
}

/// Called once after the header: skips some of the samples and returns how many bytes, a
/// multiple of [`WavLayout::block`].
pub type Skip<R> = fn(&mut R, &WavLayout) -> io::Result<u64>;

/// Passes a stream on; see the module.
#[derive(Debug)]
pub struct EndlessWav<R> {
    inner: R,
    skip: Skip<R>,
    /// Read from `inner`, but not yet passed on.
    held: Vec<u8>,
    passed: usize,
    at: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    /// So many bytes of samples before the announced end, if one was announced.
    Samples(Option<u64>),
    /// Behind the samples: chunks nobody needs.
    Trailer,
}

impl<R: Read> EndlessWav<R> {
    /// A stream at its very beginning.
    pub fn new(inner: R) -> Self {
        Self::with_skip(inner, |_, _| Ok(0))
    }

    /// As [`Self::new`]; `skip` is asked once the header is known.
    pub fn with_skip(inner: R, skip: Skip<R>) -> Self {
        Self {
            inner,
            skip,
            held: Vec::new(),
            passed: 0,
            at: Place::Header,
        }
    }

    /// Reads until `held` has `wanted` bytes or the stream ends.
    fn hold(&mut self, wanted: usize) -> io::Result<bool> {
        let missing = wanted.saturating_sub(self.held.len()) as u64;
        self.inner
            .by_ref()
            .take(missing)
            .read_to_end(&mut self.held)?;
        Ok(self.held.len() >= wanted)
    }

    /// Reads the header into `held` and rewrites its lengths.
    fn header(&mut self) -> io::Result<()> {
        self.at = Place::Samples(None);
        if !self.hold(12)? || !is_wave(&self.held) {
            return Ok(());
        }
        let mut layout = WavLayout {
            data_start: 0,
            block: 1,
            rate: 0,
            data_len: None,
        };
        let mut chunk = 12;
        loop {
            if chunk > MAX_HEADER || !self.hold(chunk + 8)? {
                return Ok(());
            }
            let id = &self.held[chunk..chunk + 4];
            let length = u32_at(&self.held, chunk + 4);
            if id == b"data" {
                break;
            }
            let is_format = id == b"fmt ";
            let Some(next) = behind(chunk, length).filter(|next| *next <= MAX_HEADER) else {
                return Ok(());
            };
            if !self.hold(next)? {
                return Ok(());
            }
            if is_format && length >= 16 {
                layout.rate = u64::from(u32_at(&self.held, chunk + 16));
                let block = u16::from_le_bytes([self.held[chunk + 20], self.held[chunk + 21]]);
                layout.block = u64::from(block).max(1);
            }
            chunk = next;
        }
        let announced = u32_at(&self.held, chunk + 4);
        layout.data_start = chunk as u64 + 8;
        layout.data_len = (announced != 0 && announced != u32::MAX).then(|| u64::from(announced));
        self.held[..4].copy_from_slice(b"RIFF");
        self.held[4..8].copy_from_slice(&UNKNOWN);
        self.held[chunk + 4..chunk + 8].copy_from_slice(&UNKNOWN);
        let skipped = (self.skip)(&mut self.inner, &layout)?;
        // Behind an announced end that was skipped there is nothing to recognise.
        self.at = Place::Samples(layout.data_len.and_then(|len| len.checked_sub(skipped)));
        Ok(())
    }

    /// At the announced end: a chunk that follows ends the samples; anything else shows
    /// that the announcement is stale, and is samples too.
    fn boundary(&mut self) -> io::Result<()> {
        self.held.clear();
        self.passed = 0;
        // A chunk begins at an even place; the padding is part of no chunk.
        let found =
            self.hold(8)? && is_chunk(&self.held) || self.hold(9)? && is_chunk(&self.held[1..]);
        self.at = if found {
            self.held.clear();
            Place::Trailer
        } else {
            Place::Samples(None)
        };
        Ok(())
    }
}

impl<R: Read> Read for EndlessWav<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == Place::Header {
            self.header()?;
        }
        if self.passed == self.held.len() && self.at == Place::Samples(Some(0)) {
            self.boundary()?;
        }
        let held = &self.held[self.passed..];
        if !held.is_empty() {
            let count = held.len().min(buffer.len());
            buffer[..count].copy_from_slice(&held[..count]);
            self.passed += count;
            if self.passed == self.held.len() {
                self.held = Vec::new();
                self.passed = 0;
            }
            return Ok(count);
        }
        match &mut self.at {
            Place::Samples(Some(left)) => {
                let most = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                let count = self.inner.read(&mut buffer[..most])?;
                *left -= count as u64;
                Ok(count)
            }
            Place::Trailer => {
                io::copy(&mut self.inner, &mut io::sink())?;
                Ok(0)
            }
            Place::Header | Place::Samples(None) => self.inner.read(buffer),
        }
    }
}

fn is_wave(head: &[u8]) -> bool {
    matches!(&head[..4], b"RIFF" | b"RF64" | b"BW64") && &head[8..12] == b"WAVE"
}

/// Chunks that recorders write behind the samples.
fn is_chunk(bytes: &[u8]) -> bool {
    const KNOWN: [&[u8; 4]; 14] = [
        b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"axml", b"cue ", b"smpl", b"inst", b"fact",
        b"JUNK", b"PAD ", b"_PMX", b"guan",
    ];
    bytes.len() >= 8 && KNOWN.iter().any(|known| **known == bytes[..4])
}

/// Where the next chunk begins. A length near 2³² must not wrap where addresses have 32
/// bits: it would lead back.
fn behind(chunk: usize, length: u32) -> Option<usize> {
    let padding = (length & 1) as usize;
    let length = usize::try_from(length).ok()?;
    (chunk + 8).checked_add(length)?.checked_add(padding)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The header of an endless WAV stream: put before raw samples, it makes a container of
/// them.
pub fn wav_header(format: PcmFormat) -> Vec<u8> {
    let (tag, bits) = format.encoding.wave_tag();
    let block = format.block();
    let mut header = Vec::with_capacity(46);
    header.extend_from_slice(b"RIFF");
    header.extend_from_slice(&UNKNOWN);
    header.extend_from_slice(b"WAVEfmt \x12\0\0\0");
    header.extend_from_slice(&tag.to_le_bytes());
    header.extend_from_slice(&format.channels.to_le_bytes());
    header.extend_from_slice(&format.sample_rate.to_le_bytes());
    let rate = format.sample_rate.saturating_mul(u32::from(block));
    header.extend_from_slice(&rate.to_le_bytes());
    header.extend_from_slice(&block.to_le_bytes());
    header.extend_from_slice(&bits.to_le_bytes());
    // WAVEFORMATEX with nothing in its extension: G.711 must have it, the others may.
    header.extend_from_slice(&[0, 0]);
    header.extend_from_slice(b"data");
    header.extend_from_slice(&UNKNOWN);
    header
}

#[cfg(test)]
mod tests;
