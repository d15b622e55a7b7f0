//! How `/proc` is mounted: it can hide the processes of others.

use std::io;

use super::{Proc, Unreadable, failure::Hides, read};

impl Proc {
    /// Whether this `/proc` hides processes, and how. Source: proc(5), `hidepid`, and of
    /// `ptraceable` the kernel's `has_pid_permissions`, which does not look at `gid=` then.
    pub(super) fn hides(&self) -> Option<Hides> {
        let mounts = read(&self.root.join("self/mountinfo")).unwrap_or_default();
        let root = self.root.to_string_lossy();
        // Of several mounts on one place the last is the one that is seen.
        let last = mounts.lines().rfind(|line| {
            let mut fields = line.split(' ');
            fields.nth(4) == Some(&*root) && line.contains(" - proc ")
        });
        let how = last?
            .split([' ', ','])
            .find_map(|option| option.strip_prefix("hidepid="))?;
        match how {
            "0" | "off" => None,
            "4" | "ptraceable" => Some(Hides::FromAll),
            _ => Some(Hides::ButFromAGroup),
        }
    }

    /// Why a file of a process could not be read.
    pub(in crate::memory) fn unreadable(&self, error: &io::Error) -> Unreadable {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        Unreadable::of_process(error, denied.then(|| self.hides()).flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tree_for_tests::Tree, Hides};

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
        assert_eq!(hides(""), None);
        assert_eq!(hides(plain), None);
        assert_eq!(hides(hidden), Some(Hides::ButFromAGroup));
        assert_eq!(
            hides(&format!("{plain}{hidden}")),
            Some(Hides::ButFromAGroup)
        );
        assert_eq!(hides(&format!("{hidden}{plain}")), None);
        for (how, expected) in [
            ("invisible", Some(Hides::ButFromAGroup)),
            ("noaccess", Some(Hides::ButFromAGroup)),
            ("ptraceable", Some(Hides::FromAll)),
            ("4", Some(Hides::FromAll)),
            ("off", None),
        ] {
            let options = format!("proc rw,gid=5,hidepid={how}");
            assert_eq!(
                hides(&plain.replace("proc rw", &options)),
                expected,
                "{how}"
            );
        }
        assert_eq!(hides(&hidden.replace("PROC", "/elsewhere")), None);
    }
}
