//! The ledger adds up at every moment, whoever asks, reads, releases or reloads meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "its threads end within the test")]

mod support;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    hint::black_box,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread,
    time::Duration,
};

use audio_capture_exporter::{
    buffers::{
        Allocation, AllocationResult, Asker, BufferKind, Buffers, CaptureBuffer, ReaderKind,
        ReleaseReason, StartAt, Statement,
    },
    id::SourceId,
    units::{AudioFormat, ByteSize},
};
use support::{Exporter, Scrape, Scratch, Server, write_tone};

const CAPTURE: BufferKind = BufferKind::Capture;
const LENGTH: Duration = Duration::from_millis(100);
/// A buffer of [`LENGTH`] in the first of these formats takes 1,600 bytes, in the last one 9,600.
const FORMATS: [AudioFormat; 3] = [
    AudioFormat {
        sample_rate: 8_000,
        channels: 1,
    },
    AudioFormat {
        sample_rate: 16_000,
        channels: 2,
    },
    AudioFormat {
        sample_rate: 48_000,
        channels: 1,
    },
];
const ROOMY: ByteSize = ByteSize(1 << 20);

fn rounds() -> u64 {
    let extended = std::env::var_os("EXTENDED").is_some();
    if extended { 1_000_000 } else { 30_000 }
}

/// A small generator of its own for each thread: what matters is that they differ.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// Ends the other threads of a test, also when the one that holds it fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Release);
    }
}

/// What must hold of one source's statement at any moment.
fn check(statement: &Statement) {
    let Statement { books, levels, .. } = statement;
    let [attempted, first, repeated, error] = [
        AllocationResult::Attempted,
        AllocationResult::FirstAllocation,
        AllocationResult::RepeatedBlocked,
        AllocationResult::Error,
    ]
    .map(|result| books.count(result));
    assert_eq!(attempted, first + repeated + error, "{books:?}");
    assert_eq!(books.sizes().count, attempted, "{books:?}");
    let released: u64 = ReleaseReason::ALL.iter().map(|r| books.releases(*r)).sum();
    assert!(released <= first, "{books:?}");
    assert!(first - released <= 1, "two live buffers: {books:?}");
    assert_eq!(books.live(), first - released);
    assert_eq!(
        u64::from(levels.capacity_bytes > 0),
        books.live(),
        "the books and the buffers differ: {statement:?}"
    );
    assert!(levels.retired.bytes >= levels.retired.buffers * 1_600);
}

/// What the askers of one source saw happen.
#[derive(Default)]
struct Seen([AtomicU64; 3]);

/// Asks, writes, and lets go.
fn ask_and_write(asker: &Asker, dice: &mut Dice, seen: &Seen) {
    let format = FORMATS[dice.roll(3) as usize];
    let answer = asker.allocate_if_needed(CAPTURE, format, LENGTH);
    let outcome = match &answer {
        Ok(Allocation::First(_)) => 0,
        Ok(Allocation::Repeated(_)) => 1,
        Err(_) => 2,
    };
    seen.0[outcome].fetch_add(1, Relaxed);
    if let Ok(allocation) = answer {
        allocation.into_buffer().push(&[7; 480]).unwrap();
    }
}

/// Reads now and then, and keeps old epochs for a while: as long as it does they are charged.
fn read_and_keep(buffers: &Buffers, sources: &[SourceId; 2], until: &AtomicBool) {
    let mut dice = Dice(99);
    let mut kept = Vec::new();
    let mut samples = [0; 256];
    while !until.load(Acquire) {
        let source = &sources[dice.roll(2) as usize];
        if let Some(buffer) = buffers.get(source, CAPTURE) {
            kept.push(buffer.subscribe(ReaderKind::Live, StartAt::Oldest));
        }
        for reader in &mut kept {
            black_box(reader.read(&mut samples));
        }
        // Each epoch once, although several readers may share one.
        let held: BTreeMap<*const CaptureBuffer, u64> = kept
            .iter()
            .map(|reader| {
                (
                    Arc::as_ptr(reader.buffer()),
                    reader.buffer().capacity_bytes(),
                )
            })
            .collect();
        let charged = buffers.budget().0.0;
        assert!(held.values().sum::<u64>() <= charged, "{held:?} {charged}");
        let retired = kept.iter().any(|reader| reader.buffer().is_retired());
        // In this order: a removed source joins the second list before it leaves the first.
        let (leased, gone) = (buffers.statements(), buffers.departed());
        let leased = leased.iter().map(|row| row.2.levels.retired.buffers);
        let told = leased.sum::<u64>() + gone.iter().map(|row| row.1.buffers).sum::<u64>();
        assert!(!retired || told > 0, "held, but not told");
        if kept.len() > 6 {
            kept.drain(..dice.roll(6) as usize);
        }
    }
}

