//! The faults, and what must be seen of each.

use crate::{fault::Fault, rig::Mishap};

/// Columns of the table: against which server it was tried.
pub(crate) const RTSP: &str = "`hostile_rtsp.py`";
pub(crate) const HTTP: &str = "`hostile_http.py`";
const GSTREAMER: &str = "GStreamer";
const FILE: &str = "a growing WAV file";
const FIFO: &str = "ffmpeg, a FIFO";

/// Closed, then nobody there.
const GONE: &[&str] = &["backing_off"];
const STALLED: &[&str] = &["stalled"];
const STALLED_TIMEOUT: &[&str] = &["stalled", "backing_off", "connecting"];
const TIMEOUT: &[&str] = &["connecting", "backing_off"];
/// Gaps of those who are refused, and of those who wait for answers.
const WAITING: &[&str] = &["connect", "backoff"];
const SILENT: &[&str] = &["stall", "connect", "backoff"];
const ANY: f64 = f64::INFINITY;

/// An RTSP server, or an HTTP server, that ends what plays and then refuses like this.
const fn refuses(name: &'static str, source: &'static str, reason: &'static str) -> Fault {
    let server = if is_http(source) { HTTP } else { RTSP };
    let fault = Fault::new(name, source, server);
    fault
        .states(GONE)
        .disconnect("closed")
        .failure(reason)
        .gaps(WAITING)
}

const fn is_http(source: &str) -> bool {
    matches!(source.as_bytes(), [b'h', b't', b't', b'p', ..])
}

const fn rtsp(name: &'static str, source: &'static str) -> Fault {
    Fault::new(name, source, RTSP)
}

const fn silent(fault: Fault) -> Fault {
    fault.states(STALLED).disconnect("stall").gaps(SILENT)
}

const fn silent_timeout(fault: Fault) -> Fault {
    let fault = fault.states(STALLED_TIMEOUT).disconnect("stall");
    fault.failure("timeout").gaps(SILENT)
}

/// One session ends, and the next is good.
const fn ends_once(fault: Fault, reason: &'static str) -> Fault {
    fault.disconnect(reason).gaps(WAITING)
}

const fn killed(name: &'static str, source: &'static str, server: &'static str) -> Fault {
    let fault = Fault::new(name, source, server).states(GONE);
    fault.disconnect("closed").failure("refused").gaps(WAITING)
}

pub(crate) const KILLED: Fault = killed("server killed", "killed", GSTREAMER);
pub(crate) const KILLED_UDP: Fault = killed("server killed, RTP by UDP", "killed-udp", GSTREAMER);
pub(crate) const KILLED_HTTP: Fault = killed("HTTP server killed", "http-killed", HTTP);
pub(crate) const REPLACED: Fault =
    killed("another codec, rate and channels", "replaced", GSTREAMER).another_buffer();
pub(crate) const FROZEN: Fault = silent_timeout(Fault::new("server frozen", "frozen", GSTREAMER));
pub(crate) const FROZEN_UDP: Fault = silent_timeout(Fault::new(
    "server frozen, RTP by UDP",
    "frozen-udp",
    GSTREAMER,
));
pub(crate) const FROZEN_HTTP: Fault =
    silent_timeout(Fault::new("HTTP server frozen", "http-frozen", HTTP));

/// By UDP first: it gets the far side's main address, from which GStreamer sends.
pub(crate) const HALF_OPEN: [Fault; 3] = [
    silent_timeout(Fault::new(
        "half-open connection, RTP by UDP",
        "cut-udp",
        GSTREAMER,
    )),
    silent_timeout(Fault::new("half-open connection", "cut", GSTREAMER)),
    silent_timeout(Fault::new("half-open connection, HTTP", "http-cut", HTTP)),
];

pub(crate) const MOUNT: Fault = Fault::new(
    "Icecast mount vanishes and returns",
    "mount",
    "Icecast, ffmpeg",
)
.states(GONE)
.disconnect("closed")
.failure("not_found")
.gaps(WAITING);

pub(crate) const FIFO_DIES: Fault = Fault::new("writer of a FIFO dies", "fifo", FIFO)
    .states(&["waiting"])
    .disconnect("closed")
    .gaps(&["connect"]);
pub(crate) const FIFO_FREEZES: Fault = Fault::new("writer of a FIFO freezes", "fifo-frozen", FIFO)
    .states(STALLED)
    .gaps(&["stall"]);

/// Packets after which those of [`WRAPS`] wrap: 12 s.
pub(crate) const WRAPS_AT: u32 = 600;
pub(crate) const WRAPS: [Fault; 2] = [
    rtsp("sequence number and timestamp wrap", "wrap"),
    rtsp("sequence number and timestamp wrap, by UDP", "wrap-udp"),
];

pub(crate) const FILES: [(Fault, Mishap); 4] = [
    (
        Fault::new("followed file cut in place", "file-cut", FILE),
        Mishap::Cut,
    ),
    (
        Fault::new("followed file rotated", "file-rotated", FILE),
        Mishap::Rotated,
    ),
    (
        Fault::new("followed file deleted", "file-deleted", FILE)
            .states(&["waiting"])
            .gaps(&["connect"]),
        Mishap::Deleted,
    ),
    (
        Fault::new("followed file stops growing", "file-forgotten", FILE)
            .states(STALLED)
            .gaps(&["stall"]),
        Mishap::Forgotten,
    ),
];

