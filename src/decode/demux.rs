//! Playing one container: demultiplex, decode, hand over, and know when to give up.

use std::io::{self, ErrorKind};

use symphonia::{
    core::{
        audio::GenericAudioBufferRef,
        codecs::{
            CodecParameters,
            audio::{
                AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
                well_known as id,
            },
        },
        errors::Error,
        formats::{FormatOptions, FormatReader, TrackType},
        io::MediaSourceStream,
        packet::Packet,
    },
    default::formats::{AdtsReader, FlacReader, IsoMp4Reader, MpaReader, OggReader, WavReader},
};

use super::{
    block::{ContainerEnd, Opened, SampleBlock, Sender, Stop},
    engine::codecs,
    gathered::Gathered,
    head::{self, NotAudio, Ration},
    promise::Promise,
    sniff::{Foreign, Format},
};
use crate::units::AudioFormat;

/// Bytes that a container's own headers may take.
const HEADER_BYTES: u64 = 1024 * 1024;
/// The same for MP4, whose index grows with its duration.
const INDEX_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes within which the next packet must be found.
const PACKET_BYTES: u64 = 1024 * 1024;
/// Packets that may fail in a row before the stream counts as not decodable.
const MAX_CONSECUTIVE_ERRORS: u32 = 50;
/// Of so many packets at most half may fail.
const ERROR_WINDOW: u32 = 200;

const NO_INDEX: &str = "this MP4 has no index (moov): it was cut off, or its writer is not \
    done; let the recorder write fragmented MP4, or AAC in ADTS frames";
const FORMATS: &str = "WAV, FLAC, Ogg, MP3, AAC in ADTS frames, MP4";

/// Plays the container once.
pub(super) fn play<E>(opened: Opened, sender: &Sender<E>) -> Stop<E> {
    match try_play(opened, sender) {
        Ok(stop) | Err(stop) => stop,
    }
}

fn try_play<E>(opened: Opened, sender: &Sender<E>) -> Result<Stop<E>, Stop<E>> {
    let ration = Ration::default();
    let live = opened.live;
    let seekable = opened.media.is_seekable();
    ration.set(if seekable { INDEX_BYTES } else { HEADER_BYTES });
    let (format, stream) = head::begin(opened.media, ration.clone())
        .map_err(|error| refused(&error, opened.claimed.as_deref().filter(|_| live)))?;
    let reader = open(format, stream, seekable)?;
    let mut player = Player {
        reader,
        ration,
        sender,
        health: Health::default(),
        gathered: Gathered::new(live),
        played: false,
    };
    let (mut track, mut decoder) = player.choose()?;
    let mut promise = Promise::of(format, player.reader.as_ref(), track).filter(|_| !live);
    loop {
        let packet = match player.next_packet()? {
            Next::Packet(packet) => packet,
            Next::Damaged => {
                player.undecodable()?;
                continue;
            }
            Next::Chained => {
                player.hand_over()?;
                (track, decoder) = player.choose()?;
                continue;
            }
            Next::End => break,
        };
        if packet.track_id != track {
            continue;
        }
        if let Some(promise) = &mut promise {
            promise.kept_up_to(&packet);
        }
        match decoder.decode(&packet) {
            Ok(audio) => {
                let channels = u16::try_from(audio.spec().channels().count()).unwrap_or(0);
                let format = AudioFormat {
                    sample_rate: audio.spec().rate(),
                    channels,
                };
                player.samples(format, &audio)?;
            }
            Err(_) => player.undecodable()?,
        }
    }
    player.hand_over()?;
    if let Some(missing) = promise.and_then(|promise| promise.missing()) {
        player.send(SampleBlock::CutOff(missing))?;
    }
    let had_audio = player.played;
    if live && seekable {
        player.outlast();
    }
    // A file without a single sample must not be looped over in a hurry; of a stream, its
    // source knows why there was none.
    if had_audio || live {
        Ok(Stop::Ended(ContainerEnd::EndOfFile))
    } else {
        Err(unsupported(
            None,
            "there is not a single sample of audio in this",
        ))
    }
}

struct Player<'a, E> {
    reader: Box<dyn FormatReader>,
    ration: Ration,
    sender: &'a Sender<E>,
    health: Health,
    gathered: Gathered,
    played: bool,
}

enum Next {
    Packet(Packet),
    /// A piece that is no packet; more may follow.
    Damaged,
    /// Another stream begins behind the one that ended (RFC 3533 §4).
    Chained,
    End,
}

