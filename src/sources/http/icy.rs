//! Taking Shoutcast's titles out of the audio they are mixed into.
//!
//! None are asked for and none are used: a title is what strangers write. But some servers
//! send them anyway, and then they must not reach the decoder.

use bytes::{Bytes, BytesMut};

/// The largest believable distance between two titles, in bytes; servers use 8 to 64 KiB.
const MOST_INTERVAL: usize = 1024 * 1024;

/// Removes the blocks of titles: after each `interval` bytes of audio one byte that gives
/// the block's length in units of 16 bytes, then the block.
#[derive(Debug)]
pub(super) struct Splitter {
    interval: usize,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// So many bytes of audio until the next block.
    Audio(usize),
    /// Inside a block: what was seen of it, its length byte included.
    Block(Vec<u8>),
    /// The server announced blocks and sends none.
    NoBlocks,
}

impl Splitter {
    /// For a server that announces this `icy-metaint`; `None` when there are no blocks, or
    /// the number is nonsense.
    pub(super) fn new(announced: &str) -> Option<Self> {
        let interval = announced.trim().parse().ok()?;
        let usable = (1..=MOST_INTERVAL).contains(&interval);
        usable.then_some(Self {
            interval,
            place: Place::Audio(interval),
        })
    }

    /// The audio in these bytes.
    pub(super) fn split(&mut self, bytes: &Bytes) -> Bytes {
        match &mut self.place {
            Place::NoBlocks => return bytes.clone(),
            Place::Audio(left) if *left > bytes.len() => {
                *left -= bytes.len();
                return bytes.clone();
            }
            _ => {}
        }
        let mut audio = BytesMut::with_capacity(bytes.len());
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            rest = match &mut self.place {
                Place::NoBlocks => {
                    audio.extend_from_slice(rest);
                    &[]
                }
                Place::Audio(left) => {
                    let (now, later) = rest.split_at(rest.len().min(*left));
                    audio.extend_from_slice(now);
                    *left -= now.len();
                    if *left == 0 {
                        self.place = Place::Block(Vec::new());
                    }
                    later
                }
                Place::Block(seen) => {
                    let length = usize::from(*seen.first().unwrap_or(&rest[0])) * 16 + 1;
                    let (now, later) = rest.split_at(rest.len().min(length - seen.len()));
                    seen.extend_from_slice(now);
                    if !may_be_titles(&seen[1..]) {
                        audio.extend_from_slice(seen);
                        self.place = Place::NoBlocks;
                    } else if seen.len() == length {
                        self.place = Place::Audio(self.interval);
                    }
                    later
                }
            };
        }
        audio.freeze()
    }
}

/// Whether a block, as far as it is there, looks like `StreamTitle='…';`: a server that
/// announces blocks and sends none would lose audio otherwise.
fn may_be_titles(block: &[u8]) -> bool {
    const LONGEST_KEY: usize = 32;
    let key = block.iter().position(|byte| *byte == b'=');
    let seen = &block[..key.unwrap_or(block.len())];
    let letters = seen
        .iter()
        .all(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    letters && seen.len() <= LONGEST_KEY && key != Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits the bytes whole and one by one; both must agree.
    fn split(interval: &str, bytes: &[u8]) -> Vec<u8> {
        let mut at_once = Splitter::new(interval).unwrap();
        let whole = at_once.split(&Bytes::copy_from_slice(bytes)).to_vec();
        let mut one_by_one = Splitter::new(interval).unwrap();
        let pieces = bytes
            .chunks(1)
            .flat_map(|byte| one_by_one.split(&Bytes::copy_from_slice(byte)).to_vec())
            .collect::<Vec<u8>>();
        assert_eq!(whole, pieces);
        whole
    }

    #[test]
    fn titles_are_taken_out() {
        let stream = b"abcd\x02StreamTitle='x\xff\0<script>';\0\0\0\0\0\0efgh\0ijkl";
        assert_eq!(split("4", stream), b"abcdefghijkl");
        let longest = [
            b"a\xffStreamTitle='".to_vec(),
            vec![b'x'; 4080 - 13],
            b"b\0c".to_vec(),
        ];
        assert_eq!(split("1", &longest.concat()), b"abc");
    }

    #[test]
    fn audio_of_a_server_that_lies_is_kept() {
        let audio: Vec<u8> = (1..=200).collect();
        assert_eq!(split("16", &audio), audio);
        for nonsense in ["0", "-1", "x", "", "1048577", "99999999999999999999999"] {
            assert!(Splitter::new(nonsense).is_none(), "{nonsense}");
        }
    }
}
