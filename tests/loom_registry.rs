//! The registry under every interleaving that the memory model allows.
//!
//! `registry.rs` is compiled here a second time, with loom's primitives.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]
#![allow(
    unreachable_pub,
    dead_code,
    reason = "the included file is a library's, and not all of it is used here"
)]

mod sync {
    pub use loom::sync::{Arc, Mutex, RwLock};
}

#[path = "../src/buffers/registry.rs"]
mod registry;

use loom::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};
use registry::{Answer, Ask, AskError, KeyLease, Registry};

type Value = std::sync::Arc<Made>;

#[derive(Debug)]
struct Made {
    format: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Books {
    first: usize,
    released: usize,
}

struct World {
    registry: Registry<&'static str, Value>,
    lease: KeyLease,
    books: Mutex<Books>,
    making: AtomicUsize,
    failures_left: AtomicUsize,
}

struct Request<'a> {
    world: &'a World,
    format: u32,
    /// Askers of this lease that are making a value.
    making: &'a AtomicUsize,
}

impl Ask<Value> for Request<'_> {
    type Error = ();

    fn fits(&self, present: &Value) -> bool {
        present.format == self.format
    }

    fn make(&mut self) -> Result<Value, ()> {
        assert_eq!(self.making.fetch_add(1, SeqCst), 0, "one at a time");
        let fail = self.world.failures_left.load(SeqCst) > 0;
        if fail {
            self.world.failures_left.fetch_sub(1, SeqCst);
        }
        self.making.fetch_sub(1, SeqCst);
        (!fail)
            .then(|| {
                Value::new(Made {
                    format: self.format,
                })
            })
            .ok_or(())
    }

    fn published(&mut self, _: &Value) {
        self.world.books.lock().unwrap().first += 1;
    }

    fn replaced(&mut self, _: &Value) {
        self.world.books.lock().unwrap().released += 1;
    }
}

impl World {
    fn new(failures: usize) -> Arc<Self> {
        let registry = Registry::new();
        let lease = registry.open("garden").unwrap();
        Arc::new(Self {
            registry,
            lease,
            books: Mutex::new(Books::default()),
            making: AtomicUsize::new(0),
            failures_left: AtomicUsize::new(failures),
        })
    }

    fn ask(&self, format: u32) -> Result<Answer<Value>, AskError<()>> {
        let mut request = Request {
            world: self,
            format,
            making: &self.making,
        };
        self.registry.ask(&"garden", &self.lease, &mut request)
    }

    fn close(&self) {
        self.registry.close(&"garden", &self.lease, |_| {
            self.books.lock().unwrap().released += 1;
        });
    }

    /// Live values, by the books and by the map: the same number.
    fn live(&self) -> usize {
        let books = *self.books.lock().unwrap();
        let live = books.first - books.released;
        assert_eq!(live, usize::from(self.registry.get(&"garden").is_some()));
        live
    }
}

fn value(answer: Answer<Value>) -> Value {
    match answer {
        Answer::First(value) | Answer::Repeated(value) => value,
    }
}

/// Exhaustive, or up to a number of involuntary switches of threads, which is where races
/// live: without that bound three threads take too long.
fn model(preemptions: Option<usize>, check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(check);
}

#[test]
fn of_two_askers_one_makes_and_both_get_the_same() {
    model(None, || {
        let world = World::new(0);
        let other = Arc::clone(&world);
        let thread = thread::spawn(move || other.ask(1).unwrap());
        let mine = world.ask(1).unwrap();
        let theirs = thread.join().unwrap();
        let firsts = [&mine, &theirs].map(|answer| matches!(answer, Answer::First(_)));
        assert_ne!(firsts[0], firsts[1], "exactly one made it");
        assert!(std::sync::Arc::ptr_eq(&value(mine), &value(theirs)));
        assert_eq!(world.live(), 1);
    });
}

