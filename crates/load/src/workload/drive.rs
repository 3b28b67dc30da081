//! The loops that every workload is made of.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;

use crate::{Body, Clock, Latency, Ledger, Publisher, Receipts, Subscriber};

/// Publishes a number of messages with at most so many outstanding, and waits for all acknowledgements.
pub(crate) async fn publish_all(
    (publisher, receipts): &mut (impl Publisher, impl Receipts),
    messages: u64,
    filling: &[u8],
    outstanding: usize,
    clock: Clock,
) -> Result<Latency> {
    let (mut latency, mut sent) = (Latency::default(), VecDeque::with_capacity(outstanding));
    let mut index = 0;
    loop {
        while index < messages && sent.len() < outstanding {
            let body = Body { index, sent: clock.now() };
            publisher.send(body.encode(filling)).await?;
            sent.push_back(body.sent);
            index += 1;
        }
        if sent.is_empty() {
            return Ok(latency);
        }
        publisher.flush().await?;
        let acknowledged = receipts.next().await?;
        let now = clock.now();
        sent.drain(..acknowledged).for_each(|at: Duration| latency.record(now - at));
    }
}

/// What a subscriber saw.
pub(crate) struct Seen {
    pub(crate) ledger: Ledger,
    pub(crate) latency: Latency,
    /// When the last message had come and was settled.
    pub(crate) done: Duration,
}

/// Receives and settles until every message has come.
pub(crate) async fn consume_all(
    mut subscriber: impl Subscriber,
    expected: u64,
    clock: Clock,
) -> Result<Seen> {
    let (mut ledger, mut latency, mut bodies) = (Ledger::new(expected), Latency::default(), Vec::new());
    while !ledger.is_complete() {
        subscriber.receive(&mut bodies).await?;
        let now = clock.now();
        for bytes in bodies.drain(..) {
            match Body::decode(&bytes) {
                Some(body) => {
                    ledger.note(body.index);
                    latency.record(now.saturating_sub(body.sent));
                }
                None => ledger.note_foreign(),
            }
        }
        subscriber.settle().await?;
    }
    subscriber.finish().await?;
    Ok(Seen { ledger, latency, done: clock.now() })
}
