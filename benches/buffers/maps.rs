//! The check when the buffer exists.

use std::{
    collections::HashMap,
    hint::black_box,
    sync::{Arc, Barrier, RwLock},
    thread,
    time::{Duration, Instant},
};

use audio_capture_exporter::{
    buffers::{
        Asker, Buffers, CaptureBuffer, Lease,
        registry::{Answer, Ask, KeyLease, Registry},
    },
    id::SourceId,
    units::ByteSize,
};
use dashmap::DashMap;
use foldhash::fast::RandomState;

use super::{
    ask,
    interleave::{Candidate, compare},
    source,
};

/// A value that is always right, and made only to fill the map.
struct Present(Option<Arc<u64>>);

impl Ask<Arc<u64>> for Present {
    type Error = ();
    fn fits(&self, _: &Arc<u64>) -> bool {
        true
    }
    fn make(&mut self) -> Result<Arc<u64>, ()> {
        self.0.take().ok_or(())
    }
    fn published(&mut self, _: &Arc<u64>) {}
    fn replaced(&mut self, _: &Arc<u64>) {}
}

/// The same sources in every kind of map.
struct Maps {
    keys: Vec<SourceId>,
    leases: Vec<KeyLease>,
    registry: Registry<SourceId, Arc<u64>>,
    rwlock: RwLock<HashMap<SourceId, Arc<u64>, RandomState>>,
    dashmap: DashMap<SourceId, Arc<u64>, RandomState>,
    askers: Vec<(Asker, Lease)>,
}

impl Maps {
    fn new(sources: usize) -> Self {
        let mut keys: Vec<SourceId> = (0..sources).map(source).collect();
        // Lookups in another order than that of the inserts, the same for every map.
        let order = |id: &SourceId| id.as_str().bytes().rev().map(|b| b ^ 5).collect::<Vec<_>>();
        let registry = Registry::new();
        let leases = keys
            .iter()
            .map(|key| (key.clone(), registry.open(key.clone()).unwrap()));
        let leases: HashMap<SourceId, KeyLease> = leases.collect();
        let values: Vec<_> = (0..sources as u64).map(Arc::new).collect();
        let pairs = || keys.iter().cloned().zip(values.iter().cloned());
        let buffers = Buffers::new(ByteSize(1 << 30));
        let askers = keys.iter().map(|key| {
            let lease = buffers.lease(key.clone()).unwrap();
            let asker = lease.asker();
            drop(ask(&asker, Duration::from_millis(1)));
            (asker, lease)
        });
        let (rwlock, dashmap, mut askers) = (
            pairs().collect(),
            pairs().collect(),
            askers.collect::<Vec<_>>(),
        );
        // The same values in all maps: who touches them warms them for all.
        for (key, value) in keys.iter().zip(&values) {
            let mut present = Present(Some(Arc::clone(value)));
            registry.ask(key, &leases[key], &mut present).unwrap();
        }
        keys.sort_by_key(order);
        askers.sort_by_key(|(asker, _)| order(asker.source()));
        Self {
            leases: keys.iter().map(|key| leases[key].clone()).collect(),
            keys,
            registry,
            rwlock: RwLock::new(rwlock),
            dashmap,
            askers,
        }
    }

    fn plain(&self, i: usize) -> Option<Arc<u64>> {
        self.rwlock.read().unwrap().get(&self.keys[i]).cloned()
    }

    fn ours(&self, i: usize) -> Arc<u64> {
        let asked = self
            .registry
            .ask(&self.keys[i], &self.leases[i], &mut Present(None));
        let Ok(Answer::Repeated(value)) = asked else {
            panic!("the value was there");
        };
        value
    }

    fn dash(&self, i: usize) -> Option<Arc<u64>> {
        self.dashmap
            .get(&self.keys[i])
            .map(|value| Arc::clone(&value))
    }

    fn whole(&self, i: usize) -> Arc<CaptureBuffer> {
        ask(&self.askers[i].0, Duration::from_millis(1))
    }

    fn indices(&self, from: &mut usize, operations: u64) -> impl Iterator<Item = usize> + use<> {
        let (start, sources) = (*from, self.keys.len());
        *from = (start + operations as usize) % sources;
        (start..start + operations as usize).map(move |i| i % sources)
    }

    fn run<'a, V: 'a>(&'a self, get: fn(&Self, usize) -> V) -> Box<dyn FnMut(u64) + 'a> {
        let mut at = 0;
        Box::new(move |operations| {
            for i in self.indices(&mut at, operations) {
                black_box(get(self, i));
            }
        })
    }
}

pub(crate) fn hits(sources: usize) {
    let maps = Maps::new(sources);
    let candidates: Vec<Candidate<'_>> = vec![
        ("`RwLock<HashMap>`, get and clone", maps.run(Maps::plain)),
        ("`Registry::ask`", maps.run(Maps::ours)),
        ("dashmap, get and clone", maps.run(Maps::dash)),
        ("`allocate_if_needed` with ledger", maps.run(Maps::whole)),
    ];
    compare(
        &format!("buffer exists, {sources} sources"),
        20_000,
        candidates,
    );
}

pub(crate) fn two_threads() {
    let maps = Maps::new(1_000);
    println!(
        "\n| two threads, 1,000 sources | ns, 1 thread | ns, 2 threads | ratio |\n|---|---|---|---|"
    );
    let each = |name: &str, run: &(dyn Fn(usize) + Sync)| {
        let mut seen = [Vec::new(), Vec::new()];
        for _ in 0..41 {
            for threads in [1, 2] {
                seen[threads - 1].push(shared(threads, run));
            }
        }
        let [one, two] = seen.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        println!("| {name} | {one:.1} | {two:.1} | {:.2} |", two / one);
    };
    each("`RwLock<HashMap>`, get and clone", &|i| {
        drop(black_box(maps.plain(i % 1_000)));
    });
    each("`Registry::ask`", &|i| {
        drop(black_box(maps.ours(i % 1_000)));
    });
    each("dashmap, get and clone", &|i| {
        drop(black_box(maps.dash(i % 1_000)));
    });
    each("`allocate_if_needed` with ledger", &|i| {
        drop(black_box(maps.whole(i % 1_000)));
    });
}

/// ns for each operation of each thread, the slowest thread's.
fn shared(threads: usize, run: &(dyn Fn(usize) + Sync)) -> f64 {
    const OPERATIONS: usize = 50_000;
    let start = Barrier::new(threads);
    let work = |thread: usize| {
        start.wait();
        let begin = Instant::now();
        for i in 0..OPERATIONS {
            run(i + thread * 337);
        }
        begin.elapsed().as_secs_f64() * 1e9 / OPERATIONS as f64
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|t| scope.spawn(move || work(t))).collect();
        let mine = work(0);
        others
            .into_iter()
            .map(|t| t.join().unwrap())
            .fold(mine, f64::max)
    })
}
