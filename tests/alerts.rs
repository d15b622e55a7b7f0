//! The alerts of the box, driven by real faults to a webhook.
//!
//! What runs is `tests/support/alerts/live.py`: the program under many faults at once, a real
//! Prometheus with the shipped rules, a real Alertmanager with the shipped routes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::{Child, Command};

/// Ends what it started if the test is ended.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn every_alert_that_a_fault_can_drive_arrives() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/alerts/live.py");
    let mut command = Command::new("/usr/bin/python3");
    command.args([
        script,
        "--exporter",
        env!("CARGO_BIN_EXE_audio-capture-exporter"),
    ]);
    let mut child = Ended(command.spawn().unwrap());
    let status = child.0.wait().unwrap();
    assert!(status.success(), "see above: {status}");
}
