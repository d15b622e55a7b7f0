//! What the processes of a watch have used, each second of it once.
//!
//! A process that ends hands what it used to the parent that waits for it. That is how what lives
//! for less than a sample interval is seen at all, and why what was counted while it lived must
//! be taken off again.

use std::collections::BTreeMap;

use crate::memory::proc::{Identity, Proc, ReadFailure, Stat, Used};

/// Looks for which a process that left the tree alive is remembered.
const REMEMBERED: u8 = 10;

/// The sum, and what of each process is in it.
#[derive(Debug, Default)]
pub(super) struct Usage {
    total: Used,
    accounts: BTreeMap<Identity, Account>,
    /// When the last look began, in ticks after the machine's start.
    looked: Option<u64>,
}

#[derive(Debug)]
struct Account {
    parent: u32,
    used: Used,
    waited: Used,
    /// Counted of children that have ended since the last look, and of those that had by then:
    /// the parent will be told of it again.
    owed: Used,
    owed_before: Used,
    /// Looks since it was in the tree.
    away: u8,
}

impl Usage {
    /// Since the first look.
    pub(super) fn total(&self) -> Used {
        self.total
    }

    /// A look was made that began at `ticks`, whether or not it found anything. What was there
    /// already and is found later has been used before it was watched.
    pub(super) fn looked(&mut self, ticks: u64) {
        self.looked = Some(ticks);
    }

    /// Counts what was used since the last look.
    pub(super) fn take(&mut self, proc: &Proc, trees: &BTreeMap<Identity, Stat>) {
        let left: Vec<Identity> = self
            .accounts
            .keys()
            .filter(|identity| !trees.contains_key(identity))
            .copied()
            .collect();
        let mut ended = Vec::new();
        for identity in left {
            match proc.stat(identity.pid) {
                // Nobody has waited for it yet.
                Ok(stat) if stat.ended && stat.start_ticks == identity.started => {
                    self.book(identity, &stat);
                }
                Ok(stat) if stat.start_ticks == identity.started => {
                    let account = self.accounts.get_mut(&identity);
                    if account.is_some_and(|account| {
                        account.away += 1;
                        account.away > REMEMBERED
                    }) {
                        self.accounts.remove(&identity);
                    }
                }
                Err(unread) if unread.reason == ReadFailure::Local => {}
                _ => ended.push(identity),
            }
        }
        self.settle(&ended);
        for (identity, stat) in trees {
            self.book(*identity, stat);
        }
    }

    /// Notes with whom what was counted of those that have ended will turn up again: with the
    /// nearest ancestor that lives.
    fn settle(&mut self, ended: &[Identity]) {
        let ended: BTreeMap<u32, Account> = ended
            .iter()
            .filter_map(|gone| Some((gone.pid, self.accounts.remove(gone)?)))
            .collect();
        for account in ended.values() {
            let mut heir = account.parent;
            for _ in 0..ended.len() {
                heir = ended.get(&heir).map_or(heir, |between| between.parent);
            }
            let all = Identity {
                pid: heir,
                started: 0,
            }..=Identity {
                pid: heir,
                started: u64::MAX,
            };
            if let Some((_, heir)) = self.accounts.range_mut(all).next_back() {
                for part in [
                    account.used,
                    account.waited,
                    account.owed,
                    account.owed_before,
                ] {
                    heir.owed = heir.owed.plus(part);
                }
            }
        }
    }

