//! Alarms on the page: told, acknowledged, resolved; a source connected anew; what was.

use std::time::Duration;

use super::faults::AT_MOST;
use super::support::{Exporter, PATIENCE, Scratch, Server, Stopwatch, write_tone};
use super::{streams, watching};

/// `for` of the alarm.
const HOLDS: Duration = Duration::from_secs(2);

const ALARMS: &str = "document.querySelector('section[aria-labelledby=\"alarms\"]')";

/// An expression: the text of the alarms that are on.
fn active() -> String {
    format!("{ALARMS}.querySelector('.cards').textContent")
}

#[test]
fn an_alarm_is_told_acknowledged_and_resolved_and_its_source_connected_anew() {
    let scratch = Scratch::new();
    let server = Server::gstreamer(&["--mounts", "pcmu"]);
    let port = server.port.to_string();
    // After the first failure it would wait for ten minutes.
    let text = format!(
        "history: {{ path: \"{}\" }}\n\
         connect: {{ backoff: {{ initial: 10m, max: 10m }} }}\n\
         sources:\n- {{ name: garden, url: \"{}\", alarms: {{ for: {{ source_down: 2s }} }} }}\n",
        scratch.path("history.db").display(),
        server.url("/pcmu")
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    exporter.until_state("garden", "streaming");
    let mut browser = watching(&exporter);
    streams(&mut browser, "garden");
    browser.until(&format!("{ALARMS}.textContent.includes('No alarm is on')"));

    drop(server);
    exporter.until_state("garden", "backing_off");
    let began = Stopwatch::start();
    browser.until(&format!("{}.includes('garden: source down')", active()));
    // Beyond the two seconds for which it must hold.
    let shown = began.promised().saturating_sub(HOLDS);
    eprintln!("an alarm is on the screen after {shown:?}");
    assert!(shown < AT_MOST, "{shown:?}");
    browser.until("document.querySelector('.spoken').textContent.includes('Alarm, critical')");

    let press = |browser: &mut super::Browser, name: &str| {
        browser.until_accessible("button", name);
        let button = format!(
            "[...document.querySelectorAll('button')].find((b) => (b.ariaLabel ?? b.textContent) === '{name}')"
        );
        browser.js(&format!("{button}.click()"));
    };
    press(&mut browser, "Acknowledge garden: source down");
    browser.until(&format!("{}.includes('acknowledged')", active()));
    // Twice in one turn: on a slow machine the time for the second press could run out.
    browser.until_accessible("button", "Resolve garden: source down");
    browser.js(&format!(
        "(() => {{
            const cards = {ALARMS}.querySelector('.cards');
            const named = (name) => [...cards.querySelectorAll('button')].find((b) => b.ariaLabel === name);
            named('Resolve garden: source down').click();
            named('Press again to resolve garden: source down').click();
        }})()"
    ));
    browser.until(&format!("{ALARMS}.textContent.includes('No alarm is on')"));
    browser.until(&format!(
        "{ALARMS}.querySelector('details').textContent.includes('garden: source down')"
    ));
    // It is no better for that.
    assert_eq!(
        browser.js("document.querySelector('.summary').dataset.level"),
        "critical"
    );

    let _server = Server::gstreamer(&["--mounts", "pcmu", "--port", &port]);
    let began = Stopwatch::start();
    press(&mut browser, "Connect anew garden");
    streams(&mut browser, "garden");
    assert!(began.elapsed() < PATIENCE);
    browser.until("document.querySelector('.summary').dataset.level !== 'critical'");

    // The history has it all, once it is written.
    let card = "document.getElementById('source-garden')";
    let past = format!(
        "[...{card}.querySelectorAll('details')].find((d) => d.textContent.startsWith('The last day'))"
    );
    browser.until(&format!("{past} && !{past}.hidden"));
    browser.js(&format!("{past}.open = true"));
    browser.until(&format!(
        "{past}.querySelector('p').textContent.length > 20"
    ));
    let history = |kind: &str| {
        let (status, text) = exporter.get(&format!("/api/v1/history/{kind}"));
        assert_eq!(status, 200, "{text}");
        text
    };
    exporter.process.until("the history has the alarm", || {
        let text = history("alarms");
        ["fired", "acknowledged", "resolved"]
            .iter()
            .all(|event| text.contains(&format!("\"{event}\"")))
    });
    exporter.process.until("the history has what was done", || {
        let text = history("operations");
        ["acknowledge", "resolve", "reconnect"]
            .iter()
            .all(|operation| text.contains(&format!("\"{operation}\"")))
    });
    assert_eq!(browser.complaints(&[]), [""; 0]);
}

