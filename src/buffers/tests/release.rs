//! What is given back: by removal, by another format, to the pool.

use super::*;

#[test]
fn removal_gives_everything_back_and_revokes_late_sessions() {
    let (buffers, lease) = roomy();
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
fn a_cleared_source_keeps_its_series_and_can_start_anew() {
    let (buffers, lease) = roomy();
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
fn another_format_or_length_is_a_new_epoch_and_counters_go_on() {
    let (buffers, lease) = roomy();
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
fn a_misfit_is_given_up_before_another_is_asked_for_and_charged_until_it_is_let_go() {
    // Room for one of them at a time.
    let (buffers, lease) = garden_in(2 * 5_760_000);
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