impl<E> Player<'_, E> {
    /// The first track of audio, a decoder for it, and word of both to the taker.
    fn choose(&mut self) -> Result<(u32, Box<dyn AudioDecoder>), Stop<E>> {
        let track = self
            .reader
            .first_track_known_codec(TrackType::Audio)
            .or_else(|| self.reader.first_track(TrackType::Audio))
            .ok_or_else(|| {
                unsupported(None, "there is no audio in this that can be decoded here")
            })?;
        let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
            let text = "it does not say how its audio is encoded";
            return Err(unsupported(None, text));
        };
        let decoder = decoder_for(parameters)?;
        let (track, codec) = (track.id, decoder.codec_info().short_name.to_owned());
        self.send(SampleBlock::Started(codec))?;
        Ok((track, decoder))
    }

    fn next_packet(&mut self) -> Result<Next, Stop<E>> {
        self.ration.set(PACKET_BYTES);
        match self.reader.next_packet() {
            Ok(Some(packet)) => Ok(Next::Packet(packet)),
            Ok(None) => Ok(Next::End),
            Err(Error::ResetRequired) => Ok(Next::Chained),
            // A file that is cut off ends like this.
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => Ok(Next::End),
            Err(Error::IoError(_)) if self.ration.is_used_up() => {
                let text =
                    format!("what comes is no audio any more: {PACKET_BYTES} bytes held no packet");
                Err(broken(text))
            }
            Err(Error::IoError(error)) => Err(broken(format!("reading failed: {error}"))),
            Err(_) => Ok(Next::Damaged),
        }
    }

    /// Waits until nothing comes any more of a file that still grows: what stands behind its
    /// last packet belongs to it, and it must not be opened again.
    fn outlast(self) {
        self.ration.set(u64::MAX);
        let mut rest = self.reader.into_inner();
        // What cannot be read is over as well.
        let _over = io::copy(&mut rest, &mut io::sink());
    }

    fn samples(
        &mut self,
        format: AudioFormat,
        audio: &GenericAudioBufferRef<'_>,
    ) -> Result<(), Stop<E>> {
        self.health.count(true)?;
        if self.gathered.is_of_another(format) {
            self.hand_over()?;
        }
        self.gathered.append(format, audio);
        self.played |= audio.frames() > 0;
        if self.gathered.is_enough() {
            self.hand_over()?;
        }
        Ok(())
    }

    fn undecodable(&mut self) -> Result<(), Stop<E>> {
        self.hand_over()?;
        self.health.count(false)?;
        self.send(SampleBlock::Undecodable)
    }

    /// Sends what has gathered.
    fn hand_over(&mut self) -> Result<(), Stop<E>> {
        match self.gathered.take() {
            Some((format, samples)) => self.send(SampleBlock::Samples(format, samples)),
            None => Ok(()),
        }
    }

    fn send(&self, block: SampleBlock) -> Result<(), Stop<E>> {
        self.sender
            .blocking_send(Ok(block))
            .map_err(|_| Stop::NobodyListens)
    }
}

/// How many packets could be decoded lately.
#[derive(Default)]
struct Health {
    consecutive: u32,
    packets: u32,
    failed: u32,
}

impl Health {
    fn count<E>(&mut self, fine: bool) -> Result<(), Stop<E>> {
        self.packets += 1;
        if fine {
            self.consecutive = 0;
        } else {
            self.consecutive += 1;
            self.failed += 1;
        }
        if self.consecutive >= MAX_CONSECUTIVE_ERRORS {
            return Err(broken(
                "too many packets in a row could not be decoded".into(),
            ));
        }
        if self.packets == ERROR_WINDOW {
            if self.failed > ERROR_WINDOW / 2 {
                return Err(broken(
                    "more than half of the packets could not be decoded".into(),
                ));
            }
            (self.packets, self.failed) = (0, 0);
        }
        Ok(())
    }
}

