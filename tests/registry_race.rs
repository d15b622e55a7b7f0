//! Raced allocations: of any number of askers exactly one makes the value, and nobody who
//! asks for something else has to wait.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    collections::HashMap,
    hint, panic,
    sync::{
        Arc, RwLock,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
        mpsc,
    },
    thread,
    time::Duration,
};

use audio_capture_exporter::buffers::registry::{Answer, Ask, AskError, KeyLease, Registry};

const RACES: u64 = 1_000_000;
const THREADS: usize = 2;

/// Threads leave together. It spins, as sleepers wake one after the other.
struct StartLine {
    arrived: AtomicUsize,
    round: AtomicUsize,
}

impl StartLine {
    const fn new() -> Self {
        Self {
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
        }
    }

    /// Waits for all; `last` runs on the last to arrive, before anybody leaves.
    fn wait(&self, last: impl FnOnce()) {
        let round = self.round.load(Acquire);
        if self.arrived.fetch_add(1, AcqRel) + 1 == THREADS {
            last();
            self.arrived.store(0, Relaxed);
            self.round.fetch_add(1, AcqRel);
            return;
        }
        let mut spins = 0_u32;
        while self.round.load(Acquire) == round {
            spins += 1;
            // The other may wait for this processor.
            if spins.is_multiple_of(200) {
                thread::yield_now();
            } else {
                hint::spin_loop();
            }
        }
    }
}

/// Something that makes at most one value per key, or claims to.
trait OncePerKey: Sync {
    fn prepare(&self, key: u64);
    fn get_or_make(&self, key: u64, make: &dyn Fn() -> Arc<u64>) -> Arc<u64>;
    fn forget(&self, key: u64);
}

struct Real {
    registry: Registry<u64, Arc<u64>>,
    lease: RwLock<Option<KeyLease>>,
}

struct Stub<'a>(&'a dyn Fn() -> Arc<u64>);

impl Ask<Arc<u64>> for Stub<'_> {
    type Error = ();
    fn fits(&self, _: &Arc<u64>) -> bool {
        true
    }
    fn make(&mut self) -> Result<Arc<u64>, ()> {
        Ok((self.0)())
    }
    fn published(&mut self, _: &Arc<u64>) {}
    fn replaced(&mut self, _: &Arc<u64>) {}
}

impl OncePerKey for Real {
    fn prepare(&self, key: u64) {
        *self.lease.write().unwrap() = Some(self.registry.open(key).unwrap());
    }

    fn get_or_make(&self, key: u64, make: &dyn Fn() -> Arc<u64>) -> Arc<u64> {
        let lease = self.lease.read().unwrap().clone().unwrap();
        match self.registry.ask(&key, &lease, &mut Stub(make)).unwrap() {
            Answer::First(value) | Answer::Repeated(value) => value,
        }
    }

    fn forget(&self, key: u64) {
        let lease = self.lease.read().unwrap().clone().unwrap();
        self.registry.close(&key, &lease, |_| {});
    }
}

/// The mistake this all exists for: check, then insert.
#[derive(Default)]
struct CheckThenInsert(RwLock<HashMap<u64, Arc<u64>>>);

impl OncePerKey for CheckThenInsert {
    fn prepare(&self, _: u64) {}

    fn get_or_make(&self, key: u64, make: &dyn Fn() -> Arc<u64>) -> Arc<u64> {
        if let Some(there) = self.0.read().unwrap().get(&key) {
            return Arc::clone(there);
        }
        // What an allocation of some megabytes does at this place, in small.
        thread::yield_now();
        let value = make();
        self.0.write().unwrap().insert(key, Arc::clone(&value));
        value
    }

    fn forget(&self, key: u64) {
        self.0.write().unwrap().remove(&key);
    }
}

