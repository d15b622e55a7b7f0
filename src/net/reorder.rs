//! The order of RTP packets (RFC 3550 §A.1), and putting those that came by UDP back into
//! it.
//!
//! What follows a gap is held until the gap closes or has been there for a whole tick of
//! the grid. What comes after its gap was given up is dropped: it counts as lost.

use std::collections::{BTreeMap, btree_map::Entry};

/// So far ahead a packet may be and still belong to the sequence (RFC 3550 §A.1).
const MAX_DROPOUT: i64 = 3000;
/// So far behind a packet is late; farther, it is of another sequence.
const MAX_MISORDER: i64 = 100;
/// Held packets take at most so many bytes.
pub(super) const MAX_HELD: usize = 256 * 1024;

/// The sender began another sequence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Restarted;

/// How far a packet is ahead of the one that comes next; behind it, less than 0.
pub(super) fn ahead(next: u16, sequence: u16) -> Result<i64, Restarted> {
    let ahead = i64::from(sequence.wrapping_sub(next).cast_signed());
    if (-MAX_MISORDER..=MAX_DROPOUT).contains(&ahead) {
        Ok(ahead)
    } else {
        Err(Restarted)
    }
}

/// The packets between the network and the client.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    /// The sequence number that comes next, extended beyond 16 bits.
    next: Option<i64>,
    held: BTreeMap<i64, Vec<u8>>,
    pub(super) held_bytes: usize,
    /// The gap that the latest tick found.
    gap: Option<i64>,
    /// What would follow a packet out of all sequence.
    other: Option<u16>,
}

impl Reorder {
    /// Takes a packet; hands `deliver` what is in order now.
    pub(super) fn push(
        &mut self,
        sequence: u16,
        packet: &[u8],
        mut deliver: impl FnMut(&[u8]),
    ) -> Result<(), Restarted> {
        let next = *self.next.get_or_insert(i64::from(sequence));
        let Ok(ahead) = ahead(next as u16, sequence) else {
            // One such packet may be a stray; two in a row are another sequence.
            if self.other.replace(sequence.wrapping_add(1)) == Some(sequence) {
                return Err(Restarted);
            }
            return Ok(());
        };
        self.other = None;
        if ahead == 0 {
            self.next = Some(next + 1);
            deliver(packet);
            self.deliver_held(&mut deliver);
        } else if ahead > 0
            && let Entry::Vacant(place) = self.held.entry(next + ahead)
        {
            // Of two packets with one number the first counts, also for what is held.
            place.insert(packet.to_vec());
            self.held_bytes += packet.len();
            // What is held may have gaps of its own.
            while self.held_bytes > MAX_HELD {
                self.give_up_gap(&mut deliver);
            }
        }
        Ok(())
    }

    /// A tick of the grid: gives up a gap that was there at the one before.
    pub(super) fn tick(&mut self, mut deliver: impl FnMut(&[u8])) {
        if self.held.is_empty() {
            self.gap = None;
        } else if self.gap == self.next {
            self.give_up_gap(&mut deliver);
        } else {
            self.gap = self.next;
        }
    }

    fn give_up_gap(&mut self, deliver: &mut impl FnMut(&[u8])) {
        self.next = self.held.keys().next().copied().or(self.next);
        self.deliver_held(deliver);
    }

    fn deliver_held(&mut self, deliver: &mut impl FnMut(&[u8])) {
        while let Some(packet) = self.next.and_then(|next| self.held.remove(&next)) {
            self.held_bytes -= packet.len();
            self.next = self.next.map(|next| next + 1);
            deliver(&packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds sequence numbers, `None` for a tick; gives those delivered.
    fn through(sequence: impl IntoIterator<Item = Option<u16>>) -> Vec<u16> {
        let mut reorder = Reorder::default();
        let mut out = Vec::new();
        let mut deliver = |packet: &[u8]| out.push(u16::from_be_bytes([packet[0], packet[1]]));
        for step in sequence {
            match step {
                Some(number) => reorder
                    .push(number, &number.to_be_bytes(), &mut deliver)
                    .unwrap(),
                None => reorder.tick(&mut deliver),
            }
        }
        out
    }

    #[test]
    fn disorder_is_undone_across_the_wrap() {
        let came = [65_533, 65_535, 65_534, 1, 0, 2].map(Some);
        assert_eq!(through(came), [65_533, 65_534, 65_535, 0, 1, 2]);
    }

    #[test]
    fn a_gap_is_waited_for_during_one_whole_tick_and_what_is_late_is_dropped() {
        let came = [Some(1), Some(3), None, Some(2), Some(4)];
        assert_eq!(through(came), [1, 2, 3, 4]);
        let came = [Some(1), Some(3), None, None, Some(2), Some(4)];
        assert_eq!(through(came), [1, 3, 4]);
    }

    #[test]
    fn duplicates_and_strays_are_dropped_and_another_sequence_ends_it() {
        let came = [1, 1, 2, 4, 4, 40_000, 3, 2].map(Some);
        assert_eq!(through(came), [1, 2, 3, 4]);
        let mut reorder = Reorder::default();
        reorder.push(1, b"x", |_| {}).unwrap();
        reorder.push(40_000, b"x", |_| {}).unwrap();
        assert_eq!(reorder.push(40_001, b"x", |_| {}), Err(Restarted));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut reorder = Reorder::default();
        let mut delivered = 0;
        let packet = vec![0; 60_000];
        for number in (0..100).filter(|number| *number != 1) {
            reorder.push(number, &packet, |_| delivered += 1).unwrap();
            assert!(reorder.held_bytes <= MAX_HELD);
        }
        assert_eq!(delivered, 99);
    }

    #[test]
    fn what_is_held_between_many_gaps_is_bounded_too() {
        let mut reorder = Reorder::default();
        let (small, large) = ([0; 12], vec![0; 60_000]);
        reorder.push(0, &small, |_| {}).unwrap();
        for number in 1..500 {
            reorder.push(2 * number, &small, |_| {}).unwrap();
        }
        for number in 500..1_000 {
            reorder.push(2 * number, &large, |_| {}).unwrap();
            assert!(reorder.held_bytes <= MAX_HELD, "{number}");
        }
    }

    #[test]
    fn another_packet_of_the_same_number_neither_replaces_nor_counts() {
        let mut reorder = Reorder::default();
        let large = vec![0; 60_000];
        let mut came: Vec<Vec<u8>> = Vec::new();
        let mut deliver = |packet: &[u8]| came.push(packet.to_vec());
        reorder.push(0, b"first", &mut deliver).unwrap();
        for _ in 0..10 {
            reorder.push(2, b"third", &mut deliver).unwrap();
            reorder.push(2, &large, &mut deliver).unwrap();
        }
        assert_eq!(reorder.held_bytes, 5);
        reorder.push(1, b"second", &mut deliver).unwrap();
        assert_eq!(reorder.held_bytes, 0);
        assert_eq!(came, [b"first".as_slice(), b"second", b"third"]);
    }
}
