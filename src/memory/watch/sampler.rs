//! The thread's work: rounds of looks, orders, and questions to recorders.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use url::Url;

use super::{
    LOOK, Order, Wanted,
    own::Own,
    pulse::Pulse,
    status::{Glimpse, Subject},
    target::Target,
    whose::Whose,
};
use crate::{
    id::ProcessName,
    memory::{
        MemoryOptions, Unreadable, WatchOptions,
        proc::{Finder, Identity, Look, Proc},
        recorder::{self, OwnWords},
    },
    metrics::Roster,
    net::Dialler,
    shutdown::Tasks,
};

/// Everybody who is watched.
#[derive(Debug)]
pub(super) struct Sampler {
    proc: Proc,
    tasks: Tasks,
    roster: Roster<ProcessName, Subject>,
    options: MemoryOptions,
    targets: Vec<Target>,
    /// Given to the target of this process when it is there.
    own: Option<Own>,
}

/// Whom to ask for their own metrics.
#[derive(Clone, Debug)]
struct Question {
    name: ProcessName,
    url: Url,
    /// Who was meant when it was asked.
    heads: Vec<Identity>,
}

/// What a recorder answered.
type Said = (Question, Result<OwnWords, Unreadable>);

impl Sampler {
    /// What may hang is read on threads of `tasks`.
    pub(super) fn new(tasks: &Tasks, roster: Roster<ProcessName, Subject>, own: Own) -> Self {
        Self::with(Proc::of_this_system(), tasks, roster, own)
    }

    fn with(proc: Proc, tasks: &Tasks, roster: Roster<ProcessName, Subject>, own: Own) -> Self {
        let mut sampler = Self {
            proc,
            tasks: tasks.clone(),
            roster,
            options: MemoryOptions::default(),
            targets: Vec::new(),
            own: Some(own),
        };
        sampler.apply(MemoryOptions::default());
        sampler
    }

    /// The time between two rounds: a whole number of them makes a sample interval.
    fn period(&self) -> Duration {
        let interval = self
            .options
            .judge
            .sample_interval
            .max(Duration::from_millis(10));
        let looks = interval.as_nanos().div_ceil(LOOK.as_nanos());
        interval / u32::try_from(looks).unwrap_or(u32::MAX)
    }

    /// How many descriptors all watches keep open at this moment, for the target that counts this
    /// process's own. Asked right before its look: those of others open and close some.
    fn kept_for(&self, nth: usize) -> u64 {
        match self.targets[nth].whose {
            Whose::Ours(_) => self.targets.iter().map(Target::kept_open).sum(),
            Whose::Theirs(..) => 0,
        }
    }

    /// One round. Returns whom to ask for their own metrics.
    fn round(&mut self, now: Duration) -> Vec<Question> {
        let slack = self.period() / 2;
        let look = Look::new(&self.proc);
        let mut ask = Vec::new();
        for nth in 0..self.targets.len() {
            let kept = self.kept_for(nth);
            let target = &mut self.targets[nth];
            target.all_keep_open(kept);
            let sampled = target.look(now, slack, &look);
            if let Whose::Theirs(options, _) = &target.whose
                && let Some(url) = options.metrics_url.as_ref().filter(|_| sampled)
            {
                ask.push(Question {
                    name: options.name.clone(),
                    url: url.clone(),
                    heads: target.heads(),
                });
            }
        }
        ask
    }

    /// Watches exactly whom the options name. Who is watched by equal options stays.
    fn apply(&mut self, options: MemoryOptions) {
        let wanted = |watch: &WatchOptions| options.watches.contains(watch);
        self.targets.retain(|target| match &target.whose {
            Whose::Ours(_) => true,
            Whose::Theirs(watch, _) => wanted(watch),
        });
        for target in &mut self.targets {
            target.reconfigure(&options);
        }
        if let Some(own) = self.own.take() {
            self.join(Whose::Ours(own), ProcessName::own(), &options);
        }
        for watch in &options.watches {
            if self
                .targets
                .iter()
                .all(|target| *target.name() != watch.name)
            {
                let finder = Finder::new(watch.selector.clone(), &self.tasks);
                let whose = Whose::Theirs(Box::new(watch.clone()), finder);
                self.join(whose, watch.name.clone(), &options);
            }
        }
        self.options = options;
    }