#[test]
fn the_books_and_the_buffers_agree_at_every_moment_of_a_race() {
    let buffers = Buffers::new(ROOMY);
    let sources = ["steady", "fleeting"].map(|name| SourceId::new(name).unwrap());
    let steady = buffers.lease(sources[0].clone()).unwrap();
    let fleeting = Mutex::new(buffers.lease(sources[1].clone()).unwrap());
    let seen = [Seen::default(), Seen::default()];
    let asking = AtomicU64::new(3);
    let over = AtomicBool::new(false);

    thread::scope(|scope| {
        for seed in 1..=3 {
            let (steady, fleeting, seen) = (&steady, &fleeting, &seen);
            let (asking, over) = (&asking, &over);
            scope.spawn(move || {
                let last = Over(over);
                let mut dice = Dice(seed);
                for _ in 0..rounds() {
                    ask_and_write(&steady.asker(), &mut dice, &seen[0]);
                    let asker = fleeting.lock().unwrap().asker();
                    ask_and_write(&asker, &mut dice, &seen[1]);
                    if dice.roll(16) == 0 {
                        steady.clear();
                    }
                }
                if asking.fetch_sub(1, Release) > 1 {
                    std::mem::forget(last);
                }
            });
        }
        // Takes the second source's name away and leases it anew, and shrinks the budget.
        let (buffers, over, fleeting, sources) = (&buffers, &over, &fleeting, &sources);
        scope.spawn(move || {
            let mut dice = Dice(7);
            while !over.load(Acquire) {
                let mut lease = fleeting.lock().unwrap();
                let reason = ReleaseReason::ALL[dice.roll(3) as usize];
                // The name has one lease at a time, so the old one goes first.
                let spare = SourceId::new("spare").unwrap();
                std::mem::replace(&mut *lease, buffers.lease(spare).unwrap()).release(reason);
                *lease = buffers.lease(sources[1].clone()).unwrap();
                drop(lease);
                let limit = [ByteSize(0), ByteSize(4_000), ROOMY, ROOMY];
                buffers.set_budget(limit[dice.roll(4) as usize]);
            }
        });
        scope.spawn(move || read_and_keep(buffers, sources, over));
        // The observer.
        scope.spawn(move || {
            let mut before = 0;
            while !over.load(Acquire) {
                let rows = buffers.statements();
                for (_, _, statement) in &rows {
                    check(statement);
                }
                let steady = rows.iter().find(|(source, ..)| *source == sources[0]);
                let now = steady.unwrap().2.books.count(AllocationResult::Attempted);
                assert!(now >= before, "attempts fell from {before} to {now}");
                before = now;
                assert!(buffers.budget().0 <= ROOMY);
            }
        });
    });

    let rows = buffers.statements();
    let books = &rows.iter().find(|row| row.0 == sources[0]).unwrap().2.books;
    let counted: Vec<u64> = AllocationResult::ALL[1..]
        .iter()
        .map(|result| books.count(*result))
        .collect();
    let outcomes: Vec<u64> = seen[0].0.iter().map(|n| n.load(Relaxed)).collect();
    assert_eq!(counted, outcomes, "what the askers saw");
    assert!(outcomes.iter().all(|n| *n > 0), "{outcomes:?}");
    assert!(seen[1].0[2].load(Relaxed) > 0, "nobody was ever revoked");
    drop((steady, fleeting));
    assert_eq!(buffers.budget().0, ByteSize(0), "nothing is charged");
    assert!(buffers.departed().is_empty());
}

/// What must hold of every source in any scrape.
fn check_scrape(scrape: &Scrape) {
    let attempts = "myaudio_buffer_allocation_attempts_total";
    let mut sources = 0;
    for (name, labels, _) in &scrape.samples {
        if name != attempts || labels["result"] != "attempted" {
            continue;
        }
        sources += 1;
        let (source, kind) = (labels["source"].as_str(), labels["buffer_type"].as_str());
        let labels = [("source", source), ("buffer_type", kind)];
        let results = ["attempted", "first_allocation", "repeated_blocked", "error"];
        let [attempted, first, repeated, error] = results
            .map(|result| scrape.value(attempts, &[labels[0], labels[1], ("result", result)]));
        assert_eq!(attempted, first + repeated + error, "{source} {kind}");
        let errors = scrape.sum("myaudio_buffer_allocation_errors_total", &labels);
        assert_eq!(errors, error, "{source} {kind}");
        let sizes = scrape.value("myaudio_buffer_allocation_size_bytes_count", &labels);
        assert_eq!(sizes, attempted, "{source} {kind}");
        let live = first - scrape.sum("myaudio_buffer_releases_total", &labels);
        let there = scrape.value("myaudio_buffer_capacity_bytes", &labels) > 0.0;
        assert_eq!(live, f64::from(u8::from(there)), "{source} {kind}");
    }
    assert!(sources > 0, "no source in the scrape");
}

