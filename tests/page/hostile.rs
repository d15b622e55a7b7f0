//! What a camera says is text, whatever it says.

use std::time::Duration;

use super::{
    fixture::{Fixture, Setup, source, start},
    support::browser::Browser,
};

const HOSTILE: &str = "</p><img src=x onerror=\"window.ran=1\"><script>window.ran=1</script>";

fn serving_markup() -> Fixture {
    let server = start(Setup::default());
    let mut bad = source("garden");
    bad.problem = Some(HOSTILE.to_owned());
    bad.codec = Some(HOSTILE.to_owned());
    bad.detail.expect.codec = Some(HOSTILE.to_owned());
    bad.mismatches = vec!["codec"];
    server.publish(Duration::ZERO, vec![bad]);
    server
}

#[test]
fn markup_from_outside_is_shown_and_does_not_run() {
    let server = serving_markup();
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/", server.address));
    browser.until("document.querySelector('#source-garden .problem')");
    let text = browser.js("document.querySelector('#source-garden').textContent");
    let text = text.as_str().unwrap();
    assert!(text.matches("<img src=x onerror=").count() >= 3, "{text}");
    assert_eq!(
        browser.js("document.querySelectorAll('img, #live script').length"),
        0
    );
    assert_eq!(browser.js("typeof window.ran"), "undefined");
    assert_eq!(browser.complaints(&[]), [""; 0]);

    // And if a script ever made markup of it, or loaded something from elsewhere, the policy would
    // not let it.
    let refused = "try { document.body.innerHTML = '<p>'; false } catch { true }";
    assert_eq!(browser.js(refused), true);
    let fetched = "fetch('http://127.0.0.1:9/').then(() => 'went', () => 'refused')";
    assert_eq!(browser.js(fetched), "refused");
    let complaints = browser.complaints(&[]);
    assert!(
        complaints.iter().any(|text| text.contains("connect-src")),
        "{complaints:?}"
    );
}

#[test]
fn without_scripts_there_is_the_table() {
    let server = serving_markup();
    let mut browser = Browser::start();
    let off = serde_json::json!({"value": true});
    browser.call("Emulation.setScriptExecutionDisabled", &off);
    browser.open(&format!("http://{}/", server.address));
    let names = browser.until_accessible("rowheader", "garden");
    assert!(names.iter().any(|(role, _)| role == "table"), "{names:?}");
    let shown = |text: &str| names.iter().any(|(_, name)| name.contains(text));
    assert!(shown("connected, but no audio arrives"), "{names:?}");
    assert!(shown("<img src=x onerror="), "{names:?}");
    assert_eq!(browser.complaints(&[]), [""; 0]);
}

