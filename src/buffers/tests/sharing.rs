//! One live buffer for each source and kind, whoever asks.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Barrier,
};

use super::*;

#[test]
fn a_source_gets_one_buffer_and_later_askers_get_the_same() {
    let (buffers, lease) = roomy();
    let buffer = first(ask(&lease.asker(), MONO));
    assert_eq!(buffer.capacity_bytes(), 5_760_000);
    for _ in 0..5 {
        assert!(Arc::ptr_eq(&buffer, &repeated(ask(&lease.asker(), MONO))));
    }
    assert_eq!(results(&buffers), [6, 1, 5, 0]);
    assert_eq!(buffers.budget().0, ByteSize(5_760_000));
}

#[test]
fn a_reconnecting_session_finds_the_audio_of_the_one_before() {
    let (buffers, lease) = roomy();
    for session in 0..20_u64 {
        let asker = lease.asker();
        let buffer = ask(&asker, MONO).unwrap().into_buffer();
        assert_eq!(buffer.position(), session * 960);
        buffer.push(&[7; 960]).unwrap();
    }
    assert_eq!(results(&buffers), [20, 1, 19, 0]);
    assert_eq!(capture_of(&buffers).books.live(), 1);
    assert_eq!(capture_of(&buffers).levels.size_bytes, 20 * 960 * 2);
}

#[test]
fn concurrent_sessions_get_one_buffer() {
    let (buffers, lease) = roomy();
    let barrier = Barrier::new(8);
    let made: Vec<_> = std::thread::scope(|scope| {
        let sessions: Vec<_> = (0..8)
            .map(|_| {
                let (asker, barrier) = (lease.asker(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    ask(&asker, MONO).unwrap()
                })
            })
            .collect();
        sessions.into_iter().map(|s| s.join().unwrap()).collect()
    });
    let firsts = made
        .iter()
        .filter(|a| matches!(a, Allocation::First(_)))
        .count();
    assert_eq!(firsts, 1);
    let one = buffers.get(&garden(), CAPTURE).unwrap();
    for allocation in made {
        assert!(Arc::ptr_eq(&one, &allocation.into_buffer()));
    }
    assert_eq!(results(&buffers), [8, 1, 7, 0]);
}

#[test]
fn a_name_has_one_lease() {
    let (buffers, lease) = roomy();
    assert_eq!(
        buffers.lease(garden()).unwrap_err(),
        AlreadyLeased(garden())
    );
    drop(lease);
    buffers.lease(garden()).unwrap();
}

#[test]
fn the_books_add_up_at_every_scrape() {
    let (buffers, lease) = roomy();
    std::thread::scope(|scope| {
        let sessions: Vec<_> = (0..3)
            .map(|session| {
                let asker = lease.asker();
                scope.spawn(move || {
                    for round in 0..300_u32 {
                        let format = match (round + session) % 3 {
                            0 => MONO,
                            1 => STEREO,
                            _ => AudioFormat {
                                channels: 0,
                                ..MONO
                            },
                        };
                        let _outcome = ask(&asker, format);
                    }
                })
            })
            .collect();
        while sessions.iter().any(|s| !s.is_finished()) {
            let books = capture_of(&buffers).books;
            let [attempted, first, repeated, error] =
                [0, 1, 2, 3].map(|i| books.count(AllocationResult::ALL[i]));
            assert_eq!(attempted, first + repeated + error);
            assert_eq!(attempted, books.sizes().count);
            assert!(books.live() <= 1, "{} live buffers", books.live());
        }
    });
    assert_eq!(results(&buffers)[0], 900);
}

#[test]
fn a_panicking_holder_leaves_the_books_and_the_readers_right() {
    let (buffers, lease) = roomy();
    let buffer = first(ask(&lease.asker(), MONO));
    let died = catch_unwind(AssertUnwindSafe(|| {
        let _reader = buffer.subscribe(ReaderKind::Live, StartAt::Now);
        assert_eq!(capture_of(&buffers).levels.readers, 1);
        panic!("on purpose");
    }));
    assert!(died.is_err());
    assert_eq!(capture_of(&buffers).levels.readers, 0);
}