/// An expression: whether a card says this of its audio, and how urgent it is.
fn reads(source: &str, [flow, state, urgency]: [&str; 3]) -> String {
    format!(
        "(() => {{
            const header = document.querySelector('#source-{source} header');
            const state = header.querySelector('.doing .badge');
            const urgency = header.querySelector(':scope > .badge');
            return state.dataset.flow === '{flow}' && state.textContent === '{state}'
                && !('level' in state.dataset)
                && urgency.textContent === '{urgency}' && urgency.hidden === !'{urgency}';
        }})()"
    )
}

#[test]
fn a_card_is_as_urgent_as_the_alarms_about_it_and_no_other_of_its_name() {
    let scratch = Scratch::new();
    let server = Server::gstreamer(&["--mounts", "silence"]);
    // Silence is something odd of a source that streams, and a critical alarm.
    let text = format!(
        "watch: [ {{ name: garden, command: no-such-program-runs-here }} ]\n\
         sources:\n- {{ name: garden, url: \"{}\", silence: {{ after: 2s }} }}\n",
        server.url("/silence")
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    let mut browser = watching(&exporter);
    let level = |card: &str| format!("document.getElementById('{card}')?.dataset.level");
    browser.until(&format!("{} === 'critical'", level("source-garden")));
    // That it streams is as true as that it is urgent.
    browser.until(&reads("garden", ["comes", "●streaming", "✕ critical"]));
    let own = browser.js(
        "fetch('/api/v1/sources/garden').then((answer) => answer.json()).then(({ level }) => level)",
    );
    assert_eq!(own, "warning");
    browser.until(&format!("{} === 'warning'", level("memory-garden")));
    // Each name in the summary leads to its own card.
    let links =
        "[...document.querySelectorAll('.reasons a')].map((a) => a.getAttribute('href')).join(' ')";
    browser.until(&format!("{links} === '#source-garden #memory-garden'"));

    drop(server);
    let missing = "○failed, waiting for the next attempt";
    browser.until(&reads("garden", ["missing", missing, "✕ critical"]));
    assert_eq!(browser.complaints(&[]), [""; 0]);
}

#[test]
fn what_only_an_alarm_tells_of_is_on_the_card_of_its_source() {
    let scratch = Scratch::new();
    // So much audio that what the sockets hold is soon full.
    write_tone(&scratch.path("tone.wav"), 192_000, 8, 2.0, -20.0);
    let text = "web: { audio: true }\n\
         buffers: { capture: { duration: 6s } }\n\
         sources:\n- { name: garden, url: tone.wav, loop: true, alarms: { for: { reader_lag: 0s } } }\n\
         - { name: other, url: tone.wav, loop: true }\n";
    let exporter = Exporter::with_config(&scratch.write("config.yaml", text));
    let mut browser = watching(&exporter);
    streams(&mut browser, "garden");
    let mut idle = std::net::TcpStream::connect(&exporter.address).unwrap();
    let ask = "GET /api/v1/sources/garden/live.wav HTTP/1.1\r\nHost: localhost\r\n\r\n";
    std::io::Write::write_all(&mut idle, ask.as_bytes()).unwrap();
    browser.until(&reads("other", ["comes", "●streaming", ""]));
    let says = |source: &str, text: &str| {
        format!("document.getElementById('source-{source}').innerText.includes('{text}')")
    };
    browser.until(&says("garden", "A reader is behind by "));
    browser.until(&says("garden", "Whoever takes the audio is too slow"));
    assert_eq!(browser.js(&says("other", "reader")), false);
    // Once it is over that is on the card as well, until the alarm ends.
    drop(idle);
    browser.until(&says("garden", "Well again for "));
    assert_eq!(browser.complaints(&[]), [""; 0]);
}