#[test]
fn an_alarm_is_told_and_its_buttons_ask_for_a_change() {
    let server = serving_markup();
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/", server.address));
    browser.until("document.querySelector('#source-garden')");
    let alarm = serde_json::json!({
        "id": "0123456789abcdef", "type": "source_down", "state": "firing", "severity": "critical",
        "subject": {"scope": "source", "name": "garden"}, "trigger": HOSTILE,
        "recommendations": [HOSTILE, "Set `after` or `."], "since": "2026-05-01T04:30:00.000Z",
        "acknowledged": null, "known": false, "runbook": "docs/runbooks/SourceDown.md",
    });
    let mut later = alarm.clone();
    later["recommendations"][1] = "Wait.".into();
    let resolved = serde_json::json!({"id": "f", "type": "leak", "state": "resolved",
        "subject": {"scope": "process", "name": "self"}, "trigger": "it leaks",
        "resolved_at": "2026-05-01T05:30:00.000Z"});
    browser.js(&format!(
        "import('/page/alarms.js').then(({{ Alarms }}) => {{
            const alarms = new Alarms(() => {{}});
            document.querySelector('main').append(alarms.element);
            alarms.show([{alarm}, {resolved}]);
            window.again = () => {{ alarms.show([{later}]); }};
            window.asks = (age) => {{
                let asked = 0;
                alarms.load = () => {{ asked += 1; }};
                alarms.on = '[]';
                alarms.loaded = Date.now() - age;
                alarms.update({{ status: {{ alarms: [] }} }});
                delete alarms.load;
                return asked;
            }};
        }})"
    ));
    for name in [
        "Acknowledge garden: source down",
        "Resolve garden: source down",
    ] {
        browser.until_accessible("button", name);
    }
    let section = "document.querySelector('main > section:last-child')";
    let text = browser.js(&format!("{section}.textContent"));
    let text = text.as_str().unwrap();
    assert_eq!(text.matches("<img src=x onerror=").count(), 2, "{text}");
    assert!(text.contains("self: leak: it leaks"), "{text}");
    assert_eq!(browser.js("typeof window.ran"), "undefined");
    assert!(text.contains("not known at the moment"), "{text}");
    // What stands between backticks is code.
    let advice = format!("{section}.querySelectorAll('.card ul li')[1]");
    let shown = browser.js(&format!("[{advice}.textContent, {advice}.innerHTML]"));
    assert_eq!(shown[0], "Set after or `.");
    assert_eq!(shown[1], "Set <code>after</code> or `.");
    let link = browser.js(&format!("{section}.querySelector('.card a').href"));
    let end = "/runbooks/SourceDown.md";
    assert!(link.as_str().unwrap().ends_with(end), "{link}");
    // It is asked for again now and then, and what it says is replaced.
    assert_eq!(browser.js("asks(9000)"), 0);
    assert_eq!(browser.js("asks(11000)"), 1);
    browser.js("again()");
    assert_eq!(browser.js(&format!("{advice}.textContent")), "Wait.");
    assert_eq!(browser.complaints(&[]), [""; 0]);
    // To resolve takes two presses, and not pressing again takes it back. Read in the turn of the
    // press: a slow browser could be asked when the time for the second one is over.
    let resolve = format!("{section}.querySelectorAll('button')[1]");
    let pressed = browser.js(&format!(
        "{resolve}.focus(); {resolve}.click();
         [{resolve}.ariaLabel, {section}.textContent.includes('It stays quiet until'),
          document.activeElement === {resolve}]"
    ));
    let asks = "Press again to resolve garden: source down";
    assert_eq!(pressed, serde_json::json!([asks, true, true]));
    browser.until(&format!("{resolve}.textContent === 'Resolve'"));
    let posts = "performance.getEntriesByType('resource').filter(({name}) => name.endsWith('/resolve')).length";
    assert_eq!(browser.js(posts), 0);
    browser.js(&format!("{resolve}.click(); {resolve}.click()"));
    browser.until(&format!("{posts} === 1"));
    // There is no such alarm: the refusal's words are shown.
    let refusal = format!("{section}.textContent.includes('No alarm of this id')");
    browser.until(&refusal);
    browser.js(&format!("{section}.querySelector('button').click()"));
    browser.until(
        "performance.getEntriesByType('resource').some(({name}) =>
            name.endsWith('/api/v1/alarms/0123456789abcdef/acknowledge'))",
    );
    browser.until(&refusal);
}

#[test]
fn the_longest_name_fits_the_smallest_phone() {
    let name = "n".repeat(63);
    let server = start(Setup::default());
    let mut bad = source(&name);
    bad.problem = Some("it is `down`".to_owned());
    bad.state = audio_capture_exporter::sources::State::BackingOff;
    server.publish(Duration::ZERO, vec![bad]);
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/", server.address));
    browser.until(&format!("document.getElementById('source-{name}')"));
    browser.until("document.querySelector('.reasons a').textContent.length === 63");
    browser.look(320, 700, false);
    browser.until("innerWidth === 320");
    assert_eq!(browser.js("document.documentElement.scrollWidth"), 320);
    let code = "document.querySelector('.problem code').textContent";
    assert_eq!(browser.js(code), "down");
}
