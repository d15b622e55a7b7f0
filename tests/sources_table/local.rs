//! Files, whole and growing; directories; FIFOs and the standard input.

use std::path::Path;

use super::{
    Case, LAME, TONE, ffmpeg, recorder,
    support::{Running, Scratch, run},
    tone,
};

/// Starts a recorder, once there is somebody to read.
type Start = Box<dyn FnOnce() -> Running>;

/// How long whole files are, in seconds.
const LENGTH: f64 = 6.0;

/// What a container is called, its file's ending, and how ffmpeg writes it.
struct Format(&'static str, &'static str, &'static str);

impl Format {
    fn level(&self) -> f64 {
        if self.2.contains("libmp3lame") {
            LAME
        } else {
            TONE
        }
    }

    fn needs_opus(&self) -> bool {
        self.2.contains("opus")
    }
}

const FRAGMENTS: &str = "-c:a aac -f mp4 -movflags +empty_moov+default_base_moof+frag_keyframe \
                         -frag_duration 500000";

const WHOLE: [Format; 13] = [
    Format("WAV, 16 bit", "wav", "-c:a pcm_s16le"),
    Format("WAV, 24 bit", "wav", "-c:a pcm_s24le"),
    Format("WAV, 32 bit float", "wav", "-c:a pcm_f32le"),
    Format("FLAC", "flac", "-c:a flac"),
    Format("MP3", "mp3", "-c:a libmp3lame -b:a 128k"),
    Format(
        "MP3 without tags, 16 kHz",
        "mp3",
        "-c:a libmp3lame -b:a 32k -ar 16000 -id3v2_version 0 -write_xing 0",
    ),
    Format("AAC in ADTS frames", "aac", "-c:a aac"),
    Format("AAC in MP4, index last", "m4a", "-c:a aac"),
    Format(
        "AAC in MP4, index first",
        "mp4",
        "-c:a aac -movflags +faststart",
    ),
    Format("AAC in MP4, fragmented", "mp4", FRAGMENTS),
    Format("Ogg Vorbis", "ogg", "-c:a libvorbis"),
    Format("Ogg FLAC", "oga", "-c:a flac"),
    Format("Ogg Opus", "opus", "-c:a libopus"),
];

const GROWING: [Format; 6] = [
    Format("WAV, 16 bit", "wav", "-c:a pcm_s16le"),
    Format("FLAC", "flac", "-c:a flac"),
    Format("MP3", "mp3", "-c:a libmp3lame -b:a 128k"),
    Format("AAC in ADTS frames", "aac", "-c:a aac"),
    Format("AAC in MP4, fragmented", "mp4", FRAGMENTS),
    Format("Ogg Vorbis", "ogg", "-c:a libvorbis"),
];

const SEGMENTS: [Format; 7] = [
    Format("WAV, 16 bit", "wav", "-c:a pcm_s16le"),
    Format("FLAC", "flac", "-c:a flac"),
    Format("MP3", "mp3", "-c:a libmp3lame -b:a 128k"),
    Format("AAC in ADTS frames", "aac", "-c:a aac"),
    Format("AAC in MP4, index last, once finished", "m4a", "-c:a aac"),
    Format(
        "AAC in MP4, fragmented",
        "mp4",
        "-c:a aac -segment_format_options \
         movflags=+empty_moov+default_base_moof+frag_keyframe:frag_duration=500000",
    ),
    Format("Ogg Vorbis", "ogg", "-c:a libvorbis"),
];

const PIPED: [Format; 4] = [
    Format("WAV, 16 bit", "wav", "-c:a pcm_s16le -f wav"),
    Format("FLAC", "flac", "-c:a flac -f flac"),
    Format("AAC in ADTS frames", "aac", "-c:a aac -f adts"),
    Format("Ogg Vorbis", "ogg", "-c:a libvorbis -f ogg"),
];

const RAW: [&str; 7] = ["s16le", "s24le", "s32le", "f32le", "u8", "mulaw", "alaw"];

pub(super) fn add(cases: &mut Vec<Case>, scratch: &Scratch, ffmpeg_name: &str) -> Vec<Start> {
    let against = format!("written by {ffmpeg_name}");
    whole(cases, scratch, &against);
    let mut starts = growing(cases, scratch, &against);
    starts.extend(segments(cases, scratch, &against));
    starts.extend(pipes(cases, scratch, &against));
    starts
}

fn path(scratch: &Scratch, name: &str) -> String {
    scratch.path(name).to_str().unwrap().to_owned()
}

fn case(name: &str, place: &'static str, format: &Format, against: &str, keys: String) -> Case {
    Case {
        level: format.level(),
        needs_opus: format.needs_opus(),
        ..Case::live(name, place, format.0, against, keys)
    }
}

fn whole(cases: &mut Vec<Case>, scratch: &Scratch, against: &str) {
    for (nth, format) in WHOLE.iter().enumerate() {
        let name = format!("whole-{nth}");
        let to = path(scratch, &format!("{name}.{}", format.1));
        let how = format!("-t {LENGTH} {}", format.2);
        let made = ffmpeg("", &tone(48_000, 2), &how, &to).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let keys = format!("url: \"{to}\"");
        cases.push(Case {
            ends_after: Some(LENGTH),
            ..case(&name, "a file, once", format, against, keys)
        });
    }
    let short = path(scratch, "short.flac");
    let made = ffmpeg("", &tone(48_000, 1), "-t 1", &short)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let keys = format!("url: \"{short}\", loop: true");
    cases.push(case("looped", "a file, `loop`", &WHOLE[3], against, keys));
}

fn growing(cases: &mut Vec<Case>, scratch: &Scratch, against: &str) -> Vec<Start> {
    let start = |(nth, format): (usize, &'static Format)| {
        let name = format!("growing-{nth}");
        let to = path(scratch, &format!("{name}.{}", format.1));
        let keys = format!("url: \"{to}\", follow: true");
        cases.push(case(&name, "a file, `follow`", format, against, keys));
        Box::new(move || recorder(&tone(48_000, 2), format.2, &to)) as Start
    };
    GROWING.iter().enumerate().map(start).collect()
}

fn segments(cases: &mut Vec<Case>, scratch: &Scratch, against: &str) -> Vec<Start> {
    let start = |(nth, format): (usize, &'static Format)| {
        let name = format!("segments-{nth}");
        let folder = path(scratch, &name);
        std::fs::create_dir(&folder).unwrap();
        let keys = format!("url: \"dir://{folder}\"");
        cases.push(case(&name, "`dir://`, files of 2 s", format, against, keys));
        let how = format!("{} -f segment -segment_time 2", format.2);
        let to = format!("{folder}/%03d.{}", format.1);
        Box::new(move || recorder(&tone(48_000, 2), &how, &to)) as Start
    };
    SEGMENTS.iter().enumerate().map(start).collect()
}

fn pipes(cases: &mut Vec<Case>, scratch: &Scratch, against: &str) -> Vec<Start> {
    let mut starts: Vec<Start> = Vec::new();
    for (nth, format) in PIPED.iter().enumerate() {
        let name = format!("piped-{nth}");
        let fifo = make_fifo(&scratch.path(&name));
        let keys = format!("url: \"fifo://{fifo}\"");
        cases.push(Case {
            transport: "pipe",
            ..case(&name, "`fifo://`", format, against, keys)
        });
        starts.push(Box::new(move || {
            recorder(&tone(48_000, 2), format.2, &fifo)
        }));
    }
    for encoding in RAW {
        let fifo = make_fifo(&scratch.path(encoding));
        let keys = format!("url: \"fifo://{fifo}\", {}", pcm(encoding, 16_000));
        cases.push(Case {
            transport: "pipe",
            ..Case::live(
                encoding,
                "`fifo://`, `pcm`",
                &format!("raw `{encoding}`"),
                against,
                keys,
            )
        });
        let how = format!("-f {encoding}");
        starts.push(Box::new(move || recorder(&tone(16_000, 2), &how, &fifo)));
    }
    let keys = format!("url: \"stdin:\", {}", pcm("s16le", 48_000));
    cases.push(Case {
        transport: "pipe",
        ..Case::live("stdin", "`stdin:`, `pcm`", "raw `s16le`", against, keys)
    });
    starts
}

fn pcm(encoding: &str, rate: u32) -> String {
    format!("pcm: {{ format: {encoding}, sample_rate: {rate}, channels: 2 }}")
}

fn make_fifo(path: &Path) -> String {
    let path = path.to_str().unwrap().to_owned();
    run("mkfifo", &[&path], "");
    path
}
