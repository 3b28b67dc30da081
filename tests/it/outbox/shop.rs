//! A database with an outbox, and what the suites do with it.

use std::time::Duration;

use fanfare_client::{
    Client, Message,
    outbox::{Figures, Outbox, Relay, RelayError},
};
use sqlx::PgPool;
use tokio::task::JoinHandle;

use super::postgres::Postgres;
use crate::support::eventually;

/// In the order in which the broker stored them.
pub(super) type Stored = Vec<String>;

pub(super) struct Shop {
    pub(super) postgres: Postgres,
    pub(super) pool: PgPool,
    pub(super) outbox: Outbox,
}

/// A relay that runs in a task. Dropped, it goes on: tests end it.
pub(super) struct Running(JoinHandle<Result<(), RelayError>>);

impl Running {
    /// Wherever it is, as a crash of its process.
    pub(super) async fn abort(self) {
        self.0.abort();
        _ = self.0.await;
    }

    pub(super) async fn ended(self) -> Result<(), RelayError> {
        self.0.await.unwrap()
    }
}

impl Shop {
    pub(super) async fn open() -> Self {
        let postgres = Postgres::start().await;
        let pool = postgres.pool().await;
        let outbox = Outbox::new();
        outbox.migrate(&pool).await.unwrap();
        Self { postgres, pool, outbox }
    }

    pub(super) fn relay(&self, client: &Client) -> Relay {
        Relay::new(client.clone(), self.pool.clone(), self.outbox.clone())
            .poll_interval(Duration::from_millis(50))
    }

    pub(super) fn run(&self, client: &Client) -> Running {
        run(self.relay(client))
    }

    /// In a transaction each.
    pub(super) async fn write(&self, keys: &[&str], numbers: std::ops::Range<usize>) {
        for number in numbers {
            let mut transaction = self.pool.begin().await.unwrap();
            let key = keys[number % keys.len()];
            self.outbox.write(&mut *transaction, "orders", message(key, number)).await.unwrap();
            transaction.commit().await.unwrap();
        }
    }

    pub(super) async fn figures(&self) -> Figures {
        self.outbox.figures(&self.pool).await.unwrap()
    }

    pub(super) async fn until(&self, what: &str, wanted: impl Fn(&Figures) -> bool) -> Figures {
        eventually(what, async || {
            let figures = self.figures().await;
            if wanted(&figures) { Ok(figures) } else { Err(figures) }
        })
        .await
    }

    /// Waits until the relay has looked several times more: its session's statements begin one after the other.
    pub(super) async fn until_it_has_looked(&self) {
        const STATEMENTS: usize = 12;
        let started = "SELECT query_start::text FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE locktype = 'advisory'";
        let mut seen = std::collections::HashSet::new();
        eventually("the relay looks", async || {
            seen.extend(sqlx::query_scalar::<_, String>(started).fetch_optional(&self.pool).await.unwrap());
            if seen.len() >= STATEMENTS { Ok(()) } else { Err(seen.len()) }
        })
        .await;
    }

    /// Ends the sessions that wait for a lock, as the end of their machine would.
    pub(super) async fn end_sessions_that_wait(&self) {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        sqlx::query(end).execute(&self.pool).await.unwrap();
    }

    /// Waits until some session waits for a lock.
    pub(super) async fn until_one_waits(&self) {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        eventually("a session waits", async || {
            match sqlx::query_scalar::<_, i64>(waiting).fetch_one(&self.pool).await.unwrap() {
                0 => Err("none waits"),
                _ => Ok(()),
            }
        })
        .await;
    }
}

pub(super) fn run(relay: Relay) -> Running {
    Running(tokio::spawn(relay.run_until(std::future::pending())))
}

pub(super) fn message(key: &str, number: usize) -> Message {
    let message = Message::new(format!("{key}:{number}"));
    if key.is_empty() { message } else { message.ordering_key(key) }
}

/// Topic `orders` with an unordered subscription that gets all of it.
pub(super) async fn prepare(client: &Client) {
    client.topics().create("orders").await.unwrap();
    client.subscriptions().create("audit", "orders").await.unwrap();
}

/// All that is stored, which must come to so many, and to no more.
pub(super) async fn stored(client: &Client, count: usize) -> Stored {
    let mut found = Vec::new();
    take(client, count, &mut found).await;
    let backlog = client.server().subscription_stats("audit").await.unwrap().backlog;
    assert_eq!((found.len(), backlog), (count, 0));
    found.sort();
    found.into_iter().map(|(_, text)| text).collect()
}

/// Takes messages until there are so many.
pub(super) async fn take(client: &Client, count: usize, found: &mut Vec<(u64, String)>) {
    let audit = client.settler("audit");
    eventually("messages come", async || {
        let messages = audit.pull(1_000, Duration::ZERO).await.map_err(|error| error.to_string())?;
        let ids = messages.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        if !ids.is_empty() {
            audit.ack(ids).await.map_err(|error| error.to_string())?;
        }
        found.extend(
            messages.iter().map(|(_, message)| (message.sequence(), message.text().unwrap().to_owned())),
        );
        if found.len() >= count { Ok(()) } else { Err(format!("{} of {count}", found.len())) }
    })
    .await;
}

/// What of one key is stored, in that order.
pub(super) fn of_key(stored: &[String], key: &str) -> Vec<usize> {
    let parts = stored.iter().map(|text| text.split_once(':').unwrap());
    parts.filter(|(of, _)| *of == key).map(|(_, number)| number.parse().unwrap()).collect()
}

/// Each of the numbers exactly once, and those of each key in their order.
pub(super) fn check(stored: &[String], keys: &[&str], numbers: std::ops::Range<usize>) {
    for (index, key) in keys.iter().enumerate() {
        let expected: Vec<_> = numbers.clone().filter(|number| number % keys.len() == index).collect();
        let mut found = of_key(stored, key);
        if key.is_empty() {
            found.sort_unstable();
        }
        assert_eq!(found, expected, "key {key:?}");
    }
    assert_eq!(stored.len(), numbers.len());
}
