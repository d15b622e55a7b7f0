//! Sessions that yield packets: RTSP.

use super::{Context, Ended, continuity::Continuity, sink::Sink, undecodable, watch::Watch};
use crate::{
    decode::{PacketDecoder, UnsupportedCodec},
    sources::{Codec, OpenError, RtspSession, RtspTarget, open_rtsp},
};

pub(super) async fn run(context: &Context<'_>, target: &RtspTarget) -> Ended {
    let account = context.account;
    let limit = context.connect.timeout;
    let mut session = open_rtsp(context.tasks, context.dialler, target, account, limit).await?;
    account.joined(Some(session.codec_name().to_owned()), session.transport());
    match decode(context, &mut session).await {
        Err(Stop::Ended(end)) => Err(end),
        Err(Stop::Undecodable(codec)) => {
            let error = OpenError::unsupported(&codec);
            undecodable::run(context, &mut session, error).await
        }
        Ok(never) => match never {},
    }
}

/// Why no more is decoded.
enum Stop {
    Ended(super::End),
    /// The codec of this name is beyond us.
    Undecodable(String),
}

impl<E: Into<super::End>> From<E> for Stop {
    fn from(end: E) -> Self {
        Self::Ended(end.into())
    }
}

async fn decode(
    context: &Context<'_>,
    session: &mut RtspSession,
) -> Result<std::convert::Infallible, Stop> {
    let account = context.account;
    let mut decoder = session.codec().map(decoder_for).transpose()?;
    let mut sink = Sink::new(context);
    if let Some(codec) = session.codec() {
        sink.codec(&codec.name);
    }
    let mut watch = Watch::new(context);
    let mut continuity = Continuity::default();
    if session.transport() == "udp" {
        watch.hint = ". Does a firewall hold back UDP? Try transport: tcp";
    }
    loop {
        let packet = tokio::select! {
            packet = session.next(account) => packet?,
            () = watch.tick() => {
                watch.check(account)?;
                continue;
            }
        };
        let lost = packet.lost();
        let missing = continuity.reach(packet.media_time(), lost, sink.block_duration());
        if lost > 0 {
            sink.lost(lost, missing);
        }
        if let Some(codec) = packet.new_codec() {
            account.named_codec(&codec.name);
            sink.codec(&codec.name);
            decoder = Some(decoder_for(codec)?);
        }
        let audio = match &mut decoder {
            Some(decoder) => decoder.decode(packet.data()).ok(),
            None => None,
        };
        match audio {
            Some((format, samples)) => {
                sink.make_room(format).await;
                sink.push(format, samples).await?;
                continuity.took(sink.block_duration().unwrap_or_default());
                watch.audio_came();
            }
            None => {
                sink.undecodable();
                continuity.took(sink.block_duration().unwrap_or_default());
                if watch.failed()? {
                    return Err(Stop::Undecodable(session.codec_name().to_owned()));
                }
            }
        }
    }
}

fn decoder_for(codec: &Codec) -> Result<PacketDecoder, Stop> {
    PacketDecoder::new(
        &codec.name,
        codec.sample_rate,
        codec.channels,
        &codec.extra_data,
    )
    .map_err(|UnsupportedCodec(name)| Stop::Undecodable(name))
}
