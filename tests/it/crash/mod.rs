//! `kill -9` at random moments under publish and consume load.
//!
//! The clients write down what they were told, the broker does not: [`ledger`] is the only judge. A round starts the broker
//! on the same directory, lets publishers and consumers work until so many things have happened, kills it, and waits
//! until every client has noticed. What a client had not been answered by then may or may not have happened.

mod consumer;
mod ledger;
mod publisher;

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::json;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tonic::transport::Channel;

use self::{ledger::Ledger, publisher::Publisher};
use crate::support::{Fanfare, Start, client, eventually, random};

/// Rounds in CI, and in a run that may take long.
const ROUNDS: u64 = 60;
const ROUNDS_LONG: u64 = 200;
/// Things that happen in a round at the most: answers of the broker, of any kind.
const MOST_EVENTS: u64 = 900;
/// Acknowledged and not yet delivered, after which publishers wait: it has to be consumed in the end.
const MOST_BEHIND: usize = 2_000;

/// After which something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all clients share.
#[derive(Debug, Clone)]
struct Shared {
    ledger: Arc<Mutex<Ledger>>,
    /// Counts the broker's answers, which is the clock of a round.
    events: watch::Sender<u64>,
    /// The latest round whose broker was killed.
    killed: watch::Sender<u64>,
}

impl Shared {
    fn event(&self) {
        self.events.send_modify(|count| *count += 1);
    }

    /// Waits until consumers have caught up, or the broker of this round is no more.
    async fn caught_up(&self, round: u64) {
        let (mut events, mut killed) = (self.events.subscribe(), self.killed.subscribe());
        tokio::select! {
            _ = events.wait_for(|_| self.ledger.lock().behind() < MOST_BEHIND) => {}
            _ = killed.wait_for(|killed| *killed >= round) => {}
        }
    }
}

struct Scenario {
    shared: Shared,
    publishers: Vec<Arc<tokio::sync::Mutex<Publisher>>>,
    seed: u64,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let shared =
            Shared { ledger: Arc::default(), events: watch::Sender::new(0), killed: watch::Sender::new(0) };
        let publishers = publisher::all(seed, &shared);
        Self { shared, publishers, seed }
    }

    /// One life of the broker.
    async fn round(&self, data: &Path, number: u64) {
        let mut random = random::Random::new(self.seed, number);
        let mut fanfare = Start::on(data).spawn();
        fanfare.until_listening();
        if number > 1 && random.once_in(8) {
            // While it recovers.
            return fanfare.kill();
        }
        fanfare.until_ready().await;
        if number == 1 {
            create(&fanfare);
        }
        let mut clients = self.consumers(&fanfare, number).await;
        for publisher in &self.publishers {
            let (publisher, channel) = (publisher.clone(), connect(&fanfare).await);
            clients.spawn(async move { publisher.lock().await.publish_until_it_dies(channel, number).await });
        }
        let mut events = self.shared.events.subscribe();
        let until = *events.borrow() + random.below(MOST_EVENTS);
        tokio::select! {
            reached = in_time("progress", events.wait_for(|count| *count >= until)) => drop(reached.unwrap()),
            ended = clients.join_next() => panic!("a client gave up on a broker that lives: {ended:?}"),
        }
        fanfare.kill();
        self.shared.killed.send_replace(number);
        while let Some(ended) = in_time("the clients to notice", clients.join_next()).await {
            ended.unwrap();
        }
        self.shared.ledger.lock().crash();
    }

    async fn consumers(&self, fanfare: &Fanfare, round: u64) -> JoinSet<String> {
        let mut clients = JoinSet::new();
        for consumer in consumer::all(self.seed, round, &self.shared) {
            clients.spawn(consumer.run(connect(fanfare).await));
        }
        clients
    }

    /// A last life, in which everything is consumed.
    async fn drain(&self, data: &Path) {
        let fanfare = Start::on(data).ready().await;
        let mut clients = self.consumers(&fanfare, u64::MAX).await;
        tokio::select! {
            () = is_empty(&fanfare) => {}
            ended = clients.join_next() => panic!("a client gave up on a broker that lives: {ended:?}"),
        }
        clients.shutdown().await;
        fanfare.stop().await;
    }
}

/// While the broker lives for sure: a client that connects later may find another test's broker on the same port, and wait there.
async fn connect(fanfare: &Fanfare) -> Channel {
    client::connect(fanfare.grpc()).await.unwrap()
}

/// Waits until each subscription has settled everything.
async fn is_empty(fanfare: &Fanfare) {
    for subscription in consumer::SUBSCRIPTIONS {
        let stats =
            || fanfare.grpcurl().ok("AdminService/GetSubscriptionStats", &json!({"name": subscription}));
        eventually("everything is settled", async || match stats() {
            stats if stats["backlog"].is_null() => Ok(()),
            stats => Err(stats),
        })
        .await;
    }
}

/// What should take no time at all.
async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

fn create(fanfare: &Fanfare) {
    client::create_topic(fanfare, &json!({}));
    for subscription in consumer::SUBSCRIPTIONS {
        let ordered = subscription == consumer::ORDERED;
        // Longer than the test: that a lease runs out has tests of its own.
        let settings = json!({"ordered": ordered, "ackDeadline": "3600s", "maxAttempts": 1000});
        client::subscribe(fanfare, subscription, &settings);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_minus_nine_under_load_loses_nothing() {
    let rounds = if std::env::var_os("FANFARE_LONG").is_some() { ROUNDS_LONG } else { ROUNDS };
    let seed = random::seed();
    // Shown if anything fails from here on.
    println!("FANFARE_SEED={seed}");
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let scenario = Scenario::new(seed);
    for number in 1..=rounds {
        scenario.round(&data, number).await;
    }
    scenario.drain(&data).await;
    let verdict = scenario.shared.ledger.lock().judge();
    // Past the test runner, which shows what a test prints only if it fails.
    writeln!(io::stderr(), "kill -9: cycles={rounds} {verdict} seed={seed}").unwrap();
    assert!(verdict.is_good(), "{verdict:#?}, FANFARE_SEED={seed}");
}
