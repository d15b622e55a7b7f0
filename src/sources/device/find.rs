//! Which device, in which format; and why not, in words for the owner.

use cpal::{
    ErrorKind, SupportedStreamConfig, SupportedStreamConfigRange,
    traits::{DeviceTrait as _, HostTrait as _},
};

use super::inlet;
use crate::{
    codec_name,
    sources::{Expectation, FailureReason as R, OpenError},
};

/// The name of whatever the system's default is.
const DEFAULT: &str = "default";
/// Names that an error lists at most, and how long each may be.
const LISTED: usize = 12;
const NAME_LENGTH: usize = 60;
/// Names that ALSA offers everywhere and that are no place to record from.
const NO_PLACES: [&str; 11] = [
    "null",
    "lavrate",
    "samplerate",
    "speexrate",
    "speex",
    "jack",
    "oss",
    "upmix",
    "vdownmix",
    "usbstream",
    "a52",
];

/// Keeps ALSA from writing to the standard error what this thread does wrong: the error says
/// it, and log lines have a form.
#[cfg(target_os = "linux")]
pub(super) fn quiet() -> impl Sized {
    alsa::Output::local_error_handler()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn quiet() -> impl Sized {}

/// How to refuse: which names there are is worth knowing only then.
pub(super) struct Refusal {
    host: cpal::Host,
}

/// Finds the input device of this name.
pub(super) fn device(name: &str) -> Result<(cpal::Device, Refusal), OpenError> {
    let unavailable = || {
        let text = "this machine has no sound system; install ALSA's configuration \
             (libasound2-data), or run where there is one";
        OpenError::new(R::Device, text)
    };
    let id = cpal::ALL_HOSTS.first().ok_or_else(unavailable)?;
    let host = cpal::host_from_id(*id).map_err(|_| unavailable())?;
    let found = if name == DEFAULT {
        host.default_input_device()
    } else {
        host.device_by_id(&cpal::DeviceId::new(host.id(), name))
    };
    let refusal = Refusal { host };
    match found {
        Some(device) => Ok((device, refusal)),
        None => Err(refusal.absent()),
    }
}

/// The format to open: what is wanted where the device offers all of it together, else its
/// own default.
pub(super) fn config(
    device: &cpal::Device,
    wanted: &Expectation,
) -> Result<SupportedStreamConfig, cpal::Error> {
    if *wanted != Expectation::default() {
        let offered = device.supported_input_configs()?;
        if let Some(config) = best(offered, wanted) {
            return Ok(config);
        }
    }
    device.default_input_config()
}

fn best(
    offered: impl Iterator<Item = SupportedStreamConfigRange>,
    wanted: &Expectation,
) -> Option<SupportedStreamConfig> {
    let Expectation {
        codec,
        sample_rate,
        channels,
    } = wanted;
    let fits = |range: &SupportedStreamConfigRange| {
        let name = inlet::codec_name(range.sample_format());
        let right = |name: &str| {
            let codec = codec.as_deref();
            codec.is_none_or(|wanted| codec_name::same(wanted, name))
        };
        name.as_deref().is_some_and(right)
            && channels.is_none_or(|wanted| wanted == range.channels())
            && sample_rate.is_none_or(|wanted| {
                (range.min_sample_rate()..=range.max_sample_rate()).contains(&wanted)
            })
    };
    let best = offered
        .filter(fits)
        .max_by(SupportedStreamConfigRange::cmp_default_heuristics)?;
    match sample_rate {
        Some(rate) => best.try_with_sample_rate(*rate),
        None => Some(
            best.try_with_standard_sample_rate()
                .unwrap_or_else(|| best.with_max_sample_rate()),
        ),
    }
}

impl Refusal {
    /// A device that cannot be opened.
    pub(super) fn of(&self, error: &cpal::Error) -> OpenError {
        let text = match error.kind() {
            ErrorKind::DeviceNotAvailable => return self.absent(),
            ErrorKind::DeviceBusy => {
                "another program holds the device; close it, or name a device that several may \
                 use, such as default or dsnoop:…"
            }
            ErrorKind::PermissionDenied => {
                "this user may not open the device; add it to the group audio"
            }
            ErrorKind::UnsupportedOperation => {
                return OpenError::new(
                    R::Device,
                    format!("the device does not record; {}", self.others()),
                );
            }
            ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput => {
                "the device refuses every format that it offers; name it as plughw:… instead of \
                 hw:…, or set expect to what it can do"
            }
            ErrorKind::ResourceExhausted => {
                return OpenError::new(R::Local, "this machine has no memory or thread to give");
            }
            _ => {
                "the sound system did not open the device; is PulseAudio or PipeWire running, for \
                 this user?"
            }
        };
        let reason = cause(error).map_or_else(String::new, |cause| format!(" ({cause})"));
        let (problem, remedy) = text.split_once("; ").unwrap_or((text, "look at its log"));
        OpenError::new(R::Device, format!("{problem}{reason}; {remedy}"))
    }

    /// A device without any sample format that is PCM.
    pub(super) fn no_pcm() -> OpenError {
        OpenError::new(
            R::Unsupported,
            "the device offers no PCM; name another one that converts, such as plughw:…",
        )
    }

    fn absent(&self) -> OpenError {
        let text = format!("there is no such input device now; {}", self.others());
        OpenError::new(R::Device, text)
    }

    fn others(&self) -> String {
        let names: Vec<String> = match self.host.input_devices() {
            Ok(devices) => devices.filter_map(|device| device.id().ok()),
            Err(_) => return "plug one in".to_owned(),
        }
        .filter(|id| !NO_PLACES.contains(&id.id()))
        .map(|id| shown(id.id()))
        .collect();
        let listed = names[..names.len().min(LISTED)].join(" ");
        match names.len().saturating_sub(LISTED) {
            _ if names.is_empty() => "plug one in".to_owned(),
            0 => format!("plug it in, or name one of: {listed}"),
            more => format!("plug it in, or name one of: {listed} (and {more} more)"),
        }
    }
}

/// What the system said, where it has a word of its own.
fn cause(error: &cpal::Error) -> Option<String> {
    let (_, said) = error.message()?.split_once("failed with error '")?;
    Some(shown(said.trim_end_matches('\'')))
}

/// A text from the sound system, as far as it needs no escaping anywhere.
fn shown(text: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "._:-=, ()".contains(*c);
    text.chars().filter(allowed).take(NAME_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpal::{SampleFormat, SupportedBufferSize};

    fn range(channels: u16, rates: (u32, u32), format: SampleFormat) -> SupportedStreamConfigRange {
        let size = SupportedBufferSize::Unknown;
        SupportedStreamConfigRange::new(channels, rates.0, rates.1, size, format)
    }

    fn wanted(codec: Option<&str>, rate: Option<u32>, channels: Option<u16>) -> Expectation {
        Expectation {
            codec: codec.map(str::to_owned),
            sample_rate: rate,
            channels,
        }
    }

    #[test]
    fn what_is_expected_is_asked_for_where_it_is_offered_together() {
        let offered = || {
            [
                range(1, (44_100, 384_000), SampleFormat::I16),
                range(2, (8_000, 48_000), SampleFormat::I16),
                range(2, (8_000, 48_000), SampleFormat::I32),
                range(2, (8_000, 768_000), SampleFormat::DsdU8),
            ]
            .into_iter()
        };
        for (wanted, found) in [
            (wanted(None, Some(384_000), None), Some((1, 384_000, "s16"))),
            (wanted(None, None, Some(1)), Some((1, 48_000, "s16"))),
            (wanted(None, None, Some(2)), Some((2, 48_000, "s32"))),
            (
                wanted(Some("pcm_s16le"), Some(8_000), None),
                Some((2, 8_000, "s16")),
            ),
            (wanted(None, Some(384_000), Some(2)), None),
            (wanted(None, Some(768_000), None), None),
            (wanted(Some("aac"), None, None), None),
        ] {
            let best = best(offered(), &wanted);
            let best = best.map(|config| {
                let codec = inlet::codec_name(config.sample_format()).unwrap();
                (config.channels(), config.sample_rate(), codec)
            });
            let found = found.map(|(n, rate, kind)| (n, rate, format!("pcm_{kind}le")));
            assert_eq!(best, found, "{wanted:?}");
        }
    }

    #[test]
    fn a_refusal_tells_what_to_do_and_carries_nothing_harmful() {
        let id = cpal::ALL_HOSTS[0];
        let refusal = Refusal {
            host: cpal::host_from_id(id).unwrap(),
        };
        for kind in [
            ErrorKind::DeviceNotAvailable,
            ErrorKind::DeviceBusy,
            ErrorKind::PermissionDenied,
            ErrorKind::UnsupportedOperation,
            ErrorKind::UnsupportedConfig,
            ErrorKind::BackendError,
        ] {
            let said =
                "ALSA function 'snd_pcm_open' failed with error 'Host <down>\u{1b}[2J (112)'";
            let refused = refusal.of(&cpal::Error::with_message(kind, said));
            assert_eq!(refused.reason, R::Device);
            assert_eq!(refused.problem.matches("; ").count(), 1, "{refused}");
            assert!(!refused.problem.contains(['<', '\u{1b}']), "{refused}");
        }
        let busy = refusal.of(&ErrorKind::DeviceBusy.into()).problem;
        assert!(
            busy.starts_with("another program holds the device; "),
            "{busy}"
        );
    }
}
