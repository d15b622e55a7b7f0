//! What a probe found, in numbers and in words.

use std::{fmt, time::Duration};

use tokio::time::Instant;

use crate::{
    listed::counted,
    signal::Levels,
    sources::{Account, FailureReason, StreamInfo, Tally},
};

/// Below this the audio counts as very quiet, in dB relative to full scale.
const QUIET_DBFS: f64 = -60.0;

/// What a probe found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How long all of it took.
    pub took: Duration,
    /// From the beginning to the first audio.
    pub first_audio: Option<Duration>,
    /// What the source sends, where known.
    pub info: StreamInfo,
    /// Packets received, lost and undecodable.
    pub tally: Tally,
    /// Level of all that was heard.
    pub levels: Levels,
    /// Why no audio could be had or why it broke off; `None` when all went well.
    pub failure: Option<Failure>,
    /// What is not as it should be although audio flows: words for the owner.
    pub remarks: Vec<String>,
}

/// Why a probe failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A value of the closed sets of failures and disconnects.
    pub reason: &'static str,
    /// What is wrong and what to do; free of secrets.
    pub problem: String,
}

impl Report {
    pub(super) fn new(
        began: Instant,
        account: &Account,
        levels: Levels,
        failure: Option<Failure>,
    ) -> Self {
        let view = account.view();
        let (tally, unexpected) = (account.tally(), view.unexpected());
        let first_audio = view
            .first_audio
            .map(|first| first.saturating_duration_since(began));
        let remarks = if first_audio.is_some() {
            remarks(tally, levels, unexpected)
        } else {
            Vec::new()
        };
        Self {
            took: began.elapsed(),
            first_audio,
            info: view.info,
            tally,
            levels,
            failure,
            remarks,
        }
    }

    pub(super) fn failed(began: Instant, reason: FailureReason, problem: &str) -> Self {
        Self {
            took: began.elapsed(),
            first_audio: None,
            info: StreamInfo::default(),
            tally: Tally::default(),
            levels: Levels::default(),
            failure: Some(Failure {
                reason: reason.as_str(),
                problem: problem.to_owned(),
            }),
            remarks: Vec::new(),
        }
    }

    /// Whether audio arrived and did not break off.
    pub fn success(&self) -> bool {
        self.failure.is_none()
    }

    /// Level in dB relative to full scale; `None` without audio and for digital silence,
    /// which has none.
    pub fn dbfs(&self) -> Option<f64> {
        (self.levels.energy > 0.0).then(|| 20.0 * self.levels.rms().log10())
    }

    /// The report as one JSON object.
    pub fn to_json(&self) -> serde_json::Value {
        let format = self.info.format;
        serde_json::json!({
            "success": self.success(),
            "duration_seconds": self.took.as_secs_f64(),
            "first_audio_seconds": self.first_audio.map(|first| first.as_secs_f64()),
            "codec": self.info.codec,
            "sample_rate": format.map(|format| format.sample_rate),
            "channels": format.map(|format| format.channels),
            "transport": self.info.transport,
            "packets_received": self.tally.received,
            "packets_lost": self.tally.lost,
            "packets_undecodable": self.tally.undecodable,
            "level_dbfs": self.dbfs(),
            "reason": self.failure.as_ref().map(|failure| failure.reason),
            "problem": self.failure.as_ref().map(|failure| &failure.problem),
            "remarks": self.remarks,
        })
    }
}

fn remarks(tally: Tally, levels: Levels, unexpected: Option<String>) -> Vec<String> {
    let mut remarks = Vec::new();
    let dbfs = 20.0 * levels.rms().log10();
    if levels.energy == 0.0 {
        remarks.push(
            "every sample is zero (digital silence); check that the microphone is connected and \
             not muted in the camera"
                .to_owned(),
        );
    } else if dbfs < QUIET_DBFS {
        remarks.push(format!(
            "the audio is very quiet ({dbfs:.0} dBFS); check the microphone and its gain"
        ));
    }
    if tally.lost > 0 {
        let of = tally.lost + tally.received;
        remarks.push(format!(
            "{} of {} lost; check the network, above all Wi-Fi",
            tally.lost,
            counted(of, "packet")
        ));
    }
    if tally.undecodable > 0 {
        remarks.push(format!(
            "{} could not be decoded; check the network and the camera's firmware",
            counted(tally.undecodable, "packet")
        ));
    }
    remarks.extend(unexpected);
    remarks
}

/// The report for a person, several lines.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StreamInfo {
            codec,
            format,
            transport,
        } = &self.info;
        if let Some(codec) = codec {
            write!(f, "audio        {codec}")?;
            if let Some(format) = format {
                write!(f, ", {format}")?;
            }
            if let Some(transport) = transport {
                write!(f, ", by {transport}")?;
            }
            writeln!(f)?;
        }
        if let Some(first) = self.first_audio {
            writeln!(f, "first audio  after {:.2} s", first.as_secs_f64())?;
            let Tally { received, lost, .. } = self.tally;
            if received > 0 {
                writeln!(f, "loss         {lost} of {} packets", lost + received)?;
            }
            match self.dbfs() {
                Some(dbfs) => writeln!(f, "level        {dbfs:.1} dBFS")?,
                None => writeln!(f, "level        digital silence")?,
            }
        }
        for remark in &self.remarks {
            writeln!(f, "note         {remark}")?;
        }
        match &self.failure {
            None => write!(f, "ok           audio arrives"),
            Some(failure) => write!(f, "not ok       {}", failure.problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remarks_of(tally: Tally, samples: &[f32]) -> String {
        remarks(tally, Levels::of(samples), None).join("\n")
    }

    #[test]
    fn what_is_not_as_it_should_be_is_said() {
        let lossy = Tally {
            attempts: 1,
            received: 90,
            lost: 10,
            undecodable: 3,
        };
        let said = remarks_of(lossy, &[0.0; 64]);
        for part in ["digital silence", "10 of 100 packets", "3 packets"] {
            assert!(said.contains(part), "{said}");
        }
        let quiet = remarks_of(Tally::default(), &[0.0001; 64]);
        assert!(
            quiet.contains("-80 dBFS") && !quiet.contains("zero"),
            "{quiet}"
        );
        assert!(!remarks_of(Tally::default(), &[0.1; 64]).contains("quiet"));
    }
}
