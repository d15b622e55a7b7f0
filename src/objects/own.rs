//! What the program counts of its own.

use crate::closed_set::closed_set;

closed_set! {
    /// A kind of object of this program.
    pub enum Own {
        /// Capture buffers, retired ones that somebody still reads included.
        CaptureBuffers => "capture_buffers",
        /// Analysis buffers, likewise.
        AnalysisBuffers => "analysis_buffers",
        /// Readers attached to buffers.
        Readers => "readers",
        /// Sessions with sources: connecting, decoding, buffering.
        Sessions => "sessions",
        /// Threads that read and decode a container.
        Decoders => "decoders",
        /// Relays in front of RTSP sessions.
        Relays => "relays",
        /// TLS sessions with cameras and radios.
        TlsSessions => "tls_sessions",
        /// Connections to the HTTP server.
        HttpConnections => "http_connections",
    }
}