/// Races the threads for `races` keys, one after the other, and counts the keys that were
/// not made exactly once or came out differently.
fn violations(subject: &dyn OncePerKey, races: u64) -> u64 {
    let line = StartLine::new();
    let made = AtomicU64::new(0);
    let values: [AtomicU64; THREADS] = std::array::from_fn(|_| AtomicU64::new(0));
    let violations = AtomicU64::new(0);
    let run = |thread: usize| {
        for key in 0..races {
            line.wait(|| {
                made.store(0, Relaxed);
                subject.prepare(key);
            });
            let value = subject.get_or_make(key, &|| Arc::new(made.fetch_add(1, Relaxed)));
            values[thread].store(*value, Relaxed);
            line.wait(|| {
                let alike = values.iter().all(|v| v.load(Relaxed) == 0);
                if made.load(Relaxed) != 1 || !alike {
                    violations.fetch_add(1, Relaxed);
                }
                subject.forget(key);
            });
        }
    };
    thread::scope(|scope| {
        for thread in 1..THREADS {
            let run = &run;
            scope.spawn(move || run(thread));
        }
        run(0);
    });
    violations.into_inner()
}

#[test]
fn a_million_raced_allocations_make_a_million_values() {
    let real = Real {
        registry: Registry::new(),
        lease: RwLock::new(None),
    };
    assert_eq!(violations(&real, RACES), 0);
}

#[test]
fn the_same_race_finds_a_planted_check_then_insert() {
    assert!(violations(&CheckThenInsert::default(), 20_000) > 0);
}

/// Makes a value when told to.
struct Slow {
    started: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

impl Ask<Arc<u64>> for Slow {
    type Error = ();
    fn fits(&self, _: &Arc<u64>) -> bool {
        true
    }
    fn make(&mut self) -> Result<Arc<u64>, ()> {
        self.started.send(()).unwrap();
        self.go_on.recv().unwrap();
        Ok(Arc::new(1))
    }
    fn published(&mut self, _: &Arc<u64>) {}
    fn replaced(&mut self, _: &Arc<u64>) {}
}

#[test]
fn a_slow_allocation_delays_no_other_key_and_no_removal() {
    let registry = Registry::new();
    let slow_lease = registry.open(0).unwrap();
    let (started, has_started) = mpsc::channel();
    let (tell, go_on) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        let slow = scope.spawn(|| registry.ask(&0, &slow_lease, &mut Slow { started, go_on }));
        has_started.recv().unwrap();
        // While key 0 is in the making, everything else is possible, its removal included.
        let others = scope.spawn(|| {
            for key in 1..1_000 {
                let lease = registry.open(key).unwrap();
                let make = || Arc::new(key);
                registry.ask(&key, &lease, &mut Stub(&make)).unwrap();
                assert_eq!(registry.get(&key), Some(Arc::new(key)));
                registry.close(&key, &lease, |_| {});
            }
            assert_eq!(registry.get(&0), None);
            registry.close(&0, &slow_lease, |_| panic!("nothing was published"));
            done.send(()).unwrap();
        });
        // Only a fault lets this time pass.
        let waited = is_done.recv_timeout(Duration::from_secs(30));
        tell.send(()).unwrap();
        waited.expect("others had to wait for a slow allocation");
        others.join().unwrap();
        assert_eq!(slow.join().unwrap(), Err(AskError::Revoked));
    });
}

#[test]
fn a_panic_and_a_failure_leave_the_key_to_the_next() {
    let registry: Registry<u64, Arc<u64>> = Registry::new();
    let lease = registry.open(1).unwrap();
    let explode = || panic!("on purpose");
    let died = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        registry.ask(&1, &lease, &mut Stub(&explode))
    }));
    assert!(died.is_err());
    let make = || Arc::new(7);
    let answer = registry.ask(&1, &lease, &mut Stub(&make));
    assert_eq!(answer, Ok(Answer::First(Arc::new(7))));
    let answer = registry.ask(&1, &lease, &mut Stub(&explode));
    assert_eq!(answer, Ok(Answer::Repeated(Arc::new(7))));
}

#[test]
fn an_ended_lease_takes_nothing_from_the_next_one() {
    let registry: Registry<u64, Arc<u64>> = Registry::new();
    let old = registry.open(1).unwrap();
    registry.close(&1, &old, |_| panic!("nothing was made"));
    let new = registry.open(1).unwrap();
    let make = || Arc::new(7);
    registry.ask(&1, &new, &mut Stub(&make)).unwrap();
    registry.close(&1, &old, |_| panic!("not its value"));
    registry.clear(&1, &old, |_| panic!("not its value"));
    let explode = || panic!("nothing to make");
    let answer = registry.ask(&1, &old, &mut Stub(&explode));
    assert_eq!(answer, Err(AskError::Revoked));
    assert_eq!(registry.get(&1), Some(Arc::new(7)));
}
