//! Which exposition a client gets.
//!
//! Source: RFC 9110 §12.4.2, §12.5.1, §12.5.3; prometheus/docs `content_negotiation.md`.

use hyper::{HeaderMap, header::HeaderName};

/// A list header as one text, however many lines it came in (RFC 9110 §5.3).
pub(super) fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// The formats of an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus text 0.0.4: the fallback.
    Text,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Format {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    const fn kind(self) -> MediaType {
        match self {
            Self::Text => MediaType("text", "plain", "0.0.4"),
            Self::OpenMetrics => MediaType("application", "openmetrics-text", "1.0.0"),
        }
    }
}

/// Type, subtype and version.
#[derive(Clone, Copy)]
struct MediaType(&'static str, &'static str, &'static str);

impl MediaType {
    /// Quality in thousandths and how precisely the client asked; zero when refused or
    /// not mentioned.
    fn rank(self, accept: &str) -> (u16, u8) {
        // The most precise range decides, not the one with the highest quality.
        let ranges = list(accept).filter_map(|range| self.matched_by(range));
        let (_, quality, precision) = ranges
            .map(|(precision, quality)| (precision, quality, precision))
            .max()
            .unwrap_or_default();
        (quality, precision)
    }

    /// Precision and quality of a range that includes this format.
    fn matched_by(self, range: &str) -> Option<(u8, u16)> {
        let Self(kind, subtype, version) = self;
        let mut parts = split_unquoted(range, ';').map(str::trim);
        let (range_kind, range_subtype) = parts.next()?.split_once('/')?;
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let mut precision = match (range_kind, range_subtype) {
            (k, s) if same(k, kind) && same(s, subtype) => 3,
            (k, "*") if same(k, kind) => 2,
            ("*", "*") => 1,
            _ => return None,
        };
        let mut quality = 1000;
        for parameter in parts.filter(|p| !p.is_empty()) {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = parse_quality(value)?,
                "version" if value == version => precision += 1,
                "charset" if same(value, "utf-8") => {}
                "version" | "charset" => return None,
                // `escaping` concerns names that need it, which ours never do.
                _ => {}
            }
        }
        Some((precision, quality))
    }
}

/// The format that `Accept` asks for. What cannot be understood or served gets text:
/// a scrape that fails tells less than one in the other format.
pub(super) fn format(accept: Option<&str>) -> Format {
    let accept = accept.unwrap_or_default();
    if Format::OpenMetrics.kind().rank(accept) > Format::Text.kind().rank(accept) {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

/// Whether `Accept` prefers plain text to JSON.
pub(super) fn text_rather_than_json(accept: Option<&str>) -> bool {
    rather_than_json(accept, MediaType("text", "plain", ""))
}

/// Whether `Accept` prefers CSV (RFC 4180) to JSON.
pub(super) fn csv_rather_than_json(accept: Option<&str>) -> bool {
    rather_than_json(accept, MediaType("text", "csv", ""))
}

fn rather_than_json(accept: Option<&str>, other: MediaType) -> bool {
    let accept = accept.unwrap_or_default();
    other.rank(accept) > MediaType("application", "json", "").rank(accept)
}

/// Whether `Accept-Encoding` prefers gzip to no compression.
pub(super) fn gzip(accept_encoding: Option<&str>) -> bool {
    let accept = accept_encoding.unwrap_or_default();
    let quality = |names: &[&str]| {
        list(accept).find_map(|item| {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            let named = names.iter().any(|n| name.trim().eq_ignore_ascii_case(n));
            let quality = match parameters.trim().split_once('=') {
                None if parameters.trim().is_empty() => 1000,
                Some((q, value)) if q.trim().eq_ignore_ascii_case("q") => {
                    parse_quality(value.trim())?
                }
                _ => return None,
            };
            named.then_some(quality)
        })
    };
    let gzip = quality(&["gzip", "x-gzip"]).or_else(|| quality(&["*"]));
    let plain = quality(&["identity"]).unwrap_or(0);
    gzip.is_some_and(|gzip| gzip > 0 && gzip >= plain)
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    split_unquoted(text, ',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// A weight in thousandths: 0 to 1 with at most three decimals.
fn parse_quality(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_really_sends_gets_openmetrics() {
        for accept in [
            // 2.42
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            // 3.x
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            // 3.x with native histograms: protobuf first, which is not served here.
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
             application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        ] {
            assert_eq!(format(Some(accept)), Format::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn formats_follow_quality_and_precision() {
        use Format::{OpenMetrics, Text};
        for (accept, expected) in [
            ("", Text),
            ("*/*", Text),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Text,
            ),
            ("application/openmetrics-text", OpenMetrics),
            (
                "Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=UTF-8",
                OpenMetrics,
            ),
            ("application/*", OpenMetrics),
            ("application/openmetrics-text;q=0.5,text/plain;q=0.6", Text),
            (
                "application/openmetrics-text;q=0.6,text/plain;q=0.5",
                OpenMetrics,
            ),
            (
                "application/openmetrics-text;q=0.001,text/plain;q=0",
                OpenMetrics,
            ),
            ("application/openmetrics-text,text/plain", Text),
            ("application/openmetrics-text,*/*", OpenMetrics),
            // The precise range refuses what the wildcard would allow.
            ("application/openmetrics-text;q=0,*/*", Text),
            ("text/plain;q=0.1,*/*;q=1", OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Text),
            ("application/openmetrics-text;version=2.0.0", Text),
            ("application/openmetrics-text;charset=latin1", Text),
            // Not acceptable at all, or nonsense: still an answer.
            ("application/json", Text),
            ("text/plain;q=0,application/openmetrics-text;q=0", Text),
            (",;,/,;q=,application/openmetrics-text;q=2", Text),
            ("application/openmetrics-text;q=nan", Text),
            ("application/openmetrics-text;q=0.5000", Text),
            ("application/openmetrics-text;q", Text),
            ("x/y;a=\",application/openmetrics-text,\"", Text),
        ] {
            assert_eq!(format(Some(accept)), expected, "{accept}");
        }
        assert_eq!(format(None), Text);
    }

    #[test]
    fn a_report_is_text_only_for_those_who_prefer_it() {
        for (accept, expected) in [
            (Some("text/plain"), true),
            (Some("text/*, application/json;q=0.9"), true),
            (Some("text/plain;q=0.5, application/json"), false),
            (Some("text/html, */*;q=0.8"), false),
            (Some("*/*"), false),
            (Some("application/json"), false),
            (Some(";,"), false),
            (None, false),
        ] {
            assert_eq!(text_rather_than_json(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn gzip_only_where_it_is_welcome() {
        for (accept, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("br;q=1.0, gzip;q=0.8, *;q=0.1", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("*;q=0", false),
            ("identity", false),
            ("gzip;q=0.2, identity;q=0.9", false),
            ("br", false),
            ("gzip;level=9", false),
            ("gzip;q=x", false),
            ("", false),
        ] {
            assert_eq!(gzip(Some(accept)), expected, "{accept}");
        }
        assert!(!gzip(None));
    }
}
