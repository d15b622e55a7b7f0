//! A real Prometheus scrapes over HTTPS with a password, and promtool reads what is shipped.

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    stage::{Stage, sign, tls, users},
    support::{Scratch, prometheus::Prometheus, run},
    tls_front::Authority,
};

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

#[test]
fn prometheus_scrapes_with_tls_and_a_password() {
    let stage = Stage::set(&(tls("") + &users()), "roles: { metrics: [ prom ] }");
    let ca = stage.scratch.path("authority.pem");
    let job = |name: &str, password: &str| {
        format!(
            "- job_name: {name}\n  scheme: https\n  tls_config: {{ ca_file: {} }}\n  \
             basic_auth: {{ username: prom, password: {password} }}\n  \
             static_configs: [ {{ targets: [\"{}\"] }} ]\n",
            ca.display(),
            stage.exporter.address
        )
    };
    let prometheus = Prometheus::start(&(job("right", "prom-pw") + &job("wrong", "x")), &[]);
    stage.exporter.process.until("it has scraped", || {
        let up = |job: &str| prometheus.query_at(now(), &format!("up{{job=\"{job}\"}}"));
        let is = |job: &str, value: f64| up(job).first().is_some_and(|up| up.value == value);
        is("right", 1.0) && is("wrong", 0.0)
    });
    let refused =
        "audio_capture_exporter_http_rejected_total{job=\"right\",reason=\"unauthorized\"} > 0";
    stage.exporter.process.until("the refusals are told", || {
        !prometheus.query_at(now(), refused).is_empty()
    });
}

#[test]
fn the_shipped_example_is_read_here_and_by_promtool() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/web.example.yaml");
    let text = fs::read_to_string(example).unwrap();
    let (scratch, authority) = (Scratch::new(), Authority::new());
    let file = scratch.write("web.example.yaml", &text);
    let server = sign(&authority, "recorder.lan").pem();
    scratch.write("server.crt", &server);
    scratch.write("server.key", &server);
    scratch.write("clients.crt", &authority.pem());
    run(
        "promtool",
        &["check", "web-config", file.to_str().unwrap()],
        "",
    );
    let program = env!("CARGO_BIN_EXE_audio-capture-exporter");
    let check = [
        "--config.check",
        "--web.config.file",
        file.to_str().unwrap(),
        "a.wav",
    ];
    let said = run(program, &check, "");
    assert!(said.contains("valid"), "{said}");
    // And with all that stands there as a comment.
    let uncommented: String = text
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n")
        .collect();
    let file = scratch.write("all.yaml", &uncommented);
    run(
        program,
        &[
            "--config.check",
            "--web.config.file",
            file.to_str().unwrap(),
            "a.wav",
        ],
        "",
    );
}
