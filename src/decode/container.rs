//! Demultiplexing and decoding a container on a thread of its own.
//!
//! The demuxer reads synchronously and may take its time, so it never runs on the shared
//! pools. It hands blocks over a short queue: when nobody takes them it waits, and when
//! the taker is dropped it ends.

use std::{
    fmt,
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use symphonia::core::{
    codecs::{CodecParameters, audio::AudioDecoderOptions},
    errors::Error,
    formats::{FormatOptions, FormatReader, TrackType, probe::Hint},
    io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource},
    meta::MetadataOptions,
};
use tokio::sync::mpsc;

use crate::{
    shutdown::{TaskKind, Tasks},
    units::AudioFormat,
};

/// Blocks in the queue between the thread and its taker.
const QUEUE: usize = 4;
/// Packets that may fail in a row before the stream counts as not decodable.
const MAX_CONSECUTIVE_ERRORS: u32 = 50;

/// A live container that is shorter holds no audio, and nobody needs to hear of it.
const HARDLY_ANYTHING: u64 = 4096;

/// What the thread opens: called again for each round of a looped file. Its error is
/// words for the owner.
pub type Open<E> = Box<dyn FnMut() -> Result<Opened, E> + Send>;

/// A container ready to be probed, positioned at its start.
pub struct Opened {
    source: Box<dyn MediaSource>,
    /// Bytes read of a stream.
    read: Arc<AtomicU64>,
    /// The extension in lower case; the probe looks at the bytes, this helps it.
    extension: Option<String>,
}

impl Opened {
    /// A file, which can be sought in.
    pub fn file(file: File, extension: Option<String>) -> Self {
        Self {
            source: Box::new(file),
            read: Arc::default(),
            extension,
        }
    }

    /// A stream that can only be read on.
    pub fn stream(
        reader: impl io::Read + Send + Sync + 'static,
        extension: Option<String>,
    ) -> Self {
        let read = Arc::default();
        let reader = Counted {
            reader,
            read: Arc::clone(&read),
        };
        Self {
            source: Box::new(ReadOnlySource::new(reader)),
            read,
            extension,
        }
    }
}

/// Counts what is read through it.
struct Counted<R> {
    reader: R,
    read: Arc<AtomicU64>,
}

impl<R: io::Read> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.read.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

/// What follows the end of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// Nothing.
    Once,
    /// The same once more.
    Looped,
    /// Whatever is opened next, as often as there is something; also after one that cannot
    /// be played. Opening waits until there is.
    Live,
}

/// Decoded audio.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleBlock {
    /// The container was opened and holds this codec, by its name in lower case. Comes
    /// first, and again with each round.
    Started(String),
    /// Interleaved samples, full scale ±1.
    Samples(AudioFormat, Vec<f32>),
    /// A packet that could not be decoded.
    Undecodable,
    /// With [`Rounds::Live`]: a container that cannot be played, or not on from here, in
    /// words for the owner. Another one may follow.
    Skipped(String),
}

/// Why no more blocks come.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerEnd<E> {
    /// It could not be opened.
    #[error("{0}")]
    Open(E),
    /// Nothing in it is audio that can be decoded here.
    #[error("{0}")]
    Unsupported(String),
    /// Reading failed, or too much of it is broken.
    #[error("{0}")]
    Broken(String),
    /// It ended.
    #[error("the file ended")]
    EndOfFile,
}

/// A container being decoded.
pub struct Container<E> {
    blocks: mpsc::Receiver<Result<SampleBlock, ContainerEnd<E>>>,
}

impl<E: Send + 'static> Container<E> {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(tasks: &Tasks, name: &str, open: Open<E>, rounds: Rounds) -> io::Result<Self> {
        let (sender, blocks) = mpsc::channel(QUEUE);
        tasks.thread(TaskKind::Container, name, move || {
            run(open, rounds, &sender);
        })?;
        Ok(Self { blocks })
    }

    /// The next block. Cancellation safe.
    ///
    /// # Errors
    /// [`ContainerEnd`]: no more will come.
    pub async fn next(&mut self) -> Result<SampleBlock, ContainerEnd<E>> {
        let lost = || {
            Err(ContainerEnd::Broken(
                "the decoder failed; this is a bug".into(),
            ))
        };
        self.blocks.recv().await.unwrap_or_else(lost)
    }
}

impl<E> fmt::Debug for Container<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Container")
    }
}

