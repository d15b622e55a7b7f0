//! Alarms as they are written down for a restart.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{
    alarm::{AlarmStatus, Key},
    firing::{Firing, Told},
    machine::{Machine, Now},
    notices::{Notices, Outcome},
    wire,
};

/// All alarms, as they are written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SavedAlarms {
    firing: Vec<SavedFiring>,
    muted: Vec<SavedMute>,
    recent: Vec<AlarmStatus>,
    notices: Notices,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedFiring {
    status: AlarmStatus,
    told: Told,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedMute {
    key: Key,
    #[serde(with = "wire::moment")]
    until: SystemTime,
}

impl SavedAlarms {
    pub(super) fn of<'a>(machine: &Machine, recent: impl Iterator<Item = &'a AlarmStatus>) -> Self {
        let firing = machine.all_firing().map(|firing| SavedFiring {
            status: firing.status.clone(),
            told: firing.told.clone(),
        });
        let muted = machine.muted().map(|(key, until)| SavedMute {
            key: key.clone(),
            until,
        });
        Self {
            firing: firing.collect(),
            muted: muted.collect(),
            recent: recent.cloned().collect(),
            notices: machine.notices().clone(),
        }
    }

    /// Puts what was saved into the machine, and gives back what was over, and what that changes.
    pub(super) fn restore(self, machine: &mut Machine, now: Now) -> (Vec<AlarmStatus>, Outcome) {
        let firing = self.firing.into_iter();
        let firing = firing.map(|saved| Firing::new(saved.status, saved.told));
        let muted = self.muted.into_iter().map(|mute| (mute.key, mute.until));
        let outcome = machine.restore(firing, muted, self.notices, now);
        (self.recent, outcome)
    }
}
