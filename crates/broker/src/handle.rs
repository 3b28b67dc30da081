//! The [`Broker`] handle: opening, closing, and what concerns the broker as a whole.

use std::sync::{Arc, atomic::Ordering};

use dashmap::DashMap;
use journal::{Health, Journal, JournalError};
use tokio::sync::{Mutex, watch};
use types::{Clock, LogId, SubscriptionName, Timestamp, TopicName};

use crate::{
    Config, HealthState, OpenError, ReadContent, SubscriptionNotFound, TopicNotFound, Totals, Unavailable,
    background, catalog::Catalog, shared::Shared, subscription::Subscription, time::Time, topic::Topic,
};

/// Locks that serialise the creation and deletion of subscriptions with the same name.
const NAME_LOCKS: usize = 64;

/// The broker. Cheap to clone; all clones are the same broker.
#[derive(Debug, Clone)]
pub struct Broker {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) topics: DashMap<TopicName, Arc<Topic>>,
    pub(crate) subscriptions: DashMap<SubscriptionName, Arc<Subscription>>,
    /// Creating and deleting topics goes through here, one at a time.
    pub(crate) catalog: Mutex<Catalog>,
    pub(crate) names: [Mutex<()>; NAME_LOCKS],
    health: watch::Sender<HealthState>,
}

impl Broker {
    /// Recovers everything that the journal holds and starts to serve.
    ///
    /// # Errors
    /// The journal cannot be read, or holds what this release cannot make sense of. Nothing was changed.
    pub async fn open(
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        contents: Arc<dyn ReadContent>,
        config: Config,
    ) -> Result<Self, OpenError> {
        config.validate()?;
        let time = Time::new(clock);
        let catalog = Catalog::open(&journal, &time).await?;
        let shared = Arc::new(Shared::new(config, journal, time, contents, catalog.boot()));
        let topics = DashMap::new();
        let subscriptions = DashMap::new();
        for opening in catalog.topics() {
            let log = shared.journal.open(opening.id).await?;
            let topic = Topic::recover(opening, log, &shared).await?;
            let state = topic.state.lock();
            for subscription in state.subscriptions.values() {
                subscriptions.insert(subscription.name.clone(), subscription.clone());
                subscription.recovered(&topic, state.published);
            }
            drop(state);
            topic.start_pump();
            topics.insert(topic.name.clone(), topic);
        }
        let inner = Arc::new(Inner {
            shared,
            topics,
            subscriptions,
            catalog: Mutex::new(catalog),
            names: std::array::from_fn(|_| Mutex::new(())),
            health: watch::Sender::new(HealthState::Serving),
        });
        background::start(&inner);
        Ok(Self { inner })
    }

    /// The broker's time.
    pub fn now(&self) -> Timestamp {
        self.inner.shared.time.now()
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.inner.shared.config
    }

    /// Follows whether it serves.
    pub fn health(&self) -> watch::Receiver<HealthState> {
        self.inner.health.subscribe()
    }

    /// Totals since the process started.
    pub fn totals(&self) -> Totals {
        let counters = &self.inner.shared.totals;
        let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            topics: self.inner.topics.len() as u64,
            subscriptions: self.inner.subscriptions.len() as u64,
            published: get(&counters.published),
            deduplicated: get(&counters.deduplicated),
            deliveries: get(&counters.deliveries),
            acked: get(&counters.acked),
            failed_attempts: get(&counters.failed_attempts),
            dead_lettered: get(&counters.dead_lettered),
            published_bytes: get(&counters.published_bytes),
            damaged: get(&counters.damaged),
        }
    }

    /// Ends the consumers with [`Unavailable::Draining`] and refuses new work, except that what is delivered can still be settled.
    pub fn start_drain(&self) {
        self.inner.shared.start_drain();
        self.inner.health.send_if_modified(|health| {
            let serving = !matches!(health, HealthState::Poisoned(_) | HealthState::Draining);
            if serving {
                *health = HealthState::Draining;
            }
            serving
        });
        for subscription in &self.inner.subscriptions {
            subscription.wake_all();
        }
        self.inner.shared.endpoints.tell();
    }

    /// Drains, saves checkpoints so that the next start is quick, and closes the journal.
    ///
    /// # Errors
    /// The journal failed. What was acknowledged is on disk all the same.
    pub async fn shutdown(&self) -> Result<(), JournalError> {
        self.start_drain();
        for topic in self.inner.all_topics() {
            let mut progress = topic.upkeep.lock().await;
            if let Err(error) = topic.checkpoint(&mut progress).await {
                tracing::warn!(topic = %topic.name, %error, "its checkpoint was not saved; the next start reads more of its log");
            }
        }
        if let Err(error) = self.inner.catalog.lock().await.checkpoint().await {
            tracing::warn!(%error, "the catalog's checkpoint was not saved; the next start reads more of its log");
        }
        self.inner.shared.journal.close().await
    }

    /// Does at once what the background does by now: ends leases and messages whose time is over. For tests that move the clock.
    ///
    /// # Errors
    /// The journal does not take the records.
    pub async fn run_due(&self) -> Result<(), Unavailable> {
        background::run_due(&self.inner.shared).await
    }

    /// When the background has something to do next, as far as it is known now. For tests that move the clock.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.inner.shared.deadlines.next()
    }

    /// Does a round of upkeep at once: retention, checkpoints, unused subscriptions.
    pub async fn run_upkeep(&self) {
        background::run_upkeep(&self.inner).await;
    }
}

impl Inner {
    pub(crate) fn topic(&self, name: &TopicName) -> Result<Arc<Topic>, TopicNotFound> {
        self.topics.get(name).map(|topic| topic.clone()).ok_or_else(|| TopicNotFound(name.clone()))
    }

    /// The topic with this log.
    pub(crate) fn topic_of(&self, log: LogId) -> Option<Arc<Topic>> {
        self.topics.iter().find(|topic| topic.id == log).map(|topic| topic.clone())
    }

    pub(crate) fn subscription(
        &self,
        name: &SubscriptionName,
    ) -> Result<Arc<Subscription>, SubscriptionNotFound> {
        self.subscriptions.get(name).map(|s| s.clone()).ok_or_else(|| SubscriptionNotFound(name.clone()))
    }

    pub(crate) fn all_topics(&self) -> Vec<Arc<Topic>> {
        self.topics.iter().map(|topic| topic.clone()).collect()
    }

    /// Takes over the journal's health. A poisoned or draining broker stays what it is.
    pub(crate) fn set_health(&self, journal: &Health) {
        self.health.send_if_modified(|health| {
            let next = match (&*health, journal) {
                (HealthState::Poisoned(_), _) => return false,
                (_, Health::Poisoned(cause)) => HealthState::Poisoned(cause.to_string()),
                (HealthState::Draining, _) => return false,
                (_, Health::OutOfSpace) => HealthState::OutOfSpace,
                (_, Health::Healthy) => HealthState::Serving,
            };
            let changed = *health != next;
            *health = next;
            changed
        });
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("topics", &self.topics.len()).finish_non_exhaustive()
    }
}