    fn join(&mut self, whose: Whose, name: ProcessName, options: &MemoryOptions) {
        let subject = Arc::new(Subject::new(name.clone()));
        // Names differ, as the configuration has made sure.
        if let Ok(subject) = self.roster.join(name.clone(), subject) {
            self.targets
                .push(Target::new(whose, name, subject, options));
        }
    }

    fn of_name(&mut self, which: Option<&ProcessName>) -> impl Iterator<Item = &mut Target> {
        let targets = self.targets.iter_mut();
        targets.filter(move |target| which.is_none_or(|name| name == target.name()))
    }

    fn analyze(&mut self, now: Duration, which: Option<&ProcessName>) -> Vec<Glimpse> {
        let proc = self.proc.clone();
        let look = Look::new(&proc);
        let mut glimpses = Vec::new();
        for nth in 0..self.targets.len() {
            let kept = self.kept_for(nth);
            let target = &mut self.targets[nth];
            if which.is_none_or(|name| name == target.name()) {
                target.all_keep_open(kept);
                glimpses.push(target.analyze(now, &look));
            }
        }
        glimpses
    }

    /// Takes an answer in, unless it is that of another process or place by now: a restart or a
    /// reload may have come between.
    fn told(&mut self, now: Duration, (asked, said): Said) {
        for target in self.of_name(Some(&asked.name)) {
            let Whose::Theirs(options, _) = &target.whose else {
                continue;
            };
            if options.metrics_url.as_ref() == Some(&asked.url) && target.heads() == asked.heads {
                target.told(now, said.clone());
            }
        }
    }
}

/// Runs until the tasks are cancelled.
pub(super) async fn run(
    mut sampler: Sampler,
    dialler: Dialler,
    tasks: Tasks,
    (mut say, done): (watch::Receiver<Wanted>, watch::Sender<u64>),
    mut orders: mpsc::Receiver<Order>,
    pulse: Arc<Pulse>,
) {
    let began = Instant::now();
    let mut next = began;
    let mut answers: FuturesUnordered<BoxFuture<'_, Said>> = FuturesUnordered::new();
    let mut asked: Vec<ProcessName> = Vec::new();
    loop {
        tokio::select! {
            () = tasks.cancelled() => return,
            () = sleep_until(next) => {
                for question in sampler.round(began.elapsed()) {
                    // Not twice at once, however slow it is.
                    if asked.contains(&question.name) {
                        continue;
                    }
                    asked.push(question.name.clone());
                    let dialler = &dialler;
                    answers.push(Box::pin(async move {
                        let said = recorder::fetch(dialler, &question.url).await;
                        (question, said)
                    }));
                }
                // A machine that slept or was too busy does not make up for what it missed.
                next = (next + sampler.period()).max(Instant::now());
                pulse.beat(sampler.period());
            }
            Some(said) = answers.next() => {
                asked.retain(|name| *name != said.0.name);
                sampler.told(began.elapsed(), said);
            }
            Ok(()) = say.changed() => {
                let (number, options) = say.borrow_and_update().clone();
                sampler.apply(options);
                next = Instant::now();
                done.send_replace(number);
            }
            Some(order) = orders.recv() => {
                let now = began.elapsed();
                // Who asked may have gone; then nobody needs the answer.
                match order {
                    Order::Analyze(which, reply) => {
                        let _told = reply.send(sampler.analyze(now, which.as_ref()));
                    }
                    Order::Baseline(which, reply) => {
                        let set = sampler.of_name(which.as_ref()).filter_map(|target| {
                            target.set_baseline(now).then_some(())
                        });
                        let _told = reply.send(set.count());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
