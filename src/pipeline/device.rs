//! Sessions that are an audio device of this machine.

use super::{Context, Ended, sink::Sink, thread_turn, watch::Watch};
use crate::sources::{FailureReason, OpenError, open_device};

pub(super) async fn run(context: &Context<'_>, name: &str) -> Ended {
    let account = context.account;
    let turn = thread_turn(context).await.ok_or_else(|| {
        let text = "an earlier attempt still waits for the sound system; restart PulseAudio or \
             PipeWire, or plug the device in anew";
        OpenError::new(FailureReason::Device, text)
    })?;
    let mut session = open_device(
        context.tasks,
        context.options.id.as_str(),
        name,
        &context.options.expect,
        turn,
        context.connect.timeout,
    )
    .await?;
    account.joined(Some(session.codec_name().to_owned()), "device");
    let mut sink = Sink::new(context);
    let mut watch = Watch::new(context);
    watch.hint = "; does its sound server run, and is there an input behind it?";
    loop {
        tokio::select! {
            heard = session.next(account) => {
                let heard = heard?;
                if !heard.samples.is_empty() {
                    sink.make_room(heard.format).await;
                    sink.push(heard.format, heard.samples).await?;
                    watch.audio_came();
                }
                if heard.breaks > 0 {
                    sink.too_slow(heard.lost, heard.breaks);
                }
            }
            () = watch.tick() => watch.check(account)?,
        }
    }
}
