//! Many sources: they go down together, come back without a stampede, and none starves.

#![allow(
    clippy::unwrap_used,
    clippy::format_push_string,
    reason = "a panic is how a test fails, in its helpers too, and its files are short"
)]

mod support;

#[path = "scale/crowd.rs"]
mod crowd;
#[path = "scale/dns.rs"]
mod dns;
#[path = "scale/mute.rs"]
mod mute;

use std::time::{Duration, Instant};

use crowd::Crowd;
use mute::Mute;
use support::{Exporter, Scrape, Scratch, Server};

const ATTEMPTS: &str = "myaudio_source_connect_attempts_total";

/// Counts and durations of the long campaign.
fn extended() -> bool {
    std::env::var_os("EXTENDED").is_some()
}

fn streaming(scrape: &Scrape) -> usize {
    scrape.sum("myaudio_source_up", &[]) as usize
}

#[test]
fn all_go_down_together_and_come_back_each_with_its_buffer() {
    let count = if extended() { 1_000 } else { 200 };
    let mut crowd = Crowd::start(0);
    let mut text = String::from(
        "buffers: { capture: { duration: 1s }, memory_budget: 256MiB }\n\
         connect: { backoff: { initial: 1s, max: 30s } }\nsources:\n",
    );
    for n in 0..count {
        text += &format!(
            "- {{ name: cam-{n}, url: \"rtsp://127.0.0.1:{}/pcmu\", expect: {{ sample_rate: 8000, channels: 1 }} }}\n",
            crowd.port
        );
    }
    let scratch = Scratch::new();
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    exporter.until("all stream", |scrape| streaming(scrape) == count);
    let (descriptors, threads) = (exporter.process.descriptors(), exporter.process.threads());

    let mut times = Vec::new();
    let mut sizes = [0; 2];
    for (size, headers) in sizes.iter_mut().zip(["", "Accept-Encoding: gzip\r\n"]) {
        for _ in 0..11 {
            let asked = Instant::now();
            *size = exporter.request("GET", "/metrics", headers).2.len();
            times.push(asked.elapsed());
        }
    }
    let median = |times: &mut [Duration]| {
        times.sort_unstable();
        (times[5], times[10])
    };
    let (plain, zipped) = times.split_at_mut(11);
    println!(
        "{count} sources: {descriptors} descriptors, {threads} threads, {} MiB resident; a scrape \
         is {} bytes in {:?}, with gzip {} bytes in {:?} (median, worst of 11)",
        exporter.process.resident() >> 20,
        sizes[0],
        median(plain),
        sizes[1],
        median(zipped),
    );

    crowd.stop();
    let before = exporter.scrape().sum(ATTEMPTS, &[]);
    exporter.until("all are down", |scrape| streaming(scrape) == 0);
    // So long that most have come far with their backoff.
    let mut looks = vec![(Instant::now(), exporter.scrape().sum(ATTEMPTS, &[]))];
    let down = Instant::now();
    while down.elapsed() < Duration::from_secs(15) {
        std::thread::sleep(Duration::from_millis(500));
        looks.push((Instant::now(), exporter.scrape().sum(ATTEMPTS, &[])));
    }
    let rate = |looks: &[(Instant, f64)]| {
        let ((from, before), (to, after)) = (looks[0], looks[looks.len() - 1]);
        (after - before) / (to - from).as_secs_f64()
    };
    let rates: Vec<f64> = looks.windows(2).map(rate).collect();
    println!(
        "dials a second while down: {:?}",
        rates.iter().map(|rate| rate.round()).collect::<Vec<_>>()
    );
    let attempts = looks[looks.len() - 1].1 - before;
    // A ceiling of 1, 2, 4, 8 and 16 s: in 15 s about five attempts each are due.
    assert!(
        attempts / (count as f64) < 9.0,
        "{attempts} attempts of {count}"
    );
    // From 5 s on the ceilings are 4 s and more. Without jitter all would come at once, which
    // is within two looks, wherever the border lies between them.
    let spread = |looks: &&[(Instant, f64)]| looks[0].0 > down + Duration::from_secs(5);
    let crowded = looks
        .windows(3)
        .filter(spread)
        .map(rate)
        .fold(0.0, f64::max);
    assert!(
        crowded < count as f64 * 0.4,
        "{crowded} dials a second at the worst"
    );
    let late = &rates[rates.len() / 2..];
    let late = late.iter().sum::<f64>() / late.len() as f64;
    assert!(
        late < count as f64 / 3.0,
        "{late} dials a second at the end"
    );

    crowd = Crowd::start(crowd.port);
    let back = Instant::now();
    let most = (count * 99).div_ceil(100);
    exporter.until("99 % are back", |scrape| streaming(scrape) >= most);
    println!("99 % are back after {:?}", back.elapsed());
    assert!(back.elapsed() < Duration::from_secs(60));
    let scrape = exporter.until("all are back", |scrape| streaming(scrape) == count);
    println!("all are back after {:?}", back.elapsed());
    for n in 0..count {
        let [attempted, first, repeated, errors] = scrape.ledger(&format!("cam-{n}"));
        assert_eq!((first, errors), (1.0, 0.0), "cam-{n}");
        assert_eq!(attempted, first + repeated, "cam-{n}");
    }
    assert_eq!(scrape.sum("myaudio_buffer_releases_total", &[]), 0.0);
    exporter.until("descriptors and threads are as before", |_| {
        exporter.process.descriptors() <= descriptors + 2
            && exporter.process.threads() <= threads + 2
    });
    drop(crowd);
}

