//! The clients' side of one run, and the order in which everything gets its turns.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use broker::{Broker, Config};
use types::{AckId, Clock, ManualClock, Timestamp, TopicName};

use super::{Plan, admin::Name, consume::Held, random::Random, store::Store};
use crate::history::{Call, Entry, Event, Invoked, Log, Recorder};

/// Turns that a future gets when nothing else is to be done, before it counts as stuck.
const PATIENCE: u32 = 20_000;
/// Calls under way at a time.
const CALLS: usize = 24;

/// What a call says when it is over: does its part to the world and the history.
pub(crate) type Done = Box<dyn FnOnce(&mut World)>;
pub(crate) type Running = Pin<Box<dyn Future<Output = Done>>>;

/// A call under way.
pub(crate) struct Op {
    /// Pulls and the broker's own work have none.
    pub(crate) call: Option<Call>,
    /// The subscription that no other change may concern meanwhile.
    pub(crate) name: Option<usize>,
    pub(crate) future: Running,
    /// The broker's own work, which no client can cut off.
    pub(crate) silent: bool,
}

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Store,
    broker: Option<Broker>,
    pub(crate) recorder: Recorder,
    pub(crate) ops: Vec<Op>,
    pub(crate) hands: Vec<Held>,
    /// Whose attempts failed, or were forgotten: they may be said to have succeeded after all.
    pub(crate) late: Vec<Held>,
    /// What was given back, or may have been: no worker says of it that it has failed.
    pub(crate) given_back: HashSet<AckId>,
    pub(crate) names: Vec<Name>,
    /// The topic's incarnation, if there is one for all that is known.
    pub(crate) log: Option<Log>,
    /// A topic is being created or deleted: no other change meanwhile.
    pub(crate) topic_busy: bool,
    pub(crate) uids: u64,
    pub(crate) payload_bytes: u64,
    /// Subscriptions may have filter policies.
    pub(crate) filters: bool,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut random = Random::new(plan.seed);
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let store = Store::new(plan.engine, &mut random, &clock);
        let mut recorder = Recorder::default();
        recorder.record(clock.now().as_micros(), Event::Run { seed: plan.seed });
        let payload_bytes = random.of(&[60, 600, 4_000]);
        let filters = random.percent(70);
        Self {
            random,
            clock,
            store,
            broker: None,
            recorder,
            ops: Vec::new(),
            hands: Vec::new(),
            late: Vec::new(),
            given_back: HashSet::new(),
            names: (0..4).map(Name::new).collect(),
            log: None,
            topic_busy: false,
            uids: 0,
            payload_bytes,
            filters,
        }
    }

    pub(crate) fn into_history(self) -> Vec<Entry> {
        self.recorder.into_entries()
    }

    /// One life of the broker's process. The last one ends with everything drained, the others with a crash.
    pub(crate) fn live(&mut self, turns: u64, last: bool) {
        // A runtime of its own: whatever the process has started ends with it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime of one thread can be built");
        runtime.block_on(async {
            self.start().await;
            for _ in 0..turns / 2 + self.random.below(turns) {
                self.turn();
                tokio::task::yield_now().await;
            }
            if last {
                self.drain().await;
            }
        });
        self.end();
        drop(runtime);
        if !last {
            self.store = self.store.crash(&mut self.random);
        }
    }

    async fn start(&mut self) {
        self.store.settle();
        let config = Config { checkpoint_bytes: 1 << 16, tail_cache_bytes: 1 << 20, ..Config::default() };
        let opening =
            Broker::open(self.store.journal(), self.clock.clone(), Arc::new(broker::PlainBodies), config);
        let broker = self.drive(Box::pin(opening)).await.expect("the broker recovers");
        self.broker = Some(broker);
        self.record(Event::Restart);
        self.look_up();
    }

    /// Every call is cut off, then the process is gone.
    fn end(&mut self) {
        while !self.ops.is_empty() {
            self.cut_off(0);
        }
        self.broker = None;
        self.record(Event::Crash);
    }

    fn turn(&mut self) {
        match self.random.weighted(&[40, 14, 16, 22, 4, 8, 2, 2, 3, 5]) {
            0 => self.poll_one(),
            1 if self.ops.len() < CALLS => self.publish(),
            2 if self.ops.len() < CALLS => self.pull(),
            3 if self.random.percent(12) => self.acknowledge_late(),
            3 => self.settle(),
            4 => self.pass_time(),
            5 => self.store.work(&mut self.random),
            6 => self.upkeep(),
            7 if !self.ops.is_empty() => {
                let index = self.random.index(self.ops.len());
                // The broker's own work ends only with the broker.
                if !self.ops[index].silent {
                    self.cut_off(index);
                }
            }
            8 => self.change(),
            9 if self.ops.len() < CALLS => {
                let index = self.random.index(self.names.len());
                self.ask_for_figures(index);
            }
            _ => self.poll_one(),
        }
    }

    fn poll_one(&mut self) {
        if !self.ops.is_empty() {
            let index = self.random.index(self.ops.len());
            self.poll(index);
        }
    }

    /// Gives a call a turn. Its wakers wake nobody: the seed says who is next.
    pub(crate) fn poll(&mut self, index: usize) {
        let future = self.ops[index].future.as_mut();
        if let Poll::Ready(done) = future.poll(&mut Context::from_waker(Waker::noop())) {
            let op = self.ops.swap_remove(index);
            self.not_busy(&op);
            done(self);
        }
    }

    /// The client goes away in the middle of a call.
    pub(crate) fn cut_off(&mut self, index: usize) {
        let op = self.ops.swap_remove(index);
        self.not_busy(&op);
        let call = op.call;
        drop(op);
        if let Some(call) = call {
            self.record(Event::Unknown { call });
        }
    }

    fn not_busy(&mut self, op: &Op) {
        if let Some(name) = op.name.and_then(|name| self.names.get_mut(name)) {
            name.busy = false;
        } else if op.name.is_some() {
            self.topic_busy = false;
        }
    }

    fn pass_time(&mut self) {
        let millis = self.random.of(&[10, 300, 1_000, 3_000, 20_000]);
        self.clock.advance(Duration::from_millis(self.random.below(millis)));
        let broker = self.broker().clone();
        self.begin_silent(async move {
            let _ = broker.run_due().await;
        });
    }

    fn upkeep(&mut self) {
        let broker = self.broker().clone();
        self.begin_silent(async move { broker.run_upkeep().await });
    }

    /// Begins work that no client asked for.
    fn begin_silent(&mut self, work: impl Future<Output = ()> + 'static) {
        let done = |(): ()| -> Done { Box::new(|_| {}) };
        self.ops.push(Op {
            call: None,
            name: None,
            future: Box::pin(async move {
                let _: () = work.await;
                done(())
            }),
            silent: true,
        });
    }

    /// Begins a call.
    pub(crate) fn begin(
        &mut self,
        request: Invoked,
        name: Option<usize>,
        work: impl Future<Output = Done> + 'static,
    ) -> Call {
        let call = self.recorder.invoke(self.now(), request);
        self.ops.push(Op { call: Some(call), name, future: Box::pin(work), silent: false });
        call
    }

    /// The call that the next [`Self::begin`] makes.
    pub(crate) fn next_call(&self) -> Call {
        self.recorder.next_call()
    }

    /// Runs a future to its end, with everything durable as soon as it is accepted.
    pub(crate) async fn drive<T>(&self, mut future: Pin<Box<dyn Future<Output = T> + '_>>) -> T {
        for _ in 0..PATIENCE {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return value;
            }
            self.store.settle();
            tokio::task::yield_now().await;
        }
        panic!("a call never comes to an end");
    }

    pub(crate) fn broker(&self) -> &Broker {
        self.broker.as_ref().expect("the process is alive")
    }

    pub(crate) fn record(&mut self, event: Event) {
        self.recorder.record(self.now(), event);
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now().as_micros()
    }
}

pub(crate) fn topic() -> TopicName {
    "orders".parse().expect("it is a name")
}
