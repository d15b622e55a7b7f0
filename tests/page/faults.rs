//! What the page shows while servers die and come back.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use super::support::{Exporter, PATIENCE, Running, Server, Stopwatch};
use super::{state_of, streams, watching};

/// From a change of a source's state until the page shows it.
pub(crate) const AT_MOST: Duration = Duration::from_secs(2);

#[test]
fn a_change_of_state_is_on_the_screen_within_two_seconds() {
    let server = Server::gstreamer(&["--mounts", "pcmu"]);
    let port = server.port.to_string();
    let source = format!("garden={}", server.url("/pcmu"));
    let exporter = Exporter::start([source]);
    exporter.until_state("garden", "streaming");
    let mut browser = watching(&exporter);
    streams(&mut browser, "garden");
    browser.until("document.querySelector('.summary').dataset.level === 'ok'");
    let level = "document.querySelector('#source-garden .figures').textContent";
    browser.until(&format!("{level}.includes('dBFS')"));

    drop(server);
    let mut late = Vec::new();
    let mut follow = |browser: &mut super::Browser, wanted: &str| {
        let watch = Stopwatch::start();
        let (mut changed, mut shown) = (None, None);
        while shown.is_none() {
            assert!(watch.elapsed() < PATIENCE, "{wanted}: {changed:?}");
            let is = exporter.scrape().state("garden");
            if changed.is_none() && (is == "streaming") == (wanted == "streaming") {
                changed = Some(Stopwatch::start());
            }
            let on_screen = browser.js(&state_of("garden"));
            if (on_screen == "streaming") == (wanted == "streaming") {
                shown = changed.map(|changed: Stopwatch| changed.promised());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        late.push(shown.unwrap());
    };
    follow(&mut browser, "failing");
    browser.until("document.querySelector('.summary').dataset.level === 'critical'");
    let problem = "document.querySelector('#source-garden .problem').textContent";
    browser.until(&format!("{problem}.length > 10"));
    browser.until("document.querySelector('.spoken').textContent.includes('garden')");
    browser.until("document.title.startsWith('(1)')");
    let waits = "document.querySelector('#source-garden .facts').textContent";
    browser.until(&format!("{waits}.includes('Next attempt')"));

    let _server = Server::gstreamer(&["--mounts", "pcmu", "--port", &port]);
    follow(&mut browser, "streaming");
    // It is well again, and what was lost is still said.
    browser.until("document.querySelector('.summary').dataset.level !== 'critical'");
    browser.until(&format!("{level}.includes('dBFS')"));
    eprintln!("on the screen after {late:?}");
    assert!(late.iter().all(|late| *late < AT_MOST), "{late:?}");
    assert_eq!(browser.complaints(&[]), [""; 0]);
}

#[test]
fn the_page_outlives_the_exporter() {
    let mut first = Exporter::start(["demo"]);
    let mut browser = watching(&first);
    streams(&mut browser, "healthy");
    browser.js("window.still = true");
    let link = "document.getElementById('link')";
    first.process.signal("KILL");
    first.process.wait(PATIENCE);
    browser.until(&format!(
        "{link}.textContent.includes('reconnecting… data of')"
    ));
    browser.until(&format!("{link}.dataset.state === 'late'"));
    // What is shown is old, and says so, but is not gone.
    assert_eq!(browser.js(&state_of("healthy")), "streaming");

    let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
    command.args(["demo", "--web.listen-address", &first.address]);
    let second = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let _second = Exporter::of(second);
    browser.until(&format!("{link}.dataset.state === 'live'"));
    streams(&mut browser, "healthy");
    assert_eq!(
        browser.js("window.still"),
        true,
        "without loading the page anew"
    );
    // To connect to nobody is an error to a browser, and the only one.
    assert_eq!(browser.complaints(&["WebSocket connection"]), [""; 0]);
}
