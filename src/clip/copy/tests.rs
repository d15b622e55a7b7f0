use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;
use crate::{
    buffers::{Allocation, BufferKind, Buffers, Gap, Lease},
    clip::{Nothing, Wanted},
    id::SourceId,
    units::{AudioFormat, ByteSize},
};

const STEREO: AudioFormat = AudioFormat {
    sample_rate: 8_000,
    channels: 2,
};

fn buffer(format: AudioFormat, duration: Duration) -> (Lease, Arc<CaptureBuffer>) {
    buffer_of(&Buffers::new(ByteSize(1 << 30)), format, duration)
}

fn buffer_of(
    buffers: &Arc<Buffers>,
    format: AudioFormat,
    duration: Duration,
) -> (Lease, Arc<CaptureBuffer>) {
    let lease = buffers.lease(SourceId::new("garden").unwrap()).unwrap();
    let asker = lease.asker();
    let made = asker.allocate_if_needed(BufferKind::Capture, format, duration);
    (lease, Allocation::into_buffer(made.unwrap()))
}

/// Frames whose samples tell their position.
fn push(buffer: &CaptureBuffer, frames: u64) {
    let channels = usize::from(buffer.format().channels);
    let start = buffer.position();
    let numbers = start..start + frames;
    let samples: Vec<_> = numbers
        .flat_map(|n| std::iter::repeat_n((n as u16).cast_signed(), channels))
        .collect();
    buffer.push(&samples).unwrap();
    buffer.mark(std::time::Instant::now());
}

fn plan(buffer: &CaptureBuffer, seconds: u64) -> Result<Plan, Nothing> {
    let wanted = Wanted::Last(Duration::from_secs(seconds));
    Plan::new(
        buffer.format(),
        buffer.time_map(std::time::Instant::now()),
        wanted,
    )
}

fn samples(wav: &[u8], header: usize) -> Vec<i16> {
    let bytes = wav[header..].chunks_exact(2);
    bytes.map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

fn file(clip: &Clip) -> Vec<u8> {
    let bytes = |part: &Part| match part {
        Part::Bytes(bytes) => bytes.to_vec(),
        Part::Zeros(count) => vec![0; *count as usize],
    };
    clip.parts.iter().flat_map(bytes).collect()
}

#[tokio::test]
async fn a_gap_is_silence_of_its_length_and_audio_is_as_it_was() {
    let (_lease, buffer) = buffer(STEREO, Duration::from_secs(20));
    push(&buffer, 40_000);
    buffer.gap(Gap::Frames(1_000));
    push(&buffer, 40_000);
    let clip = copy(&buffer, plan(&buffer, 20).unwrap()).await.unwrap();
    let samples = samples(&file(&clip), 44);
    assert_eq!(samples.len(), 2 * 81_000);
    assert_eq!(file(&clip).len() as u64, clip.plan.wav_bytes());
    for (n, frame) in samples.chunks(2).enumerate() {
        let expected = match n {
            0..40_000 => n,
            40_000..41_000 => 0,
            _ => n - 1_000,
        };
        assert_eq!(frame, [(expected as u16).cast_signed(); 2], "frame {n}");
    }
}

#[tokio::test]
async fn the_writer_overtakes_and_the_clip_is_shorter_but_whole() {
    let (_lease, buffer) = buffer(STEREO, Duration::from_secs(10));
    push(&buffer, 80_000);
    let plan = plan(&buffer, 10).unwrap();
    // Long after the plan was made, as if the copy were that slow.
    push(&buffer, 30_000);
    let clip = copy(&buffer, plan).await.unwrap();
    assert_eq!(clip.plan.frames(), 50_000);
    assert_eq!(clip.plan.wanted(), 80_000);
    let expected = (30_000..80_000u32).map(|n| (n as u16).cast_signed());
    assert!(
        samples(&file(&clip), 44)
            .chunks(2)
            .map(|f| f[0])
            .eq(expected)
    );
}

#[tokio::test]
async fn what_is_given_up_meanwhile_is_copied_all_the_same() {
    let (lease, buffer) = buffer(STEREO, Duration::from_secs(1));
    push(&buffer, 8_000);
    let plan = plan(&buffer, 1).unwrap();
    lease.clear();
    let clip = copy(&buffer, plan).await.unwrap();
    assert_eq!(clip.plan.frames(), 8_000);
}

#[tokio::test]
async fn a_copy_that_is_broken_off_leaves_no_reader() {
    let buffers = Buffers::new(ByteSize(1 << 30));
    let (_lease, buffer) = buffer_of(&buffers, STEREO, Duration::from_secs(10));
    push(&buffer, 80_000);
    let readers = || buffers.statements()[0].2.levels.readers;
    let mut copying = Box::pin(copy(&buffer, plan(&buffer, 10).unwrap()));
    assert!((&mut copying).now_or_never().is_none());
    assert_eq!(readers(), 1, "in the middle of it");
    drop(copying);
    assert_eq!(readers(), 0);
}

#[tokio::test]
async fn what_was_overwritten_altogether_is_an_error() {
    let (_lease, buffer) = buffer(STEREO, Duration::from_secs(1));
    push(&buffer, 8_000);
    let plan = plan(&buffer, 1).unwrap();
    push(&buffer, 8_000);
    let outcome = copy(&buffer, plan).await.map(|_| ());
    assert_eq!(outcome, Err(ClipError::Overwritten));
}

/// Somebody writes all the time, in small blocks, while clips are taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clips_under_a_writer_have_no_seam() {
    let (_lease, buffer) = buffer(STEREO, Duration::from_secs(10));
    push(&buffer, 80_000);
    let tasks = crate::shutdown::Tasks::default();
    let (stop, writer) = (tasks.clone(), Arc::clone(&buffer));
    tasks
        .thread(crate::shutdown::TaskKind::Session, "writes", move || {
            while !stop.is_cancelled() {
                push(&writer, 160);
                std::thread::yield_now();
            }
        })
        .unwrap();
    for _ in 0..50 {
        let Ok(clip) = copy(&buffer, plan(&buffer, 9).unwrap()).await else {
            continue;
        };
        let first = clip.plan.first_position().unwrap();
        let expected = (first..).map(|n| (n as u16).cast_signed());
        let samples = samples(&file(&clip), 44);
        assert_eq!(samples.len() as u64, clip.plan.frames() * 2);
        assert!(
            samples
                .chunks(2)
                .map(|f| f[0])
                .zip(expected)
                .all(|(a, b)| a == b)
        );
    }
    tasks.drain(Duration::from_secs(10)).await;
    assert_eq!(buffer.buffered(), Duration::from_secs(10));
}
