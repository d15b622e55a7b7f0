//! The live page of the real program in a real browser, while its sources suffer.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "page/alarms.rs"]
mod alarms;
#[path = "page/crowd.rs"]
mod crowd;
#[path = "page/faults.rs"]
mod faults;
#[path = "page/hostile.rs"]
mod hostile;
#[path = "page/looks.rs"]
mod looks;
#[path = "page/many.rs"]
mod many;
#[path = "page/use.rs"]
mod usage;

#[allow(dead_code, reason = "another test uses the rest of it")]
#[path = "http_server/client.rs"]
mod client;
#[allow(dead_code, reason = "another test uses the rest of it")]
#[path = "http_server/fixture.rs"]
mod fixture;
mod support;

use support::{Exporter, browser::Browser};

/// A browser that looks at an exporter's page, once that is live.
fn watching(exporter: &Exporter) -> Browser {
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/", exporter.address));
    browser.until("document.getElementById('link')?.dataset.state === 'live'");
    browser
}

/// An expression for the state that the page shows of a source.
fn state_of(source: &str) -> String {
    format!("document.getElementById('source-{source}')?.dataset.state")
}

fn streams(browser: &mut Browser, source: &str) {
    browser.until(&format!("{} === 'streaming'", state_of(source)));
}
