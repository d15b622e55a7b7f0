//! A running program with a web file, and curl.

use std::process::Command;

use rcgen::DnType;

use crate::{
    support::{Exporter, Scratch},
    tls_front::{Authority, Identity},
};

/// Users of every web file here, with their passwords' hashes at the lowest cost.
pub(crate) const USERS: [&str; 4] = ["ada", "bob", "prom", "eve"];

/// A program whose web file stands in `scratch`.
pub(crate) struct Stage {
    pub(crate) exporter: Exporter,
    pub(crate) scratch: Scratch,
    pub(crate) authority: Authority,
}

/// What curl came back with.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 without one.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// curl's own words.
    pub(crate) complaint: String,
}

/// `name: hash` of each user, whose password is the name and `-pw`.
pub(crate) fn users() -> String {
    let mut lines = String::from("basic_auth_users:\n");
    for user in USERS {
        let hash = bcrypt::hash(format!("{user}-pw"), 4).unwrap();
        lines.push_str(&format!("  {user}: \"{hash}\"\n"));
    }
    lines
}

/// `tls_server_config` with the server's certificate and some more.
pub(crate) fn tls(more: &str) -> String {
    format!("tls_server_config: {{ cert_file: server.pem, key_file: server.pem{more} }}\n")
}

/// A certificate for a name. Its subject is another than the authority's, or OpenSSL takes it for
/// one that has signed itself.
pub(crate) fn sign(authority: &Authority, name: &str) -> Identity {
    authority.sign(name, |parameters| {
        parameters.distinguished_name.push(DnType::CommonName, name);
    })
}

impl Stage {
    /// A source that is switched off, with this text under `web:`.
    pub(crate) fn set(web_file: &str, web: &str) -> Self {
        let (scratch, authority) = (Scratch::new(), Authority::new());
        scratch.write("authority.pem", &authority.pem());
        scratch.write("server.pem", &sign(&authority, "127.0.0.1").pem());
        let web_file = scratch.write("web.yaml", web_file);
        let config = scratch.write(
            "config.yaml",
            &format!(
                "sources: [ {{ name: garden, url: \"rtsp://127.0.0.1:9/\", enabled: false }} ]\n\
                 web: {{ {web} }}\n"
            ),
        );
        let exporter = Exporter::start([
            "--config.file",
            config.to_str().unwrap(),
            "--web.config.file",
            web_file.to_str().unwrap(),
        ]);
        Self {
            exporter,
            scratch,
            authority,
        }
    }

    /// Asks by curl, which trusts the authority; `arguments` may end with a path.
    pub(crate) fn curl(&self, scheme: &str, path: &str, arguments: &[&str]) -> Answer {
        let url = format!("{scheme}://{}{path}", self.exporter.address);
        let ca = self.scratch.path("authority.pem");
        let output = Command::new("curl")
            .args(["-sSi", "-m", "30", "--cacert"])
            .arg(ca)
            .args(arguments)
            .arg(url)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Answer {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
            complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The status that a user gets for a path over plain HTTP.
    pub(crate) fn status(&self, user: Option<&str>, method: &str, path: &str) -> u16 {
        let login = user.map(|user| format!("{user}:{user}-pw"));
        let mut arguments = vec!["-X", method];
        if let Some(login) = &login {
            arguments.extend(["-u", login]);
        }
        self.curl("http", path, &arguments).status
    }

    /// A value of its own metrics, asked for by this user over HTTPS or without TLS.
    pub(crate) fn value(&self, scheme: &str, user: &str, series: &str) -> f64 {
        let login = format!("{user}:{user}-pw");
        let answer = self.curl(scheme, "/metrics", &["-u", &login]);
        let line = answer.body.lines().find(|line| line.starts_with(series));
        let value = line.and_then(|line| line.rsplit(' ').next());
        let value = value.unwrap_or_else(|| panic!("no {series}: {answer:?}"));
        value.parse().unwrap()
    }

    /// Writes a file so that nobody sees half of it.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        let new = self.scratch.write(&format!("{name}.new"), text);
        std::fs::rename(new, self.scratch.path(name)).unwrap();
    }
}
