//! Looking names up, anew for each attempt.
//!
//! A lookup runs in the system's resolver on a thread of the runtime's pool, and nothing can
//! stop it there. So few run at once, each has a deadline after which nobody waits for it,
//! and it keeps its slot until the system really is done with it: a name service that hangs
//! ties up a handful of threads, however many sources ask.

use std::{
    collections::HashSet,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    net::lookup_host,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, timeout_at},
};

use super::dial::DialError;
use crate::shutdown::{TaskKind, Tasks};

/// Lookups under way at once.
const SLOTS: usize = 8;
/// How many of them names may use whose latest lookup hung; the rest is for the others.
const SLOTS_OF_SUSPECTS: usize = SLOTS / 2;
/// How long an attempt waits for an address at the most, its wait for a slot included.
const LONGEST: Duration = Duration::from_secs(5);
/// So many names are remembered as suspect; the most sources there can be.
const MOST_SUSPECTS: usize = 1_000;

/// What asks the system; tests put their own in its place.
type Lookup =
    Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Resolves host names.
pub(super) struct Resolver {
    tasks: Tasks,
    lookup: Lookup,
    slots: Arc<Semaphore>,
    slots_of_suspects: Arc<Semaphore>,
    suspects: Arc<Mutex<HashSet<String>>>,
}

/// A lookup's right to run, and for a suspect its place among those.
type Slot = (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>);

impl Resolver {
    /// One whose lookups end with `tasks`, the group of the whole program.
    pub(super) fn new(tasks: &Tasks) -> Self {
        Self::asking(
            tasks,
            Arc::new(|host, port| {
                Box::pin(async move { Ok(lookup_host((host, port)).await?.collect()) })
            }),
        )
    }

    fn asking(tasks: &Tasks, lookup: Lookup) -> Self {
        Self {
            tasks: tasks.clone(),
            lookup,
            slots: Arc::new(Semaphore::new(SLOTS)),
            slots_of_suspects: Arc::new(Semaphore::new(SLOTS_OF_SUSPECTS)),
            suspects: Arc::default(),
        }
    }

    /// The addresses of `host`, an IPv6 address without brackets among the possible ones,
    /// within `limit` and five seconds.
    ///
    /// Cancellation safe; a lookup under way keeps its slot until the system gives up.
    ///
    /// # Errors
    /// [`DialError::Dns`] or [`DialError::DnsTimeout`].
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> Result<Vec<SocketAddr>, DialError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        let limit = limit.min(LONGEST);
        let deadline = Instant::now() + limit;
        let too_late = || DialError::DnsTimeout(limit);
        let slot = timeout_at(deadline, self.slot(host))
            .await
            .map_err(|_| too_late())?;
        match timeout_at(deadline, self.start(host, port, slot, deadline)).await {
            Ok(Ok(Ok(addresses))) if !addresses.is_empty() => Ok(addresses),
            Ok(_) => Err(DialError::Dns),
            Err(_) => {
                let mut suspects = lock(&self.suspects);
                if suspects.len() < MOST_SUSPECTS {
                    suspects.insert(host.to_owned());
                }
                Err(too_late())
            }
        }
    }

    async fn slot(&self, host: &str) -> Slot {
        let suspect = lock(&self.suspects).contains(host);
        // Nobody closes these semaphores, so both always grant a permit.
        let of_suspects = if suspect {
            Arc::clone(&self.slots_of_suspects)
                .acquire_owned()
                .await
                .ok()
        } else {
            None
        };
        (
            Arc::clone(&self.slots).acquire_owned().await.ok(),
            of_suspects,
        )
    }

    /// Starts the lookup as a task of its own, which holds the slot to its true end.
    fn start(
        &self,
        host: &str,
        port: u16,
        slot: Slot,
        deadline: Instant,
    ) -> oneshot::Receiver<io::Result<Vec<SocketAddr>>> {
        let (tell, answer) = oneshot::channel();
        let lookup = (self.lookup)(host.to_owned(), port);
        let (tasks, suspects) = (self.tasks.clone(), Arc::clone(&self.suspects));
        let host = host.to_owned();
        self.tasks.spawn(TaskKind::Lookup, async move {
            let _until_the_end = slot;
            let found = tokio::select! {
                found = lookup => found,
                () = tasks.cancelled() => return,
            };
            if Instant::now() < deadline {
                lock(&suspects).remove(&host);
            }
            // Whoever asked may have stopped waiting.
            let _told = tell.send(found);
        });
        answer
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free = self.slots.available_permits();
        write!(f, "Resolver({free} of {SLOTS} slots free)")
    }
}

