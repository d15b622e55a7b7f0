//! Decoding: packets or containers in, interleaved samples out.
//!
//! Every error of a decoder concerns one packet; the caller counts them and gives up by
//! their number, because a decoder calls even plain corruption "unsupported".

mod container;
mod feed;
mod packet;
mod pcm;
mod wav;

pub use container::{Container, ContainerEnd, Open, Opened, Rounds, SampleBlock};
pub use feed::{FeedReader, FeedSender, feed};
pub use packet::{DecodeError, PacketDecoder, UnsupportedCodec};
pub use pcm::to_s16;
pub use wav::{EndlessWav, Skip, WavLayout, wav_header};
