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
    bad.detail.mismatches = vec!["codec"];
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
