//! A real Alertmanager.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::support::{PATIENCE, Running, Scratch, Stopwatch, prometheus::listens_at, run};

pub(crate) struct Alertmanager {
    process: Running,
    pub(crate) url: String,
    _folder: Scratch,
}

impl Alertmanager {
    pub(crate) fn start() -> Self {
        let folder = Scratch::new();
        let config = folder.write(
            "alertmanager.yml",
            "route: { receiver: none }\nreceivers: [ { name: none } ]\n",
        );
        let flag = |name: &str, value: String| format!("--{name}={value}");
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(flag("config.file", config.display().to_string()))
            .arg(flag(
                "storage.path",
                folder.path("data").display().to_string(),
            ))
            .arg(flag("web.listen-address", "127.0.0.1:0".to_owned()))
            .arg(flag("cluster.listen-address", String::new()));
        let mut process = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let address = process.wait_for_line(listens_at);
        let manager = Self {
            process,
            url: format!("http://{address}"),
            _folder: folder,
        };
        manager.process.until("it listens", || {
            std::net::TcpStream::connect(&address).is_ok()
        });
        manager
    }

    /// The alerts that are on, as `amtool` sees them.
    pub(crate) fn active(&self) -> Vec<Value> {
        let url = format!("--alertmanager.url={}", self.url);
        let text = run("amtool", &["alert", "query", &url, "-o", "json"], "");
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }

    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let watch = Stopwatch::start();
        loop {
            let active = self.active();
            if holds(&active) {
                return active;
            }
            let late = watch.elapsed() > PATIENCE;
            assert!(
                !late,
                "not in time: {what}; {active:#?}\n{}",
                self.process.output()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
