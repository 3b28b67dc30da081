use std::{collections::BTreeMap, path::Path};

use anyhow::Result;
use load::{Body, Correctness, Fanfare, Ledger, Publisher as _, Receipts as _, Subscriber as _, System as _};

use super::Server;
use crate::{Metric, measure::Measured, systems::Tools};

/// W8: how long a broker that was killed takes until it is ready, by the size of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// Of messages of one subscription, none of which was consumed.
    pub mib: u64,
}

const BYTES: usize = 1_024;
const OUTSTANDING: usize = 1_000;
const CONNECTIONS: usize = 4;
const TOPIC: &str = "topic";
const SUBSCRIPTION: &str = "subscription";

impl Recovery {
    /// Publishes, kills (SIGKILL), starts again, and receives everything, so that a quick start that has forgotten something is seen.
    pub(crate) async fn run(&self, tools: &Tools, directory: &Path) -> Result<Measured> {
        let messages = self.mib * 1_048_576 / BYTES as u64;
        let server = Server::start(tools, directory).await?;
        publish(&Fanfare::new(server.clients(CONNECTIONS)?), messages).await?;
        server.process.kill().await?;

        let again = Server::start(tools, directory).await?;
        let correctness = receive(&Fanfare::new(again.clients(1)?), messages).await?;
        let peak = again.process.usage()?.peak_rss_bytes;
        let figures = BTreeMap::from([
            (Metric::Ready, again.ready_after.as_secs_f64()),
            (Metric::PeakRss, peak as f64 / 1_048_576.0),
        ]);
        again.process.stop().await?;
        Ok(Measured { messages, figures, correctness })
    }
}

async fn publish(system: &Fanfare, messages: u64) -> Result<()> {
    system.create(TOPIC, &[SUBSCRIPTION.to_owned()]).await?;
    let (mut publisher, mut receipts) = system.publisher(TOPIC).await?;
    let filling = Body::filling(BYTES);
    let (mut index, mut waiting) = (0, 0);
    while index < messages || waiting > 0 {
        while index < messages && waiting < OUTSTANDING {
            publisher.send(Body { index, sent: std::time::Duration::ZERO }.encode(&filling)).await?;
            (index, waiting) = (index + 1, waiting + 1);
        }
        publisher.flush().await?;
        waiting -= receipts.next().await?;
    }
    Ok(())
}

async fn receive(system: &Fanfare, messages: u64) -> Result<Correctness> {
    let mut subscriber = system.subscriber(TOPIC, SUBSCRIPTION).await?;
    let (mut ledger, mut bodies) = (Ledger::new(messages), Vec::new());
    while !ledger.is_complete() {
        subscriber.receive(&mut bodies).await?;
        for bytes in bodies.drain(..) {
            match Body::decode(&bytes) {
                Some(body) => ledger.note(body.index),
                None => ledger.note_foreign(),
            }
        }
        subscriber.settle().await?;
    }
    subscriber.finish().await?;
    Ok(ledger.close())
}