#[test]
fn no_more_are_being_opened_than_allowed_and_dead_hosts_starve_nobody() {
    let dead = [Mute::start("127.0.0.2"), Mute::start("127.0.0.3")];
    let server = Server::hostile(&[]);
    let mut text = String::from(
        "connect: { timeout: 1s, per_host: 3, total: 5, backoff: { initial: 100ms, max: 200ms } }\n\
         buffers: { capture: { duration: 1s } }\nsources:\n",
    );
    for n in 0..100 {
        text += &format!("- {{ name: dead-{n}, url: \"{}\" }}\n", dead[n % 2].url());
    }
    for n in 0..5 {
        text += &format!("- {{ name: live-{n}, url: \"{}\" }}\n", server.url("/play"));
    }
    let scratch = Scratch::new();
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    exporter.until_within(Duration::from_secs(15), "the living stream", |scrape| {
        streaming(scrape) == 5
    });
    let began = Instant::now();
    let mut seen = Vec::new();
    while began.elapsed() < Duration::from_secs(5) {
        seen.push(dead.each_ref().map(Mute::open));
        std::thread::sleep(Duration::from_millis(10));
    }
    // A closed connection is seen a moment after the next one: the rule is what holds for
    // nine tenths of the time.
    let nearly_always = |of: &dyn Fn(&[usize; 2]) -> usize| {
        let mut counts: Vec<_> = seen.iter().map(of).collect();
        counts.sort_unstable();
        counts[counts.len() * 9 / 10]
    };
    assert_eq!(nearly_always(&|open| open[0]), 3);
    assert_eq!(nearly_always(&|open| open[1]), 3);
    assert_eq!(nearly_always(&|open| open[0] + open[1]), 5);
    // Those in line are connecting, not waiting for their backoff; every one gets its turn.
    let scrape = exporter.until("each had its turn", |scrape| {
        let had = |n| {
            let name = format!("dead-{n}");
            scrape.sum(
                "myaudio_source_connect_failures_total",
                &[("source", &name)],
            ) >= 1.0
        };
        (0..100).all(had)
    });
    let connecting = scrape.sum("myaudio_source_state", &[("state", "connecting")]);
    assert!(connecting > 50.0, "{connecting} are connecting");
    assert_eq!(streaming(&scrape), 5);
}

#[test]
fn a_flapping_source_is_tried_ever_more_rarely() {
    let server = Server::hostile(&[]);
    let text = format!(
        "connect: {{ backoff: {{ initial: 100ms, max: 4s, stable_after: 2s }} }}\n\
         sources:\n- {{ name: flaps, url: \"{}\" }}\n- {{ name: refused, url: \"{}\" }}\n",
        server.url("/hang-up/10"),
        server.url("/unauthorized")
    );
    let scratch = Scratch::new();
    let began = Instant::now();
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    let attempts = |scrape: &Scrape, source| scrape.value(ATTEMPTS, &[("source", source)]);
    let flapped = |least: f64| {
        exporter.until("it has flapped often", |scrape| {
            attempts(scrape, "flaps") >= least
        })
    };
    let before = attempts(&flapped(8.0), "flaps");
    let observed = Instant::now();
    let scrape = flapped(before + 8.0);
    let rate = (attempts(&scrape, "flaps") - before) / observed.elapsed().as_secs_f64();
    // On average 2 s of backoff and 0.2 s of audio; without backoff it would be 3 and more.
    assert!((0.1..1.2).contains(&rate), "{rate} attempts a second");
    let reconnects = exporter.scrape().ledger("flaps");
    assert_eq!((reconnects[1], reconnects[3]), (1.0, 0.0));
    // Refused credentials wait for half the longest delay from the first time on.
    let (refused, took) = (attempts(&scrape, "refused"), began.elapsed().as_secs_f64());
    assert!(
        (2.0..=2.0 + took / 2.0).contains(&refused),
        "{refused} attempts with refused credentials in {took} s"
    );
    assert_eq!(exporter.scrape().state("refused"), "unauthorized");
}
