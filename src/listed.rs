//! Things one after the other, the first few and how many more there are; or only how many.

use std::fmt;

/// Names that are listed before the rest is only counted.
const NAMED: usize = 10;

/// Writes `, what: first second`; nothing where there are none. Begins with a comma, to follow
/// what was said before.
pub(crate) fn list(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    names: &[impl fmt::Display],
) -> fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    write!(f, ", {what}:")?;
    for name in names.iter().take(NAMED) {
        write!(f, " {name}")?;
    }
    match names.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

/// So many of a thing whose plural ends in an s: `1 task`, `2 tasks`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}
