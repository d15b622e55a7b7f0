//! What decoding promises about any bytes.

use std::{
    cell::RefCell,
    io::{Cursor, Read},
    sync::Arc,
    time::Duration,
};

use symphonia::core::io::ReadOnlySource;
use tokio::runtime::Runtime;

use super::{
    Container, ContainerEnd, EndlessWav, Opened, PacketDecoder, Rounds, SampleBlock,
    g722::G722,
    g726::G726,
    head::{Ration, begin},
    sniff::{Format, Verdict, identify},
    to_s16,
};
use crate::{
    fuzzing::{CONTAINING_THREAD, Input, contained, cut},
    shutdown::Tasks,
    signal::Levels,
};

/// Reads of uneven size.
#[derive(Debug)]
struct Pieces {
    bytes: Cursor<Vec<u8>>,
    sizes: Vec<usize>,
    at: usize,
}

impl Pieces {
    fn new(bytes: &[u8], seed: u8) -> Self {
        Self {
            sizes: cut(bytes, seed).iter().map(|piece| piece.len()).collect(),
            bytes: Cursor::new(bytes.to_vec()),
            at: 0,
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = self.sizes.get(self.at).copied().unwrap_or(usize::MAX);
        self.at += 1;
        let most = most.min(into.len());
        self.bytes.read(&mut into[..most])
    }
}

/// The first bytes: the format does not depend on how they arrive, and nothing is lost.
pub(crate) fn sniff(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let seed = input.byte();
    let stream = input.rest();
    for whole in [false, true] {
        if let Verdict::Known(Format::Mp3(at) | Format::Adts(at)) = identify(stream, whole) {
            assert_eq!(stream[at], 0xff);
        }
    }
    let begun = |seed| {
        let ration = Ration::default();
        ration.set(u64::MAX);
        let media = ReadOnlySource::new(Pieces::new(stream, seed));
        begin(Box::new(media), ration).map(|(format, mut rest)| {
            let mut all = Vec::new();
            rest.read_to_end(&mut all).expect("bytes in memory");
            (format, all)
        })
    };
    let whole = begun(0);
    assert_eq!(whole, begun(seed));
    if let Ok((format, rest)) = whole {
        assert!(stream.ends_with(&rest));
        // Its first frame is the first thing there.
        match format {
            Format::Mp3(_) | Format::Adts(_) => {
                assert!(rest[0] == 0xff && rest[1] & 0xe0 == 0xe0);
            }
            other => assert_eq!(identify(&rest, true), Verdict::Known(other)),
        }
    }
}

/// A WAV header of any kind: what passes does not depend on reads or buffers, is no longer
/// than what came, and would pass again unchanged.
pub(crate) fn wav(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (seed, buffer) = (input.byte(), usize::from(input.byte()).max(1));
    let stream = input.rest();
    let passed = |stream: &[u8], seed, buffer: usize| {
        let mut wav = EndlessWav::new(Pieces::new(stream, seed));
        let mut out = Vec::new();
        let mut room = vec![0; buffer];
        loop {
            match wav.read(&mut room).expect("bytes in memory") {
                0 => return out,
                n => out.extend_from_slice(&room[..n]),
            }
        }
    };
    let whole = passed(stream, 0, 64 * 1024);
    assert_eq!(whole, passed(stream, seed, buffer));
    assert!(whole.len() <= stream.len());
    let is_wave = stream.len() >= 12 && &stream[8..12] == b"WAVE";
    assert!(is_wave || whole == stream, "no WAV passes unchanged");
    assert_eq!(passed(&whole, 0, 64 * 1024), whole);

    let mut skipping = EndlessWav::with_skip(Pieces::new(stream, seed), |rest, layout| {
        assert!(layout.block > 0 && layout.data_start >= 20);
        let most = layout.block * 3;
        let mut skipped = Vec::new();
        let n = rest.take(most).read_to_end(&mut skipped)? as u64;
        Ok(n - n % layout.block)
    });
    let mut rest = Vec::new();
    skipping.read_to_end(&mut rest).expect("bytes in memory");
    assert!(rest.len() <= whole.len());
}

/// Blocks after which the listener goes away.
const MOST_BLOCKS: usize = 400;

/// A container from its first byte to its last, on its own thread as in the program: it ends,
/// and what comes out can be measured and stored.
pub(crate) fn container(bytes: &[u8]) {
    thread_local! {
        static RUNTIME: RefCell<Runtime> = RefCell::new(
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime"),
        );
    }
    let mut input = Input::new(bytes);
    let manner = input.byte();
    let rounds = input.one_of(&[Rounds::Once, Rounds::Once, Rounds::Looped, Rounds::Live]);
    let whole: Arc<[u8]> = input.rest().into();
    let mut left = 3;
    let open = Box::new(move || {
        left -= 1;
        if left < 0 {
            return Err("no more");
        }
        Ok(opened(&whole, manner))
    });
    RUNTIME.with_borrow(|runtime| {
        runtime.block_on(async {
            let tasks = Tasks::default();
            let mut container =
                Container::start(&tasks, CONTAINING_THREAD, open, rounds).expect("a thread");
            for _ in 0..MOST_BLOCKS {
                match container.next().await {
                    Ok(SampleBlock::Samples(format, samples)) => {
                        let channels = usize::from(format.channels);
                        assert!(channels > 0 || samples.is_empty());
                        assert!(samples.is_empty() || samples.len().is_multiple_of(channels));
                        measured(&samples);
                    }
                    Ok(_) => {}
                    Err(end) => {
                        let known = ["no more", "it ended"];
                        let told = matches!(&end, ContainerEnd::Unsupported { problem, .. }
                            | ContainerEnd::Broken(problem) if !problem.is_empty());
                        assert!(told || known.contains(&end.to_string().as_str()));
                        break;
                    }
                }
            }
            drop(container);
            assert!(tasks.drain(Duration::from_secs(60)).await, "a thread left");
        });
    });
}

fn opened(whole: &Arc<[u8]>, manner: u8) -> Opened {
    if manner == 0 {
        // As a file, which may be sought in.
        return Opened {
            media: Box::new(Cursor::new(whole.to_vec())),
            claimed: None,
            progress: Arc::default(),
            live: false,
        };
    }
    let pieces = Pieces::new(whole, manner);
    if manner.is_multiple_of(2) {
        Opened::stream(pieces, None)
    } else {
        Opened::stream(EndlessWav::new(pieces), Some("flac".to_owned()))
    }
}

/// Whatever a decoder makes up, level and buffer take it.
fn measured(samples: &[f32]) {
    let levels = Levels::of(samples);
    let most = samples.len() as f64;
    assert!((0.0..=most).contains(&levels.energy), "{}", levels.energy);
    let mut stored = Vec::new();
    to_s16(samples, &mut stored);
    assert_eq!(stored.len(), samples.len());
}

/// Packets of every codec, with any parameters.
pub(crate) fn packet_decoder(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let codec = input.one_of(&[
        "aac", "aac", "mp3", "mp2", "l16", "l24", "pcmu", "pcma", "g722", "g726-24", "opus",
    ]);
    let rate = input.one_of(&[48_000, 44_100, 8_000, 0, 1, 16_000, 24_000, 96_000]);
    let channels = u16::from(input.byte() % 10);
    let extra = input.piece();
    // As in a session's task.
    contained(|| {
        let Ok(mut decoder) = PacketDecoder::new(codec, rate, channels, extra) else {
            return;
        };
        while !input.is_empty() {
            let packet = input.long_piece();
            let Ok((format, samples)) = decoder.decode(packet) else {
                continue;
            };
            assert!(!samples.is_empty() && format.channels > 0);
            assert!(samples.len().is_multiple_of(usize::from(format.channels)));
            // No codec here makes more of a packet: G.711 one of a byte, AAC and MPEG some
            // thousand of a frame.
            assert!(samples.len() <= packet.len() * 4 + 8 * 2048);
            measured(samples);
        }
    });
}

/// Our own decoders: a sample for each code word whatever the words, the same however the
/// packets are cut, never beyond full scale.
pub(crate) fn adpcm(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let names = ["g726-16", "g726-24", "g726-32", "g726-40"];
    let which = input.byte();
    let seed = input.byte();
    let octets = input.rest();

    let (mut at_once, mut in_pieces) = (Vec::new(), Vec::new());
    G722::new().decode(octets, &mut at_once);
    let mut decoder = G722::new();
    for piece in cut(octets, seed) {
        decoder.decode(piece, &mut in_pieces);
    }
    assert_eq!(at_once.len(), 2 * octets.len());
    assert_eq!(at_once, in_pieces);
    assert_full_scale(&at_once);

    let bits = 2 + usize::from(which & 3);
    let name = names[usize::from(which & 3)];
    let name = if which & 4 == 0 {
        name.to_owned()
    } else {
        format!("aal2-{name}")
    };
    let mut decoder = G726::new(&name).expect("a rate of the recommendation's");
    at_once.clear();
    decoder.decode(octets, &mut at_once);
    assert_eq!(at_once.len(), 8 * octets.len() / bits);
    assert_full_scale(&at_once);
    // Packets hold whole code words: eight of them are as many octets as one has bits.
    let mut decoder = G726::new(&name).expect("a rate of the recommendation's");
    in_pieces.clear();
    for piece in octets.chunks(bits * usize::from(seed).max(1)) {
        decoder.decode(piece, &mut in_pieces);
    }
    assert_eq!(at_once, in_pieces);
}

fn assert_full_scale(samples: &[f32]) {
    assert!(samples.iter().all(|sample| (-1.0..=1.0).contains(sample)));
}
