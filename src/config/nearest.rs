//! "Did you mean": the known word nearest to a mistyped one.

/// Words longer than this are no typing mistake of a key.
const LONGEST: usize = 40;

/// The candidate nearest to `word`, if it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed: Vec<char> = word.to_lowercase().chars().take(LONGEST + 1).collect();
    if typed.is_empty() || typed.len() > LONGEST {
        return None;
    }
    let tolerance = 2 * (typed.len() / 3).max(1) + 1;
    candidates
        .into_iter()
        .map(|known| (score(&typed, known), known))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Twice the edits, so that a part of a word can count as one and a half: a single typing
/// mistake is nearer (`usrname` means `username`, not `name`).
fn score(typed: &[char], known: &str) -> usize {
    let known: Vec<char> = known.chars().collect();
    // `rate` and `sample_rate`, `password` and `password_file` are near in another way.
    let (short, long) = if typed.len() < known.len() {
        (typed, known.as_slice())
    } else {
        (known.as_slice(), typed)
    };
    if short.len() >= 4 && (long.starts_with(short) || long.ends_with(short)) {
        return (2 * distance(typed, &known)).min(3);
    }
    2 * distance(typed, &known)
}

/// Edits (insert, delete, replace, swap of neighbours) from one word to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn one_mistake_is_nearer_than_a_part_of_the_word() {
        assert_eq!(nearest("usrname", ["name", "username"]), Some("username"));
        assert_eq!(
            nearest("rate", ["name", "sample_rate"]),
            Some("sample_rate")
        );
    }

    const KNOWN: [&str; 6] = [
        "name",
        "url",
        "password_file",
        "stall_after",
        "enabled",
        "sample_rate",
    ];

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        for (typed, meant) in [
            ("nmae", "name"),
            ("uri", "url"),
            ("passwordfile", "password_file"),
            ("password", "password_file"),
            ("stallafter", "stall_after"),
            ("enable", "enabled"),
            ("Enabled", "enabled"),
            ("rate", "sample_rate"),
        ] {
            assert_eq!(nearest(typed, KNOWN), Some(meant), "{typed}");
        }
    }

    #[test]
    fn another_word_is_not() {
        for typed in ["", "silence", "x", "history", &"a".repeat(1_000_000)] {
            assert_eq!(
                nearest(typed, KNOWN),
                None,
                "{}",
                &typed[..typed.len().min(9)]
            );
        }
    }
}
