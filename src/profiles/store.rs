//! The directory of profiles.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;

use super::ProfileKind;
use crate::units::ByteSize;

/// How a profile's name ends.
const SUFFIX: &str = ".pb.gz";
/// How the name of one begins that is still being written.
const UNFINISHED: &str = ".unfinished-";
/// Nobody writes for so long: what is unfinished then was left by a program that was killed.
const ABANDONED: Duration = Duration::from_secs(600);

/// What the configuration says about profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Where they are kept; made if it is not there.
    pub directory: PathBuf,
    /// How often a heap profile is written.
    pub every: Duration,
    /// How many of a kind are kept.
    pub keep: usize,
    /// How many bytes all of them may take.
    pub max_bytes: ByteSize,
}

/// Writes a profile under a name that tells its kind and time.
///
/// # Errors
/// Those of the system; nothing half-written is left then.
pub(super) fn write(
    options: &StoreOptions,
    kind: ProfileKind,
    time: SystemTime,
    profile: &[u8],
) -> io::Result<PathBuf> {
    fs::create_dir_all(&options.directory)?;
    let name = name(kind, time)?;
    let unfinished = options.directory.join(format!("{UNFINISHED}{name}"));
    let path = options.directory.join(&name);
    let written = File::create(&unfinished)
        .and_then(|mut file| file.write_all(profile).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&unfinished, &path));
    if let Err(error) = written {
        // It may not even be there.
        let _best_effort = fs::remove_file(&unfinished);
        return Err(error);
    }
    Ok(path)
}

fn name(kind: ProfileKind, time: SystemTime) -> io::Result<String> {
    let time = Timestamp::try_from(time).map_err(io::Error::other)?;
    let time = time.strftime("%Y%m%dT%H%M%S.%3fZ");
    Ok(format!("{kind}-{time}{SUFFIX}"))
}

/// The kind and the time of a profile's name, as it is written there.
fn parse(name: &str) -> Option<(ProfileKind, &str)> {
    let (kind, time) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let kind = ProfileKind::ALL
        .iter()
        .find(|known| known.as_str() == kind)?;
    let written = |at: usize, byte: u8| match at {
        8 => byte == b'T',
        15 => byte == b'.',
        19 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    let right = time.len() == 20 && time.bytes().enumerate().all(|(at, byte)| written(at, byte));
    right.then_some((*kind, time))
}

/// Removes the oldest of each kind beyond the number, then the oldest of all beyond the bytes, and
/// what a program that was killed left unfinished. The newest, which was just written, always stays;
/// files of other names are left alone. What is dated later than that one counts as older than all
/// others, as if it came from a clock that was ahead: where the clock is behind instead, genuine
/// profiles go first.
///
/// # Errors
/// The first of those of the system; what can be removed is, all the same.
pub(super) fn retain(options: &StoreOptions, newest: &Path, now: SystemTime) -> io::Result<()> {
    let Found {
        mut profiles,
        unfinished,
    } = look(&options.directory)?;
    let is_abandoned = |left: &Unfinished| {
        let age = now.duration_since(left.modified);
        age.is_ok_and(|age| age >= ABANDONED)
    };
    let mut go: Vec<PathBuf> = unfinished
        .into_iter()
        .filter(is_abandoned)
        .map(|left| left.path)
        .collect();
    let latest = profiles.iter().find(|profile| profile.path == newest);
    let latest = latest.map(|profile| profile.time.clone());
    let is_ahead = |profile: &Kept| latest.as_ref().is_some_and(|latest| profile.time > *latest);
    // The newest first.
    profiles.sort_by(|a, b| {
        let by_time = is_ahead(a)
            .cmp(&is_ahead(b))
            .then_with(|| b.time.cmp(&a.time));
        by_time.then_with(|| a.path.cmp(&b.path))
    });
    let mut of_kind = [0_usize; ProfileKind::COUNT];
    let mut bytes = 0_u64;
    for profile in profiles {
        let count = &mut of_kind[profile.kind.index()];
        let may_stay =
            *count < options.keep && bytes.saturating_add(profile.bytes) <= options.max_bytes.0;
        if may_stay || profile.path == newest {
            *count += 1;
            bytes = bytes.saturating_add(profile.bytes);
        } else {
            go.push(profile.path);
        }
    }
    let mut all = Ok(());
    for path in go {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => all = all.and(Err(error)),
            _ => {}
        }
    }
    all
}

#[derive(Default)]
struct Found {
    profiles: Vec<Kept>,
    unfinished: Vec<Unfinished>,
}

struct Kept {
    kind: ProfileKind,
    path: PathBuf,
    time: String,
    bytes: u64,
}

struct Unfinished {
    path: PathBuf,
    modified: SystemTime,
}

