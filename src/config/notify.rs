//! `notify`: who is told of alarms.

use std::{collections::HashSet, fs::File, io::Read as _, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::{section::Section, transport};
use crate::alarms::{AlertmanagerOptions, Endpoint, FileOptions, NotifyOptions, WebhookOptions};

/// How many webhooks, and how many Alertmanagers.
const MOST: usize = 16;
/// The largest file of headers, in bytes.
const MOST_HEADERS: u64 = 16 * 1024;

/// Reads the section; targets with a mistake are left out.
pub(super) fn notify(top: &Section<'_>, base: &Path) -> NotifyOptions {
    let section = top.section("notify");
    let webhooks = section.sections("webhooks", MOST);
    let webhooks = webhooks.iter().filter_map(|section| {
        let (send_resolved, patterns) = (section.flag("send_resolved"), section.flag("patterns"));
        Some(WebhookOptions {
            endpoint: endpoint(section, base)?,
            send_resolved,
            patterns,
        })
    });
    let webhooks: Vec<_> = webhooks.collect();
    let managers = section.sections("alertmanagers", MOST);
    let managers = managers.iter().filter_map(|section| {
        let resend = section.duration("resend");
        let endpoint = endpoint(section, base)?;
        Some(AlertmanagerOptions { endpoint, resend })
    });
    let alertmanagers: Vec<_> = managers.collect();
    once(
        &section,
        "webhooks",
        webhooks.iter().map(|webhook| &webhook.endpoint),
    );
    once(
        &section,
        "alertmanagers",
        alertmanagers.iter().map(|manager| &manager.endpoint),
    );
    NotifyOptions {
        external_url: external_url(&section),
        repeat_interval: section.duration("repeat_interval"),
        file: file(&section.section("file"), base),
        webhooks,
        alertmanagers,
    }
}

/// What is told twice is told twice as often.
fn once<'a>(section: &Section<'_>, key: &str, mut all: impl Iterator<Item = &'a Endpoint>) {
    let mut seen = HashSet::new();
    if !all.all(|endpoint| seen.insert(endpoint.url.as_str())) {
        section.mistake(
            key,
            "the same address is there twice",
            "keep one of the two",
        );
    }
}

fn file(section: &Section<'_>, base: &Path) -> Option<FileOptions> {
    let (max_bytes, keep) = (section.size("max_bytes"), section.number("keep"));
    let path = section.text("path").filter(|path| !path.is_empty());
    if section.line().is_some() && path.is_none() {
        let remedy = "write the path of the file, or remove the section";
        section.mistake("path", "is missing", remedy);
    }
    Some(FileOptions {
        path: base.join(path?),
        max_bytes,
        keep,
    })
}

fn external_url(section: &Section<'_>) -> Option<Url> {
    let written = section.text("external_url")?;
    let url = Url::parse(written).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && plain
    });
    if url.is_none() {
        let remedy = "write where people find this page, such as http://recorder.lan:10480/";
        section.mistake("external_url", "not an http:// or https:// address", remedy);
    }
    url
}

/// Where something is posted to. Never quotes the address: it may hold a token.
fn endpoint(section: &Section<'_>, base: &Path) -> Option<Endpoint> {
    let tls_section = section.section("tls");
    let tls = transport::tls(&tls_section, base);
    let timeout = section.duration("timeout");
    let mut headers = headers(section, base);
    let wrong = |problem: &str, remedy: &str| {
        section.mistake("url", problem, remedy);
        None
    };
    let example = "write an address such as https://example.org/hook";
    let Some(written) = section.text("url") else {
        if !section.has("url") {
            section.mistake("url", "is missing", example);
        }
        return None;
    };
    let Ok(mut url) = Url::parse(written) else {
        return wrong("not an address", example);
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return wrong("neither http:// nor https://", example);
    }
    if tls_section.line().is_some() && url.scheme() != "https" {
        section.mistake(
            "tls",
            "means nothing without TLS",
            "write https:// in the url",
        );
    }
    if let Some(credentials) = split_credentials(&mut url) {
        if headers.contains_key(header::AUTHORIZATION) {
            let problem = "has credentials, and so has `headers_file`";
            return wrong(problem, "keep one of the two");
        }
        headers.insert(header::AUTHORIZATION, credentials);
    }
    url.set_fragment(None);
    Some(Endpoint {
        url,
        headers,
        tls,
        timeout,
    })
}

/// Takes user and password out of the address: what is shown must not have them.
fn split_credentials(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| {
        let pairs = format!("x={}", text.replace('+', "%2B"));
        let mut pairs = url::form_urlencoded::parse(pairs.as_bytes());
        pairs
            .next()
            .map_or_else(String::new, |(_, value)| value.into_owned())
    };
    let user = decoded(url.username());
    let password = decoded(url.password().unwrap_or_default());
    // An address with a host, which this one has, can have them taken away.
    let _taken = (url.set_username(""), url.set_password(None));
    let basic = STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::from_str(&format!("Basic {basic}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Reads `headers_file`; quotes nothing of it.
fn headers(section: &Section<'_>, base: &Path) -> HeaderMap {
    let Some(path) = section.text("headers_file") else {
        return HeaderMap::new();
    };
    read_headers(&base.join(path)).unwrap_or_else(|problem| {
        let remedy = "write a file of lines such as `Authorization: Bearer …` that the user of \
            this process may read";
        section.mistake("headers_file", problem, remedy);
        HeaderMap::new()
    })
}

fn read_headers(path: &Path) -> Result<HeaderMap, &'static str> {
    let unreadable = "the file does not exist or may not be read";
    // Asked before it is opened: opening a FIFO waits for a writer.
    let file = std::fs::metadata(path).map_err(|_| unreadable)?;
    if !file.is_file() || file.len() > MOST_HEADERS {
        return Err("not a regular file of at most 16 KiB");
    }
    let mut text = String::new();
    let read = File::open(path).map_err(|_| unreadable)?;
    read.take(MOST_HEADERS)
        .read_to_string(&mut text)
        .map_err(|_| "the file is not UTF-8")?;
    let mut headers = HeaderMap::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let no_field = "a line is no header field";
        let (name, value) = line.split_once(':').ok_or(no_field)?;
        let name: HeaderName = name.trim().parse().map_err(|_| no_field)?;
        let mut value = HeaderValue::from_str(value.trim()).map_err(|_| no_field)?;
        if [
            header::HOST,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
        ]
        .contains(&name)
        {
            return Err("Host, Content-Length and Transfer-Encoding are not for the file to say");
        }
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address_and_become_a_header() {
        let mut url = Url::parse("https://us%40er:p%2Bw+@host/hook?t=1").unwrap();
        let value = split_credentials(&mut url).unwrap();
        assert_eq!(url.as_str(), "https://host/hook?t=1");
        let basic = STANDARD.encode("us@er:p+w+");
        assert_eq!(value.to_str().unwrap(), format!("Basic {basic}"));
        assert!(value.is_sensitive());
        assert_eq!(split_credentials(&mut url), None);
    }
}
