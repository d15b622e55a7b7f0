//! Memory pressure: how much of the time somebody waits for memory (PSI).
//!
//! Source: the kernel's `Documentation/accounting/psi.rst`.

use std::{path::PathBuf, time::Duration};

use super::read;

/// How long tasks have waited for memory since the machine or the group started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::memory) struct Stalled(Duration);

impl Stalled {
    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
        let mut fields = line.split_ascii_whitespace();
        let total = fields.find_map(|field| field.strip_prefix("total="))?;
        Some(Self(Duration::from_micros(total.parse().ok()?)))
    }
}

/// Follows one pressure file.
#[derive(Debug, Default)]
pub(in crate::memory) struct Pressure {
    last: Option<(PathBuf, Duration, Stalled)>,
}

impl Pressure {
    /// The part of the time since the last call in which at least one task waited, 0 to 1.
    /// Reads the first of `files` that is there. `None` for the first time and after a change
    /// of file.
    pub(in crate::memory) fn observe(&mut self, files: &[PathBuf], now: Duration) -> Option<f64> {
        let found = files.iter().find_map(|file| {
            let stalled = Stalled::parse(&read(file).ok()?)?;
            Some((file.clone(), now, stalled))
        });
        let before = std::mem::replace(&mut self.last, found);
        let ((file, at, stalled), (file_before, earlier, before)) = (self.last.as_ref()?, before?);
        let passed = at.checked_sub(earlier).filter(|passed| !passed.is_zero())?;
        let waited = stalled.0.checked_sub(before.0)?;
        (*file == file_before).then(|| waited.div_duration_f64(passed).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tree_for_tests::Tree, *};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_is_the_part_of_the_time_since_the_last_look() {
        let tree = Tree::new();
        let told = |file: &str, micros: u64| {
            let text = format!(
                "some avg10=0.00 avg60=9.00 avg300=0.00 total={micros}\nfull avg10=0.00 total=7\n"
            );
            tree.write(file, &text)
        };
        let (group, all) = (told("group", 5_000_000), told("all", 5_600_000));
        let files = [group.clone(), all.clone()];
        let mut pressure = Pressure::default();
        assert_eq!(pressure.observe(&files, 10 * SECOND), None);
        told("group", 5_500_000);
        assert_eq!(pressure.observe(&files, 12 * SECOND), Some(0.25));
        assert_eq!(
            pressure.observe(&files, 12 * SECOND),
            None,
            "no time passed"
        );
        // The group has gone: what the whole machine waits is another thing.
        std::fs::remove_file(&group).unwrap();
        assert_eq!(pressure.observe(&files, 14 * SECOND), None);
        told("all", 9_000_000);
        assert_eq!(pressure.observe(&files, 15 * SECOND), Some(1.0));
        // Counts that fall are those of another group under the same name.
        told("all", 1_000_000);
        assert_eq!(pressure.observe(&files, 16 * SECOND), None);
        for bad in ["", "full total=1", "some avg10=0", "some total=many"] {
            assert_eq!(Stalled::parse(bad), None, "{bad}");
        }
    }
}
