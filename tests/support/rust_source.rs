//! Just enough of Rust's grammar to see what a file imports: tokens without comments and
//! strings, without test code, and the paths among them.

/// A word, a number, `::`, or one other character; with its line, from 1.
pub(crate) type Token = (String, usize);

/// Splits code into tokens; comments, strings, characters and lifetimes are left out.
pub(crate) fn tokens(code: &str) -> Vec<Token> {
    let chars: Vec<char> = code.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                while i < chars.len() {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            '"' => i = end_of_string(&chars, i),
            '\'' if at(i + 1) == '\\' => {
                // An escape is at least two characters: '\n', '\'', '\u{e9}'.
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            '\'' => {
                i += 1;
                while word(at(i)) {
                    i += 1;
                }
            }
            'r' | 'b' | 'c' if raw_string_hashes(&chars, i).is_some() => {
                i = end_of_raw_string(&chars, i);
            }
            ':' if at(i + 1) == ':' => {
                found.push(("::".to_owned(), line));
                i += 2;
            }
            c if word(c) => {
                while word(at(i)) {
                    i += 1;
                }
                found.push((chars[start..i].iter().collect(), line));
            }
            c => {
                if !c.is_whitespace() {
                    found.push((c.to_string(), line));
                }
                i += 1;
            }
        }
        let end = i.min(chars.len());
        line += chars[start..end].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn end_of_string(chars: &[char], open: usize) -> usize {
    let mut i = open + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// The number of `#` if a raw string (`r"`, `br#"`, `cr##"`) starts at `i`.
fn raw_string_hashes(chars: &[char], i: usize) -> Option<usize> {
    let rest = &chars[i..];
    let prefix = usize::from(matches!(rest.first(), Some('b' | 'c')));
    if rest.get(prefix) != Some(&'r') {
        return None;
    }
    let hashes = rest[prefix + 1..].iter().take_while(|c| **c == '#').count();
    (rest.get(prefix + 1 + hashes) == Some(&'"')).then_some(hashes)
}

fn end_of_raw_string(chars: &[char], start: usize) -> usize {
    let hashes = raw_string_hashes(chars, start).unwrap_or(0);
    let mut i = start;
    while i < chars.len() && chars[i] != '"' {
        i += 1;
    }
    i += 1;
    while i < chars.len() {
        let closing = chars[i + 1..].iter().take_while(|c| **c == '#').count();
        if chars[i] == '"' && closing >= hashes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    i
}

/// Removes every item under `#[cfg(test)]`, `#[cfg(all(test, …))]` or `#[cfg(any(test,
/// fuzzing))]`. Also returns the names of the modules among them whose code is in a file of
/// their own.
pub(crate) fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.0.as_str());
    let starts = |i: usize, wanted: &[&str]| (0..wanted.len()).all(|n| text(i + n) == wanted[n]);
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut i = 0;
    while i < tokens.len() {
        let guarded = starts(i, &["#", "[", "cfg", "(", "test", ")", "]"])
            || starts(i, &["#", "[", "cfg", "(", "all", "(", "test", ","])
            || starts(
                i,
                &[
                    "#", "[", "cfg", "(", "any", "(", "test", ",", "fuzzing", ")",
                ],
            );
        if !guarded {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        while text(i) == "#" {
            i = end_of_group(tokens, i + 1);
        }
        while !matches!(text(i), "" | ";" | "{" | "use") {
            if text(i) == "mod" && text(i + 2) == ";" {
                modules.push(text(i + 1).to_owned());
            }
            i = end_of_group(tokens, i);
        }
        if text(i) == "use" {
            while !matches!(text(i), "" | ";") {
                i += 1;
            }
        }
        i = end_of_group(tokens, i);
    }
    (kept, modules)
}

/// Behind the token at `i`, or behind the bracket that closes it.
fn end_of_group(tokens: &[Token], i: usize) -> usize {
    let mut depth = 0_usize;
    for (n, (text, _)) in tokens.iter().enumerate().skip(i) {
        match text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return n + 1;
        }
    }
    tokens.len()
}

/// A path as written, such as `["crate", "a", "b"]`, with its line. Groups are spread
/// out: `crate::{a, b::c}` is two paths.
pub(crate) type Path = (Vec<String>, usize);

/// Every path that starts with the word `root`.
pub(crate) fn paths_from(tokens: &[Token], root: &str) -> Vec<Path> {
    let mut found = Vec::new();
    for (i, (text, _)) in tokens.iter().enumerate() {
        let first = i == 0 || tokens[i - 1].0 != "::";
        let leads_on = tokens.get(i + 1).is_some_and(|next| next.0 == "::");
        if text == root && first && leads_on {
            spread(tokens, i, &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Adds the paths of the tree that starts at `i`; returns where it ends.
fn spread(tokens: &[Token], mut i: usize, prefix: &mut Vec<String>, out: &mut Vec<Path>) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.0.as_str());
    let depth = prefix.len();
    loop {
        if text(i) == "{" {
            i += 1;
            while !matches!(text(i), "" | "}") {
                i = spread(tokens, i, prefix, out);
                while !matches!(text(i), "" | "}" | ",") {
                    i += 1; // `as other`
                }
                if text(i) == "," {
                    i += 1;
                }
            }
            i += 1;
            break;
        }
        let line = tokens.get(i).map_or(0, |token| token.1);
        prefix.push(text(i).to_owned());
        i += 1;
        let goes_on = text(i) == "::"
            && text(i + 1).starts_with(|c: char| c.is_alphabetic() || "_{*".contains(c));
        if !goes_on {
            out.push((prefix.clone(), line));
            break;
        }
        i += 1;
    }
    prefix.truncate(depth);
    i
}
