//! Stand-ins: a queue with the rules that matter here, an endpoint that does what a test says, and a way to run a task over both.

mod backend;
mod carrier;
mod queue;

use std::{sync::Arc, time::Duration};

use broker::AssignedEndpoint;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use types::{
    Clock, SubscriptionUid, Timestamp,
    push::{EndpointReport, EndpointStatus, PushSettings},
};

use crate::endpoint::{self, ByteBudget, End, Figures, Given, Memory, Stop};

pub(super) use backend::StandIn;
pub(super) use carrier::{Carry, Reply, reply};
pub(super) use queue::{BYTES, Queue};

/// A wall clock that goes with the runtime's.
#[derive(Debug)]
pub(super) struct RuntimeClock(Instant);

impl RuntimeClock {
    #[expect(clippy::disallowed_methods, reason = "the runtime's time, which the test moves")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).plus(self.0.elapsed())
    }
}

/// The runtime's time. It moves on when nothing else can happen.
#[expect(clippy::disallowed_methods, reason = "the runtime's time, which the test moves")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Lets so much time pass.
pub(super) async fn pass(time: Duration) {
    let _ = timeout(time, std::future::pending::<()>()).await;
}

/// Lets time pass until something is so, for at most a day.
pub(super) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = now() + Duration::from_secs(86_400);
    while !is_so() {
        assert!(now() < end, "never: {what}");
        pass(Duration::from_millis(5)).await;
    }
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// An endpoint that gets messages.
pub(super) fn endpoint(uid: u64, change: impl FnOnce(&mut PushSettings)) -> AssignedEndpoint {
    let mut push =
        PushSettings { endpoint: format!("https://endpoint-{uid}.example/"), ..PushSettings::default() };
    change(&mut push);
    AssignedEndpoint {
        subscription: format!("subscription-{uid}").parse().unwrap(),
        topic: "topic".parse().unwrap(),
        uid: SubscriptionUid(uid),
        push: Arc::new(push),
        status: EndpointStatus::Active,
    }
}

/// A task under way.
pub(super) struct Running {
    pub(super) queue: Queue,
    pub(super) backend: StandIn,
    pub(super) carry: Carry,
    pub(super) bytes: Arc<ByteBudget>,
    pub(super) stop: Stop,
    figures: Figures,
    task: JoinHandle<End>,
}

impl Running {
    /// Of an endpoint that does what the closure says.
    pub(super) fn start(
        change: impl FnOnce(&mut PushSettings),
        reply: impl Fn(u64, u32) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::within(64 << 20, change, reply)
    }

    /// The same with so many bytes for all endpoints.
    pub(super) fn within(
        bytes: u64,
        change: impl FnOnce(&mut PushSettings),
        reply: impl Fn(u64, u32) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let endpoint = endpoint(1, change);
        let backend = StandIn::new();
        let queue = backend.queue(endpoint.uid);
        let carry = Carry::new(reply);
        let (bytes, figures, stop) = (ByteBudget::new(bytes), Figures::default(), Stop::new());
        let task = tokio::spawn({
            let (backend, carry, bytes) = (backend.clone(), carry.clone(), bytes.clone());
            let (figures, stop) = (figures.clone(), stop.clone());
            async move {
                let clock = &RuntimeClock::start();
                let (endpoint, backend, carrier) = (&endpoint, &backend, &carry);
                let memory = Memory::default();
                let given = Given { endpoint, backend, carrier, clock, bytes, figures, memory, stop };
                endpoint::deliver(given).await
            }
        });
        Self { queue, backend, carry, bytes, stop, figures, task }
    }

    pub(super) fn report(&self) -> EndpointReport {
        self.figures.report()
    }

    /// Lets time pass until all messages are settled.
    pub(super) async fn settle(&self) {
        until("all is settled", || self.queue.open() == 0).await;
    }

    /// Waits for its end.
    pub(super) async fn end(self) -> End {
        timeout(seconds(3_600), self.task).await.unwrap().unwrap()
    }

    /// Tells it to stop, and waits.
    pub(super) async fn stop(self, grace: Duration) -> End {
        self.stop.stop(grace);
        self.end().await
    }
}
