//! What an operator and a session rely on, through the public entry points.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Barrier},
    time::Duration,
};

use super::{switch::STATISTICS, *};
use crate::{
    id::SourceId,
    metrics::{Registry, to_text_0_0_4},
    units::{AudioFormat, ByteSize},
};

const MINUTE: Duration = Duration::from_secs(60);
const MONO: AudioFormat = AudioFormat {
    sample_rate: 48_000,
    channels: 1,
};
const STEREO: AudioFormat = AudioFormat {
    channels: 2,
    ..MONO
};
const CAPTURE: BufferKind = BufferKind::Capture;

fn garden() -> SourceId {
    SourceId::new("garden").unwrap()
}

/// Room for ten minutes of mono.
fn roomy() -> Arc<Buffers> {
    Buffers::new(ByteSize(10 * 5_760_000))
}

fn ask(asker: &Asker, format: AudioFormat) -> Result<Allocation, AllocationError> {
    asker.allocate_if_needed(CAPTURE, format, MINUTE)
}

fn first(allocation: Result<Allocation, AllocationError>) -> Arc<CaptureBuffer> {
    match allocation {
        Ok(Allocation::First(buffer)) => buffer,
        other => panic!("not a first allocation: {other:?}"),
    }
}

fn repeated(allocation: Result<Allocation, AllocationError>) -> Arc<CaptureBuffer> {
    match allocation {
        Ok(Allocation::Repeated(buffer)) => buffer,
        other => panic!("not a repeated allocation: {other:?}"),
    }
}

fn capture_of(buffers: &Buffers) -> Statement {
    let statements = buffers.statements().into_iter();
    let mut capture = statements.filter(|(_, kind, _)| *kind == CAPTURE);
    let (_, _, statement) = capture.next().unwrap();
    assert!(capture.next().is_none(), "one source, one capture buffer");
    statement
}

/// attempted, first, repeated, error.
fn results(buffers: &Buffers) -> Vec<u64> {
    let books = capture_of(buffers).books;
    AllocationResult::ALL
        .iter()
        .map(|r| books.count(*r))
        .collect()
}

