//! Headless Chromium, driven over the `DevTools` protocol by a pipe: JSON documents that end with
//! a zero byte.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{PATIENCE, Scratch, Stopwatch};

/// One page of a browser of its own. Dropping it ends the browser.
pub struct Browser {
    child: Child,
    orders: ChildStdin,
    told: Receiver<Value>,
    number: u64,
    session: Option<String>,
    complaints: Vec<String>,
    _profile: Scratch,
}

impl Browser {
    pub fn start() -> Self {
        let profile = Scratch::new();
        // The browser wants its pipe as descriptors 3 and 4.
        let shell = "exec \"$@\" 3<&0 4>&1 0</dev/null 1>&2 2>/dev/null";
        let data = format!("--user-data-dir={}", profile.path("chromium").display());
        let mut command = Command::new("sh");
        command.args(["-c", shell, "sh", "chromium", "--headless=new", &data]);
        command.args([
            "--remote-debugging-pipe",
            "--no-sandbox",
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--autoplay-policy=no-user-gesture-required",
            "--mute-audio",
            "--hide-scrollbars",
        ]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, told) = channel();
        let mut pipe = BufReader::new(child.stdout.take().unwrap());
        let listen = move || {
            let mut text = Vec::new();
            while pipe.read_until(0, &mut text).is_ok_and(|read| read > 0) {
                text.pop();
                let Ok(document) = serde_json::from_slice(&text) else {
                    break;
                };
                if tell.send(document).is_err() {
                    break;
                }
                text.clear();
            }
        };
        std::thread::Builder::new().spawn(listen).unwrap();
        let mut browser = Self {
            orders: child.stdin.take().unwrap(),
            child,
            told,
            number: 0,
            session: None,
            complaints: Vec::new(),
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// One command of the protocol.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut order = json!({"id": self.number, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        self.orders
            .write_all(format!("{order}\0").as_bytes())
            .unwrap();
        loop {
            let told = self.told.recv_timeout(PATIENCE);
            let told = told.unwrap_or_else(|_| panic!("no answer to {method}; see scripts/test"));
            if told["id"] == self.number {
                assert!(told["error"].is_null(), "{method}: {}", told["error"]);
                return told["result"].clone();
            }
            self.note(&told);
        }
    }

    /// What a person would see as errors in the console.
    fn note(&mut self, told: &Value) {
        let parameters = &told["params"];
        let complaint = match told["method"].as_str() {
            Some("Runtime.exceptionThrown") => Some(parameters["exceptionDetails"].to_string()),
            Some("Log.entryAdded") if parameters["entry"]["level"] == "error" => {
                Some(parameters["entry"].to_string())
            }
            Some("Runtime.consoleAPICalled") if parameters["type"] == "error" => {
                Some(parameters["args"].to_string())
            }
            _ => None,
        };
        self.complaints.extend(complaint);
    }

    /// Errors, violations of the policy and exceptions so far, apart from those that hold one of
    /// these words.
    pub fn complaints(&mut self, expected: &[&str]) -> Vec<String> {
        // Whatever was said before the answer has been heard.
        self.js("0");
        let mut all = std::mem::take(&mut self.complaints);
        all.retain(|text| !expected.iter().any(|word| text.contains(word)));
        all
    }

    #[track_caller]
    pub fn open(&mut self, url: &str) {
        let went = self.call("Page.navigate", &json!({"url": url}));
        assert!(went["errorText"].is_null(), "{url}: {went}");
    }

    /// The value of an expression.
    #[track_caller]
    pub fn js(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", &asked);
        let failed = &answer["exceptionDetails"];
        assert!(failed.is_null(), "{expression}: {failed}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true, and yields how long that took.
    #[track_caller]
    pub fn until(&mut self, expression: &str) -> Duration {
        let (began, watch) = (Instant::now(), Stopwatch::start());
        while self.js(&format!("Boolean({expression})")) != true {
            if watch.elapsed() > PATIENCE {
                let page = self.js("document.body.innerText");
                panic!(
                    "not in time: {expression}\n{}",
                    page.as_str().unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        began.elapsed()
    }

    /// The window's size, and whether the viewer likes it dark.
    pub fn look(&mut self, width: u32, height: u32, dark: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.call("Emulation.setEmulatedMedia", &media);
    }

    /// The window as a PNG file.
    pub fn picture(&mut self) -> Vec<u8> {
        use base64::Engine as _;
        let taken = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        let text = taken["data"].as_str().unwrap();
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap()
    }

    /// Role and name of everything that a screen reader finds.
    pub fn accessible(&mut self) -> Vec<(String, String)> {
        let tree = self.call("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().unwrap().iter();
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        nodes
            .filter(|node| node["ignored"] != true)
            .map(|node| (text(&node["role"]), text(&node["name"])))
            .collect()
    }
}

impl Browser {
    /// Waits until a screen reader finds something by role and name, and yields all that it finds.
    #[track_caller]
    pub fn until_accessible(&mut self, role: &str, name: &str) -> Vec<(String, String)> {
        let watch = Stopwatch::start();
        loop {
            let tree = self.accessible();
            if tree.iter().any(|(r, n)| r == role && n.starts_with(name)) {
                return tree;
            }
            assert!(watch.elapsed() < PATIENCE, "{role} {name} in {tree:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
