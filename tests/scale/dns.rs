//! A name service that hangs, for real: the program sees another `resolv.conf`, in a mount
//! namespace of its own, whose server takes every question and answers none.

use std::{
    net::UdpSocket,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    streaming,
    support::{Exporter, Running, Scratch, Server},
};

const FAILURES: &str = "myaudio_source_connect_failures_total";

/// A server on a loopback address of this test's own. `None` where the machine lets us
/// have neither the port nor a namespace, which takes root.
fn deaf_name_server(number: u8) -> Option<UdpSocket> {
    let id = std::process::id();
    let address = format!("127.{}.{}.{}:53", 53 + number, id >> 8 & 0xFF, id & 0xFF);
    let namespaces = Command::new("unshare").args(["--mount", "true"]).status();
    let allowed = namespaces.is_ok_and(|status| status.success());
    UdpSocket::bind(address).ok().filter(|_| allowed)
}

/// Starts the program where that server is the only one, with the lines of `options` too.
fn start(name_server: &UdpSocket, scratch: &Scratch, options: &str, config: &str) -> Exporter {
    let address = name_server.local_addr().unwrap().ip();
    let resolv = format!("nameserver {address}\n{options}");
    let resolv = scratch.write("resolv.conf", &resolv);
    let config = scratch.write("config.yaml", config);
    let script = "mount --bind \"$1\" /etc/resolv.conf && exec \"$2\" --config.file \"$3\" \
                  --web.listen-address 127.0.0.1:0";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(&resolv)
        .arg(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .arg(&config)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Exporter::of(Running::start(&mut command))
}

const CONNECT: &str = "connect: { timeout: 2s, backoff: { initial: 500ms, max: 2s } }\n\
    buffers: { capture: { duration: 1s } }\nsources:\n";

fn hung(n: usize) -> String {
    format!("- {{ name: hung-{n}, url: \"rtsp://cam-{n}.example/x\" }}\n")
}

#[test]
fn what_hangs_in_the_resolver_does_not_delay_the_end() {
    let Some(name_server) = deaf_name_server(1) else {
        println!("not tried: this needs root, for port 53 and a mount namespace");
        return;
    };
    let scratch = Scratch::new();
    let config = CONNECT.to_owned() + &hung(1);
    let patient = "options timeout:20 attempts:1\n";
    let mut exporter = start(&name_server, &scratch, patient, &config);
    exporter.until("the lookup is given up", |scrape| {
        scrape.sum(FAILURES, &[("reason", "dns")]) >= 1.0
    });
    exporter.process.signal("TERM");
    assert!(exporter.process.wait(Duration::from_secs(6)).success());
}

#[test]
fn a_name_service_that_hangs_holds_up_nobody_else() {
    let Some(name_server) = deaf_name_server(0) else {
        println!("not tried: this needs root, for port 53 and a mount namespace");
        return;
    };
    let server = Server::hostile(&[]);
    let scratch = Scratch::new();
    let mut text = CONNECT.to_owned();
    for n in 0..300 {
        text += &hung(n);
    }
    text += &format!(
        "- {{ name: by-address, url: \"{}\" }}\n",
        server.url("/play")
    );
    let by_name = server.url("/play").replace("127.0.0.1", "localhost");
    text += &format!("- {{ name: by-name, url: \"{by_name}\" }}\n");
    let exporter = start(&name_server, &scratch, "", &text);
    // The address needs no lookup; the name is in the hosts file, but needs a free slot.
    exporter.until_within(Duration::from_secs(40), "both others stream", |scrape| {
        streaming(scrape) == 2
    });
    let scrape = exporter.until("the hung ones fail, and say why", |scrape| {
        scrape.sum(FAILURES, &[("reason", "dns")]) >= 600.0
    });
    assert_eq!(
        scrape.sum(FAILURES, &[]),
        scrape.sum(FAILURES, &[("reason", "dns")])
    );
    let mut times: Vec<Duration> = (0..50)
        .map(|_| {
            let asked = Instant::now();
            assert_eq!(exporter.request("GET", "/metrics", "").0, 200);
            asked.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!(
        "a scrape while 300 lookups hang: {:?}, at worst {:?}",
        times[25], times[49]
    );
    assert!(times[25] < Duration::from_secs(1), "{times:?}");
    assert!(
        exporter.process.threads() < 40,
        "{} threads",
        exporter.process.threads()
    );
    assert!(
        exporter
            .process
            .output()
            .contains("the name service gave no answer within 2s")
    );
    assert_eq!(streaming(&exporter.scrape()), 2);
}
