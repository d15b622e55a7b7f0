//! Many readers of many sources at real-time pace, through the library: nobody who reads loses a
//! sample, whoever does not read loses exactly what he did not read, and the writer waits for
//! neither.
//!
//! `EXTENDED=1`: 100 sources and 500 live readers for a minute.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use audio_capture_exporter::{
    buffers::{BufferKind, Buffers, CaptureBuffer, Lease, Reader, ReaderKind, StartAt},
    id::SourceId,
    units::{AudioFormat, ByteSize},
};
use tokio::task::JoinSet;

const FORMAT: AudioFormat = AudioFormat {
    sample_rate: 48_000,
    channels: 1,
};
/// A packet of 20 ms.
const PACKET: u64 = 960;
const PACE: Duration = Duration::from_millis(20);
const READERS_OF_EACH: u64 = 5;

struct Crowd {
    sources: u64,
    /// What a buffer holds, and how much is written.
    capacity: Duration,
    length: Duration,
}

/// Every source has its own samples: the frame's number and the source's, modulo 2^16.
struct Pattern(Vec<i16>);

impl Pattern {
    fn new() -> Self {
        let number = |n: u32| (n as u16).cast_signed();
        Self((0..2 * 65_536).map(number).collect())
    }

    fn of(&self, source: u64, frame: u64, frames: usize) -> &[i16] {
        let start = ((frame + source * 7_919) % 65_536) as usize;
        &self.0[start..start + frames]
    }
}

