//! Growth that ends: for how long it is still told, and how often it is told again.

use std::{fmt::Write as _, time::Duration};

use audio_capture_exporter::memory::verdict::{Judge, Options, Pattern, Sample};

use super::{
    case::{HOUR, INTERVAL, Random},
    judging::Noise,
};

/// Hours of rest before it.
const REST: f64 = 6.0;

/// Growth by 1 to 50 % an hour for one to twelve hours, and what was said after its end.
pub struct Ended {
    /// Noise, as a part of all that has grown.
    noise: f64,
    /// Hours that it lasted.
    lasted: f64,
    /// Hours after the end at which it was last told.
    last: f64,
    /// How often it was told anew.
    again: u32,
}

impl Ended {
    fn new(random: &mut Random) -> Self {
        let (rate, lasted) = (random.log_between(0.01, 0.5), random.log_between(1.0, 12.0));
        let mut noise = Noise::new(random, 0.02);
        let mut ended = Self {
            noise: noise.size() / (rate * lasted),
            lasted,
            last: 0.0,
            again: 0,
        };
        let mut judge = Judge::new(Options::default());
        let (mut told, mut gone) = (false, false);
        let end = REST + lasted;
        for sample in 0..((end + 3.0 * lasted + 12.0) * HOUR / INTERVAL) as u64 {
            let seconds = sample as f64 * INTERVAL;
            let hours = seconds / HOUR;
            let grown = rate * (hours - REST).clamp(0.0, lasted);
            let at = Duration::from_secs_f64(seconds);
            judge.add(Sample {
                at,
                bytes: (2e8 * (1.0 + grown + noise.next(random))) as u64,
            });
            if sample % 4 > 0 || hours < end {
                continue;
            }
            let before = told;
            told = matches!(
                judge.verdict(at, None).pattern,
                Pattern::Linear | Pattern::Leak | Pattern::Exponential
            );
            if told {
                ended.last = hours - end;
                ended.again += u32::from(gone && !before);
            }
            gone |= !told;
        }
        ended
    }

    /// So many of them, by how loud the noise is.
    pub fn draw(count: u64, seed: u64) -> Vec<Self> {
        (0..count)
            .map(|number| Self::new(&mut Random::new(seed + number)))
            .collect()
    }

    /// Times that it lasted, an hour at least.
    fn late(&self) -> f64 {
        self.last / self.lasted.max(1.0)
    }
}

/// How often growth is told again after its end, of each.
pub fn again(all: &[Ended]) -> f64 {
    all.iter().map(|one| f64::from(one.again)).sum::<f64>() / all.len() as f64
}

/// For how many times its length growth is told after its end, at most, for this part of all.
pub fn late(all: &[Ended], part: f64) -> f64 {
    let mut late: Vec<f64> = all.iter().map(Ended::late).collect();
    late.sort_by(f64::total_cmp);
    late[((late.len() - 1) as f64 * part).round() as usize]
}

pub fn report(all: Vec<Ended>) -> String {
    let mut text = String::from(
        "\nGrowth that ends, by 1 to 50 % an hour for one to twelve hours: until when it is told, in times that it \
         lasted (an hour at least), of half and of nine in ten; how often it is told again.\n\n\
         | noise, of what has grown | cases | half | nine in ten | told again |\n|---|---|---|---|---|\n",
    );
    let bands = [(0.0, 0.02), (0.02, 0.05), (0.05, 0.2), (0.2, f64::INFINITY)];
    let mut rest = all;
    for (low, high) in bands {
        let within = |one: &Ended| (low..high).contains(&one.noise);
        let (of, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(within);
        rest = others;
        if of.is_empty() {
            continue;
        }
        let band = if high.is_finite() {
            format!("{}–{} %", 100.0 * low, 100.0 * high)
        } else {
            format!("{} % and more", 100.0 * low)
        };
        writeln!(
            text,
            "| {band} | {} | {:.2} | {:.2} | {:.2} |",
            of.len(),
            late(&of, 0.5),
            late(&of, 0.9),
            again(&of)
        )
        .unwrap();
    }
    text
}
