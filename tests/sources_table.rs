//! Every kind of source × what it carries, from real servers and recorders: what is exported
//! for it makes the table in `docs/sources.md`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "sources_table/local.rs"]
mod local;
#[path = "sources_table/network.rs"]
mod network;
mod support;
#[path = "support/tls_front.rs"]
#[allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "a panic is how a test fails; a test file is a crate"
)]
mod tls_front;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    process::{Child, Command, Stdio},
    time::Duration,
};

use support::{
    Exporter, Running, Scrape, Scratch, Stopwatch,
    source_table::{Row, check},
};

const LABEL: &str = "source";
/// What everything plays, in dBFS.
const TONE: f64 = -15.0;
/// LAME turns its input down to 0.95.
const LAME: f64 = -15.45;
/// Enough for every decoder to be in its stride.
const ENOUGH: f64 = 5.0;
/// More than thirty encoders run at once, on a machine that may be busy with more than that.
const LIMIT: Duration = Duration::from_secs(180);

/// Nothing is given up because so much is begun at once.
const PATIENT: &str = "buffers: { capture: { duration: 10s } }\n\
                       connect: { timeout: 60s, per_host: 16 }\nsources:\n";

/// One source and what it must arrive as.
struct Case {
    name: String,
    place: &'static str,
    what: String,
    against: String,
    /// Its `url` and other keys, in the configuration.
    keys: String,
    /// Labels of `myaudio_source_info`.
    transport: &'static str,
    level: f64,
    /// It has so much audio and then an end.
    ends_after: Option<f64>,
    needs_opus: bool,
}

impl Case {
    /// One that goes on for ever.
    fn live(name: &str, place: &'static str, what: &str, against: &str, keys: String) -> Self {
        Self {
            name: name.to_owned(),
            place,
            what: what.to_owned(),
            against: against.to_owned(),
            keys,
            transport: "file",
            level: TONE,
            ends_after: None,
            needs_opus: false,
        }
    }

    fn is_decoded(&self) -> bool {
        !self.needs_opus || cfg!(feature = "opus")
    }

    fn sum(&self, scrape: &Scrape, name: &str) -> f64 {
        scrape.sum(&format!("myaudio_source_{name}"), &[(LABEL, &self.name)])
    }

    /// Whether all that is to be seen has been.
    fn is_done(&self, scrape: &Scrape) -> bool {
        let state = scrape.state(&self.name);
        if !self.is_decoded() {
            return state == "unsupported";
        }
        match self.ends_after {
            Some(_) => state == "ended",
            None => self.sum(scrape, "audio_seconds_total") >= ENOUGH,
        }
    }

    /// Codec, rate and channels as exported.
    fn info(&self, scrape: &Scrape) -> Option<[String; 3]> {
        let mut infos = scrape.samples.iter().filter(|(name, labels, value)| {
            name == "myaudio_source_info" && labels[LABEL] == self.name && *value == 1.0
        });
        let (_, labels, _) = infos.next()?;
        assert!(infos.next().is_none(), "{} has two formats", self.name);
        if self.is_decoded() {
            assert_eq!(labels["transport"], self.transport, "{}", self.name);
        }
        Some(["codec", "sample_rate", "channels"].map(|label| labels[label].clone()))
    }

    /// What is wrong with what was seen, where the kernel itself threw away so many datagrams.
    fn faults(&self, scrape: &Scrape, thrown_away: u64) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |what: &str, value: f64, from: f64, to: f64| {
            if !(from..=to).contains(&value) {
                faults.push(format!(
                    "{}: {what} is {value}, not {from} to {to}",
                    self.name
                ));
            }
        };
        // A machine too busy to read a socket loses what that cannot hold, and a long hole ends
        // a session.
        let by_udp = self.transport == "udp";
        let may_be_lost = if by_udp { thrown_away as f64 } else { 0.0 };
        for (counted, most) in [
            ("decode_errors_total", 0.0),
            ("lost_packets_total", may_be_lost),
            ("connect_failures_total", 0.0),
        ] {
            expect(counted, self.sum(scrape, counted), 0.0, most);
        }
        let labels = [(LABEL, self.name.as_str())];
        let samples = scrape.sum("myaudio_signal_samples_total", &labels);
        let energy = scrape.sum("myaudio_signal_energy_total", &labels);
        let level = 10.0 * (energy / samples).log10();
        expect("the level", level, self.level - 0.5, self.level + 0.5);
        let [attempted, first, repeated, error] = scrape.ledger(&self.name);
        expect("attempts", attempted, 1.0, 1.0 + may_be_lost);
        expect("first allocations", first, 1.0, 1.0);
        expect("others", repeated + error, attempted - 1.0, attempted - 1.0);
        expect("errors", error, 0.0, 0.0);
        if let Some(seconds) = self.ends_after {
            let heard = self.sum(scrape, "audio_seconds_total");
            expect("audio", heard, seconds - 0.15, seconds + 0.15);
        }
        faults
    }

    fn row(&self, scrape: &Scrape) -> Row {
        let mut against = self.against.clone();
        if self.needs_opus {
            against.push_str("; needs a build with `--features opus`");
        }
        Row {
            key: [self.place.to_owned(), self.what.clone()],
            seen: self.is_decoded().then(|| self.info(scrape).unwrap()),
            against,
        }
    }
}

