//! Certificates, users and authorities that change while the program runs.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    thread,
};

use crate::{
    stage::{Stage, sign, tls, users},
    tls_front::Authority,
};

const IN_FORCE: &str = "audio_capture_exporter_web_config_last_load_successful";

#[test]
fn a_new_certificate_is_shown_and_no_request_fails_on_the_way() {
    let stage = Stage::set(&(tls("") + &users()), "");
    let (stop, asked, failed) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let answer = stage.curl("https", "/metrics", &["-u", "ada:ada-pw"]);
                if answer.status != 200 {
                    eprintln!("{answer:?}");
                    failed.fetch_add(1, Relaxed);
                }
                asked.fetch_add(1, Relaxed);
            }
        });
        for _ in 0..3 {
            let new = sign(&stage.authority, "127.0.0.1");
            stage.replace("server.pem", &new.pem());
            stage.exporter.process.until("it is shown", || {
                shown(&stage).contains(new.pem().lines().nth(1).unwrap())
            });
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(failed.load(Relaxed), 0, "of {}", asked.load(Relaxed));
    assert!(
        asked.load(Relaxed) > 10,
        "there was load: {}",
        asked.load(Relaxed)
    );
}

#[test]
fn the_end_of_the_certificate_in_force_is_told() {
    const NOT_AFTER: &str = "audio_capture_exporter_web_certificate_not_after_timestamp_seconds";
    // 2031-02-03 and 2032-02-03.
    let ends = [(2031, 1_927_843_200.0), (2032, 1_959_379_200.0)];
    let stage = Stage::set(&(tls("") + &users()), "");
    let until = |(year, month, day)| {
        stage.authority.sign("127.0.0.1", |parameters| {
            let name = &mut parameters.distinguished_name;
            // Another subject than the authority's.
            name.push(rcgen::DnType::CommonName, "127.0.0.1");
            parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(year, month, day);
        })
    };
    for (year, seconds) in ends {
        let leaf = until((year, 2, 3));
        // Behind it the authority's, whose end is another.
        stage.replace("server.pem", &(leaf.pem() + &stage.authority.pem()));
        stage.exporter.process.until("the new end is told", || {
            stage.value("https", "ada", NOT_AFTER) == seconds
        });
    }
    // It has ended, and is shown.
    let over = until((2001, 9, 9));
    stage.replace("server.pem", &over.pem());
    stage.exporter.process.until("it is shown", || {
        shown(&stage).contains(over.pem().lines().nth(1).unwrap())
    });
    let scrape = ["-k", "-u", "ada:ada-pw"];
    let answer = stage.curl("https", "/metrics", &scrape);
    let line = format!("{NOT_AFTER} 999993600");
    assert!(answer.body.contains(&line), "{answer:?}");
}

/// The certificate that the server shows, as OpenSSL prints it.
fn shown(stage: &Stage) -> String {
    let connect = ["s_client", "-connect", &stage.exporter.address];
    crate::support::run("openssl", &connect, "").replace('\n', "")
}

#[test]
fn a_bad_certificate_changes_nothing_and_is_told() {
    let stage = Stage::set(&(tls("") + &users()), "");
    let in_force = || stage.value("https", "ada", IN_FORCE);
    assert_eq!(in_force(), 1.0);
    let before = shown(&stage);
    let good = std::fs::read_to_string(stage.scratch.path("server.pem")).unwrap();
    stage.replace("server.pem", "-----BEGIN CERTIFICATE-----\njunk\n");
    stage
        .exporter
        .process
        .until("it is told", || in_force() == 0.0);
    let key = "tls_server_config.cert_file: holds no certificate";
    let process = &stage.exporter.process;
    process.until("the log says why", || process.output().contains(key));
    let certificate = |text: &str| {
        let rest = text.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap();
        rest.split("-----END").next().unwrap().to_owned()
    };
    assert_eq!(certificate(&shown(&stage)), certificate(&before));
    // A reload says so as well, and changes nothing of the rest.
    let answer = stage.curl("https", "/-/reload", &["-X", "POST", "-u", "ada:ada-pw"]);
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("cert_file"), "{answer:?}");
    stage.replace("server.pem", &good);
    stage
        .exporter
        .process
        .until("it is mended", || in_force() == 1.0);
    // A file that is being written does not open the doors.
    for (file, what) in [("", "TLS"), (&tls("")[..], "passwords")] {
        stage.replace("web.yaml", file);
        let told = format!("switches off {what}");
        stage
            .exporter
            .process
            .until(&told, || stage.exporter.process.output().contains(&told));
        assert_eq!(stage.curl("https", "/metrics", &[]).status, 401);
    }
}

#[test]
fn a_user_comes_and_goes_and_an_authority_is_replaced() {
    let verify = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: clients.pem";
    let more = tls(verify) + &users();
    let stage = Stage::set(&more.replace("clients.pem", "authority.pem"), "");
    let old = stage
        .scratch
        .write("old.pem", &sign(&stage.authority, "a").pem());
    let status = |certificate: &std::path::Path, login: &str| {
        let file = certificate.to_str().unwrap();
        stage
            .curl("https", "/metrics", &["--cert", file, "-u", login])
            .status
    };
    assert_eq!(status(&old, "ada:ada-pw"), 200);
    let next = Authority::new();
    stage.scratch.write("clients.pem", &next.pem());
    let new = stage.scratch.write("new.pem", &sign(&next, "b").pem());
    stage.replace("web.yaml", &more.replace("  ada:", "  grace:"));
    stage
        .exporter
        .process
        .until("grace comes", || status(&new, "grace:ada-pw") == 200);
    assert_eq!(status(&new, "ada:ada-pw"), 401);
    assert_eq!(status(&old, "grace:ada-pw"), 0);
}
