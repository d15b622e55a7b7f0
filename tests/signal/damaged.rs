//! Damaged packets of a lossy codec are not measured.

use std::{fs, io::Write as _};

use audio_capture_exporter::{
    decode::{PacketDecoder, is_overlapped},
    signal::{Gate, Levels},
};

use crate::{
    LABEL, dice, fifo,
    support::{Scrape, Scratch, run},
    writer,
};

/// The access units of an ADTS file (ISO/IEC 14496-3, 1.A.2.2), without their headers.
fn access_units(adts: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    let mut rest = adts;
    while let [0xFF, _, _, third, fourth, fifth, ..] = rest {
        let length = usize::from(third & 3) << 11 | usize::from(*fourth) << 3;
        let length = length | usize::from(fifth >> 5);
        units.push(&rest[7..length]);
        rest = &rest[length..];
    }
    units
}

#[test]
fn damaged_aac_packets_do_not_fake_clipping() {
    let scratch = Scratch::new();
    let adts = scratch.path("song.aac");
    // -20 dBFS or so, far from clipping.
    let song = "aevalsrc=0.1*sin(2*PI*(400+300*sin(3*t))*t)+0.02*random(0):s=48000:d=40";
    let arguments = [
        "-v", "error", "-f", "lavfi", "-i", song, "-c:a", "aac", "-b:a", "64k",
    ];
    run(
        "ffmpeg",
        &[&arguments[..], &[adts.to_str().unwrap()]].concat(),
        "",
    );
    let adts = fs::read(adts).unwrap();
    let units = access_units(&adts);
    assert!(units.len() > 1_800, "{} packets", units.len());

    let (mut clean, mut naive, mut gated) = (0, 0, 0);
    let (mut damaged, mut noise) = (0, 0);
    let mut sent = adts.clone();
    for round in 0..4 {
        // LC, 48 kHz, mono.
        let mut decoder = PacketDecoder::new("aac", 48_000, 1, &[0x11, 0x88]).unwrap();
        let mut gate = Gate::default();
        gate.judge(is_overlapped("aac"));
        for (nth, unit) in (0..).zip(&units) {
            let seed = dice(round * 100_000 + nth);
            let mut unit = unit.to_vec();
            if round > 0 && seed.is_multiple_of(5) {
                for flip in 0..=seed / 5 % 3 {
                    let bit = dice(seed + flip) as usize % (unit.len() * 8);
                    unit[bit / 8] ^= 1 << (bit % 8);
                }
                let at = units[nth as usize].as_ptr().addr() - adts.as_ptr().addr();
                sent[at..at + unit.len()].copy_from_slice(&unit);
                damaged += 1;
            }
            let Ok((format, samples)) = decoder.decode(&unit) else {
                gate.disturb();
                continue;
            };
            let levels = Levels::of(samples);
            let duration = format.duration_of(samples.len() as u64);
            let admitted = gate.admit(levels, duration);
            assert_eq!(admitted.levels.samples, levels.samples);
            if round == 0 {
                clean += admitted.levels.clipped;
                assert_eq!(
                    admitted.levels, levels,
                    "nothing is held back of sound packets"
                );
            } else {
                naive += levels.clipped;
                gated += admitted.levels.clipped;
                noise += u32::from(!admitted.plausible);
            }
        }
    }
    println!("{damaged} damaged, {noise} noise; clipped {naive}, behind the gate {gated}");
    assert_eq!(clean, 0);
    assert!(noise > 20, "{noise} of {damaged} damaged packets are noise");
    assert!(naive > 1_000, "{naive}");
    // What decodes to less than twice full scale passes.
    assert!(gated * 5 < naive, "{gated} of {naive} pass");

    // The program knows which codec it has: what is noise is kept, and not measured.
    let (exporter, fifo) = fifo(&scratch, "");
    let mut writer = writer(&fifo);
    writer.write_all(&sent).unwrap();
    let written = |scrape: &Scrape, kind| {
        let labels = [(LABEL, "rec"), ("buffer_type", kind)];
        scrape.value("myaudio_buffer_write_bytes_total", &labels)
    };
    exporter.until("noise that is held back", |scrape| {
        written(scrape, "capture") > written(scrape, "analysis")
    });
}
