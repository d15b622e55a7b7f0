//! What a buffer tells about itself: the figures that a person decides by.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    id::SourceId,
    units::{AudioFormat, ByteSize},
};

/// A buffer for so many frames, of a millisecond each.
fn mono(frames: u64) -> (Lease, Arc<CaptureBuffer>) {
    let buffers = Buffers::new(ByteSize(1 << 20));
    let lease = buffers.lease(SourceId::new("garden").unwrap()).unwrap();
    let format = AudioFormat {
        sample_rate: 1_000,
        channels: 1,
    };
    let length = Duration::from_millis(frames);
    let allocation = lease
        .asker()
        .allocate_if_needed(BufferKind::Capture, format, length);
    (lease, allocation.unwrap().into_buffer())
}

#[test]
#[cfg(not(feature = "buffer-stats"))]
fn a_build_without_statistics_has_none() {
    let (_lease, buffer) = mono(10);
    buffer.push(&[1; 10]).unwrap();
    let mut reader = buffer.subscribe(ReaderKind::Live, StartAt::Oldest);
    let mut into = [0; 4];
    assert_eq!(reader.read(&mut into).frames, 4);
    assert!(buffer.stats().is_none());
}

#[cfg(feature = "buffer-stats")]
mod kept {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        time::{Instant, SystemTime},
    };

    use super::*;

    fn stats(buffer: &CaptureBuffer) -> BufferStats {
        buffer.stats().unwrap()
    }

    #[test]
    fn pushes_are_counted() {
        let (_lease, buffer) = mono(10);
        assert_eq!(stats(&buffer).pushes, 0);
        assert_eq!(stats(&buffer).last_update, None);
        for _ in 0..3 {
            buffer.push(&[1; 5]).unwrap();
        }
        let seen = stats(&buffer);
        assert_eq!((seen.pushes, seen.pushed_frames), (3, 15));
        assert_eq!((seen.fill_frames, seen.capacity_frames), (10, 10));
        assert_eq!((seen.refused_pushes, seen.dropped_frames), (0, 0));
    }

    #[test]
    fn readers_are_counted_as_they_come_and_go() {
        let (_lease, buffer) = mono(10);
        assert_eq!(stats(&buffer).active_readers(), 0);
        let first = buffer.subscribe(ReaderKind::Live, StartAt::Now);
        assert_eq!(stats(&buffer).active_readers(), 1);
        let second = buffer.subscribe(ReaderKind::Analysis, StartAt::Now);
        assert_eq!(stats(&buffer).active_readers(), 2);
        // Far behind: lag is no reader.
        buffer.push(&[0; 10]).unwrap();
        buffer.push(&[0; 9]).unwrap();
        assert_eq!(stats(&buffer).active_readers(), 2);
        drop(first);
        let seen = stats(&buffer);
        assert_eq!(seen.active_readers(), 1);
        assert_eq!(seen.readers[0].id, second.id());
        assert_eq!(seen.readers[0].kind, ReaderKind::Analysis);
    }

    #[test]
    fn each_reader_has_its_own_account() {
        let (_lease, buffer) = mono(100);
        let mut quick = buffer.subscribe(ReaderKind::Live, StartAt::Now);
        let mut slow = buffer.subscribe(ReaderKind::Clip, StartAt::Now);
        let mut into = [0; 200];
        for _ in 0..3 {
            buffer.push(&[1; 50]).unwrap();
            assert_eq!(quick.read(&mut into).frames, 50);
        }
        // An empty poll is no pull.
        assert_eq!(quick.read(&mut into).frames, 0);
        let seen = stats(&buffer);
        let [of_quick, of_slow] = &seen.readers[..] else {
            panic!("{seen:?}")
        };
        assert_eq!((of_quick.pulls, of_quick.pulled_frames), (3, 150));
        assert_eq!((of_quick.lag_frames, of_quick.dropped_frames), (0, 0));
        assert!(of_quick.last_pull.is_some());
        // The slow one has not noticed yet what it lost.
        assert_eq!((of_slow.pulls, of_slow.last_pull), (0, None));
        assert_eq!((of_slow.lag_frames, of_slow.dropped_frames), (150, 50));
        assert_eq!(of_slow.lag, Duration::from_millis(150));
        assert_eq!(seen.worst_lag(), of_slow.lag);
        assert_eq!((seen.overflows, seen.dropped_frames), (1, 50));

        let read = slow.read(&mut into);
        assert_eq!((read.frames, read.missed), (100, 50));
        let of_slow = &stats(&buffer).readers[1];
        assert_eq!((of_slow.pulls, of_slow.pulled_frames), (1, 100));
        assert_eq!((of_slow.lag_frames, of_slow.dropped_frames), (0, 50));
        drop((quick, slow));
        let after = stats(&buffer);
        assert_eq!((after.pulls, after.pulled_frames), (4, 250));
        assert_eq!(after.dropped_frames, 50, "what is gone stays counted");
    }

    #[test]
    fn utilisation_is_the_worst_lag_and_98_of_100_is_critical() {
        let (_lease, buffer) = mono(100);
        buffer.push(&[0; 100]).unwrap();
        let full = stats(&buffer);
        assert_eq!(full.utilization(), 0.0, "a full ring without readers");
        assert!(!full.is_high());

        let _far = buffer.subscribe(ReaderKind::Live, StartAt::Newest(98));
        let _near = buffer.subscribe(ReaderKind::Live, StartAt::Now);
        let seen = stats(&buffer);
        assert!((seen.utilization() - 0.98).abs() < 1e-9);
        assert!(seen.is_critical() && seen.is_high());

        for (lag, high, critical) in [
            (80, false, false),
            (81, true, false),
            (95, true, false),
            (96, true, true),
        ] {
            let (_lease, buffer) = mono(100);
            buffer.push(&[0; 100]).unwrap();
            let _reader = buffer.subscribe(ReaderKind::Live, StartAt::Newest(lag));
            let seen = stats(&buffer);
            assert_eq!(
                (seen.is_high(), seen.is_critical()),
                (high, critical),
                "{lag}"
            );
        }
        buffer.push(&[0; 100]).unwrap();
        buffer.push(&[0; 100]).unwrap();
        assert_eq!(stats(&buffer).utilization(), 1.0, "overtaken is 1, no more");
    }

    #[test]
    fn it_knows_when_it_came_and_when_it_last_changed() {
        let before = SystemTime::now();
        let (_lease, buffer) = mono(10);
        let created = stats(&buffer).created_at;
        // A tick of the coarse clock, at the slowest of kernels.
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(25) {
            std::hint::spin_loop();
        }
        buffer.push(&[1; 5]).unwrap();
        let seen = stats(&buffer);
        assert_eq!(seen.created_at, created);
        assert!(seen.last_update.unwrap() > created);
        assert!(seen.taken_at >= seen.last_update.unwrap());
        let wall = created.wall();
        let tick = Duration::from_millis(20);
        assert!(wall + tick > before && wall < SystemTime::now(), "{wall:?}");
    }

    #[test]
    fn rates_are_of_the_time_between_two_looks() {
        let (_lease, buffer) = mono(1_000);
        let before = stats(&buffer);
        let started = Instant::now();
        let mut pushes = 0;
        while started.elapsed() < Duration::from_millis(200) {
            buffer.push(&[1; 7]).unwrap();
            pushes += 1;
        }
        let after = stats(&buffer);
        let time = after.taken_at.saturating_since(before.taken_at);
        let rate = f64::from(pushes) / time.as_secs_f64();
        assert!((after.push_rate(Some(&before)) / rate - 1.0).abs() < 1e-6);
        assert!((after.frame_rate(Some(&before)) / rate - 7.0).abs() < 1e-6);
        assert_eq!(after.push_rate(Some(&after)), 0.0, "no time, no rate");
        assert!(after.push_rate(None) > 0.0);
    }

    #[test]
    fn a_reader_whose_holder_panics_or_is_aborted_is_gone() {
        let (_lease, buffer) = mono(10);
        let reader = buffer.subscribe(ReaderKind::Live, StartAt::Now);
        let died = catch_unwind(AssertUnwindSafe(|| {
            let _held = reader;
            panic!("in the middle of it");
        }));
        died.unwrap_err();
        assert_eq!(stats(&buffer).active_readers(), 0);

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let mut reader = buffer.subscribe(ReaderKind::Live, StartAt::Now);
        let held = Arc::clone(&buffer);
        runtime.block_on(async {
            #[allow(clippy::disallowed_methods, reason = "a task that is aborted")]
            let task = tokio::spawn(async move {
                let mut into = [0; 4];
                loop {
                    reader.read(&mut into);
                    tokio::task::yield_now().await;
                }
            });
            buffer.push(&[1; 4]).unwrap();
            while stats(&buffer).pulls == 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(stats(&held).active_readers(), 1);
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
        assert_eq!(stats(&held).active_readers(), 0);
        assert_eq!(stats(&held).pulled_frames, 4);
    }
}
