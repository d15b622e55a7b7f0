//! Bits, most significant first.

/// Reads bits of a slice; `None` behind its end.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bits have been read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// How many are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }

    /// The next `count` bits, at most 32, as a number.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32);
        if self.left() < count as usize {
            return None;
        }
        let mut value = 0u64;
        let mut wanted = count as usize;
        while wanted > 0 {
            let used = self.at % 8;
            let step = wanted.min(8 - used);
            let byte = u64::from(self.bytes[self.at / 8]) << used & 0xff;
            value = value << step | byte >> (8 - step);
            self.at += step;
            wanted -= step;
        }
        Some(value as u32)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == 1)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        if self.left() < count {
            return None;
        }
        self.at += count;
        Some(())
    }

    /// The next `count` bytes, wherever they begin.
    pub(super) fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        if self.left() / 8 < count {
            return None;
        }
        if self.at.is_multiple_of(8) {
            let from = self.at / 8;
            self.at += count * 8;
            return Some(self.bytes[from..from + count].to_vec());
        }
        (0..count).map(|_| self.take(8).map(|b| b as u8)).collect()
    }

    /// The bits from `from` up to here as bytes, the last one filled up with zeros.
    pub(super) fn copy_from(&self, from: usize) -> Vec<u8> {
        let mut source = Self {
            bytes: self.bytes,
            at: from.min(self.at),
        };
        let mut out = Vec::new();
        while source.at < self.at {
            let count = (self.at - source.at).min(8) as u32;
            let Some(bits) = source.take(count) else {
                break;
            };
            out.push((bits << (8 - count)) as u8);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Bits;

    #[test]
    fn bits_come_most_significant_first_and_never_from_behind_the_end() {
        let mut bits = Bits::new(&[0b1010_0101, 0xff, 0x01]);
        assert_eq!(bits.take(3), Some(0b101));
        assert_eq!(bits.take(7), Some(0b001_0111));
        assert_eq!(bits.copy_from(3), [0b0010_1110]);
        assert_eq!(bits.bytes(1), Some(vec![0b1111_1100]));
        assert_eq!(bits.left(), 6);
        assert_eq!(bits.take(7), None);
        assert_eq!(bits.bytes(1), None);
        assert_eq!(bits.take(6), Some(1));
        assert_eq!(bits.take(0), Some(0));
        assert_eq!(bits.flag(), None);
    }
}
