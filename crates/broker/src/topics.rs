//! What the handle offers on topics, and publishing.

use std::sync::{Arc, atomic::Ordering};

use journal::Durable;
use types::{Invalid, Position, ProjectId, TopicName, TopicSettings, limits};

use crate::{
    Broker, CreateTopicError, DeleteTopicError, NewMessage, Page, Paged, PublishError, Published, TopicInfo,
    TopicNotFound, TopicStats, Unavailable, UpdateTopicError,
    record::{TopicEvent, write_topic},
    shared::count,
    topic::{Acceptance, Topic},
};

/// Messages that have their places and are on their way to the disk.
#[derive(Debug)]
#[must_use = "accepted messages are not durable before `durable` says so"]
pub struct Accepted {
    topic: Arc<Topic>,
    acceptance: Acceptance,
}

impl Accepted {
    /// Waits until every message survives a power cut.
    ///
    /// # Errors
    /// The journal failed: whether the messages survive is unknown.
    pub async fn durable(self) -> Result<Vec<Published>, PublishError> {
        let Acceptance { published, durable, stands_for } = self.acceptance;
        if let Some(durable) = durable {
            Durable::wait(durable).await.map_err(Unavailable::from)?;
        } else if let Some(sequence) = stands_for {
            // All were duplicates: of messages that may themselves still be on their way.
            self.topic.wait_durable(sequence).await?;
        }
        Ok(published)
    }
}

impl Broker {
    /// Creates a topic. Doing it again with equal settings is OK and changes nothing.
    ///
    /// # Errors
    /// See [`CreateTopicError`].
    pub async fn create_topic(
        &self,
        name: TopicName,
        settings: TopicSettings,
    ) -> Result<TopicInfo, CreateTopicError> {
        settings.validate().map_err(|invalid| invalid.within("settings"))?;
        self.inner.shared.check_serving()?;
        let broker = self.clone();
        to_the_end(async move { broker.create_topic_now(name, settings).await }).await
    }

    async fn create_topic_now(
        &self,
        name: TopicName,
        settings: TopicSettings,
    ) -> Result<TopicInfo, CreateTopicError> {
        let mut catalog = self.inner.catalog.lock().await;
        if let Ok(existing) = self.inner.topic(&name) {
            let info = existing.info();
            if info.settings != settings {
                return Err(CreateTopicError::Exists(name));
            }
            // The settings may have become these by a change that is still on its way to the disk.
            if info.position < existing.state.lock().end {
                existing.wait_durable(info.position).await?;
            }
            return Ok(info);
        }
        if self.inner.topics.len() >= limits::TOPICS {
            return Err(CreateTopicError::TooMany { limit: limits::TOPICS });
        }
        let shared = &self.inner.shared;
        let opening = match catalog.find(&name) {
            // Recorded before, when its log could not be opened.
            Some(recorded) if recorded.settings != settings => return Err(CreateTopicError::Exists(name)),
            Some(recorded) => recorded,
            None => catalog.create(shared.time.now(), name.clone(), settings).await?,
        };
        let log = shared.journal.open(opening.id).await.map_err(Unavailable::from)?;
        let topic = Topic::recover(opening, log, shared).await.map_err(Unavailable::from)?;
        topic.start_pump();
        let info = topic.info();
        self.inner.topics.insert(name, topic);
        Ok(info)
    }

