//! The status page: plain HTML without any script.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use hyper::{
    Response, StatusCode,
    header::{self, HeaderValue},
};

use super::{
    Assets, health,
    reply::{Body, reply},
};
use crate::{
    signal::{self, Silence},
    sources::State,
    status::{Snapshot, SourceStatus},
    units::Roughly,
};

/// What the page shows.
pub(super) struct View<'a> {
    pub(super) snapshot: Option<&'a Snapshot>,
    pub(super) age: Duration,
    pub(super) telemetry_path: &'a str,
    pub(super) assets: Assets,
}

/// The page itself.
pub(super) fn page(view: &View<'_>) -> Response<Body> {
    let mut html = String::with_capacity(8 * 1024);
    // Writing into a string cannot fail; a page cut short would be visible.
    let complete = write(&mut html, view).is_ok();
    debug_assert!(complete, "a value failed to print itself");
    let mut reply = reply(StatusCode::OK, "text/html; charset=utf-8", html);
    let only_our_style = HeaderValue::from_static(
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    reply
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, only_our_style);
    reply
}

/// The page's style sheet.
pub(super) fn style() -> Response<Body> {
    reply(
        StatusCode::OK,
        "text/css; charset=utf-8",
        include_str!("page.css"),
    )
}

/// Text as HTML content or a quoted attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

fn write(html: &mut String, view: &View<'_>) -> fmt::Result {
    html.push_str(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"refresh\" content=\"5\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>Audio sources</title><link rel=\"stylesheet\" href=\"/style.css\"></head>\n\
         <body><h1>Audio sources</h1>\n",
    );
    if view.age > health::STALE_AFTER {
        let age = Roughly(view.age);
        writeln!(
            html,
            "<p class=\"stale\">Nothing below is current: the capture side has not reported for {age}.</p>"
        )?;
    }
    match view.snapshot {
        None => html.push_str("<p class=\"note\">Starting; no report yet.</p>\n"),
        Some(snapshot) => write_snapshot(html, snapshot, view.age)?,
    }
    write!(
        html,
        "<nav><a href=\"{}\">Metrics</a>",
        Escaped(view.telemetry_path)
    )?;
    html.push_str("<a href=\"/-/healthy\">Health</a><a href=\"/-/ready\">Readiness</a>");
    for (name, _) in view.assets {
        write!(html, "<a href=\"/{0}\">{0}</a>", Escaped(name))?;
    }
    writeln!(
        html,
        "</nav>\n<p class=\"note\">audio-capture-exporter {}</p></body></html>",
        env!("CARGO_PKG_VERSION")
    )
}

fn write_snapshot(html: &mut String, snapshot: &Snapshot, age: Duration) -> fmt::Result {
    let streaming = snapshot
        .sources
        .iter()
        .filter(|s| s.state == State::Streaming)
        .count();
    let (used, budget) = snapshot.budget;
    writeln!(
        html,
        "<p class=\"note\">{streaming} of {} streaming. {used} of {budget} of the memory budget in use. \
         Reported {} ago.</p>",
        snapshot.sources.len(),
        Roughly(age),
    )?;
    if snapshot.sources.is_empty() {
        html.push_str("<p>No source is configured.</p>\n");
        return Ok(());
    }
    html.push_str(
        "<div class=\"wide\"><table><thead><tr><th scope=\"col\">Source</th><th scope=\"col\">State</th>\
         <th scope=\"col\">Codec and format</th><th scope=\"col\">Level</th>\
         <th scope=\"col\">Audio received</th><th scope=\"col\">Buffered</th></tr></thead><tbody>\n",
    );
    snapshot
        .sources
        .iter()
        .try_for_each(|source| write_source(html, source))?;
    html.push_str("</tbody></table></div>\n");
    Ok(())
}

fn write_source(html: &mut String, source: &SourceStatus) -> fmt::Result {
    let (class, words) = in_words(source.state);
    let id = Escaped(source.id.as_str());
    write!(
        html,
        "<tr><th scope=\"row\">{id}<br><small>{}</small></th>",
        source.kind
    )?;
    write!(
        html,
        "<td><span class=\"{class}\">{words}</span> for {}",
        Roughly(source.since)
    )?;
    if let Some(problem) = &source.problem {
        write!(html, "<p>{}</p>", Escaped(problem))?;
    }
    if let Some(anomaly) = &source.allocation_anomaly {
        let words = anomaly.to_string();
        write!(html, "<p>It {}.</p>", Escaped(&words))?;
    }
    let codec = source.codec.as_deref().unwrap_or("—");
    write!(html, "</td><td>{}", Escaped(codec))?;
    if let Some(format) = source.format {
        write!(html, "<br>{format}")?;
    }
    html.push_str("</td><td class=\"number\">");
    write_signal(html, source.signal.as_ref())?;
    html.push_str("</td><td class=\"number\">");
    write!(html, "{}", Roughly(whole_seconds(source.audio_seconds)))?;
    if source.expected_seconds > 0.0 {
        let share = source.audio_seconds / source.expected_seconds;
        write!(
            html,
            "<br><meter value=\"{:.3}\"></meter> {:.1} %",
            share.clamp(0.0, 1.0),
            share * 100.0
        )?;
    }
    let (held, capacity) = source.buffered;
    writeln!(
        html,
        "</td><td class=\"number\">{} of {}</td></tr>",
        Roughly(held),
        Roughly(capacity)
    )
}

fn write_signal(html: &mut String, signal: Option<&signal::View>) -> fmt::Result {
    let Some(view) = signal else {
        html.push('—');
        return Ok(());
    };
    match (view.silence(), view.dbfs()) {
        (Some(Silence::Digital), _) => html.push_str("digital silence"),
        (_, Some(dbfs)) => write!(html, "{dbfs:.1} dBFS")?,
        (_, None) => html.push('—'),
    }
    for (holds, words) in [
        (view.silent, "silent for too long"),
        (view.stuck, "stuck: the same audio again and again"),
        (view.clipped > 0.0, "clipped in the last minute"),
    ] {
        if holds {
            write!(html, "<br><span class=\"bad\">{words}</span>")?;
        }
    }
    Ok(())
}

fn whole_seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// How urgent a state is, and what it means.
const fn in_words(state: State) -> (&'static str, &'static str) {
    match state {
        State::Connecting => ("busy", "connecting"),
        State::Waiting => ("busy", "waiting for someone to write"),
        State::Streaming => ("good", "streaming"),
        State::Stalled => ("bad", "connected, but no audio arrives"),
        State::BackingOff => ("bad", "failed, waiting for the next attempt"),
        State::Unauthorized => ("bad", "credentials refused"),
        State::Unsupported => ("bad", "audio that cannot be decoded"),
        State::NoAudioTrack => ("bad", "no audio in the stream"),
        State::OverBudget => ("bad", "does not fit into the memory budget"),
        State::Ended => ("busy", "played to its end"),
        State::Disabled => ("busy", "switched off"),
    }
}

#[cfg(test)]
#[path = "page/tests.rs"]
mod tests;
