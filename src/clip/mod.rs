//! Audio out of a capture buffer: clips by time, and live listening, as WAV.
//!
//! A clip comes out of one buffer, so of one source and one format. Its [`Plan`] is made at
//! once, from a map of what the buffer holds; then the audio is copied in small pieces, so
//! that the writer never waits longer than for one of them. What the buffer lacks inside
//! the clip becomes digital silence, and the clip says how much and where; what lies before
//! or after all it holds is left out, and the clip says that too.
//!
//! Exact to the sample: a range `from..to` begins with the first frame that starts at
//! `from` or later and ends before the first that starts at `to` or later, so that ranges
//! that meet neither overlap nor leave anything out. A length is rounded down to whole
//! frames. Frames are counted by the source's clock, times are this machine's: the buffer's
//! map knows both, and says the same of a frame to every clip.

mod copy;
mod live;
mod plan;
mod wav;

pub use copy::{Clip, ClipError, Part, copy};
pub use live::{Overtaken, live};
pub use plan::{Nothing, Plan, Span, Wanted};