/// Counters of a loss of a tenth, in packets: at least a few.
const TENTH: &[(&str, f64, f64)] = &[("lost_packets", 5.0, ANY), ("discontinuities", 5.0, ANY)];
/// A leap over 3,000 numbers.
const LEAP: &[(&str, f64, f64)] = &[
    ("lost_packets", 3000.0, 3000.0),
    ("discontinuities", 1.0, 1.0),
];
const JUMP: &[(&str, f64, f64)] = &[("discontinuities", 1.0, 1.0)];

/// What the hostile servers do when ordered to, and the order.
pub(crate) const SWITCHED: [(Fault, &str); 33] = [
    (
        ends_once(rtsp("connection closed", "hang-up"), "closed"),
        "hang-up",
    ),
    (
        silent(rtsp("keep-alives but no media", "mute-media")),
        "stall",
    ),
    (
        silent(rtsp("UDP stays away, connection stays", "mute-udp")),
        "stall",
    ),
    (
        silent_timeout(Fault::new("HTTP body falls silent", "http-hush", HTTP)),
        "hush",
    ),
    (silent(rtsp("a byte a second of media", "drip")), "drip"),
    (
        silent_timeout(Fault::new(
            "a byte a second of HTTP body",
            "http-drip",
            HTTP,
        )),
        "drip",
    ),
    (
        refuses("a byte a second of an RTSP head", "drip-head", "timeout").states(TIMEOUT),
        "drip-head",
    ),
    (
        refuses("a byte a second of an RTSP body", "drip-body", "timeout").states(TIMEOUT),
        "drip-body",
    ),
    (
        refuses("an HTTP head letter by letter", "http-slow-head", "timeout").states(TIMEOUT),
        "slow-head",
    ),
    (
        refuses("nothing answers", "mute", "timeout").states(TIMEOUT),
        "mute",
    ),
    (
        refuses("endless RTSP header line", "endless-line", "oversized"),
        "endless-line",
    ),
    (
        refuses("RTSP headers without end", "many-headers", "oversized"),
        "many-headers",
    ),
    (
        refuses("endless HTTP header line", "http-endless-line", "oversized"),
        "endless-line",
    ),
    (
        refuses("HTTP headers without end", "http-many-headers", "oversized"),
        "many-headers",
    ),
    (
        refuses("RTSP body that never ends", "endless-body", "oversized"),
        "endless-body",
    ),
    (
        ends_once(
            Fault::new("bytes without audio, for ever", "http-flood", HTTP),
            "decode",
        ),
        "flood",
    ),
    (
        refuses("302 from an RTSP server", "redirect", "redirected"),
        "redirect",
    ),
    (
        refuses(
            "302 in a circle from an HTTP server",
            "http-loop",
            "redirected",
        ),
        "loop",
    ),
    (
        refuses(
            "credentials refused all at once",
            "unauthorized",
            "unauthorized",
        )
        .states(&["unauthorized"])
        .gaps(&["blocked"]),
        "unauthorized",
    ),
    (
        ends_once(rtsp("SSRC changes", "ssrc"), "protocol"),
        "new-ssrc",
    ),
    (
        ends_once(rtsp("SSRC changes, RTP by UDP", "ssrc-udp"), "protocol"),
        "new-ssrc",
    ),
    (
        rtsp("sequence number leaps ahead", "ahead")
            .counts(LEAP)
            .gaps(&["loss"]),
        "ahead",
    ),
    (
        ends_once(
            rtsp("sequence number leaps ahead, by UDP", "ahead-udp"),
            "protocol",
        ),
        "ahead",
    ),
    (
        ends_once(rtsp("sequence number falls back", "back"), "protocol"),
        "back",
    ),
    (
        ends_once(
            rtsp("sequence number falls back, by UDP", "back-udp"),
            "protocol",
        ),
        "back",
    ),
    (
        rtsp("every tenth packet is lost", "lossy")
            .counts(TENTH)
            .gaps(&["loss"]),
        "lose",
    ),
    (
        rtsp("every tenth packet is lost, by UDP", "lossy-udp")
            .counts(TENTH)
            .gaps(&["loss"]),
        "lose",
    ),
    (
        rtsp("packets out of order, by UDP", "disorder-udp"),
        "reorder",
    ),
    (
        ends_once(rtsp("packets out of order, by TCP", "disorder"), "protocol").states(GONE),
        "reorder",
    ),
    (rtsp("timestamp leaps ahead", "later").counts(JUMP), "later"),
    (
        rtsp("timestamp falls back", "earlier").counts(JUMP),
        "earlier",
    ),
    (
        rtsp("timestamp leaps ahead, by UDP", "later-udp").counts(JUMP),
        "later",
    ),
    (
        rtsp("timestamp falls back, by UDP", "earlier-udp").counts(JUMP),
        "earlier",
    ),
];