#[test]
fn of_three_askers_one_makes() {
    model(Some(3), || {
        let world = World::new(0);
        let threads = [0, 1].map(|_| {
            let world = Arc::clone(&world);
            thread::spawn(move || value(world.ask(1).unwrap()))
        });
        let mine = value(world.ask(1).unwrap());
        for thread in threads {
            assert!(std::sync::Arc::ptr_eq(&mine, &thread.join().unwrap()));
        }
        assert_eq!(world.books.lock().unwrap().first, 1);
    });
}

#[test]
fn a_failure_leaves_the_key_to_the_next_asker() {
    model(None, || {
        let world = World::new(1);
        let other = Arc::clone(&world);
        let thread = thread::spawn(move || other.ask(1).is_ok());
        let mine = world.ask(1).is_ok();
        let theirs = thread.join().unwrap();
        assert_ne!(mine, theirs, "the first fails, the second makes it");
        assert_eq!(world.live(), 1);
    });
}

#[test]
fn nothing_survives_a_removal_that_it_races_with() {
    model(None, || {
        let world = World::new(0);
        let other = Arc::clone(&world);
        let thread = thread::spawn(move || other.ask(1).map(value).map(drop));
        world.close();
        assert_eq!(world.live(), 0);
        let outcome = thread.join().unwrap();
        let books = *world.books.lock().unwrap();
        match outcome {
            Ok(()) => assert_eq!((books.first, books.released), (1, 1)),
            Err(error) => {
                assert_eq!(error, AskError::Revoked);
                assert_eq!((books.first, books.released), (0, 0));
            }
        }
        assert_eq!(world.ask(1).map(value).map(drop), Err(AskError::Revoked));
        assert_eq!(world.live(), 0);
    });
}

#[test]
fn an_asker_of_an_old_lease_has_no_part_in_the_new_one() {
    model(None, || {
        let world = World::new(0);
        let late = Arc::clone(&world);
        let thread = thread::spawn(move || late.ask(1).map(value).map(drop));
        world.close();
        let new = world.registry.open("garden").unwrap();
        let mut request = Request {
            world: &world,
            format: 2,
            // The late asker may still be busy with a value that it will have to discard.
            making: &AtomicUsize::new(0),
        };
        let mine = world.registry.ask(&"garden", &new, &mut request);
        assert!(matches!(mine, Ok(Answer::First(_))));
        // Either it was done before the removal, or it is refused.
        let _before_or_revoked = thread.join().unwrap();
        assert_eq!(world.registry.get(&"garden").unwrap().format, 2);
        assert_eq!(world.live(), 1);
    });
}

#[test]
fn a_change_of_format_that_is_raced_leaves_one_value() {
    model(None, || {
        let world = World::new(0);
        let old = value(world.ask(1).unwrap());
        let other = Arc::clone(&world);
        let thread = thread::spawn(move || value(other.ask(2).unwrap()).format);
        assert_eq!(value(world.ask(3).unwrap()).format, 3);
        assert_eq!(thread.join().unwrap(), 2);
        assert_eq!(old.format, 1, "a holder keeps its epoch");
        assert_eq!(world.live(), 1);
    });
}

#[test]
fn a_change_of_format_that_two_want_is_made_once() {
    model(None, || {
        let world = World::new(0);
        world.ask(1).unwrap();
        let other = Arc::clone(&world);
        let thread = thread::spawn(move || value(other.ask(2).unwrap()));
        let mine = value(world.ask(2).unwrap());
        assert!(std::sync::Arc::ptr_eq(&mine, &thread.join().unwrap()));
        assert_eq!(world.books.lock().unwrap().first, 2);
        assert_eq!(world.live(), 1);
    });
}

#[test]
fn a_lookup_sees_nothing_or_the_whole_value() {
    model(None, || {
        let world = World::new(0);
        let other = Arc::clone(&world);
        let thread = thread::spawn(move || drop(other.ask(7)));
        if let Some(seen) = world.registry.get(&"garden") {
            assert_eq!(seen.format, 7);
            assert_eq!(
                world.books.lock().unwrap().first,
                1,
                "counted before visible"
            );
        }
        thread.join().unwrap();
    });
}
