//! Half-open connections: between two network namespaces every packet is dropped, both
//! ways, so that neither side hears that anything ended.
//!
//! The test starts itself again in a namespace of its own, and its servers in another at the
//! far end of a virtual cable. Nothing of it is seen outside, and all of it vanishes with
//! its last process.

use std::process::{Command, Stdio};

use crate::{
    catalogue,
    drive::{CONNECT, Case, drive},
    rig::Rig,
    support::{Exporter, Running, Scratch, Server, mp3, run},
};

/// Set where this runs in its namespace.
const INSIDE: &str = "FAULTS_INSIDE";
const NAME: &str = "half_open::a_half_open_connection_is_seen_and_got_over";

#[test]
fn a_half_open_connection_is_seen_and_got_over() {
    if std::env::var_os(INSIDE).is_some() {
        inside();
        return;
    }
    // Root has the right; others have it in a user namespace, where the system lets them.
    let ways = [&["--net"][..], &["--map-root-user", "--net"]];
    let allowed = |way: &&&[&str]| {
        let mut command = Command::new("unshare");
        command.args(**way).args(["ip", "link", "set", "lo", "up"]);
        command
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let Some(way) = ways.iter().find(allowed) else {
        println!("not tried: this system allows no network namespaces");
        return;
    };
    let status = Command::new("unshare")
        .args(*way)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success());
}

/// The far namespace: it lasts as long as this process.
struct Far(Running);

impl Far {
    fn start() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", "echo made; exec cat"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut holder = Running::start(&mut command);
        holder.wait_for_line(|line| (line == "made").then_some(()));
        let far = Self(holder);
        let id = far.0.id().to_string();
        ip("link set lo up");
        ip(&format!("link add near type veth peer name far netns {id}"));
        ip("addr add 10.99.0.1/24 dev near");
        ip("link set near up");
        far.run("ip link set lo up");
        far.run("ip link set far up");
        far
    }

    /// What begins a command there.
    fn enter(&self) -> [String; 4] {
        ["nsenter", "--target", &self.0.id().to_string(), "--net"].map(str::to_owned)
    }

    fn run(&self, command: &str) {
        let enter = self.enter();
        let mut words: Vec<&str> = enter.iter().map(String::as_str).collect();
        words.extend(command.split(' '));
        run(words[0], &words[1..], "");
    }

    /// A server on an address of its own there.
    fn server(&self, host: &str, script: &str, arguments: &[&str]) -> Server {
        self.run(&format!("ip addr add {host}/24 dev far"));
        let enter = self.enter();
        let mut command = Command::new(&enter[0]);
        command.args(&enter[1..]).arg("/usr/bin/python3");
        Server::script_by(command, script, &[arguments, &["--host", host]].concat())
    }
}

fn ip(arguments: &str) {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    run("ip", &arguments, "");
}

/// The cable is cut for one of the far addresses.
struct Cut {
    far: std::rc::Rc<Far>,
    host: &'static str,
    _server: Server,
}

impl Cut {
    fn table(&self) -> String {
        format!("cut{}", self.host.replace('.', "_"))
    }

    /// On one side: whatever comes in from there, or for it, is dropped without a word.
    fn rules(&self, which: &str) -> String {
        let (table, host) = (self.table(), self.host);
        format!(
            "table ip {table} {{\n chain cut {{\n type filter hook prerouting priority raw\n \
             ip {which} {host} drop\n }}\n}}\n"
        )
    }
}

impl Rig for Cut {
    fn break_it(&mut self) {
        let enter = self.far.enter();
        let mut words: Vec<&str> = enter[1..].iter().map(String::as_str).collect();
        words.extend(["nft", "-f", "-"]);
        run(&enter[0], &words, &self.rules("daddr"));
        run("nft", &["-f", "-"], &self.rules("saddr"));
    }

    fn mend(&mut self) {
        let delete = format!("nft delete table ip {}", self.table());
        self.far.run(&delete);
        let words: Vec<&str> = delete.split(' ').collect();
        run(words[0], &words[1..], "");
    }
}

fn inside() {
    let far = std::rc::Rc::new(Far::start());
    let scratch = Scratch::new();
    let audio = mp3(&scratch);
    let rtsp = ["--alias", "/cam=/pcmu"];
    let http = ["--audio", &audio];
    let servers = [
        ("10.99.0.2", "rtsp_server.py", &rtsp),
        ("10.99.0.3", "rtsp_server.py", &rtsp),
        ("10.99.0.4", "hostile_http.py", &http),
    ];
    let cases: Vec<Case> = catalogue::HALF_OPEN
        .iter()
        .zip(servers)
        .map(|(fault, (host, script, arguments))| {
            let server = far.server(host, script, arguments);
            let url = if fault.against == catalogue::HTTP {
                server.http_url("/play")
            } else {
                server.url("/cam")
            };
            let cut = Cut {
                far: far.clone(),
                host,
                _server: server,
            };
            Case::new(*fault, url.replace("127.0.0.1", host), Box::new(cut))
        })
        .collect();
    let sources: String = cases.iter().map(Case::source).collect();
    let path = scratch.write("config.yaml", &format!("{CONNECT}{sources}"));
    let exporter = Exporter::with_config(&path);
    crate::drive::healthy(&exporter, &cases);
    let (descriptors, threads) = (exporter.process.descriptors(), exporter.process.threads());
    let _alive = drive(&exporter, cases);
    exporter.until("descriptors and threads are as before", |_| {
        exporter.process.descriptors() <= descriptors && exporter.process.threads() <= threads
    });
}
