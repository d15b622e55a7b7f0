//! How much memory this process may use: the tightest of its control groups and the host.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::units::ByteSize;

/// The most memory this process can have: the smallest limit among its own cgroup (v2 or
/// v1), that cgroup's ancestors, and the host's memory. `None` where the system tells
/// nothing.
///
/// Reads a handful of small files; meant for start and reload.
pub fn available() -> Option<ByteSize> {
    tightest(Path::new("/proc"), Path::new("/sys/fs/cgroup"))
}

fn tightest(proc: &Path, cgroups: &Path) -> Option<ByteSize> {
    let host = read(&proc.join("meminfo")).and_then(|text| mem_total(&text));
    let membership = read(&proc.join("self/cgroup")).unwrap_or_default();
    limit_files(&membership, cgroups)
        .iter()
        .filter_map(|file| cgroup_limit(&read(file)?))
        .chain(host)
        .min()
        .map(ByteSize)
}

fn read(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok()
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn mem_total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// A limit as cgroups write it: bytes, or `max` for none.
fn cgroup_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Every file that may hold a limit for the groups in `/proc/self/cgroup`.
///
/// Ancestors count too: any of them may be tighter. In a container the path can be the
/// host's and lead nowhere; the walk up then still ends at the container's own root.
fn limit_files(membership: &str, root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in membership.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (mounts, name): (&[&str], _) = if controllers.is_empty() {
            (&["", "unified"], "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            (&["memory"], "memory.limit_in_bytes")
        } else {
            continue;
        };
        let group = Path::new(group.trim_start_matches('/'));
        for mount in mounts {
            let mount = root.join(mount);
            files.extend(group.ancestors().map(|part| mount.join(part).join(name)));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own that goes away with the value.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root =
                std::env::temp_dir().join(format!("memory-limits-{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }

        fn tightest(&self) -> Option<u64> {
            tightest(&self.0.join("proc"), &self.0.join("cgroup")).map(|size| size.0)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            assert!(fs::remove_dir_all(&self.0).is_ok() || !self.0.exists());
        }
    }

    const HOST: (&str, &str) = ("proc/meminfo", "MemTotal:       4096 kB\nMemFree: 1 kB\n");

    #[test]
    fn the_host_counts_when_no_group_limits() {
        let tree = Tree::new(
            "host",
            &[
                HOST,
                ("proc/self/cgroup", "0::/a/b\n"),
                ("cgroup/a/b/memory.max", "max\n"),
            ],
        );
        assert_eq!(tree.tightest(), Some(4096 * 1024));
    }

    #[test]
    fn an_ancestor_may_be_the_tightest() {
        let tree = Tree::new(
            "v2",
            &[
                HOST,
                ("proc/self/cgroup", "0::/a/b\n"),
                ("cgroup/a/b/memory.max", "2000000\n"),
                ("cgroup/a/memory.max", "1000000\n"),
            ],
        );
        assert_eq!(tree.tightest(), Some(1_000_000));
    }

    #[test]
    fn version_1_is_read_under_its_controller_even_when_the_path_is_the_hosts() {
        let tree = Tree::new(
            "v1",
            &[
                HOST,
                (
                    "proc/self/cgroup",
                    "7:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n",
                ),
                ("cgroup/memory/memory.limit_in_bytes", "3000000\n"),
            ],
        );
        assert_eq!(tree.tightest(), Some(3_000_000));
    }

    #[test]
    fn version_1_without_a_limit_writes_a_huge_number() {
        let tree = Tree::new(
            "huge",
            &[
                HOST,
                ("proc/self/cgroup", "4:memory:/\n"),
                (
                    "cgroup/memory/memory.limit_in_bytes",
                    "9223372036854771712\n",
                ),
            ],
        );
        assert_eq!(tree.tightest(), Some(4096 * 1024));
    }

    #[test]
    fn nothing_known_is_said() {
        let tree = Tree::new("none", &[("proc/self/cgroup", "nonsense\n\n0:\n")]);
        assert_eq!(tree.tightest(), None);
        assert_eq!(mem_total("MemTotal: lots"), None);
    }
}