fn look(directory: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let finished = name.strip_prefix(UNFINISHED);
        let Some((kind, time)) = parse(finished.unwrap_or(&name)) else {
            continue;
        };
        if !entry.file_type()?.is_file() {
            continue;
        }
        let (path, metadata) = (entry.path(), entry.metadata()?);
        if finished.is_some() {
            let modified = metadata.modified()?;
            found.unfinished.push(Unfinished { path, modified });
        } else {
            found.profiles.push(Kept {
                kind,
                path,
                time: time.to_owned(),
                bytes: metadata.len(),
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own that goes away with the value.
    struct Scratch(StoreOptions);

    impl Scratch {
        fn new(name: &str, keep: usize, max_bytes: u64) -> Self {
            let name = format!("profiles-{name}-{}", std::process::id());
            Self(StoreOptions {
                directory: std::env::temp_dir().join(name).join("below"),
                every: Duration::from_secs(1),
                keep,
                max_bytes: ByteSize(max_bytes),
            })
        }

        fn write(&self, kind: ProfileKind, second: u64, bytes: usize) -> io::Result<PathBuf> {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(second * 1_000 + 7);
            let path = write(&self.0, kind, time, &vec![1; bytes])?;
            retain(&self.0, &path, SystemTime::now())?;
            Ok(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0.directory).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let above = self.0.directory.parent().unwrap();
            assert!(fs::remove_dir_all(above).is_ok() || !above.exists());
        }
    }

    use ProfileKind::{Cpu, Heap};

    #[test]
    fn the_newest_of_each_kind_are_kept_and_nothing_else_is_touched() {
        let scratch = Scratch::new("number", 2, 1_000_000);
        scratch.write(Cpu, 1, 10).unwrap();
        for foreign in [
            "notes.txt",
            "heap-old.pb.gz",
            "heap-1970010XT000005.007Z.pb.gz",
        ] {
            fs::write(scratch.0.directory.join(foreign), "mine").unwrap();
        }
        for second in 2..6 {
            scratch.write(Heap, second, 10).unwrap();
        }
        assert_eq!(
            scratch.names(),
            [
                "cpu-19700101T000001.007Z.pb.gz",
                "heap-19700101T000004.007Z.pb.gz",
                "heap-19700101T000005.007Z.pb.gz",
                "heap-1970010XT000005.007Z.pb.gz",
                "heap-old.pb.gz",
                "notes.txt",
            ]
        );
    }

    #[test]
    fn bytes_are_bounded_but_the_new_one_stays() {
        let scratch = Scratch::new("bytes", 100, 100);
        for second in 1..=5 {
            scratch.write(Heap, second, 40).unwrap();
        }
        assert_eq!(scratch.names().len(), 2);
        scratch.write(Heap, 6, 500).unwrap();
        assert_eq!(scratch.names(), ["heap-19700101T000006.007Z.pb.gz"]);
        // A clock that was set back does not remove what was just written.
        scratch.write(Heap, 1, 40).unwrap();
        assert!(
            scratch
                .names()
                .contains(&"heap-19700101T000001.007Z.pb.gz".to_owned())
        );
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_no_new_profile_away() {
        let scratch = Scratch::new("clock", 2, 1_000_000);
        for second in [900, 901, 1, 2] {
            scratch.write(Heap, second, 10).unwrap();
        }
        assert_eq!(
            scratch.names(),
            [
                "heap-19700101T000001.007Z.pb.gz",
                "heap-19700101T000002.007Z.pb.gz"
            ]
        );
    }

    #[test]
    fn what_fails_leaves_nothing_half_written() {
        let scratch = Scratch::new("fails", 2, 1_000);
        scratch.write(Heap, 1, 10).unwrap();
        // The name is taken by a directory: the last step fails.
        let taken = scratch.0.directory.join("heap-19700101T000002.007Z.pb.gz");
        fs::create_dir_all(taken.join("x")).unwrap();
        scratch.write(Heap, 2, 10).unwrap_err();
        let names = scratch.names();
        assert!(
            !names.iter().any(|name| name.starts_with(UNFINISHED)),
            "{names:?}"
        );
    }

    #[test]
    fn what_was_left_unfinished_goes_when_nobody_can_be_writing_it() {
        let scratch = Scratch::new("unfinished", 2, 1_000);
        scratch.write(Heap, 1, 10).unwrap();
        let now = SystemTime::now();
        for (name, age) in [
            (".unfinished-heap-19700101T000001.007Z.pb.gz", ABANDONED),
            (".unfinished-cpu-19700101T000002.007Z.pb.gz", ABANDONED / 2),
            (".unfinished-notes", 2 * ABANDONED),
        ] {
            let file = File::create(scratch.0.directory.join(name)).unwrap();
            file.set_modified(now - age).unwrap();
        }
        scratch.write(Heap, 3, 10).unwrap();
        let left: Vec<String> = scratch.names();
        assert_eq!(
            left,
            [
                ".unfinished-cpu-19700101T000002.007Z.pb.gz",
                ".unfinished-notes",
                "heap-19700101T000001.007Z.pb.gz",
                "heap-19700101T000003.007Z.pb.gz",
            ]
        );
    }
}