/// Datagrams that the kernel has thrown away because the socket they were for was full.
fn thrown_away() -> u64 {
    let counters = std::fs::read_to_string("/proc/net/snmp").unwrap();
    let mut lines = counters
        .lines()
        .filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let mut counters = names.split_whitespace().zip(values.split_whitespace());
    let (_, value) = counters.find(|(name, _)| *name == "RcvbufErrors").unwrap();
    value.parse().unwrap()
}

/// The tone, on so many channels, for ffmpeg's `lavfi`.
fn tone(rate: u32, channels: usize) -> String {
    let one = "0.25149*sin(2*PI*1000*t)";
    format!("aevalsrc={}:s={rate}", vec![one; channels].join("|"))
}

/// ffmpeg that writes the tone as told.
fn ffmpeg(before: &str, tone: &str, after: &str, to: &str) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]);
    command.args(before.split_whitespace());
    command.args(["-f", "lavfi", "-i", tone]);
    command.args(after.split_whitespace()).args(["-y", to]);
    command.stdin(Stdio::null());
    command
}

/// A recorder: ffmpeg at the pace of the clock, until it is dropped.
fn recorder(tone: &str, how: &str, to: &str) -> Running {
    let mut command = ffmpeg("-re", tone, &format!("{how} -flush_packets 1"), to);
    Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
}

/// ffmpeg whose output is somebody's standard input.
struct Feeding(Child);

impl Drop for Feeding {
    fn drop(&mut self) {
        let _best_effort = self.0.kill();
        let _best_effort = self.0.wait();
    }
}

/// The number in front of the second dot, behind `mark` in what a program says of itself.
fn version(program: &str, argument: &str, mark: &str) -> String {
    let said = Command::new(program).arg(argument).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let number = said.split(mark).nth(1).unwrap();
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    format!("{}.{}", parts.next().unwrap(), parts.next().unwrap())
}

#[test]
fn every_kind_of_source_arrives_with_its_name_shape_and_level() {
    let before = thrown_away();
    let scratch = Scratch::new();
    let ffmpeg_name = format!("ffmpeg {}", version("ffmpeg", "-version", "version "));
    let mut cases = Vec::new();
    let _servers = network::add(&mut cases, &ffmpeg_name);
    let recorders = local::add(&mut cases, &scratch, &ffmpeg_name);
    let mut config = String::from(PATIENT);
    for Case { name, keys, .. } in &cases {
        writeln!(config, "- {{ name: {name}, stall_after: 60s, {keys} }}").unwrap();
    }
    let mut feeding = Feeding(
        ffmpeg(
            "-re",
            &tone(48_000, 2),
            "-f s16le -flush_packets 1",
            "pipe:1",
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap(),
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
    command
        .arg("--config.file")
        .arg(scratch.write("config.yaml", &config))
        .args(["--web.listen-address", "127.0.0.1:0"])
        .stdin(Stdio::from(feeding.0.stdout.take().unwrap()));
    let exporter = Exporter::of(Running::start(
        command.stdout(Stdio::piped()).stderr(Stdio::piped()),
    ));
    let _recorders: Vec<_> = recorders.into_iter().map(|start| start()).collect();

    let mut waited_for = Vec::new();
    let mut done = |scrape: &Scrape| {
        let left = cases.iter().filter(|case| !case.is_done(scrape));
        waited_for = left.map(|case| case.name.clone()).collect();
        waited_for.is_empty()
    };
    let watch = Stopwatch::start();
    let mut scrape = exporter.scrape();
    while !done(&scrape) && watch.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(200));
        scrape = exporter.scrape();
    }
    let thrown_away = thrown_away() - before;
    let output = exporter.process.output();
    let log_of = |name: &str| {
        let mark = format!("source={name} ");
        let lines = output
            .lines()
            .filter(|line| format!("{line} ").contains(&mark));
        lines.collect::<Vec<_>>().join("\n")
    };
    let late = waited_for
        .iter()
        .map(|name| format!("{name}: not heard in time"));
    let (heard, refused): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.is_decoded());
    let on_time = heard.iter().filter(|case| !waited_for.contains(&case.name));
    let faults: Vec<String> = late
        .chain(on_time.flat_map(|case| case.faults(&scrape, thrown_away)))
        .collect();
    let names = faults.iter().filter_map(|fault| fault.split(':').next());
    let logs: BTreeSet<String> = names.map(log_of).collect();
    assert!(
        faults.is_empty(),
        "{logs:#?}\n{faults:#?}\nand the kernel threw away {thrown_away} datagrams"
    );
    for case in refused {
        let info = case.info(&scrape).map(|[codec, ..]| codec);
        assert_eq!(info.as_deref(), Some("opus"), "{}", case.name);
    }
    let rows: Vec<Row> = cases.iter().map(|case| case.row(&scrape)).collect();
    check("docs/sources.md", "sources_table", &rows);
}
