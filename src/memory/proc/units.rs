//! The lines of `name: number kB` that several files of procfs have.

/// The number behind `name` (written with its colon), in bytes.
pub(in crate::memory) fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}
