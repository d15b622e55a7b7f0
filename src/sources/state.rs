//! The closed sets of a source's life.

use crate::closed_set::closed_set;

closed_set! {
    /// What kind of place the audio comes from.
    pub enum SourceKind {
        /// An RTSP server.
        Rtsp => "rtsp",
        /// An HTTP server, such as Icecast.
        Http => "http",
        /// A file.
        File => "file",
        /// A directory of segments.
        Directory => "directory",
        /// A FIFO or the standard input.
        Pipe => "pipe",
        /// An audio device of this machine.
        Device => "device",
    }
}

closed_set! {
    /// What a source is doing; exactly one holds.
    pub enum State {
        /// Opening a session, or open and waiting for the first audio.
        Connecting => "connecting",
        /// Ready, but nothing is there yet: a FIFO without a writer, a followed file or a
        /// first segment that does not exist.
        Waiting => "waiting",
        /// Audio samples arrive.
        Streaming => "streaming",
        /// The session is open, but no audio has arrived for `stall_after`.
        Stalled => "stalled",
        /// Between two attempts.
        BackingOff => "backing_off",
        /// The server refuses the credentials, or wants some.
        Unauthorized => "unauthorized",
        /// The audio cannot be decoded here.
        Unsupported => "unsupported",
        /// The server has the stream, but no audio in it.
        NoAudioTrack => "no_audio_track",
        /// The capture buffer does not fit into the memory budget.
        OverBudget => "over_budget",
        /// A file that was to be played once has been, or the standard input has ended.
        Ended => "ended",
        /// Switched off in the configuration.
        Disabled => "disabled",
    }
}

closed_set! {
    /// Why seconds of audio are missing.
    pub enum GapCause {
        /// Opening a session, or waiting for something to be there.
        Connect => "connect",
        /// Our own wait between attempts.
        Backoff => "backoff",
        /// An open session that sent no audio.
        Stall => "stall",
        /// Packets lost on the way.
        Loss => "loss",
        /// Packets that could not be decoded.
        Decode => "decode",
        /// Unauthorized, unsupported, no audio track, over budget.
        Blocked => "blocked",
        /// Our own fault.
        Local => "local",
    }
}

closed_set! {
    /// Why no session could be opened.
    pub enum FailureReason {
        /// The host name did not resolve, or not in time.
        Dns => "dns",
        /// Nobody listens there.
        Refused => "refused",
        /// No route to the host or network.
        Unreachable => "unreachable",
        /// A phase of opening took longer than `connect.timeout`.
        Timeout => "timeout",
        /// The connection broke while the session was being opened.
        Closed => "closed",
        /// TLS did not come about, or the server's certificate is not trusted.
        Tls => "tls",
        /// 401 or 403.
        Unauthorized => "unauthorized",
        /// 404 or 454.
        NotFound => "not_found",
        /// 3xx: another address, which is not followed.
        Redirected => "redirected",
        /// Any other status the server refused with.
        Rejected => "rejected",
        /// What came back was not the protocol.
        Protocol => "protocol",
        /// A head or body over the size limits.
        Oversized => "oversized",
        /// A stream without audio.
        NoAudioTrack => "no_audio_track",
        /// A codec or format that cannot be decoded here.
        Unsupported => "unsupported",
        /// The file or directory does not exist or may not be read.
        File => "file",
        /// The audio device is not there, busy, or may not be opened.
        Device => "device",
        /// Our own fault.
        Local => "local",
    }
}

impl FailureReason {
    /// Whether a source of this kind can fail so. What it cannot has no series: a source may have
    /// 180 of them.
    pub fn concerns(self, kind: SourceKind) -> bool {
        let remote = matches!(kind, SourceKind::Rtsp | SourceKind::Http);
        match self {
            Self::File | Self::Device => !remote,
            Self::Dns | Self::Redirected => remote,
            _ => true,
        }
    }
}

closed_set! {
    /// Why a session that was open ended.
    pub enum DisconnectReason {
        /// The other side closed it, or the connection broke; the writer of a FIFO or the device
        /// is gone.
        Closed => "closed",
        /// No audio for too long; we closed it.
        Stall => "stall",
        /// The protocol was violated.
        Protocol => "protocol",
        /// Too many packets in a row could not be decoded.
        Decode => "decode",
        /// A head or body over the size limits.
        Oversized => "oversized",
        /// The codec cannot be decoded; we closed it to see whether that has changed.
        Recheck => "recheck",
        /// The file or the standard input ended.
        EndOfFile => "end_of_file",
        /// The file ended before its header or index says.
        Truncated => "truncated",
        /// The capture buffer would exceed the memory budget.
        Buffer => "buffer",
        /// The system has no memory for the capture buffer.
        Memory => "memory",
        /// The audio has a format that no buffer can hold.
        Format => "format",
        /// The configuration changed, or the program stops.
        Local => "local",
    }
}
