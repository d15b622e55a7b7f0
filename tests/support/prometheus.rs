//! A real Prometheus server, and what it says.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::{PATIENCE, Running, Scratch, Stopwatch, run};

/// A running Prometheus that scrapes and evaluates every second.
pub struct Prometheus {
    _process: Running,
    address: String,
    // Dropped last: the process writes into it until it is gone.
    _folder: Scratch,
}

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Prometheus {
    /// Starts one. `scrape_configs` is the YAML list of that name; `rules` are rule files.
    pub fn start(scrape_configs: &str, rules: &[(String, String)]) -> Self {
        let folder = Scratch::new();
        let files: Vec<_> = rules
            .iter()
            .map(|(name, text)| folder.write(name, text).display().to_string())
            .collect();
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: {files:?}\nscrape_configs:\n{scrape_configs}"
        );
        Self::launch(folder, &config, "storage.tsdb.path", &[])
    }

    /// Starts one with a whole configuration and more flags.
    pub fn configured(config: &str, flags: &[&str]) -> Self {
        Self::launch(Scratch::new(), config, "storage.tsdb.path", flags)
    }

    /// Starts one that only scrapes and writes to another; it answers no query.
    pub fn agent(config: &str) -> Self {
        let version = run("prometheus", &["--version"], "");
        let flags = [if version.contains("version 2.") {
            "--enable-feature=agent"
        } else {
            "--agent"
        }];
        Self::launch(Scratch::new(), config, "storage.agent.path", &flags)
    }

    fn launch(folder: Scratch, config: &str, storage: &str, flags: &[&str]) -> Self {
        let config = folder.write("prometheus.yml", config);
        let flag = |name: &str, value: &str| format!("--{name}={value}");
        let mut command = Command::new("prometheus");
        command
            .arg(flag("config.file", config.to_str().unwrap()))
            .arg(flag(storage, folder.path("data").to_str().unwrap()))
            .arg(flag("web.listen-address", "127.0.0.1:0"))
            .args(flags);
        let mut process = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let address = process.wait_for_line(listens_at);
        process.wait_for_line(|line| line.contains("is ready").then_some(()));
        Self {
            _process: process,
            address,
            _folder: folder,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The instant vector of an expression as of now.
    #[track_caller]
    pub fn query_now(&self, expression: &str) -> Vec<Element> {
        self.query_at(unix_now(), expression)
    }

    /// `data` of an answer of the API; fails on an error or a warning.
    #[track_caller]
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let encoded: Vec<_> = parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let mut arguments = vec!["-sS", "--get", &url];
        for parameter in &encoded {
            arguments.extend(["--data-urlencode", parameter]);
        }
        let text = run("curl", &arguments, "");
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(answer["status"], "success", "{parameters:?}: {text}");
        assert_eq!(answer["warnings"], Value::Null, "{parameters:?}: {text}");
        answer["data"].take()
    }

    /// The instant vector of an expression at a time.
    #[track_caller]
    pub fn query_at(&self, time: f64, expression: &str) -> Vec<Element> {
        let time = format!("{time:.3}");
        let data = self.api("query", &[("query", expression), ("time", &time)]);
        assert_eq!(data["resultType"], "vector", "{expression}");
        let elements = data["result"].as_array().unwrap().iter();
        elements
            .map(|element| Element {
                labels: texts(&element["metric"]),
                value: element["value"][1].as_str().unwrap().parse().unwrap(),
            })
            .collect()
    }

    /// The same, by the value of one label; fails where it does not tell them apart. Of a
    /// source's two buffers the capture buffer is meant, unless that is the label.
    #[track_caller]
    pub fn by_label(&self, time: f64, expression: &str, label: &str) -> BTreeMap<String, f64> {
        let mut values = BTreeMap::new();
        for element in self.query_at(time, expression) {
            let kind = element.labels.get("buffer_type").map(String::as_str);
            if label != "buffer_type" && kind == Some("analysis") {
                continue;
            }
            let key = element.labels.get(label).cloned().unwrap_or_default();
            let before = values.insert(key, element.value);
            assert_eq!(before, None, "{expression}: twice for {:?}", element.labels);
        }
        values
    }

    /// Waits until a job has been scraped once more from now on; the time of that scrape.
    #[track_caller]
    pub fn next_scrape(&self, job: &str) -> f64 {
        let begun = unix_now();
        // Not of `up == 1`: the timestamp of anything but a bare selector is the query's.
        let expression = format!("timestamp(up{{job=\"{job}\"}})");
        let at = self.until(&format!("a scrape of {job}"), || {
            let found = self.query_at(unix_now(), &expression);
            found.first().map(|e| e.value).filter(|at| *at > begun)
        });
        let up = self.query_at(at, &format!("up{{job=\"{job}\"}}"));
        assert_eq!(up[0].value, 1.0, "{:#}", self.api("targets", &[]));
        at
    }

    /// The alerts of a name and state: their labels, and their annotations under the same
    /// names with `annotation.` before.
    #[track_caller]
    pub fn alerts(&self, name: &str, state: &str) -> Vec<BTreeMap<String, String>> {
        let data = self.api("alerts", &[]);
        let alerts = data["alerts"].as_array().unwrap().iter();
        alerts
            .filter(|alert| alert["state"] == state && alert["labels"]["alertname"] == name)
            .map(|alert| {
                let annotations = texts(&alert["annotations"]);
                let annotations = annotations
                    .into_iter()
                    .map(|(key, text)| (format!("annotation.{key}"), text));
                texts(&alert["labels"])
                    .into_iter()
                    .chain(annotations)
                    .collect()
            })
            .collect()
    }

    /// The alerting rules of a name.
    #[track_caller]
    pub fn rules(&self, name: &str) -> Vec<Value> {
        let data = self.api("rules", &[("type", "alert")]);
        let groups = data["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        let named: Vec<_> = rules.filter(|rule| rule["name"] == name).cloned().collect();
        assert!(!named.is_empty(), "no rule {name}: {data:#}");
        named
    }

    /// Asks again until there is an answer.
    #[track_caller]
    pub fn until<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let watch = Stopwatch::start();
        loop {
            if let Some(found) = found() {
                return found;
            }
            assert!(
                watch.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {what}\ntargets: {:#}\nalerts: {:#}",
                self.api("targets", &[])["activeTargets"],
                self.api("alerts", &[])
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// The address in the line by which Prometheus and Alertmanager say where they listen.
pub fn listens_at(line: &str) -> Option<String> {
    let said = line.split("msg=\"Listening on\" ").nth(1)?;
    let address = said.split("address=").nth(1)?;
    Some(address.split_whitespace().next()?.to_owned())
}

fn texts(object: &Value) -> BTreeMap<String, String> {
    let entries = object.as_object().unwrap().iter();
    entries
        .map(|(key, text)| (key.clone(), text.as_str().unwrap().to_owned()))
        .collect()
}

fn unix_now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}
