//! Decoding: packets or containers in, interleaved samples out.
//!
//! Every error of a decoder concerns one packet; the caller counts them and gives up by
//! their number, because a decoder calls even plain corruption "unsupported".

mod container;
mod engine;
mod g722;
mod g726;
mod packet;
mod pcm;

pub use container::{Container, ContainerEnd, Open, Opened, SampleBlock};
pub use engine::DecodeError;
pub use packet::{PacketDecoder, UnsupportedCodec};
pub use pcm::to_s16;