    fn book(&mut self, identity: Identity, stat: &Stat) {
        let Some(account) = self.accounts.get_mut(&identity) else {
            let account = Account {
                parent: stat.parent,
                used: stat.used,
                waited: stat.waited,
                owed: Used::default(),
                owed_before: Used::default(),
                away: 0,
            };
            self.accounts.insert(identity, account);
            if self.looked.is_some_and(|looked| identity.started >= looked) {
                self.total = self.total.plus(stat.used).plus(stat.waited);
            }
            return;
        };
        let told = stat.waited.minus(account.waited);
        let owed = account.owed.plus(account.owed_before);
        let new = told.minus(owed);
        self.total = self.total.plus(stat.used.minus(account.used)).plus(new);
        *account = Account {
            parent: stat.parent,
            used: stat.used,
            waited: stat.waited,
            owed: Used::default(),
            // A parent that does not wait is never told: what is owed is forgotten in the end.
            owed_before: owed.minus(told).at_most(account.owed),
            away: 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::memory::proc::{Look, tree_for_tests::Tree};

    /// A look at the tree of process 10 at this time: the ticks counted so far.
    fn look(usage: &mut Usage, tree: &Tree, now: u64) -> u64 {
        tree.now(now);
        let proc = tree.proc();
        let trees = Look::new(&proc).trees(&BTreeSet::from([10]));
        usage.take(&proc, &trees);
        usage.looked(now);
        let Used {
            cpu_ticks,
            major_faults,
            minor_faults,
        } = usage.total();
        assert_eq!((major_faults, minor_faults), (cpu_ticks, cpu_ticks));
        cpu_ticks
    }

    const HEAD: (u32, u32) = (10, 1);

    #[test]
    fn children_that_are_never_seen_count() {
        let (tree, mut usage) = (Tree::new(), Usage::default());
        tree.used(HEAD, 'S', 100, (5, 1_000));
        assert_eq!(
            look(&mut usage, &tree, 500),
            0,
            "used before it was watched"
        );
        for round in 1..=10 {
            tree.used(HEAD, 'S', 100, (5 + round, 1_000 + 40 * round));
            assert_eq!(look(&mut usage, &tree, 500 + round), 41 * round);
        }
    }

    #[test]
    fn what_was_seen_of_a_child_counts_once() {
        let (tree, mut usage) = (Tree::new(), Usage::default());
        tree.used(HEAD, 'S', 100, (0, 0));
        look(&mut usage, &tree, 500);
        tree.used((11, 10), 'S', 600, (30, 0));
        tree.used((12, 11), 'S', 600, (7, 2));
        assert_eq!(look(&mut usage, &tree, 700), 39);
        // The grandchild used 8 in the end, the child 35; their parents waited.
        tree.end(12);
        tree.end(11);
        tree.used(HEAD, 'S', 100, (1, 35 + 8 + 2));
        assert_eq!(look(&mut usage, &tree, 800), 46);
        tree.used(HEAD, 'S', 100, (1, 45 + 20));
        assert_eq!(look(&mut usage, &tree, 900), 66);
    }

    #[test]
    fn a_child_is_waited_for_later_or_never() {
        let (tree, mut usage) = (Tree::new(), Usage::default());
        tree.used(HEAD, 'S', 100, (0, 0));
        look(&mut usage, &tree, 500);
        tree.used((11, 10), 'S', 600, (30, 0));
        assert_eq!(look(&mut usage, &tree, 700), 30);
        tree.used((11, 10), 'Z', 600, (33, 0));
        for now in 800..820 {
            assert_eq!(look(&mut usage, &tree, now), 33, "what it used last");
        }
        tree.end(11);
        tree.used(HEAD, 'S', 100, (0, 33));
        assert_eq!(look(&mut usage, &tree, 900), 33);
        // This one the kernel clears away itself.
        tree.used((12, 10), 'S', 910, (50, 0));
        assert_eq!(look(&mut usage, &tree, 950), 83);
        tree.end(12);
        for now in 960..963 {
            assert_eq!(look(&mut usage, &tree, now), 83);
        }
        tree.used(HEAD, 'S', 100, (0, 43));
        assert_eq!(look(&mut usage, &tree, 990), 93);
    }

    #[test]
    fn one_that_leaves_and_returns_is_not_counted_again() {
        let (tree, mut usage) = (Tree::new(), Usage::default());
        tree.used(HEAD, 'S', 100, (0, 0));
        tree.used((11, 10), 'S', 100, (600, 0));
        look(&mut usage, &tree, 500);
        tree.used((11, 1), 'S', 100, (601, 0));
        assert_eq!(look(&mut usage, &tree, 600), 0);
        tree.used((11, 10), 'S', 100, (603, 0));
        assert_eq!(look(&mut usage, &tree, 700), 3, "as if it had never left");
        tree.used((11, 1), 'S', 100, (603, 0));
        for now in 0..20 {
            look(&mut usage, &tree, 800 + now);
        }
        assert_eq!(usage.accounts.len(), 1);
        tree.used((11, 10), 'S', 100, (9_000, 0));
        assert_eq!(look(&mut usage, &tree, 900), 3, "what it used elsewhere");
    }
}