/// Reads until everything that will be written is read; returns the longest time that a read
/// took. Panics at the first sample that is not the right one.
async fn listen(
    mut reader: Reader,
    source: u64,
    until: u64,
    pattern: Arc<Pattern>,
    over: Arc<AtomicBool>,
) -> Duration {
    let mut into = vec![0; 48_000];
    let mut slowest = Duration::ZERO;
    let mut next = reader.position();
    while next < until {
        // Whoever is still behind when nothing more comes has been forgotten by the buffer.
        let last_round = over.load(SeqCst);
        let start = Instant::now();
        let read = reader.read(&mut into);
        slowest = slowest.max(start.elapsed());
        assert_eq!(read.missed, 0, "source {source}, frame {next}");
        assert_eq!(read.position, next);
        assert!(into[..read.frames] == *pattern.of(source, next, read.frames));
        next += read.frames as u64;
        if read.frames == 0 {
            assert!(!last_round, "source {source} ends at {next}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    slowest
}

struct Written {
    slowest_push: Duration,
    /// Pushes that took more than a millisecond: mostly those in which the machine took the
    /// processor away from the writer, or from a reader in the middle of a copy.
    slow_pushes: u64,
    latest: Duration,
}

/// Pushes a packet into every buffer every 20 ms. After a standstill of the machine it does not
/// make up for more than half a second at once.
fn write(buffers: &[Arc<CaptureBuffer>], packets: u64, pattern: &Pattern) -> Written {
    let mut written = Written {
        slowest_push: Duration::ZERO,
        slow_pushes: 0,
        latest: Duration::ZERO,
    };
    let mut due = Instant::now();
    for packet in 0..packets {
        for (source, buffer) in (0..).zip(buffers) {
            let audio = pattern.of(source, packet * PACKET, PACKET as usize);
            let start = Instant::now();
            buffer.push(audio).unwrap();
            let took = start.elapsed();
            written.slowest_push = written.slowest_push.max(took);
            written.slow_pushes += u64::from(took > Duration::from_millis(1));
        }
        due += PACE;
        let late = due.elapsed();
        written.latest = written.latest.max(late);
        if late > Duration::from_millis(500) {
            due = Instant::now();
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    written
}

fn run(crowd: &Crowd) {
    let buffers = Buffers::new(ByteSize(1 << 30));
    let (leases, rings): (Vec<Lease>, Vec<Arc<CaptureBuffer>>) = (0..crowd.sources)
        .map(|n| {
            let lease = buffers.lease(SourceId::new(&format!("s{n}")).unwrap());
            let lease = lease.unwrap();
            let asker = lease.asker();
            let allocation = asker.allocate_if_needed(BufferKind::Capture, FORMAT, crowd.capacity);
            (lease, allocation.unwrap().into_buffer())
        })
        .unzip();
    let packets = (crowd.length.as_millis() / PACE.as_millis()) as u64;
    let frames = packets * PACKET;
    let pattern = Arc::new(Pattern::new());
    let over = Arc::new(AtomicBool::new(false));
    let stalled: Vec<Reader> = rings
        .iter()
        .map(|buffer| buffer.subscribe(ReaderKind::Live, StartAt::Now))
        .collect();

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let mut listeners = JoinSet::new();
    for (source, buffer) in (0..).zip(&rings) {
        for _ in 0..READERS_OF_EACH {
            let reader = buffer.subscribe(ReaderKind::Live, StartAt::Now);
            let (pattern, over) = (Arc::clone(&pattern), Arc::clone(&over));
            listeners.spawn_on(
                listen(reader, source, frames, pattern, over),
                runtime.handle(),
            );
        }
    }

    // A look at everything now and then, as scrapes and the API take it.
    let (written, looks) = thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = 0_u64;
            while !over.load(SeqCst) {
                for buffer in &rings {
                    let stats = buffer.stats();
                    let readers = stats.map(|stats| stats.active_readers() as u64);
                    assert!(readers.is_none_or(|n| (1..=READERS_OF_EACH + 1).contains(&n)));
                }
                let statements = buffers.statements();
                // One for each source and kind of buffer.
                let kinds = BufferKind::ALL.len() as u64;
                assert_eq!(statements.len() as u64, kinds * crowd.sources);
                looks += 1;
                thread::sleep(Duration::from_millis(50));
            }
            looks
        });
        let written = write(&rings, packets, &pattern);
        over.store(true, SeqCst);
        (written, looking.join().unwrap())
    });
    let mut slowest_read = Duration::ZERO;
    runtime.block_on(async {
        while let Some(listener) = listeners.join_next().await {
            slowest_read = slowest_read.max(listener.unwrap());
        }
    });
    println!(
        "{} sources, {} readers, {packets} packets each, {looks} looks: slowest push {:?}, {} \
         above 1 ms, slowest read {slowest_read:?}, the writer {:?} late at worst",
        crowd.sources,
        crowd.sources * READERS_OF_EACH,
        written.slowest_push,
        written.slow_pushes,
        written.latest
    );

    let lost = frames - rings[0].capacity_frames();
    let captures = || {
        let all = buffers.statements().into_iter();
        all.filter(|(_, kind, _)| *kind == BufferKind::Capture)
    };
    for (_, _, statement) in captures() {
        assert_eq!(statement.levels.readers, 1, "only the stalled one is left");
        assert_eq!(statement.levels.utilization, 1.0);
        assert_eq!(statement.counters.write_bytes, frames * 2);
        if cfg!(feature = "buffer-stats") {
            assert_eq!(statement.counters.writes, [packets, 0]);
            assert_eq!(statement.counters.dropped_bytes, lost * 2);
            assert_eq!(
                statement.counters.read_bytes,
                READERS_OF_EACH * frames * 2,
                "every sample, for every reader"
            );
        }
    }
    drop(stalled);
    assert!(captures().all(|(_, _, statement)| statement.levels.readers == 0));
    drop(leases);
}

#[test]
fn nobody_who_reads_loses_a_sample() {
    let crowd = if std::env::var_os("EXTENDED").is_some() {
        Crowd {
            sources: 100,
            capacity: Duration::from_secs(10),
            length: Duration::from_secs(65),
        }
    } else {
        Crowd {
            sources: 10,
            capacity: Duration::from_secs(3),
            length: Duration::from_secs(4),
        }
    };
    run(&crowd);
}
