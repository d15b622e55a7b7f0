//! The page at `/`: a table that needs no script, and the parts that make it live.
//!
//! Texts reach the page as text only: here they are escaped, and the script never makes markup of
//! them, which the policy below enforces (trusted types).

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
    alarms::Book,
    signal::{self, Silence},
    status::{Level, Overall, STALE_AFTER, Snapshot, SourceStatus, in_words},
    units::Roughly,
};

/// What the page shows.
pub(super) struct View<'a> {
    pub(super) snapshot: Option<&'a Snapshot>,
    pub(super) age: Duration,
    pub(super) alarms: &'a Book,
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
    reply.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    reply
}

/// What the page may load and do: its own parts, its own API, its own audio.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// A file that belongs to the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) text: &'static str,
}

const fn script(path: &'static str, text: &'static str) -> Part {
    Part {
        path,
        content_type: "text/javascript; charset=utf-8",
        text,
    }
}

static PARTS: &[Part] = &[
    Part {
        path: "/page/style.css",
        content_type: "text/css; charset=utf-8",
        text: include_str!("page/style.css"),
    },
    Part {
        path: "/page/icon.svg",
        content_type: "image/svg+xml",
        text: include_str!("page/icon.svg"),
    },
    script("/page/main.js", include_str!("page/main.js")),
    script("/page/alarms.js", include_str!("page/alarms.js")),
    script("/page/ask.js", include_str!("page/ask.js")),
    script("/page/chart.js", include_str!("page/chart.js")),
    script("/page/dom.js", include_str!("page/dom.js")),
    script("/page/link.js", include_str!("page/link.js")),
    script("/page/memory.js", include_str!("page/memory.js")),
    script("/page/past.js", include_str!("page/past.js")),
    script("/page/sources.js", include_str!("page/sources.js")),
    script("/page/words.js", include_str!("page/words.js")),
];

/// Their paths.
pub(super) fn part_paths() -> impl Iterator<Item = &'static str> {
    PARTS.iter().map(|part| part.path)
}

/// The part at a path.
pub(super) fn part(path: &str) -> Option<&'static Part> {
    PARTS.iter().find(|part| part.path == path)
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

/// The same as content, with what stands between two backticks as code.
struct Coded<'a>(&'a str);

impl fmt::Display for Coded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((before, (code, after))) = rest
            .split_once('`')
            .and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
        {
            write!(f, "{}<code>{}</code>", Escaped(before), Escaped(code))?;
            rest = after;
        }
        Escaped(rest).fmt(f)
    }
}

fn write(html: &mut String, view: &View<'_>) -> fmt::Result {
    html.push_str(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>Audio sources</title><link rel=\"icon\" href=\"/page/icon.svg\">\
         <link rel=\"stylesheet\" href=\"/page/style.css\">\
         <script type=\"module\" src=\"/page/main.js\"></script></head>\n\
         <body><header><h1>Audio sources</h1><p id=\"link\" role=\"status\"></p></header>\n\
         <main><div id=\"live\" hidden></div><div id=\"basic\">\n",
    );
    if view.age > STALE_AFTER {
        let age = Roughly(view.age);
        writeln!(
            html,
            "<p class=\"stale\">Nothing below is current: the capture side has not reported for {age}.</p>"
        )?;
    }
    match view.snapshot {
        None => html.push_str("<p class=\"note\">Starting; no report yet.</p>\n"),
        Some(snapshot) => write_snapshot(html, snapshot, view)?,
    }
    write!(
        html,
        "</div></main>\n<footer><nav aria-label=\"Documents\"><a href=\"{}\">Metrics</a>",
        Escaped(view.telemetry_path)
    )?;
    html.push_str(
        "<a href=\"/-/healthy\">Health</a><a href=\"/-/ready\">Readiness</a>\
         <a href=\"/api/v1/status\">Status</a><a href=\"/api/v1/allocations?format=text\">Allocations</a>",
    );
    // One index for all the runbooks.
    let listed = |name: &str| !name.starts_with("runbooks/") || name == "runbooks/README.md";
    for (name, _) in view.assets.iter().filter(|(name, _)| listed(name)) {
        write!(html, "<a href=\"/{0}\">{0}</a>", Escaped(name))?;
    }
    writeln!(
        html,
        "</nav>\n<p class=\"note\">audio-capture-exporter {}</p></footer></body></html>",
        env!("CARGO_PKG_VERSION")
    )
}

fn write_snapshot(html: &mut String, snapshot: &Snapshot, view: &View<'_>) -> fmt::Result {
    let overall = health::overall(Some(snapshot), view.alarms, view.age);
    let (used, budget) = snapshot.budget;
    writeln!(
        html,
        "<p><strong class=\"{}\">{}</strong> {} {used} of {budget} of the memory budget in use. \
         Reported {} ago.</p>",
        class(overall.level),
        overall.level,
        Coded(&overall.text()),
        Roughly(view.age),
    )?;
    write_reasons(html, &overall)?;
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

/// What is wrong and what to do.
fn write_reasons(html: &mut String, overall: &Overall) -> fmt::Result {
    html.push_str("<ul class=\"reasons\">");
    for reason in &overall.reasons {
        write!(
            html,
            "<li><strong class=\"{}\">{}</strong>: {}</li>",
            class(reason.level),
            Escaped(&reason.subject),
            Coded(&reason.text)
        )?;
    }
    html.push_str("</ul>\n");
    Ok(())
}

fn write_source(html: &mut String, source: &SourceStatus) -> fmt::Result {
    let (level, words) = in_words(source.state);
    let class = class(level);
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
        write!(html, "<p>{}</p>", Coded(problem))?;
    }
    if let Some(anomaly) = &source.allocation_anomaly {
        let words = anomaly.to_string();
        write!(html, "<p>It {}.</p>", Coded(&words))?;
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
    if let Some(share) = source.detail.coverage.hour.ratio() {
        write!(
            html,
            "<br><meter value=\"{share:.3}\" aria-label=\"audio of the last hour\"></meter> {:.1} % of the last {}",
            share * 100.0,
            Roughly(source.detail.coverage.hour.over)
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

/// The style of a level.
const fn class(level: Level) -> &'static str {
    match level {
        Level::Ok => "good",
        Level::Warning => "busy",
        Level::Critical => "bad",
    }
}

#[cfg(test)]
#[path = "page/tests.rs"]
mod tests;
