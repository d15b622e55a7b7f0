//! What is refused: nonsense, and what the budget or the system does not have.

use super::*;

#[test]
fn refusals_have_a_label_a_message_and_leave_a_live_buffer_alone() {
    let (buffers, lease) = garden_in(8_000_000);
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
    let (buffers, lease) = garden_in(8_000_000);
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
    let (buffers, lease) = garden_in(8_000_000);
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
fn a_budget_of_nothing_refuses_every_buffer_and_nothing_else() {
    let (buffers, lease) = garden_in(0);
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
fn memory_the_system_refuses_is_an_error_and_not_the_end() {
    let (buffers, lease) = garden_in(u64::MAX);
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
