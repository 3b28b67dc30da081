//! A broker with topic `t` and subscription `s`, and what tests ask of it.

use std::time::Duration;

use fanfare_client::{
    Client, ReceivedMessage,
    publisher::{PublishError, PublishFuture, Published, PublisherBuilder},
};
use fanfare_testkit::broker::{Broker, Pace};

/// After so long a test fails instead of waiting on.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than any test: batches that nothing fills or flushes are never sent.
pub(crate) const NEVER: Duration = Duration::from_secs(10_000);

pub(crate) struct Setup {
    pub(crate) broker: Broker,
    pub(crate) client: Client,
}

impl Setup {
    pub(crate) async fn new() -> Self {
        let broker = Broker::builder().pace(Pace::Real).start().await;
        let client = broker.client();
        client.topics().create("t").await.unwrap();
        client.subscriptions().create("s", "t").await.unwrap();
        Self { broker, client }
    }

    pub(crate) fn publisher(&self) -> PublisherBuilder {
        self.client.publisher("t")
    }

    /// Everything that is stored, in the order of the log. `count` is what the test expects; whatever is there is told.
    pub(crate) async fn stored(&self, count: usize) -> Vec<ReceivedMessage> {
        let mut stored = Vec::new();
        loop {
            let wait = if stored.len() < count { Duration::from_secs(1) } else { Duration::ZERO };
            let pulled = self.client.settler("s").pull(1_000, wait).await.unwrap();
            if pulled.is_empty() {
                stored.sort_by_key(ReceivedMessage::sequence);
                return stored;
            }
            stored.extend(pulled.into_iter().map(|(_, message)| message));
        }
    }

    /// Their texts.
    pub(crate) async fn texts(&self, count: usize) -> Vec<String> {
        self.stored(count).await.iter().map(|message| message.text().unwrap().to_owned()).collect()
    }
}

/// The outcome, or a failure of the test instead of a wait without end.
pub(crate) async fn outcome(future: PublishFuture) -> Result<Published, PublishError> {
    within(future).await
}

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes to an end")
}

/// `0`, `1`, `2` …
pub(crate) fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}
