//! Decoding: packets or containers in, interleaved samples out.
//!
//! Every error of a decoder concerns one packet; the caller counts them and gives up by
//! their number, because a decoder calls even plain corruption "unsupported".

mod block;
mod container;
mod demux;
mod engine;
mod feed;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod g722;
mod g726;
mod gathered;
mod growing;
mod head;
mod packet;
mod pcm;
mod pipe;
mod promise;
mod sniff;
mod timed;
mod wav;

pub use block::{ContainerEnd, Opened, SampleBlock};
pub use container::{Container, Open, Rounds};
pub use engine::{DecodeError, is_overlapped};
pub use feed::{FeedReader, FeedSender, feed};
pub use growing::Growing;
pub use packet::{PacketDecoder, UnsupportedCodec};
pub use pcm::to_s16;
pub use pipe::{PipeReader, PipeWriter, ReaderGone, pipe};
pub use wav::{EndlessWav, Skip, WavLayout, wav_header};
