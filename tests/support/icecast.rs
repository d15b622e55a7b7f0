//! A real Icecast server, and ffmpeg as the source of its mounts.

use std::{
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use super::{PATIENCE, Running, Scratch, Stopwatch};

/// Icecast on a port of its own.
pub struct Icecast {
    process: Running,
    scratch: Scratch,
    pub port: u16,
}

/// How ffmpeg encodes a mount: codec, content type, container.
pub struct Encoding(pub &'static str, pub &'static str, pub &'static str);

pub const MP3: Encoding = Encoding("libmp3lame", "audio/mpeg", "mp3");
pub const AAC: Encoding = Encoding("aac", "audio/aac", "adts");
pub const VORBIS: Encoding = Encoding("libvorbis", "application/ogg", "ogg");
pub const OGG_FLAC: Encoding = Encoding("flac", "application/ogg", "ogg");
pub const OPUS: Encoding = Encoding("libopus", "application/ogg", "ogg");
pub const FLAC: Encoding = Encoding("flac", "audio/flac", "flac");

impl Icecast {
    /// `private` is a mount that wants the user `canary-user` or `canary-other` with the
    /// password `canary-pass`; Icecast lets each in once.
    pub fn start(private: &str) -> Self {
        // Icecast takes a fixed port only, so another may have taken it meanwhile.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|free| free.local_addr())
                .unwrap()
                .port();
            let scratch = Scratch::new();
            let folder = scratch.path("");
            let config = scratch.write("icecast.xml", &config(port, private, &scratch));
            let users = super::run("/usr/bin/python3", &["-c", HASH], "");
            scratch.write("users", &users);
            // As root Icecast changes its user, which must be able to write here.
            super::run("chmod", &["-R", "a+rwX", folder.to_str().unwrap()], "");
            let mut command = Command::new("icecast2");
            command.arg("-c").arg(config);
            let mut server = Self {
                process: Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped())),
                scratch,
                port,
            };
            if server.comes_up() {
                return server;
            }
        }
        panic!("icecast2 does not start; see scripts/test");
    }

    /// Icecast 2.4 crashes now and then when it is asked before its threads have come to rest.
    fn comes_up(&mut self) -> bool {
        let watch = Stopwatch::start();
        while !self.process.has_ended() {
            assert!(
                watch.elapsed() < PATIENCE,
                "icecast2 does not come up; {} of its threads rest:\n{}",
                self.process.sleeping_threads(),
                self.process.output()
            );
            // Another's server may answer at this port; then this one ends.
            if self.process.sleeping_threads() == THREADS && self.status("").is_some() {
                return !self.process.has_ended();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Feeds a mount with a tone of -15 dBFS until the child is dropped. Waits until
    /// listeners are let in.
    pub fn feed(&self, mount: &str, Encoding(codec, kind, container): &Encoding) -> Running {
        let tone = "aevalsrc=0.25149*sin(2*PI*1000*t)|0.25149*sin(2*PI*1000*t):s=48000";
        let target = format!("icecast://source:hackme@127.0.0.1:{}/{mount}", self.port);
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", tone]);
        command.args(["-c:a", codec, "-b:a", "128k", "-content_type", kind]);
        command.args(["-f", container, &target]);
        command.stdin(Stdio::null());
        let log = || std::fs::read_to_string(self.scratch.path("error.log")).unwrap_or_default();
        let before = log().len();
        let process = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        // Icecast 2.4 crashes now and then when a listener comes while an Ogg mount comes up. It
        // counts them for the first time once it has the headers of what it sends.
        let came = format!("mountpoint \"/{mount}\"");
        let counted = format!("listener count on /{mount} now ");
        process.until(&counted, || {
            let log = log();
            let since = log[before..].split_once(&came);
            since.is_some_and(|(_, since)| since.contains(&counted))
        });
        let watch = Stopwatch::start();
        while !self.has(mount) {
            assert!(
                watch.elapsed() < PATIENCE,
                "{mount} does not come up:\n{}",
                process.output()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        process
    }

    /// Whether listeners are let in. Asks as one of them: Icecast 2.4 crashes now and then
    /// when it is asked for its statistics while a mount comes up.
    pub fn has(&self, mount: &str) -> bool {
        self.status(mount).is_some_and(|status| status == 200)
    }

    /// What is answered to who asks for this, if anything is.
    fn status(&self, mount: &str) -> Option<u16> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // A user of the private mount; others do not look.
        let credentials = "Authorization: Basic Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3M=";
        let request = format!("GET /{mount} HTTP/1.0\r\n{credentials}\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut line = [0; 12];
        stream.read_exact(&mut line).ok()?;
        let line = std::str::from_utf8(&line).ok()?;
        line.strip_prefix("HTTP/1.0 ")?.parse().ok()
    }

    pub fn url(&self, mount: &str) -> String {
        format!("http://127.0.0.1:{}/{mount}", self.port)
    }
}

/// Its own, and one for the users of the private mount.
const THREADS: usize = 5;

/// Icecast's own format of users: name and MD5 of the password.
const HASH: &str = "import hashlib
for user in ('canary-user', 'canary-other'):
    print(user + ':' + hashlib.md5(b'canary-pass').hexdigest())";

fn config(port: u16, private: &str, scratch: &Scratch) -> String {
    let folder = scratch.path("");
    let folder = folder.to_str().unwrap();
    let users = scratch.path("users");
    let users = users.to_str().unwrap();
    format!(
        "<icecast>
  <limits><clients>100</clients><sources>20</sources><queue-size>524288</queue-size>
    <client-timeout>30</client-timeout><header-timeout>15</header-timeout>
    <source-timeout>10</source-timeout><burst-size>65535</burst-size></limits>
  <authentication><source-password>hackme</source-password>
    <admin-user>admin</admin-user><admin-password>hackme</admin-password></authentication>
  <hostname>localhost</hostname>
  <listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <mount><mount-name>/{private}</mount-name>
    <authentication type=\"htpasswd\"><option name=\"filename\" value=\"{users}\"/>
    </authentication></mount>
  <fileserve>0</fileserve>
  <paths><logdir>{folder}</logdir><webroot>/usr/share/icecast2/web</webroot>
    <adminroot>/usr/share/icecast2/admin</adminroot></paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog>
    <loglevel>3</loglevel></logging>
  <security><chroot>0</chroot>
    <changeowner><user>nobody</user><group>nogroup</group></changeowner></security>
</icecast>
"
    )
}