    /// A topic.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn topic(&self, name: &TopicName) -> Result<TopicInfo, TopicNotFound> {
        Ok(self.inner.topic(name)?.info())
    }

    /// A topic in figures.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn topic_stats(&self, name: &TopicName) -> Result<TopicStats, TopicNotFound> {
        Ok(self.inner.topic(name)?.stats())
    }

    /// The topics of a project, in the order of their names.
    pub fn topics(&self, project: &ProjectId, page: &Page) -> Paged<TopicInfo> {
        let topics = self.inner.topics.iter().filter(|topic| topic.name.project() == project);
        page.of(topics.map(|topic| (topic.name.id().to_owned(), topic.clone())), |topic| Some(topic.info()))
    }

    /// Changes a topic's settings and answers once that is durable.
    ///
    /// # Errors
    /// See [`UpdateTopicError`].
    pub async fn update_topic(
        &self,
        name: &TopicName,
        change: impl Fn(&mut TopicSettings) + Send,
    ) -> Result<TopicInfo, UpdateTopicError> {
        let topic = self.inner.topic(name)?;
        self.inner.shared.check_serving()?;
        topic.update(change).await
    }

    /// Deletes a topic, its messages and its subscriptions. Without `force` it is refused while a subscription has unsettled messages
    /// or dead letters.
    ///
    /// # Errors
    /// See [`DeleteTopicError`].
    pub async fn delete_topic(&self, name: &TopicName, force: bool) -> Result<(), DeleteTopicError> {
        self.inner.shared.check_serving()?;
        let (broker, name) = (self.clone(), name.clone());
        to_the_end(async move { broker.delete_topic_now(&name, force).await }).await
    }

    async fn delete_topic_now(&self, name: &TopicName, force: bool) -> Result<(), DeleteTopicError> {
        let mut catalog = self.inner.catalog.lock().await;
        let topic = self.inner.topic(name)?;
        topic.close_for_publishes(force).await?;
        if let Err(error) = catalog.delete(self.now(), topic.id).await {
            topic.open_for_publishes();
            return Err(error.into());
        }
        let subscriptions: Vec<_> = topic.state.lock().subscriptions.values().cloned().collect();
        topic.delete();
        self.inner.topics.remove(name);
        for subscription in subscriptions {
            self.inner.subscriptions.remove_if(&subscription.name, |_, found| found.uid == subscription.uid);
        }
        // A round of upkeep ends first.
        let _upkeep = topic.upkeep.lock().await;
        if let Err(error) = self.inner.shared.journal.delete(topic.id).await {
            // It is deleted all the same; the next start removes the rest.
            tracing::warn!(topic = %name, %error, "the log of a deleted topic could not be removed yet");
        }
        Ok(())
    }

    /// Takes places for messages, in the order of the calls; [`Accepted::durable`] gives the answer. All of them or none.
    /// Dropping the answer does not take them back.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn accept(
        &self,
        topic: &TopicName,
        messages: Vec<NewMessage>,
    ) -> Result<Accepted, PublishError> {
        let topic = self.inner.topic(topic)?;
        self.inner.shared.check_serving()?;
        self.check_messages(&messages)?;
        let acceptance = topic.accept(&messages).await?;
        let bytes = messages.iter().map(|message| message.payload.len() as u64).sum();
        count(&self.inner.shared.totals.published_bytes, bytes);
        Ok(Accepted { topic, acceptance })
    }

    /// Publishes: answers once every message survives a power cut.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish(
        &self,
        topic: &TopicName,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Published>, PublishError> {
        self.accept(topic, messages).await?.durable().await
    }

    fn check_messages(&self, messages: &[NewMessage]) -> Result<(), Invalid> {
        if messages.is_empty() || messages.len() > limits::PUBLISH_MESSAGES {
            let allowed = limits::PUBLISH_MESSAGES;
            return Err(Invalid::new(
                "messages",
                format!("there are {}, must be 1 to {allowed}", messages.len()),
            ));
        }
        let limit = self.config().max_message_bytes;
        for (index, message) in messages.iter().enumerate() {
            let in_message = |invalid: Invalid| invalid.within(&format!("messages[{index}]"));
            if message.payload.len() > limit {
                let found = message.payload.len();
                return Err(Invalid::new(
                    format!("messages[{index}]"),
                    format!("has {found} bytes, the limit is {limit}"),
                ));
            }
            let meta = &message.meta;
            check_text("correlation_id", Some(&meta.correlation_id), limits::CORRELATION_ID_BYTES)
                .map_err(in_message)?;
            check_text("ordering_key", meta.ordering_key.as_deref(), limits::ORDERING_KEY_BYTES)
                .map_err(in_message)?;
            check_text("deduplication_id", meta.deduplication_id.as_deref(), limits::DEDUPLICATION_ID_BYTES)
                .map_err(in_message)?;
        }
        Ok(())
    }
}

