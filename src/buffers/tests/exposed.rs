//! What a scrape shows.

use super::*;
use crate::metrics::{Registry, to_text_0_0_4};

fn scrape(buffers: &Arc<Buffers>) -> String {
    let mut registry = Registry::default();
    registry.register(Arc::clone(buffers) as _).unwrap();
    to_text_0_0_4(&registry.encode_openmetrics().unwrap())
}

#[test]
fn series_stand_at_zero_from_the_lease_and_vanish_with_it() {
    let (buffers, lease) = roomy();
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
    let (buffers, lease) = roomy();
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
    let (buffers, _lease) = roomy();
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
