//! How much audio is missing where packets are.
//!
//! A packet may hold several frames, or a part of one, so the number of missing packets
//! does not tell. The source's own clock does (RFC 3550 §5.1): what it advanced by, less
//! the audio that came meanwhile, is what did not come.

use std::time::Duration;

/// Media time against the audio that came in it.
#[derive(Debug, Default)]
pub(super) struct Continuity {
    /// The latest media time, in seconds.
    mark: Option<f64>,
    /// Audio since then.
    since: Duration,
}

impl Continuity {
    /// Counts audio that came, or that is accounted for already.
    pub(super) fn took(&mut self, audio: Duration) {
        self.since += audio;
    }

    /// Comes to a frame with `media` seconds on the source's clock and `lost` packets
    /// missing before it: how much audio they held. `frame` is the duration of the latest
    /// frame.
    pub(super) fn reach(
        &mut self,
        media: Option<f64>,
        lost: u16,
        frame: Option<Duration>,
    ) -> Duration {
        let frame = frame.unwrap_or_default();
        let mut missing = Duration::ZERO;
        if let Some(now) = media {
            let before = self.mark.replace(now).unwrap_or(now);
            let advanced = Duration::try_from_secs_f64(now - before).unwrap_or_default();
            missing = advanced.saturating_sub(std::mem::take(&mut self.since));
        }
        if missing < frame / 2 {
            // A clock that stands still or runs at another rate than announced.
            missing = frame.saturating_mul(u32::from(lost));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(32);

    /// Packets of `frames` frames, `None` where one is lost; each has the timestamp that
    /// the clock gives it at `rate`. Yields what is missing.
    fn missing(frames: u32, rate: f64, packets: &[Option<()>]) -> f64 {
        let mut continuity = Continuity::default();
        let (mut total, mut lost) = (Duration::ZERO, 0);
        for (n, packet) in packets.iter().enumerate() {
            if packet.is_none() {
                lost += 1;
                continue;
            }
            let media = n as f64 * FRAME.as_secs_f64() * f64::from(frames) * rate;
            let missing = continuity.reach(Some(media), lost, Some(FRAME));
            total += if lost > 0 { missing } else { Duration::ZERO };
            lost = 0;
            for _ in 0..frames {
                continuity.took(FRAME);
            }
        }
        total.as_secs_f64() / FRAME.as_secs_f64()
    }

    #[test]
    fn a_lost_packet_held_as_many_frames_as_the_clock_says() {
        let (came, lost) = (Some(()), None);
        let packets = [came, came, lost, came, lost, lost, lost, came];
        for frames in [1, 3, 4] {
            let missing = missing(frames, 1.0, &packets);
            assert!((missing - f64::from(4 * frames)).abs() < 1e-3, "{missing}");
        }
        // A clock that stands still tells nothing: a packet is taken for a frame.
        assert!((missing(4, 0.0, &packets) - 4.0).abs() < 1e-3);
        assert!((missing(1, 0.5, &packets[..4]) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn a_frame_in_two_packets_is_missing_once() {
        let mut continuity = Continuity::default();
        let frame = FRAME.as_secs_f64();
        continuity.reach(Some(0.0), 0, None);
        continuity.took(FRAME);
        // Both packets of the second frame were lost, or the one; the third is here.
        let missing = continuity.reach(Some(2.0 * frame), 2, Some(FRAME));
        assert!((missing.as_secs_f64() - frame).abs() < 1e-6);
        // Of a frame's later parts only the first has a time of its own.
        continuity.took(FRAME);
        assert_eq!(continuity.reach(None, 0, Some(FRAME)), Duration::ZERO);
    }
}
