//! What a scrape gets.

use std::io::Read as _;

use crate::{
    client::{Answer, ask, get},
    fixture::{Setup, start},
};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const PROMETHEUS_2_42: &str = "accept: application/openmetrics-text;version=1.0.0,\
    application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";
const PROMETHEUS_3: &str = "accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n";

fn check_format(answer: &Answer, text: &str, expected: &str) {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some(expected));
    let openmetrics = expected == OPENMETRICS;
    assert_eq!(text.ends_with("# EOF\n"), openmetrics);
    let metadata = if openmetrics {
        "# TYPE bulk_events counter\n"
    } else {
        "# TYPE bulk_events_total counter\n"
    };
    assert!(text.contains(metadata), "{text}");
    assert!(text.contains("audio_capture_exporter_http_rejected_total{reason=\"host\"} 0\n"));
    assert_eq!(answer.header("vary"), Some("accept, accept-encoding"));
}

#[test]
fn the_format_follows_accept_and_there_is_always_one() {
    let server = start(Setup::default());
    for (accept, expected) in [
        ("", TEXT),
        (PROMETHEUS_2_42, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        ("accept: */*\r\n", TEXT),
        ("accept: text/html,*/*;q=0.8\r\n", TEXT),
        ("accept: application/json\r\n", TEXT),
        ("accept: ;;,,=\r\n", TEXT),
        (
            "accept: text/plain;q=0.1\r\naccept: application/openmetrics-text\r\n",
            OPENMETRICS,
        ),
    ] {
        let answer = ask(server.address, "GET", "/metrics", accept);
        assert_eq!(answer.header("content-encoding"), None);
        check_format(&answer, answer.text(), expected);
    }
}

#[test]
fn gzip_is_used_where_it_is_welcome_and_decodes_to_the_exposition() {
    let server = start(Setup {
        bulk: 1000,
        ..Setup::default()
    });
    for (format, expected) in [("", TEXT), (PROMETHEUS_3, OPENMETRICS)] {
        let headers = format!("{format}accept-encoding: gzip\r\n");
        let answer = ask(server.address, "GET", "/metrics?x=y", &headers);
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*answer.body)
            .read_to_string(&mut text)
            .unwrap();
        check_format(&answer, &text, expected);
        assert!(answer.body.len() * 4 < text.len());
    }
    let refused = ask(
        server.address,
        "GET",
        "/metrics",
        "accept-encoding: gzip;q=0, *\r\n",
    );
    check_format(&refused, refused.text(), TEXT);
}

#[test]
fn a_module_that_fails_makes_the_scrape_fail_visibly() {
    let server = start(Setup {
        broken: true,
        ..Setup::default()
    });
    let answer = get(server.address, "/metrics");
    assert_eq!(answer.status, 500);
    answer.problem();
}

#[test]
fn the_last_scrapes_duration_is_told_by_the_next() {
    let server = start(Setup {
        bulk: 1000,
        ..Setup::default()
    });
    let duration = || {
        let answer = get(server.address, "/metrics");
        let name = "\naudio_capture_exporter_scrape_duration_seconds ";
        let (_, rest) = answer.text().split_once(name).unwrap();
        rest.lines().next().unwrap().parse::<f64>().unwrap()
    };
    assert!(duration() == 0.0, "nothing was scraped before");
    let second = duration();
    assert!(second > 0.0 && second < 20.0, "{second}");
}

#[test]
fn a_large_exposition_arrives_whole() {
    let server = start(Setup {
        bulk: 50_000,
        ..Setup::default()
    });
    let answer = get(server.address, "/metrics");
    assert_eq!(
        answer.text().matches("\nbulk_events_total{").count(),
        50_000
    );
}
