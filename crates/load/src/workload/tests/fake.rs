//! A system in memory that does what it is told to, also what none should do.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, bail};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::{Body, Caller, Clock, Publisher, Receipts, Subscriber, System, UnarySystem};

/// What it does wrong. Indices are those of a topic's messages.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fault {
    /// This message comes to nobody.
    pub(super) loses: Option<u64>,
    /// This one comes twice.
    pub(super) duplicates: Option<u64>,
    /// This one comes after the one behind it.
    pub(super) delays: Option<u64>,
    /// Before this one it delivers something that nobody published.
    pub(super) invents: Option<u64>,
    /// This one is refused.
    pub(super) refuses: Option<u64>,
    /// Nothing is acknowledged from this one on.
    pub(super) holds_back: Option<u64>,
    /// It takes so long to take this one.
    pub(super) stands_still: Option<(u64, Duration)>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Fake {
    fault: Fault,
    state: Arc<Mutex<State>>,
}

/// See [`Fake::seen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) subscriptions: usize,
    pub(super) publishers: usize,
    pub(super) consumers: usize,
    pub(super) sent: u64,
}

#[derive(Debug, Default)]
struct State {
    topics: HashMap<String, Vec<Arc<Queue>>>,
    subscriptions: HashMap<String, Arc<Queue>>,
    settled: u64,
    sent: u64,
    publishers: usize,
    consumers: usize,
}

#[derive(Debug, Default)]
struct Queue {
    messages: Mutex<VecDeque<Bytes>>,
    came: Notify,
}

impl Fake {
    pub(super) fn with(fault: Fault) -> Self {
        Self { fault, ..Self::default() }
    }

    /// Deliveries that were settled.
    pub(super) fn settled(&self) -> u64 {
        self.state.lock().settled
    }

    /// What was created and connected, and what was sent.
    pub(super) fn seen(&self) -> Seen {
        let state = self.state.lock();
        let State { publishers, consumers, sent, .. } = *state;
        Seen { subscriptions: state.subscriptions.len(), publishers, consumers, sent }
    }

    /// The topics that were created, and how many subscriptions each has.
    pub(super) fn topics(&self) -> usize {
        self.state.lock().topics.len()
    }
}

impl System for Fake {
    type Publisher = Sender;
    type Receipts = Acknowledgements;
    type Subscriber = Consumer;

    async fn create(&self, topic: &str, subscriptions: &[String]) -> Result<()> {
        let mut state = self.state.lock();
        let mut queues = Vec::new();
        for name in subscriptions {
            let queue = Arc::new(Queue::default());
            state.subscriptions.insert(name.clone(), queue.clone());
            queues.push(queue);
        }
        if state.topics.insert(topic.to_owned(), queues).is_some() {
            bail!("{topic} is there already");
        }
        Ok(())
    }

    async fn publisher(&self, topic: &str) -> Result<(Sender, Acknowledgements)> {
        let queues = {
            let mut state = self.state.lock();
            state.publishers += 1;
            state.topics[topic].clone()
        };
        let state = self.state.clone();
        let (acknowledge, acknowledged) = mpsc::channel(10_000);
        let sender =
            Sender { fault: self.fault, state, queues, acknowledge, index: 0, late: None, waiting: 0 };
        Ok((sender, Acknowledgements(acknowledged)))
    }

    async fn subscriber(&self, _topic: &str, subscription: &str) -> Result<Consumer> {
        let mut state = self.state.lock();
        state.consumers += 1;
        let queue = state.subscriptions[subscription].clone();
        Ok(Consumer { queue, state: self.state.clone(), unsettled: 0 })
    }
}

pub(super) struct Sender {
    fault: Fault,
    state: Arc<Mutex<State>>,
    queues: Vec<Arc<Queue>>,
    acknowledge: mpsc::Sender<usize>,
    index: u64,
    late: Option<Bytes>,
    waiting: usize,
}

impl Sender {
    fn deliver(&self, body: &Bytes) {
        for queue in &self.queues {
            queue.messages.lock().push_back(body.clone());
            queue.came.notify_one();
        }
    }

    fn deliver_as_it_does(&mut self, body: Bytes, index: u64) {
        if self.fault.invents == Some(index) {
            self.deliver(&Bytes::from_static(b"?"));
        }
        if self.fault.delays == Some(index) {
            self.late = Some(body);
            return;
        }
        if self.fault.loses != Some(index) {
            self.deliver(&body);
        }
        if self.fault.duplicates == Some(index) {
            self.deliver(&body);
        }
        if let Some(late) = self.late.take() {
            self.deliver(&late);
        }
    }
}

impl Publisher for Sender {
    async fn send(&mut self, body: Bytes) -> Result<()> {
        let index = self.index;
        self.index += 1;
        self.state.lock().sent += 1;
        if let Some((_, long)) = self.fault.stands_still.filter(|(at, _)| *at == index) {
            let nothing = std::future::pending::<()>();
            _ = tokio::time::timeout(long, nothing).await;
        }
        if self.fault.refuses == Some(index) {
            bail!("message {index} is refused");
        }
        self.deliver_as_it_does(body, index);
        self.waiting += usize::from(self.fault.holds_back.is_none_or(|from| index < from));
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        if self.waiting > 0 {
            self.acknowledge.send(std::mem::take(&mut self.waiting)).await?;
        }
        Ok(())
    }
}

pub(super) struct Acknowledgements(mpsc::Receiver<usize>);

impl Receipts for Acknowledgements {
    async fn next(&mut self) -> Result<usize> {
        match self.0.recv().await {
            Some(count) => Ok(count),
            None => std::future::pending().await,
        }
    }
}

pub(super) struct Consumer {
    queue: Arc<Queue>,
    state: Arc<Mutex<State>>,
    unsettled: u64,
}

impl Subscriber for Consumer {
    async fn receive(&mut self, into: &mut Vec<Bytes>) -> Result<()> {
        loop {
            into.extend(self.queue.messages.lock().drain(..));
            if !into.is_empty() {
                self.unsettled += into.len() as u64;
                return Ok(());
            }
            self.queue.came.notified().await;
        }
    }

    async fn settle(&mut self) -> Result<()> {
        self.state.lock().settled += std::mem::take(&mut self.unsettled);
        Ok(())
    }

    async fn finish(self) -> Result<()> {
        Ok(())
    }
}

impl UnarySystem for Fake {
    type Caller = Call;

    async fn create(&self, topic: &str) -> Result<()> {
        System::create(self, topic, &[]).await
    }

    async fn caller(&self, _topic: &str, _number: usize) -> Result<Call> {
        self.state.lock().publishers += 1;
        Ok(Call { fault: self.fault, state: self.state.clone() })
    }
}

/// Takes a millisecond a call; counts as settled what was called with.
pub(super) struct Call {
    fault: Fault,
    state: Arc<Mutex<State>>,
}

impl Caller for Call {
    async fn call(&mut self, body: Bytes) -> Result<()> {
        let Some(body) = Body::decode(&body) else { bail!("not a body") };
        if self.fault.holds_back.is_some_and(|from| body.index >= from) {
            std::future::pending::<()>().await;
        }
        if self.fault.refuses == Some(body.index) {
            bail!("message {} is refused", body.index);
        }
        let begun = Clock::start();
        _ = tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
        assert!(begun.now() >= Duration::from_millis(1));
        let mut state = self.state.lock();
        state.settled += 1;
        state.sent += 1;
        Ok(())
    }
}
