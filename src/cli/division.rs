//! The flags that divide the sources among several exporters.

use clap::Args;

use super::{Exit, wrong};
use crate::shard::Shard;

/// The variable that holds a pod's name, filled from `metadata.name`.
pub(super) const POD_NAME: &str = "POD_NAME";

#[derive(Args)]
pub(super) struct Arguments {
    /// Divide the sources among N exporters
    #[arg(long = "shard.total", value_name = "N")]
    total: Option<u16>,

    /// Which of them this is, from 0
    #[arg(long = "shard.index", value_name = "I")]
    index: Option<u16>,
}

impl Arguments {
    /// Whether anything is divided.
    pub(super) fn given(&self) -> bool {
        self.total.is_some() || self.index.is_some()
    }

    /// The shard, by its number or by that of the pod.
    pub(super) fn into_shard(self, pod: Option<&str>) -> Result<Shard, Exit> {
        let shard = match (self.total, self.index, pod) {
            (None, None, _) => return Ok(Shard::WHOLE),
            (None, Some(_), _) => {
                let text = "--shard.index needs --shard.total N, the same for all exporters";
                return Err(wrong(text));
            }
            (Some(total), Some(index), _) => Shard::new(index, total),
            (Some(total), None, Some(pod)) => Shard::of_pod(pod, total),
            (Some(_), None, None) => {
                return Err(wrong(format!(
                    "--shard.total needs --shard.index I, counted from 0; in a StatefulSet fill \
                     the variable {POD_NAME} from metadata.name instead"
                )));
            }
        };
        shard.map_err(wrong)
    }
}
