//! Sessions that yield packets: RTSP.

use super::{Context, Ended, sink::Sink, watch::Watch};
use crate::{
    decode::PacketDecoder,
    sources::{OpenError, RtspTarget, open_rtsp},
};

pub(super) async fn run(context: &Context<'_>, target: &RtspTarget) -> Ended {
    let account = context.account;
    let limit = context.connect.timeout;
    let mut session = open_rtsp(context.tasks, context.dialler, target, account, limit).await?;
    let codec = session.codec().clone();
    let mut decoder = PacketDecoder::new(
        &codec.name,
        codec.clock_rate,
        codec.channels,
        &codec.extra_data,
    )
    .map_err(|_| OpenError::unsupported(&codec.name))?;
    account.joined(Some(codec.name.clone()), session.transport());
    let mut sink = Sink::new(context);
    let mut watch = Watch::new(context);
    if session.transport() == "udp" {
        watch.hint = "; does a firewall hold back UDP? try transport: tcp";
    }
    loop {
        let packet = tokio::select! {
            packet = session.next(account) => packet?,
            () = watch.tick() => {
                watch.check(account)?;
                continue;
            }
        };
        if packet.lost() > 0 {
            let lost = u32::from(packet.lost());
            account.lost(
                u64::from(lost),
                sink.block_duration.unwrap_or_default().saturating_mul(lost),
            );
        }
        match decoder.decode(packet.data()) {
            Ok((format, samples)) => {
                sink.push(format, samples)?;
                watch.audio_came();
            }
            Err(_) => {
                account.undecodable(sink.block_duration);
                watch.failed(&codec.name)?;
            }
        }
    }
}