#[test]
fn a_source_gets_one_buffer_and_later_askers_get_the_same() {
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
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
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
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
fn removal_gives_everything_back_and_revokes_late_sessions() {
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
    let late_session = lease.asker();
    let buffer = first(ask(&late_session, MONO));
    lease.release(ReleaseReason::Removed);

    assert!(buffers.get(&garden(), CAPTURE).is_none());
    assert!(buffer.is_retired());
    assert!(buffers.statements().is_empty(), "its series vanish");
    assert_eq!(
        ask(&late_session, MONO).unwrap_err(),
        AllocationError::Revoked
    );
    assert_eq!(buffers.budget().0, ByteSize(5_760_000), "held, so charged");
    drop(buffer);
    assert_eq!(buffers.budget().0, ByteSize(0));

    // The same name again is another source: the late session has no part in it.
    let again = buffers.lease(garden()).unwrap();
    assert_eq!(
        ask(&late_session, MONO).unwrap_err(),
        AllocationError::Revoked
    );
    assert_eq!(results(&buffers), [0, 0, 0, 0]);
    first(ask(&again.asker(), MONO));
}

#[test]
fn concurrent_sessions_get_one_buffer() {
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
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
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
    assert_eq!(
        buffers.lease(garden()).unwrap_err(),
        AlreadyLeased(garden())
    );
    drop(lease);
    buffers.lease(garden()).unwrap();
}

#[test]
fn another_format_or_length_is_a_new_epoch_and_counters_go_on() {
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
    let asker = lease.asker();
    let old = first(ask(&asker, MONO));
    old.push(&[1; 4_800]).unwrap();
    let mut reader = old.subscribe(ReaderKind::Live, StartAt::Oldest);
    drop(old);

    let new = first(ask(&asker, STEREO));
    assert_eq!(results(&buffers), [2, 2, 0, 0]);
    let seen = capture_of(&buffers);
    assert_eq!(seen.books.releases(ReleaseReason::FormatChange), 1);
    assert_eq!(seen.books.live(), 1);
    assert_eq!(seen.levels.capacity_bytes, 11_520_000, "the live one only");
    assert_eq!(
        buffers.budget().0,
        ByteSize(5_760_000 + 11_520_000),
        "both are held"
    );

    let mut samples = vec![0; 10_000];
    assert!(reader.buffer().is_retired());
    assert_eq!(
        reader.read(&mut samples).frames,
        4_800,
        "an epoch can be finished"
    );
    new.push(&[2; 200]).unwrap();
    let before = capture_of(&buffers).counters;
    let read = if STATISTICS { 9_600 } else { 0 };
    assert_eq!((before.write_bytes, before.read_bytes), (10_000, read));
    drop(reader);
    assert_eq!(capture_of(&buffers).counters, before, "nothing falls back");
    assert_eq!(buffers.budget().0, ByteSize(11_520_000));

    let shorter = asker.allocate_if_needed(CAPTURE, STEREO, MINUTE / 2);
    assert_eq!(first(shorter).capacity(), MINUTE / 2);
    assert_eq!(
        capture_of(&buffers)
            .books
            .releases(ReleaseReason::FormatChange),
        2
    );
}

#[test]
fn refusals_have_a_label_a_message_and_leave_a_live_buffer_alone() {
    let buffers = Buffers::new(ByteSize(8_000_000));
    let lease = buffers.lease(garden()).unwrap();
    let asker = lease.asker();
    let buffer = first(ask(&asker, MONO));
    let format = |sample_rate, channels| AudioFormat {
        sample_rate,
        channels,
    };
    let wild = format(u32::MAX, u16::MAX);
    for (format, duration, expected, words) in [
        (format(0, 1), MINUTE, ErrorType::ZeroSampleRate, "0 Hz"),
        (
            format(48_000, 0),
            MINUTE,
            ErrorType::ZeroChannels,
            "without a channel",
        ),
        (
            MONO,
            Duration::ZERO,
            ErrorType::ZeroDuration,
            "not one sample frame",
        ),
        (
            MONO,
            Duration::from_nanos(1),
            ErrorType::ZeroDuration,
            "not one sample frame",
        ),
        (
            wild,
            Duration::MAX,
            ErrorType::SizeOverflow,
            "more than this machine",
        ),
        (
            wild,
            MINUTE * 60 * 24,
            ErrorType::SizeOverflow,
            "more than this machine",
        ),
    ] {
        let error = asker
            .allocate_if_needed(CAPTURE, format, duration)
            .unwrap_err();
        assert_eq!(error.error_type(), expected);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(capture_of(&buffers).books.live(), 1);
        assert!(!buffer.is_retired());
    }
    let seen = capture_of(&buffers).books;
    assert_eq!(seen.errors(ErrorType::SizeOverflow), 2);
    assert_eq!(seen.sizes().count, 7);
    assert_eq!(results(&buffers), [7, 1, 0, 6]);
}

#[test]
fn over_the_budget_is_an_error_with_the_arithmetic_and_the_next_ask_tries_again() {
    let buffers = Buffers::new(ByteSize(8_000_000));
    let lease = buffers.lease(garden()).unwrap();
    let other = buffers.lease(SourceId::new("other").unwrap()).unwrap();
    first(ask(&lease.asker(), MONO));

    let error = ask(&other.asker(), MONO).unwrap_err();
    assert_eq!(error.error_type(), ErrorType::OverBudget);
    assert_eq!(
        error.to_string(),
        "60s at 48000 Hz mono needs 5.49 MiB (60s × 48000 Hz × 1 ch × 2 B = 5760000 B), \
         but 5.49 MiB of the 7.63 MiB memory budget are in use"
    );
    assert_eq!(
        buffers.budget().0,
        ByteSize(5_760_000),
        "nothing was left behind"
    );
    drop(lease);
    first(ask(&other.asker(), MONO));
}

#[test]
fn a_changed_budget_holds_for_the_next_buffer_and_takes_none_away() {
    let buffers = Buffers::new(ByteSize(8_000_000));
    let lease = buffers.lease(garden()).unwrap();
    first(ask(&lease.asker(), MONO));
    buffers.set_budget(ByteSize(1_000));
    repeated(ask(&lease.asker(), MONO));
    assert_eq!(buffers.budget(), (ByteSize(5_760_000), ByteSize(1_000)));
    let other = buffers.lease(SourceId::new("other").unwrap()).unwrap();
    let refused = ask(&other.asker(), MONO).unwrap_err();
    assert_eq!(refused.error_type(), ErrorType::OverBudget);
    buffers.set_budget(ByteSize(12_000_000));
    first(ask(&other.asker(), MONO));
}

#[test]
fn a_cleared_source_keeps_its_series_and_can_start_anew() {
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
    let old = first(ask(&lease.asker(), MONO));
    lease.clear();
    assert!(old.is_retired());
    assert!(buffers.get(&garden(), CAPTURE).is_none());
    assert_eq!(
        capture_of(&buffers).books.releases(ReleaseReason::Removed),
        1
    );
    assert_eq!(capture_of(&buffers).levels.capacity_bytes, 0);
    lease.clear();
    assert_eq!(
        capture_of(&buffers).books.live(),
        0,
        "nothing was there to release"
    );
    first(ask(&lease.asker(), MONO));
    assert_eq!(results(&buffers), [2, 2, 0, 0]);
}

#[test]
fn memory_the_system_refuses_is_an_error_and_not_the_end() {
    let buffers = Buffers::new(ByteSize(u64::MAX));
    let lease = buffers.lease(garden()).unwrap();
    let asker = lease.asker();
    let million_years = Duration::from_secs(60 * 60 * 24 * 365 * 1_000_000);
    let error = asker
        .allocate_if_needed(CAPTURE, MONO, million_years)
        .unwrap_err();
    assert_eq!(error.error_type(), ErrorType::OutOfMemory, "{error}");
    assert_eq!(buffers.budget().0, ByteSize(0));
    first(ask(&asker, MONO));
    assert_eq!(results(&buffers), [2, 1, 0, 1]);
}

#[test]
fn the_books_add_up_at_every_scrape() {
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
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
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
    let buffer = first(ask(&lease.asker(), MONO));
    let died = catch_unwind(AssertUnwindSafe(|| {
        let _reader = buffer.subscribe(ReaderKind::Live, StartAt::Now);
        assert_eq!(capture_of(&buffers).levels.readers, 1);
        panic!("on purpose");
    }));
    assert!(died.is_err());
    assert_eq!(capture_of(&buffers).levels.readers, 0);
}

fn scrape(buffers: &Arc<Buffers>) -> String {
    let mut registry = Registry::default();
    registry.register(Arc::clone(buffers) as _).unwrap();
    to_text_0_0_4(&registry.encode_openmetrics().unwrap())
}

#[test]
fn series_stand_at_zero_from_the_lease_and_vanish_with_it() {
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
    let text = scrape(&buffers);
    for kind in BufferKind::ALL {
        for result in AllocationResult::ALL {
            let line = format!(
                "myaudio_buffer_allocation_attempts_total{{buffer_type=\"{kind}\",source=\"garden\",result=\"{result}\"}} 0\n"
            );
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
    let of_source = text
        .lines()
        .filter(|line| line.contains("source=\"garden\""));
    let fewest = if STATISTICS { 80 } else { 60 };
    assert!((fewest..=110).contains(&of_source.count()), "{text}");
    for line in text
        .lines()
        .filter(|line| line.contains("source=\"garden\""))
    {
        assert!(line.ends_with(" 0") || line.ends_with(" 0.0"), "{line}");
    }
    drop(lease);
    assert!(!scrape(&buffers).contains("garden"));
}

#[test]
fn a_scrape_shows_what_happened() {
    let buffers = roomy();
    let lease = buffers.lease(garden()).unwrap();
    let second = Duration::from_secs(1);
    let ask = || lease.asker().allocate_if_needed(CAPTURE, STEREO, second);
    let buffer = first(ask());
    repeated(ask());
    let mut fast = buffer.subscribe(ReaderKind::Clip, StartAt::Now);
    let slow = buffer.subscribe(ReaderKind::Live, StartAt::Now);
    let mut audio = vec![0; 48_000];
    for _ in 0..3 {
        buffer.push(&audio).unwrap();
        fast.read(&mut audio);
    }
    buffer.push(&[0; 3]).unwrap_err();

    let text = scrape(&buffers);
    let expect = |name: &str, more: &str, value: &str| {
        let line = format!("{name}{{buffer_type=\"capture\",source=\"garden\"{more}}} {value}\n");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    };
    let attempts = "myaudio_buffer_allocation_attempts_total";
    expect(attempts, ",result=\"attempted\"", "2");
    expect(attempts, ",result=\"repeated_blocked\"", "1");
    expect("myaudio_buffer_allocation_size_bytes_sum", "", "384000.0");
    for (bound, count) in [("131072.0", 0), ("262144.0", 2), ("+Inf", 2)] {
        let line = format!(
            "myaudio_buffer_allocation_size_bytes_bucket{{le=\"{bound}\",buffer_type=\"capture\",source=\"garden\"}} {count}\n"
        );
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    expect("myaudio_buffer_capacity_bytes", "", "192000");
    expect("myaudio_buffer_size_bytes", "", "192000");
    expect("myaudio_buffer_utilization_ratio", "", "1.0");
    expect("myaudio_buffer_active_readers", "", "2");
    expect(
        "myaudio_buffer_reader_lag_seconds",
        ",reader=\"clip\"",
        "0.0",
    );
    expect(
        "myaudio_buffer_reader_lag_seconds",
        ",reader=\"live\"",
        "1.5",
    );
    expect("myaudio_buffer_write_bytes_total", "", "288000");
    expect("myaudio_buffer_wraparounds_total", "", "1");
    assert!(text.contains("audio_capture_exporter_memory_budget_used_bytes 192000\n"));
    if !STATISTICS {
        return;
    }
    expect("myaudio_buffer_writes_total", ",status=\"ok\"", "3");
    expect("myaudio_buffer_writes_total", ",status=\"error\"", "1");
    expect("myaudio_buffer_reads_total", ",status=\"ok\"", "3");
    expect("myaudio_buffer_read_bytes_total", "", "288000");
    // The third push overwrote half a second that the slow reader has not read.
    expect("myaudio_buffer_overflows_total", "", "1");
    expect("myaudio_buffer_dropped_bytes_total", "", "96000");
    assert!(
        text.contains("myaudio_buffer_write_duration_seconds_count{buffer_type=\"capture\"} 1\n")
    );
    assert!(
        text.contains("myaudio_buffer_read_duration_seconds_count{buffer_type=\"capture\"} 1\n")
    );

    drop(slow);
    let after = capture_of(&buffers);
    assert_eq!(
        after.counters.dropped_bytes, 96_000,
        "a detached reader's loss stays"
    );
    assert_eq!(after.levels.lag, [Duration::ZERO; ReaderKind::COUNT]);
}

#[test]
fn what_is_not_counted_is_not_exposed() {
    let buffers = roomy();
    let _lease = buffers.lease(garden()).unwrap();
    let text = scrape(&buffers);
    let counted = [
        "writes",
        "reads",
        "read_bytes",
        "overflows",
        "dropped_bytes",
    ];
    for name in counted {
        let there = text.contains(&format!("myaudio_buffer_{name}_total"));
        assert_eq!(there, STATISTICS, "{name}");
    }
    for name in ["write", "read"] {
        let there = text.contains(&format!("myaudio_buffer_{name}_duration_seconds"));
        assert_eq!(there, STATISTICS, "{name}");
    }
    assert!(text.contains("myaudio_buffer_write_bytes_total"));
}

#[test]
fn memory_from_the_pool_never_holds_another_sources_audio() {
    const SECRET: i16 = 0x5a5a;
    let buffers = Buffers::new(ByteSize(20_000_000));
    buffers.set_pool(ByteSize(10_000_000));
    let samples = usize::try_from(MONO.frames_in(MINUTE).unwrap()).unwrap();
    for part in [0, 1, 960, samples / 2, samples - 1] {
        let speaker = buffers.lease(garden()).unwrap();
        let full = first(ask(&speaker.asker(), MONO));
        full.push(&vec![SECRET; samples + 5]).unwrap();
        drop((full, speaker));
        let reused = buffers.pooled().reused;

        let lease = buffers.lease(SourceId::new("other").unwrap()).unwrap();
        let buffer = first(ask(&lease.asker(), MONO));
        assert_eq!(buffers.pooled().reused, reused + 1, "the same memory");
        let mut readers: Vec<Reader> = [
            StartAt::Oldest,
            StartAt::Now,
            StartAt::Newest(u64::MAX),
            StartAt::Newest(samples as u64),
        ]
        .map(|from| buffer.subscribe(ReaderKind::Live, from))
        .into();
        buffer.push(&vec![1; part]).unwrap();
        readers.push(buffer.subscribe(ReaderKind::Clip, StartAt::Oldest));
        for mut reader in readers {
            let mut into = vec![0; samples * 2];
            let read = reader.read(&mut into);
            assert!(read.frames <= part);
            assert!(!into.contains(&SECRET), "after {part} samples");
        }
        let mut into = vec![0; samples];
        let newest = StartAt::Newest(samples as u64);
        let read = buffer.subscribe(ReaderKind::Clip, newest).read(&mut into);
        assert_eq!(into[..read.frames], vec![1; part]);
        assert_eq!(capture_of(&buffers).levels.size_bytes, part as u64 * 2);
    }
}

#[test]
fn pooled_memory_stays_charged_and_gives_way() {
    let buffers = Buffers::new(ByteSize(12_000_000));
    buffers.set_pool(ByteSize(6_000_000));
    let lease = buffers.lease(garden()).unwrap();
    first(ask(&lease.asker(), MONO));
    lease.clear();
    assert_eq!(buffers.pooled().bytes, ByteSize(5_760_000));
    assert_eq!(buffers.budget().0, ByteSize(5_760_000), "kept, so charged");
    // 11.52 MB fit only without what is kept.
    first(ask(&lease.asker(), STEREO));
    assert_eq!(buffers.pooled().bytes, ByteSize(0));
    assert_eq!(buffers.budget().0, ByteSize(11_520_000));
    lease.clear();
    assert_eq!(buffers.budget().0, ByteSize(0), "larger than the pool");
    first(ask(&lease.asker(), MONO));
    lease.clear();
    buffers.set_pool(ByteSize(0));
    assert_eq!(buffers.budget().0, ByteSize(0), "switched off");
}

#[test]
fn a_budget_of_nothing_refuses_every_buffer_and_nothing_else() {
    let buffers = Buffers::new(ByteSize(0));
    let lease = buffers.lease(garden()).unwrap();
    for _ in 0..3 {
        let error = ask(&lease.asker(), MONO).unwrap_err();
        assert_eq!(error.error_type(), ErrorType::OverBudget);
        assert!(error.to_string().contains("0 B of the 0 B"), "{error}");
    }
    assert_eq!(results(&buffers), [3, 0, 0, 3]);
    buffers.set_budget(ByteSize(5_760_000));
    first(ask(&lease.asker(), MONO));
}

#[test]
fn a_misfit_is_given_up_before_another_is_asked_for_and_charged_until_it_is_let_go() {
    // Room for one of them at a time.
    let buffers = Buffers::new(ByteSize(2 * 5_760_000));
    let lease = buffers.lease(garden()).unwrap();
    let asker = lease.asker();
    assert!(asker.release_misfit(CAPTURE, MONO, MINUTE).is_none());
    let reader = first(ask(&asker, MONO)).subscribe(ReaderKind::Analysis, StartAt::Oldest);
    // What fits stays, and so it does when nothing sensible is wanted instead.
    assert!(asker.release_misfit(CAPTURE, MONO, MINUTE).is_none());
    let nonsense = AudioFormat {
        channels: 0,
        ..MONO
    };
    assert!(asker.release_misfit(CAPTURE, nonsense, MINUTE).is_none());
    assert!(!reader.buffer().is_retired());

    let released = asker.release_misfit(CAPTURE, STEREO, MINUTE).unwrap();
    assert!(reader.buffer().is_retired() && released.strong_count() == 1);
    assert!(buffers.get(&garden(), CAPTURE).is_none());
    drop(reader);
    assert_eq!(
        (released.strong_count(), buffers.budget().0),
        (0, ByteSize(0))
    );
    first(ask(&asker, STEREO));
    let books = capture_of(&buffers).books;
    let attempts = books.count(AllocationResult::Attempted);
    assert_eq!(attempts, 2, "giving up is no attempt");
}
