//! Sessions that are files, held to real time.

use std::{io, mem, time::Duration};

use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Context, End, Ended,
    pace::Pace,
    sink::{Sink, block_duration},
    watch::Watch,
};
use crate::{
    decode::{Container, ContainerEnd, Open, Rounds, SampleBlock},
    sources::{DisconnectReason, FailureReason, OpenError, SessionEnd},
};

pub(super) async fn run(context: &Context<'_>, open: Open<OpenError>, looped: bool) -> Ended {
    let account = context.account;
    let name = context.options.id.as_str();
    let rounds = if looped { Rounds::Looped } else { Rounds::Once };
    let mut container =
        Container::start(context.tasks, name, open, rounds).map_err(|error| no_thread(&error))?;
    let limit = context.connect.timeout;
    let mut next = match timeout(limit, container.next()).await {
        Ok(first) => first.map_err(|end| not_played(end, false))?,
        Err(_) => {
            let text = format!("the file could not be opened and read within {limit:?}");
            return Err(OpenError::new(FailureReason::Timeout, text).into());
        }
    };
    let mut sink = Sink::new(context);
    let mut watch = Watch::new(context);
    let mut pace = Pace::new(Instant::now());
    // How long we waited for the block, and its file was read meanwhile.
    let mut took = (Duration::ZERO, Duration::ZERO);
    let mut cut_off = None;
    loop {
        match next {
            SampleBlock::Started(codec) => {
                sink.codec(&codec);
                if watch.had_audio {
                    account.named_codec(&codec);
                } else {
                    account.joined(Some(codec), "file");
                }
            }
            SampleBlock::Samples(format, samples) => {
                let length = block_duration(format, &samples);
                let (due, lost) = pace.block(Instant::now(), length, mem::take(&mut took));
                if !lost.is_zero() {
                    account.too_slow(lost, 0);
                }
                // Audio counts as arrived when it would have been recorded: at its end.
                sleep_until(due).await;
                sink.make_room(format).await;
                sink.push(format, &samples).await?;
                watch.audio_came();
            }
            SampleBlock::Undecodable | SampleBlock::Skipped(_) => sink.undecodable(),
            SampleBlock::CutOff(missing) => {
                // Once, however often it is played over.
                cut_off.get_or_insert_with(|| {
                    let words = short_by(missing);
                    tracing::warn!(source = name, "{words}");
                    words
                });
            }
        }
        let asked = (Instant::now(), container.reading());
        next = loop {
            tokio::select! {
                block = container.next() => {
                    break block.map_err(|end| match (end, cut_off.take()) {
                        (ContainerEnd::EndOfFile, Some(words)) => End::CutOff(words),
                        (end, _) => not_played(end, watch.had_audio),
                    })?;
                }
                () = watch.tick() => watch.check(account)?,
            }
        };
        took.0 += asked.0.elapsed();
        took.1 += container.reading().saturating_sub(asked.1);
    }
}

fn short_by(missing: Duration) -> String {
    let seconds = missing.as_secs_f64();
    format!(
        "the file is cut off: {seconds:.1} s of what its header announces are missing; copy it \
         again, or let the recorder finish it"
    )
}

/// What the end of a container means for the session.
pub(super) fn not_played(end: ContainerEnd<OpenError>, had_audio: bool) -> End {
    match end {
        ContainerEnd::Open(error) => error.into(),
        ContainerEnd::EndOfFile => End::Finished,
        ContainerEnd::Broken(text) if had_audio => {
            SessionEnd::new(DisconnectReason::Decode, text).into()
        }
        ContainerEnd::Broken(text) => OpenError::new(FailureReason::Unsupported, text).into(),
        ContainerEnd::Unsupported { codec, problem } => OpenError {
            codec: codec.map(str::to_owned),
            ..OpenError::new(FailureReason::Unsupported, problem)
        }
        .into(),
    }
}

pub(super) fn no_thread(error: &io::Error) -> OpenError {
    OpenError::new(
        FailureReason::Local,
        format!("this machine has no thread to give: {error}"),
    )
}
