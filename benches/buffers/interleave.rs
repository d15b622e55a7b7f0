//! A small harness for ratios on a noisy machine: the candidates take turns in one process,
//! many short rounds, and the median of each counts.

use std::time::Instant;

/// One candidate: runs its operation so many times.
pub(crate) type Candidate<'a> = (&'a str, Box<dyn FnMut(u64) + 'a>);

const ROUNDS: usize = 151;

/// Runs the candidates in turns and prints a Markdown table; ratios are to the first one.
pub(crate) fn compare(title: &str, operations: u64, candidates: Vec<Candidate<'_>>) {
    compare_rounds(title, operations, ROUNDS, candidates);
}

/// As [`compare`], with fewer or more rounds.
pub(crate) fn compare_rounds(
    title: &str,
    operations: u64,
    rounds: usize,
    mut candidates: Vec<Candidate<'_>>,
) {
    let mut times = vec![Vec::with_capacity(rounds); candidates.len()];
    for (_, run) in &mut candidates {
        run(operations);
    }
    for round in 0..rounds {
        for i in 0..candidates.len() {
            // Another order each round, so that nobody always comes after the same other.
            let at = (i + round) % candidates.len();
            let start = Instant::now();
            (candidates[at].1)(operations);
            times[at].push(start.elapsed().as_secs_f64() * 1e9 / operations as f64);
        }
    }
    println!("\n| {title} | ns (median) | ns (first decile) | ratio |\n|---|---|---|---|");
    let mut base = None;
    for ((name, _), times) in candidates.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let (median, decile) = (times[times.len() / 2], times[times.len() / 10]);
        let base = *base.get_or_insert(median);
        println!(
            "| {name} | {median:.1} | {decile:.1} | {:.2} |",
            median / base
        );
    }
}
