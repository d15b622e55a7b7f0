//! Whether all buffers fit into the memory budget, told with the arithmetic.

use crate::{
    sources::SourceOptions,
    units::{AudioFormat, ByteSize},
};

/// What a source is taken to send when nothing is expected of it.
const ASSUMED: AudioFormat = AudioFormat {
    sample_rate: 48_000,
    channels: 2,
};
/// So many sources are named in a message, the largest.
const NAMED: usize = 5;

/// The format a source's buffer is counted with: what is expected, else 48 kHz stereo.
fn counted_format(source: &SourceOptions) -> AudioFormat {
    AudioFormat {
        sample_rate: source.expect.sample_rate.unwrap_or(ASSUMED.sample_rate),
        channels: source.expect.channels.unwrap_or(ASSUMED.channels),
    }
}

fn bytes(source: &SourceOptions) -> u64 {
    let format = counted_format(source);
    let lengths = [source.capture, source.analysis];
    let bytes = lengths.map(|length| format.pcm_bytes(length).unwrap_or(u64::MAX));
    bytes[0].saturating_add(bytes[1])
}

/// The sum of the enabled sources' buffers, the largest of them first in the words, or
/// `None` when they fit.
pub(super) fn excess(sources: &[&SourceOptions], budget: ByteSize) -> Option<String> {
    let mut counted: Vec<(u64, &SourceOptions)> = sources
        .iter()
        .filter(|source| source.enabled)
        .map(|source| (bytes(source), *source))
        .collect();
    let sum = counted
        .iter()
        .fold(0_u64, |sum, (bytes, _)| sum.saturating_add(*bytes));
    if sum <= budget.0 {
        return None;
    }
    counted.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.id.cmp(&y.id)));
    let mut terms: Vec<String> = counted
        .iter()
        .take(NAMED)
        .map(|(bytes, source)| {
            let AudioFormat {
                sample_rate,
                channels,
            } = counted_format(source);
            let (capture, analysis) = (source.capture.as_secs_f64(), source.analysis.as_secs_f64());
            let size = ByteSize(*bytes);
            let id = &source.id;
            format!(
                "{id}: ({capture} s + {analysis} s) × {sample_rate} Hz × {channels} channels × 2 B = {size}"
            )
        })
        .collect();
    let named = terms.len();
    if counted.len() > named {
        let rest = &counted[named..];
        let bytes = rest.iter().map(|(bytes, _)| *bytes).sum();
        terms.push(format!("{} more: {}", rest.len(), ByteSize(bytes)));
    }
    Some(format!(
        "the capture and analysis buffers need {} ({sum} bytes), the budget is {budget} ({} bytes): {}",
        ByteSize(sum),
        budget.0,
        terms.join(", ")
    ))
}
