//! The loops that every workload is made of.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::{
    Body, Clock, Correctness, Latency, Ledger, Progress, Publisher, Receipts, Subscriber, System,
    pace::{self, Pace as _, Schedule},
    progress::Count,
};

/// Publishes a number of messages with at most so many outstanding, and waits for all acknowledgements.
pub(crate) async fn publish_all(
    (publisher, receipts): &mut (impl Publisher, impl Receipts),
    messages: u64,
    filling: &[u8],
    outstanding: usize,
    (clock, progress): (Clock, &Progress),
) -> Result<Latency> {
    let (mut latency, mut sent) = (Latency::default(), VecDeque::with_capacity(outstanding));
    let mut index = 0;
    loop {
        while index < messages && sent.len() < outstanding.max(1) {
            let body = Body { index, sent: clock.now() };
            publisher.send(body.encode(filling)).await?;
            sent.push_back(body.sent);
            index += 1;
        }
        if sent.is_empty() {
            return Ok(latency);
        }
        publisher.flush().await?;
        let acknowledged = checked(receipts.next().await?, sent.len())?;
        let now = clock.now();
        sent.drain(..acknowledged).for_each(|at: Duration| latency.record(now.saturating_sub(at)));
        progress.add_published(acknowledged as u64);
    }
}

/// A count that a system's client gave.
fn checked(acknowledged: usize, outstanding: usize) -> Result<usize> {
    anyhow::ensure!(
        (1..=outstanding).contains(&acknowledged),
        "{acknowledged} messages were acknowledged while {outstanding} waited for it"
    );
    Ok(acknowledged)
}

/// Sends a number of messages when they are due, whatever becomes of those before them; the publishers take turns.
pub(crate) async fn send_on_schedule(
    publishers: &mut [impl Publisher],
    messages: u64,
    filling: &[u8],
    (clock, schedule): (Clock, Schedule),
) -> Result<()> {
    let mut pace = pace::best()?;
    let turns = publishers.len() as u64;
    let mut next = 0;
    while next < messages {
        pace.until(clock, schedule.due(next)).await?;
        let due = schedule.due_by(clock.now()).min(messages);
        for message in next..due {
            let body = Body { index: message / turns, sent: schedule.due(message) };
            publishers[turn(message, turns)].send(body.encode(filling)).await?;
        }
        for message in (next..due).take(publishers.len()) {
            publishers[turn(message, turns)].flush().await?;
        }
        next = due;
    }
    Ok(())
}

fn turn(message: u64, turns: u64) -> usize {
    usize::try_from(message % turns).unwrap_or_default()
}

/// What one publisher sends by [`send_on_schedule`], and from which of its messages on latencies count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub(crate) schedule: Schedule,
    /// Whose turn it is first, and how many there are.
    pub(crate) turn: u64,
    pub(crate) turns: u64,
    pub(crate) messages: u64,
    pub(crate) counted_from: u64,
}

/// Waits for the acknowledgements of one publisher that sends on schedule.
pub(crate) async fn await_receipts(
    mut receipts: impl Receipts,
    share: Share,
    clock: Clock,
    progress: Arc<Progress>,
) -> Result<Latency> {
    let (mut latency, mut next) = (Latency::default(), 0);
    while next < share.messages {
        let open = usize::try_from(share.messages - next).unwrap_or(usize::MAX);
        let acknowledged = checked(receipts.next().await?, open)? as u64;
        let now = clock.now();
        for index in (next..next + acknowledged).filter(|index| *index >= share.counted_from) {
            let due = share.schedule.due(index * share.turns + share.turn);
            latency.record(now.saturating_sub(due));
        }
        next += acknowledged;
        progress.add_published(acknowledged);
    }
    Ok(latency)
}

/// What a subscriber saw.
pub(crate) struct Seen {
    pub(crate) ledger: Ledger,
    pub(crate) latency: Latency,
    /// When the last message had come and was settled.
    pub(crate) done: Duration,
}

/// The consumers of a run. Dropped, they end.
pub(crate) struct Consumers {
    tasks: JoinSet<Result<Seen>>,
    clock: Clock,
    progress: Arc<Progress>,
}

impl Consumers {
    pub(crate) fn new(clock: Clock, progress: &Arc<Progress>) -> Self {
        Self { tasks: JoinSet::new(), clock, progress: progress.clone() }
    }

    /// Starts one that waits for so many messages; latencies count from that index on.
    pub(crate) async fn start(
        &mut self,
        system: &impl System,
        (topic, subscription): (&str, &str),
        expected: u64,
        counted_from: u64,
    ) -> Result<()> {
        let subscriber = system.subscriber(topic, subscription).await?;
        self.progress.step();
        let count = self.progress.consumer(subscription, expected);
        let (clock, progress) = (self.clock, self.progress.clone());
        self.tasks.spawn(async move {
            let ledger = Ledger::new(expected);
            let seen = consume_all(subscriber, ledger, counted_from, (clock, &count)).await;
            progress.step();
            seen
        });
        Ok(())
    }

    /// Waits for all of them, or the first that fails.
    pub(crate) async fn all(mut self) -> Result<Total> {
        let mut total = Total::default();
        while let Some(seen) = self.tasks.join_next().await {
            total.add(&seen??);
        }
        Ok(total)
    }
}

/// Receives and settles until every message has come.
async fn consume_all(
    mut subscriber: impl Subscriber,
    mut ledger: Ledger,
    counted_from: u64,
    (clock, count): (Clock, &Count),
) -> Result<Seen> {
    let (mut latency, mut bodies) = (Latency::default(), Vec::new());
    while !ledger.is_complete() {
        subscriber.receive(&mut bodies).await?;
        let now = clock.now();
        for bytes in bodies.drain(..) {
            match Body::decode(&bytes) {
                Some(body) => {
                    ledger.note(body.index);
                    if body.index >= counted_from {
                        latency.record(now.saturating_sub(body.sent));
                    }
                }
                None => ledger.note_foreign(),
            }
        }
        count.set(ledger.distinct());
        subscriber.settle().await?;
    }
    subscriber.finish().await?;
    Ok(Seen { ledger, latency, done: clock.now() })
}

/// What all subscribers saw.
#[derive(Default)]
pub(crate) struct Total {
    pub(crate) delivered: u64,
    pub(crate) latency: Latency,
    pub(crate) correctness: Correctness,
    /// When the last one was done.
    pub(crate) done: Duration,
}

impl Total {
    fn add(&mut self, Seen { ledger, latency, done }: &Seen) {
        self.delivered += ledger.distinct();
        self.latency.add(latency);
        self.correctness += ledger.close();
        self.done = self.done.max(*done);
    }
}