#[test]
fn every_scrape_adds_up_through_reconnects_reloads_and_format_changes() {
    let server = Server::hostile(&["--elsewhere", "elsewhere.invalid"]);
    let scratch = Scratch::new();
    for (name, rate, channels) in [("a", 8_000, 1), ("b", 16_000, 2), ("fat", 96_000, 2)] {
        let file = scratch.path(&format!("{name}.wav"));
        write_tone(&file, rate, channels, 2.0, -20.0);
    }
    let expect = "expect: { sample_rate: 8000, channels: 1 }";
    let config = |round: usize| {
        let file = ["a", "b"][round % 2];
        let mut text = format!(
            "buffers: {{ capture: {{ duration: 1s }}, analysis: {{ duration: 1s }}, memory_budget: 300KiB }}\n\
             connect: {{ timeout: 2s, backoff: {{ initial: 50ms, max: 100ms }} }}\n\
             sources:\n\
             - {{ name: hang-up, url: \"{}\", {expect} }}\n\
             - {{ name: noise, url: \"{}\", {expect} }}\n\
             - {{ name: changing, url: {file}.wav, loop: true, {expect} }}\n\
             - {{ name: fat, url: fat.wav, loop: true, {expect} }}\n",
            server.url("/hang-up/5"),
            server.url("/noise/5"),
        );
        if !round.is_multiple_of(3) {
            writeln!(
                text,
                "- {{ name: fleeting, url: a.wav, loop: true, {expect} }}"
            )
            .unwrap();
        }
        scratch.write("config.yaml", &text)
    };
    let exporter = Exporter::with_config(&config(0));
    let over = AtomicBool::new(false);
    let scrapes = thread::scope(|scope| {
        let observer = scope.spawn(|| {
            let mut scrapes = 0;
            while !over.load(Acquire) {
                check_scrape(&exporter.scrape());
                scrapes += 1;
            }
            scrapes
        });
        let done = Over(&over);
        exporter.until_state("changing", "streaming");
        for round in 1..=20 {
            config(round);
            let (status, answer) = exporter.reload();
            assert_eq!(status, 200, "{answer}");
            // The first format came with the start, each further one with a reload.
            exporter.until("the other format", |scrape| {
                observer.is_finished() || scrape.ledger("changing")[1] > round as f64
            });
        }
        exporter.until("reconnects and refusals too", |scrape| {
            let often = |source, outcome: usize| scrape.ledger(source)[outcome] >= 5.0;
            observer.is_finished() || (often("hang-up", 2) && often("noise", 2) && often("fat", 3))
        });
        drop(done);
        observer.join().unwrap()
    });
    // With so small a backoff these are hot loops.
    for (source, kind) in [("hang-up", "repeating"), ("fat", "failing")] {
        exporter.until(&format!("{source} is told to be {kind}"), |_| {
            let (status, told) = exporter.get(&format!("/api/v1/sources/{source}"));
            status == 200 && told.contains(&format!("\"kind\":\"{kind}\""))
        });
    }
    let scrape = exporter.scrape();
    assert!(scrapes > 20, "only {scrapes} scrapes");
    for source in ["hang-up", "noise"] {
        assert_eq!(scrape.ledger(source)[1], 1.0, "{source} allocated again");
    }
    assert_eq!(scrape.ledger("fat")[1], 0.0);
    assert_eq!(scrape.ledger("changing"), [21.0, 21.0, 0.0, 0.0]);
}

#[test]
fn the_environment_has_attempts_recorded_from_the_first_on() {
    let scratch = Scratch::new();
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 1.0, -20.0);
    let tone = scratch.path("tone.wav");
    let tone = tone.to_str().unwrap();
    for (value, recorded) in [("true", true), ("false", false)] {
        let exporter = Exporter::start_in([tone], [("DEBUG_BUFFER_ALLOC", value.into())]);
        exporter.until("it has asked", |scrape| scrape.ledger("tone")[0] >= 1.0);
        let (status, report) = exporter.get("/api/v1/allocations?format=text");
        assert_eq!(status, 200);
        let site = "tone capture from pipeline::container (src/pipeline/container.rs:";
        assert_eq!(report.contains(site), recorded, "{report}");
    }
}
