//! What other programs report of one object.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Amount, Name};

/// The most reporters that one object has at a time.
pub const MAX_REPORTERS: usize = 16;

/// One reporter's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Who reports.
    pub reporter: Name,
    /// How much.
    pub amount: Amount,
    /// How long ago it was last renewed.
    pub age: Duration,
}

/// Why a report was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// [`MAX_REPORTERS`] others report it already.
    TooMany,
    /// The change would lead below zero or beyond any number.
    OutOfRange,
}

/// The parts of all reporters of one object. One who falls silent is forgotten, so that a program
/// that died leaves nothing behind.
#[derive(Debug, Default)]
pub(super) struct Reported {
    parts: BTreeMap<Name, (Amount, Instant)>,
}

impl Reported {
    /// Replaces a reporter's part.
    pub(super) fn set(
        &mut self,
        now: Instant,
        expire_after: Duration,
        reporter: Name,
        amount: Amount,
    ) -> Result<(), Refused> {
        self.expire(now, expire_after);
        self.make_room(&reporter)?;
        self.parts.insert(reporter, (amount, now));
        Ok(())
    }

    /// Adds to a reporter's part, which is nothing if it has none.
    pub(super) fn change(
        &mut self,
        now: Instant,
        expire_after: Duration,
        reporter: Name,
        (count, bytes): (i64, Option<i64>),
    ) -> Result<(), Refused> {
        self.expire(now, expire_after);
        self.make_room(&reporter)?;
        let before = self.parts.get(&reporter).map(|(amount, _)| *amount);
        let before = before.unwrap_or_default();
        let add = |to: u64, change: i64| to.checked_add_signed(change).ok_or(Refused::OutOfRange);
        let bytes = match bytes {
            Some(change) => Some(add(before.bytes.unwrap_or(0), change)?),
            None => before.bytes,
        };
        let amount = Amount {
            count: add(before.count, count)?,
            bytes,
        };
        self.parts.insert(reporter, (amount, now));
        Ok(())
    }

    fn make_room(&self, reporter: &Name) -> Result<(), Refused> {
        if self.parts.len() >= MAX_REPORTERS && !self.parts.contains_key(reporter) {
            return Err(Refused::TooMany);
        }
        Ok(())
    }

    /// Forgets who has not renewed.
    pub(super) fn expire(&mut self, now: Instant, expire_after: Duration) {
        self.parts
            .retain(|_, (_, at)| now.saturating_duration_since(*at) < expire_after);
    }

    /// The sum of those who have renewed. Bytes are known if one reporter knows them.
    pub(super) fn sum(&mut self, now: Instant, expire_after: Duration) -> Amount {
        self.expire(now, expire_after);
        let mut sum = Amount::default();
        for (amount, _) in self.parts.values() {
            sum.count = sum.count.saturating_add(amount.count);
            if let Some(bytes) = amount.bytes {
                sum.bytes = Some(sum.bytes.unwrap_or(0).saturating_add(bytes));
            }
        }
        sum
    }

    /// Everybody's part, in order of names.
    pub(super) fn reports(&self, now: Instant) -> Vec<Report> {
        let report = |(reporter, (amount, at)): (&Name, &(Amount, Instant))| Report {
            reporter: reporter.clone(),
            amount: *amount,
            age: now.saturating_duration_since(*at),
        };
        self.parts.iter().map(report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LIMIT: Duration = Duration::from_secs(60);

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn a_dead_reporter_leaves_nothing_and_the_others_stay() {
        let start = Instant::now();
        let mut reported = Reported::default();
        let set = |reported: &mut Reported, at, who, count| {
            reported.set(at, LIMIT, name(who), Amount::sized(count, count * 10))
        };
        set(&mut reported, start, "dies", 7).unwrap();
        set(&mut reported, start, "lives", 1).unwrap();
        assert_eq!(reported.sum(start, LIMIT), Amount::sized(8, 80));
        set(&mut reported, start + SECOND * 59, "lives", 2).unwrap();
        let just_before = start + Duration::from_nanos(59_999_999_999);
        assert_eq!(reported.sum(just_before, LIMIT).count, 9);
        assert_eq!(reported.sum(start + LIMIT, LIMIT), Amount::sized(2, 20));
        assert_eq!(reported.reports(start + LIMIT)[0].age, SECOND);
        assert_eq!(reported.sum(start + LIMIT * 3, LIMIT), Amount::default());
    }

    #[test]
    fn changes_add_up_and_never_lead_below_zero() {
        let now = Instant::now();
        let mut reported = Reported::default();
        let mut change = |count, bytes| reported.change(now, LIMIT, name("a"), (count, bytes));
        assert_eq!(change(-1, None), Err(Refused::OutOfRange));
        change(3, None).unwrap();
        change(2, Some(100)).unwrap();
        assert_eq!(change(-1, Some(-101)), Err(Refused::OutOfRange));
        change(-5, Some(-100)).unwrap();
        change(i64::MAX, None).unwrap();
        change(i64::MAX, None).unwrap();
        assert_eq!(change(2, None), Err(Refused::OutOfRange));
        assert_eq!(
            reported.sum(now, LIMIT),
            Amount::sized(i64::MAX.unsigned_abs() * 2, 0)
        );
    }

    #[test]
    fn reporters_are_few_and_the_expired_make_room() {
        let now = Instant::now();
        let mut reported = Reported::default();
        for number in 0..MAX_REPORTERS {
            let who = name(&format!("r{number}"));
            reported.set(now, LIMIT, who, Amount::of(1)).unwrap();
        }
        let mut late = |at| reported.set(at, LIMIT, name("late"), Amount::of(1));
        assert_eq!(late(now), Err(Refused::TooMany));
        assert_eq!(late(now + LIMIT), Ok(()));
        assert_eq!(reported.sum(now + LIMIT, LIMIT).count, 1);
        let again = reported.set(now, LIMIT, name("late"), Amount::of(5));
        assert_eq!(again, Ok(()), "who reports already is no newcomer");
    }
}
