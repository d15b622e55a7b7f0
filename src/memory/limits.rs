//! How much memory this process may use: the tightest of its control groups and the host.

use std::{fs, path::Path};

use super::proc::{Groups, Proc, kibibytes};
use crate::units::ByteSize;

/// The most memory this process can have: the smallest limit among its own cgroup (v2 or
/// v1), that cgroup's ancestors, and the host's memory. `None` where the system tells
/// nothing.
///
/// Reads a handful of small files; meant for start and reload.
pub fn available() -> Option<ByteSize> {
    let proc = Proc::of_this_system();
    tightest(&proc, &proc.own_groups())
}

/// The same of a process in these groups.
pub(super) fn tightest(proc: &Proc, groups: &Groups) -> Option<ByteSize> {
    let host = read(&proc.root().join("meminfo")).and_then(|text| kibibytes(&text, "MemTotal:"));
    groups
        .limit_files()
        .iter()
        .filter_map(|file| cgroup_limit(&read(file)?))
        .chain(host)
        .min()
        .map(ByteSize)
}

fn read(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok()
}

/// A limit as cgroups write it: bytes, or `max` for none.
fn cgroup_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{super::proc::tree_for_tests::Tree, *};

    fn tightest_of(files: &[(&str, &str)]) -> Option<u64> {
        let tree = Tree::new();
        for (path, text) in files {
            tree.write(path, text);
        }
        let proc = tree.proc();
        let membership = read(&proc.root().join("self/cgroup")).unwrap();
        let groups = Groups::parse(&membership, proc.cgroups());
        tightest(&proc, &groups).map(|size| size.0)
    }

    const HOST: (&str, &str) = ("proc/meminfo", "MemTotal:       4096 kB\nMemFree: 1 kB\n");

    #[test]
    fn the_host_counts_when_no_group_limits() {
        let tightest = tightest_of(&[
            HOST,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("cgroup/a/b/memory.max", "max\n"),
        ]);
        assert_eq!(tightest, Some(4096 * 1024));
    }

    #[test]
    fn an_ancestor_may_be_the_tightest() {
        let tightest = tightest_of(&[
            HOST,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("cgroup/a/b/memory.max", "2000000\n"),
            ("cgroup/a/memory.max", "1000000\n"),
        ]);
        assert_eq!(tightest, Some(1_000_000));
    }

    #[test]
    fn version_1_is_read_under_its_controller_even_when_the_path_is_the_hosts() {
        let tightest = tightest_of(&[
            HOST,
            (
                "proc/self/cgroup",
                "7:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n",
            ),
            ("cgroup/memory/memory.limit_in_bytes", "3000000\n"),
        ]);
        assert_eq!(tightest, Some(3_000_000));
    }

    #[test]
    fn version_1_without_a_limit_writes_a_huge_number() {
        let tightest = tightest_of(&[
            HOST,
            ("proc/self/cgroup", "4:memory:/\n"),
            (
                "cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ]);
        assert_eq!(tightest, Some(4096 * 1024));
    }

    #[test]
    fn nothing_known_is_said() {
        let tightest = tightest_of(&[("proc/self/cgroup", "nonsense\n\n0:\n")]);
        assert_eq!(tightest, None);
        assert_eq!(kibibytes("MemTotal: lots", "MemTotal:"), None);
    }
}