fn open<E>(
    format: Format,
    stream: MediaSourceStream<'static>,
    seekable: bool,
) -> Result<Box<dyn FormatReader>, Stop<E>> {
    fn boxed(reader: impl FormatReader + 'static) -> Box<dyn FormatReader> {
        Box::new(reader)
    }
    let options = FormatOptions::default();
    let (name, opened) = match format {
        Format::Wav => ("WAV", WavReader::try_new(stream, options).map(boxed)),
        Format::Flac => ("FLAC", FlacReader::try_new(stream, options).map(boxed)),
        Format::Ogg => ("Ogg", OggReader::try_new(stream, options).map(boxed)),
        Format::Mp3(_) => ("MP3", MpaReader::try_new(stream, options).map(boxed)),
        Format::Adts(_) => ("AAC", AdtsReader::try_new(stream, options).map(boxed)),
        // Its index may stand at its end, and announces sizes that a stranger chose.
        Format::Mp4 if !seekable => {
            let text = "MP4 is played from files only; let the source send AAC in ADTS frames";
            return Err(unsupported(Some("mp4"), text));
        }
        Format::Mp4 => ("MP4", IsoMp4Reader::try_new(stream, options).map(boxed)),
    };
    opened.map_err(|error| match error {
        Error::IoError(error) if error.kind() == ErrorKind::TimedOut => {
            broken("it went silent before its audio began".into())
        }
        Error::Unsupported("isomp4: missing moov atom") => unsupported(Some("mp4"), NO_INDEX),
        _ => unsupported(
            None,
            &format!("this begins like {name} but cannot be read as {name}"),
        ),
    })
}

fn decoder_for<E>(parameters: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, Stop<E>> {
    // A header that its recorder has not come back to says that there are no frames: whoever
    // trims the audio by it has nothing left.
    let options = AudioDecoderOptions::default().gapless(false);
    codecs()
        .make_audio_decoder(parameters, &options)
        .map_err(|_| {
            let codec = name_of(parameters.codec);
            let text = format!(
                "the codec {} cannot be decoded here",
                codec.unwrap_or("of this stream")
            );
            unsupported(codec, &text)
        })
}

/// Names of codecs that containers hold, decodable or not.
fn name_of(codec: AudioCodecId) -> Option<&'static str> {
    Some(match codec {
        id::CODEC_ID_AAC => "aac",
        id::CODEC_ID_AC3 => "ac3",
        id::CODEC_ID_ALAC => "alac",
        id::CODEC_ID_EAC3 => "eac3",
        id::CODEC_ID_FLAC => "flac",
        id::CODEC_ID_MP2 => "mp2",
        id::CODEC_ID_MP3 => "mp3",
        id::CODEC_ID_OPUS => "opus",
        id::CODEC_ID_SPEEX => "speex",
        id::CODEC_ID_VORBIS => "vorbis",
        _ => return None,
    })
}

/// What stands at the beginning, in the words of the owner. `claimed` is what the server of
/// a live stream says that it is.
fn refused<E>(error: &NotAudio, claimed: Option<&str>) -> Stop<E> {
    let (codec, text) = match error {
        NotAudio::Foreign(Foreign::MpegTs) => (
            Some("mpegts"),
            "this is an MPEG transport stream, which is not read here; use a plain MP3, AAC or \
             Ogg stream"
                .to_owned(),
        ),
        NotAudio::Foreign(Foreign::Matroska) => (
            Some("matroska"),
            "this is Matroska or WebM, which is not read here; use Ogg or MP4".to_owned(),
        ),
        NotAudio::Foreign(Foreign::Mp2) => (
            Some("mp2"),
            "the codec mp2 cannot be decoded here; use MP3 or AAC".to_owned(),
        ),
        NotAudio::Foreign(Foreign::Playlist) => (
            None,
            "this is a playlist, not audio; put the address inside it into the configuration"
                .to_owned(),
        ),
        NotAudio::Foreign(Foreign::WebPage) => (
            None,
            "this is a web page, not audio; check the address".to_owned(),
        ),
        NotAudio::Unknown if claimed == Some("flac") => (
            Some("flac"),
            "a FLAC stream joined after its start cannot be read, and this has no header; let \
             the server send FLAC in Ogg"
                .to_owned(),
        ),
        NotAudio::Unknown => (
            None,
            format!("this is not audio in a format that can be read here; supported are {FORMATS}"),
        ),
        NotAudio::Tags => (
            None,
            "the ID3 tags in front of the audio are too large or have no end".to_owned(),
        ),
        NotAudio::Read(ErrorKind::TimedOut) => {
            return broken("it went silent before its audio began".into());
        }
        NotAudio::Read(kind) => return broken(format!("reading failed: {kind}")),
    };
    unsupported(codec, &text)
}

fn unsupported<E>(codec: Option<&'static str>, problem: &str) -> Stop<E> {
    Stop::Ended(ContainerEnd::Unsupported {
        codec,
        problem: problem.to_owned(),
    })
}

fn broken<E>(text: String) -> Stop<E> {
    Stop::Ended(ContainerEnd::Broken(text))
}