/// A text that is there has 1 to `limit` bytes.
fn check_text(field: &str, text: Option<&str>, limit: usize) -> Result<(), Invalid> {
    match text {
        Some(text) if text.is_empty() || text.len() > limit => {
            Err(Invalid::new(field, format!("has {} bytes, must be 1 to {limit}", text.len())))
        }
        _ => Ok(()),
    }
}

/// Does what must not end half-way when its caller goes away: memory and log would say different things.
pub(crate) async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

impl Topic {
    /// Refuses publishes from now on, so that nothing is accepted between this look at the backlog and the deletion.
    async fn close_for_publishes(&self, force: bool) -> Result<(), DeleteTopicError> {
        while !self.try_close(force)? {
            self.count_unread(usize::MAX).await?;
        }
        Ok(())
    }

    /// False if a backlog is not counted yet.
    fn try_close(&self, force: bool) -> Result<bool, DeleteTopicError> {
        let mut state = self.state.lock();
        let now = self.shared.time.now();
        for subscription in state.subscriptions.values().filter(|_| !force) {
            let (backlog, is_counted) = subscription.peek().backlog(state.published, now);
            let dead_letters = subscription.peek().queue.counts(now).dead_letters;
            if backlog + dead_letters > 0 {
                let subscription = subscription.name.clone();
                return Err(DeleteTopicError::Backlog { subscription, backlog, dead_letters });
            }
            if !is_counted {
                return Ok(false);
            }
        }
        state.closed = true;
        Ok(true)
    }

    fn open_for_publishes(&self) {
        self.state.lock().closed = false;
    }

    /// The change is made to what is in force when it is recorded, so that two changes at once are both made.
    async fn update(&self, change: impl Fn(&mut TopicSettings)) -> Result<TopicInfo, UpdateTopicError> {
        let appended = self
            .retry_when_busy(|| {
                let mut state = self.state.lock();
                if self.is_deleted() {
                    return Err(UpdateTopicError::from(TopicNotFound(self.name.clone())));
                }
                let mut settings = state.settings.clone();
                change(&mut settings);
                settings.validate().map_err(|invalid| invalid.within("settings"))?;
                let event = TopicEvent::Updated { settings };
                let appended =
                    self.append(self.shared.time.now(), |batch| batch.push(|out| write_topic(out, &event)));
                let TopicEvent::Updated { settings } = event;
                if let Ok(appended) = &appended {
                    state.end = appended.first + 1;
                    self.set_settings(&mut state, settings, appended.first);
                }
                Ok(appended)
            })
            .await?;
        appended.durable.wait().await.map_err(Unavailable::Poisoned)?;
        self.age_check_due.store(true, Ordering::Relaxed);
        Ok(self.info())
    }

    /// Waits until the record at a position is durable.
    pub(crate) async fn wait_durable(&self, position: Position) -> Result<(), Unavailable> {
        let mut health = self.shared.journal.health();
        let mut tail = self.log.tail();
        tokio::select! {
            reached = tail.wait_for(|durable| *durable > position) => {
                reached.map(drop).map_err(|_| Unavailable::Draining)
            }
            poisoned = health.wait_for(|health| matches!(health, journal::Health::Poisoned(_))) => match poisoned.as_deref() {
                Ok(journal::Health::Poisoned(cause)) => Err(Unavailable::Poisoned(cause.clone())),
                _ => Err(Unavailable::Draining),
            },
        }
    }
}
