//! How `/proc` is mounted: it can hide the processes of others.

use std::io;

use super::{Proc, Unreadable, read};

impl Proc {
    /// Whether this `/proc` hides processes from some users. Source: proc(5), `hidepid`.
    pub(super) fn hides(&self) -> bool {
        let mounts = read(&self.root.join("self/mountinfo")).unwrap_or_default();
        let root = self.root.to_string_lossy();
        // Of several mounts on one place the last is the one that is seen.
        let last = mounts.lines().rfind(|line| {
            let mut fields = line.split(' ');
            fields.nth(4) == Some(&*root) && line.contains(" - proc ")
        });
        last.is_some_and(|line| {
            line.split([' ', ','])
                .filter_map(|option| option.strip_prefix("hidepid="))
                .any(|how| !matches!(how, "0" | "off"))
        })
    }

    /// Why a file of a process could not be read.
    pub(in crate::memory) fn unreadable(&self, error: &io::Error) -> Unreadable {
        let hides = error.kind() == io::ErrorKind::PermissionDenied && self.hides();
        Unreadable::of_process(error, hides)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree_for_tests::Tree;

    #[test]
    fn only_the_topmost_proc_counts() {
        let hides = |lines: &str| {
            let tree = Tree::new();
            let root = tree.proc().root().display().to_string();
            tree.write("proc/self/mountinfo", &lines.replace("PROC", &root));
            tree.proc().hides()
        };
        let plain = "22 1 0:21 / PROC rw,nosuid - proc proc rw\n";
        let hidden = "30 1 0:30 / PROC rw - proc proc rw,hidepid=2\n";
        assert!(!hides(""));
        assert!(!hides(plain));
        assert!(hides(hidden));
        assert!(hides(&format!("{plain}{hidden}")));
        assert!(!hides(&format!("{hidden}{plain}")));
        assert!(hides(
            &plain.replace("proc rw", "proc rw,hidepid=invisible")
        ));
        assert!(!hides(&hidden.replace("hidepid=2", "hidepid=off")));
        assert!(!hides(&hidden.replace("PROC", "/elsewhere")));
    }
}