fn lock(suspects: &Mutex<HashSet<String>>) -> MutexGuard<'_, HashSet<String>> {
    suspects.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use futures_util::{future::join_all, poll};
    use tokio::{task::yield_now, time::sleep};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// A resolver for which a name `hung…` takes thirty seconds, and how many lookups run.
    fn resolver() -> (Resolver, Arc<AtomicUsize>, Arc<AtomicUsize>) {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counters = (Arc::clone(&running), Arc::clone(&most));
        let lookup: Lookup = Arc::new(move |host, port| {
            let (running, most) = (Arc::clone(&counters.0), Arc::clone(&counters.1));
            Box::pin(async move {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                if host.starts_with("hung") {
                    sleep(Duration::from_secs(30)).await;
                }
                running.fetch_sub(1, SeqCst);
                Ok(vec![([127, 0, 0, 1], port).into()])
            })
        });
        (Resolver::asking(&Tasks::default(), lookup), running, most)
    }

    #[tokio::test(start_paused = true)]
    async fn hung_lookups_end_in_time_keep_their_slots_and_leave_half_to_the_others() {
        let (resolver, running, most) = resolver();
        let resolver = Arc::new(resolver);
        let hung = |n: usize| {
            let resolver = Arc::clone(&resolver);
            async move { resolver.resolve(&format!("hung-{n}"), 554, LIMIT).await }
        };
        let started = Instant::now();
        let ended = join_all((0..300).map(hung)).await;
        assert!(
            ended
                .iter()
                .all(|end| matches!(end, Err(DialError::DnsTimeout(LONGEST)))),
        );
        assert_eq!(
            started.elapsed(),
            LONGEST,
            "the wait for a slot is part of it"
        );
        assert_eq!(
            running.load(SeqCst),
            SLOTS,
            "the system still works on them"
        );
        // When the first ones are done, those that hung come back, before any other name.
        sleep(Duration::from_secs(30)).await;
        assert_eq!(running.load(SeqCst), 0);
        let mut again = Box::pin(join_all((0..SLOTS).map(hung)));
        assert!(poll!(again.as_mut()).is_pending());
        yield_now().await;
        assert_eq!(running.load(SeqCst), SLOTS_OF_SUSPECTS);
        let asked = Instant::now();
        resolver.resolve("good", 554, LIMIT).await.unwrap();
        assert_eq!(asked.elapsed(), Duration::ZERO, "it finds a free slot");
        assert!(again.await.iter().all(Result::is_err));
        assert_eq!(most.load(SeqCst), SLOTS);
    }

    #[tokio::test]
    async fn an_address_needs_no_lookup_and_a_stop_ends_what_hangs() {
        let tasks = Tasks::default();
        let never: Lookup = Arc::new(|_, _| Box::pin(std::future::pending()));
        let resolver = Resolver::asking(&tasks, never);
        for (host, address) in [("::1", "[::1]:554"), ("192.0.2.7", "192.0.2.7:554")] {
            let found = resolver.resolve(host, 554, LIMIT).await.unwrap();
            assert_eq!(found, [address.parse().unwrap()]);
        }
        let short = Duration::from_millis(1);
        let hung = resolver.resolve("name", 554, short).await;
        assert!(matches!(hung, Err(DialError::DnsTimeout(limit)) if limit == short));
        assert_eq!(tasks.running(), 1);
        assert!(tasks.drain(Duration::from_secs(10)).await);
    }
}