type Sender<E> = mpsc::Sender<Result<SampleBlock, ContainerEnd<E>>>;

/// Why a round over the file stopped.
enum Stop<E> {
    /// The taker is gone.
    NobodyListens,
    Ended(ContainerEnd<E>),
}

fn run<E>(mut open: Open<E>, rounds: Rounds, sender: &Sender<E>) {
    loop {
        let mut read = Arc::default();
        let stop = match open() {
            // Demuxers and decoders parse what strangers made; a panic costs one source.
            Ok(opened) => {
                read = Arc::clone(&opened.read);
                catch_unwind(AssertUnwindSafe(|| play(opened, sender))).unwrap_or_else(|_| {
                    Stop::Ended(ContainerEnd::Broken("the decoder failed".into()))
                })
            }
            Err(error) => Stop::Ended(ContainerEnd::Open(error)),
        };
        match stop {
            Stop::Ended(ContainerEnd::EndOfFile) if rounds != Rounds::Once => {}
            Stop::Ended(ContainerEnd::Unsupported(text) | ContainerEnd::Broken(text))
                if rounds == Rounds::Live =>
            {
                if read.load(Relaxed) > HARDLY_ANYTHING
                    && sender
                        .blocking_send(Ok(SampleBlock::Skipped(text)))
                        .is_err()
                {
                    return;
                }
            }
            Stop::Ended(end) => {
                // When nobody listens any more there is nobody to tell.
                let _told = sender.blocking_send(Err(end));
                return;
            }
            Stop::NobodyListens => return,
        }
    }
}

/// Plays the file once.
fn play<E>(opened: Opened, sender: &Sender<E>) -> Stop<E> {
    match try_play(opened, sender) {
        Ok(stop) | Err(stop) => stop,
    }
}

fn try_play<E>(opened: Opened, sender: &Sender<E>) -> Result<Stop<E>, Stop<E>> {
    let mut reader = probe(opened)?;
    let track = reader
        .first_track_known_codec(TrackType::Audio)
        .ok_or_else(|| unsupported("there is no audio in this file that can be decoded here"))?;
    let track_id = track.id;
    let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
        return Err(unsupported(
            "the file does not say how its audio is encoded",
        ));
    };
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|_| unsupported("the codec of this file cannot be decoded here"))?;
    let send = |block| {
        sender
            .blocking_send(Ok(block))
            .map_err(|_| Stop::NobodyListens)
    };
    send(SampleBlock::Started(
        decoder.codec_info().short_name.to_owned(),
    ))?;
    let (mut failed, mut played) = (0, false);
    loop {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A file that is cut off ends like this.
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => {
                let text = format!("reading the file failed: {error}");
                return Err(Stop::Ended(ContainerEnd::Broken(text)));
            }
        };
        if packet.track_id != track_id {
            continue;
        }
        let Ok(audio) = decoder.decode(&packet) else {
            failed += 1;
            if failed >= MAX_CONSECUTIVE_ERRORS {
                let text = "too many packets in a row could not be decoded".to_owned();
                return Err(Stop::Ended(ContainerEnd::Broken(text)));
            }
            send(SampleBlock::Undecodable)?;
            continue;
        };
        failed = 0;
        played |= !audio.is_empty();
        let channels = u16::try_from(audio.spec().channels().count()).unwrap_or(0);
        let format = AudioFormat {
            sample_rate: audio.spec().rate(),
            channels,
        };
        let mut samples = Vec::new();
        audio.copy_to_vec_interleaved(&mut samples);
        send(SampleBlock::Samples(format, samples))?;
    }
    // A file without a single sample must not be looped over in a hurry.
    if played {
        Ok(Stop::Ended(ContainerEnd::EndOfFile))
    } else {
        Err(unsupported(
            "there is not a single sample of audio in this file",
        ))
    }
}

fn probe<E>(opened: Opened) -> Result<Box<dyn FormatReader>, Stop<E>> {
    let mut hint = Hint::new();
    if let Some(extension) = &opened.extension {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(opened.source, MediaSourceStreamOptions::default());
    symphonia::default::get_probe()
        .probe(
            &hint,
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .map_err(|_| unsupported("this is not an audio file that can be read here (WAV or FLAC)"))
}

fn unsupported<E>(text: &str) -> Stop<E> {
    Stop::Ended(ContainerEnd::Unsupported(text.to_owned()))
}
