//! What the handle offers on subscriptions.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use tokio::sync::MutexGuard;
use types::{
    Position, ProjectId, Sequence, SubscriptionName, SubscriptionSettings, SubscriptionUid, TopicName, limits,
};

use crate::{
    BacklogAction, Broker, CreateSubscriptionError, Page, Paged, SeekError, SeekTo, StartPosition,
    SubscriptionInfo, SubscriptionNotFound, SubscriptionStats, TopicNotFound, Unavailable,
    UpdateSubscriptionError, Updated,
    handle::Inner,
    record::{SubscriptionEvent, write_subscription},
    subscription::{Subscriber, Subscription},
    topic::{Checked, Creation, Topic},
    topics::to_the_end,
};

impl Broker {
    /// Creates a subscription. Doing it again with the same topic and equal settings is OK and changes nothing: it does not move
    /// to `start` again.
    ///
    /// # Errors
    /// See [`CreateSubscriptionError`].
    pub async fn create_subscription(
        &self,
        name: SubscriptionName,
        topic: &TopicName,
        settings: SubscriptionSettings,
        start: StartPosition,
    ) -> Result<SubscriptionInfo, CreateSubscriptionError> {
        settings.validate().map_err(|invalid| invalid.within("settings"))?;
        Checked::of_settings(&settings).map_err(|invalid| invalid.within("settings"))?;
        self.inner.shared.check_serving()?;
        // Here nothing is locked yet, so that an endpoint that is slow to look at holds up nobody else.
        let is_new = self.inner.subscription(&name).is_err();
        if is_new {
            self.inner.topic(topic)?;
            self.inner.ask_guard(&settings).await?;
        }
        let (broker, topic) = (self.clone(), topic.clone());
        to_the_end(async move { broker.create_subscription_now(name, &topic, settings, start, is_new).await })
            .await
    }

    async fn create_subscription_now(
        &self,
        name: SubscriptionName,
        topic: &TopicName,
        settings: SubscriptionSettings,
        start: StartPosition,
        is_looked_at: bool,
    ) -> Result<SubscriptionInfo, CreateSubscriptionError> {
        let _name = self.inner.lock_name(&name).await;
        if let Ok(existing) = self.subscription(&name) {
            if existing.topic != *topic || existing.settings != settings {
                return Err(CreateSubscriptionError::Exists(name));
            }
            // Its settings may have become these by a change that is still on its way to the disk.
            self.inner.topic(topic)?.wait_durable(existing.position).await?;
            return Ok(existing);
        }
        let topic = self.inner.topic(topic)?;
        // It was there a moment ago, and is not any more.
        if !is_looked_at {
            self.inner.ask_guard(&settings).await?;
        }
        let _forwarding = self.inner.check_new_forward(&topic.name, &settings).await?;
        let created = topic.subscribe(name.clone(), settings, start).await?;
        self.inner.subscriptions.insert(name, created.clone());
        created.list_endpoint(&topic, &created.peek());
        // A topic that was deleted meanwhile took its subscriptions with it.
        if topic.is_deleted() {
            self.inner.subscriptions.remove_if(&created.name, |_, found| found.uid == created.uid);
        }
        created.info().map_err(|_| TopicNotFound(topic.name.clone()).into())
    }

    /// A subscription.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn subscription(&self, name: &SubscriptionName) -> Result<SubscriptionInfo, SubscriptionNotFound> {
        self.inner.subscription(name)?.info()
    }

    /// A subscription in figures.
    ///
    /// # Errors
    /// There is none of that name.
    pub async fn subscription_stats(
        &self,
        name: &SubscriptionName,
    ) -> Result<SubscriptionStats, SubscriptionNotFound> {
        self.inner.subscription(name)?.stats().await
    }

    /// The subscriptions of a project, or those among them that read one topic, in the order of their names.
    pub fn subscriptions(
        &self,
        project: &ProjectId,
        topic: Option<&TopicName>,
        page: &Page,
    ) -> Paged<SubscriptionInfo> {
        let reads = |subscription: &Subscription| topic.is_none_or(|topic| subscription.reads(topic));
        let found = self.inner.subscriptions.iter().filter(|s| s.name.project() == project && reads(s));
        page.of(found.map(|s| (s.name.id().to_owned(), s.clone())), |s| s.info().ok())
    }

    /// Changes a subscription's settings and answers once that is durable. If its filter policy changes, `backlog` says what becomes of
    /// the messages that it had let in by then and that are not settled; re-evaluated, they are also if the policy stays the same.
    ///
    /// # Errors
    /// See [`UpdateSubscriptionError`].
    pub async fn update_subscription(
        &self,
        name: &SubscriptionName,
        change: impl Fn(&mut SubscriptionSettings) + Send,
        backlog: BacklogAction,
    ) -> Result<Updated, UpdateSubscriptionError> {
        self.inner.shared.check_serving()?;
        self.inner.subscription(name)?.update(&self.inner, change, backlog).await
    }

    /// No deliveries until it is resumed; messages are kept, leases can be settled. Doing it twice is OK.
    ///
    /// # Errors
    /// See [`UpdateSubscriptionError`].
    pub async fn pause(&self, name: &SubscriptionName) -> Result<SubscriptionInfo, UpdateSubscriptionError> {
        self.inner.shared.check_serving()?;
        self.inner.subscription(name)?.pause().await
    }

    /// Deliveries again. A disabled push endpoint is enabled; one that was disabled because it did not confirm is asked anew. Doing it
    /// twice is OK.
    ///
    /// # Errors
    /// See [`UpdateSubscriptionError`].
    pub async fn resume(&self, name: &SubscriptionName) -> Result<SubscriptionInfo, UpdateSubscriptionError> {
        self.inner.shared.check_serving()?;
        self.inner.subscription(name)?.resume().await
    }

    /// Moves a subscription to another place in its topic; every lease taken before ends. A place before what is kept is the oldest
    /// message kept, one past the end is the end. Also gives the first sequence that it may deliver from now on.
    ///
    /// # Errors
    /// See [`SeekError`].
    pub async fn seek(
        &self,
        name: &SubscriptionName,
        to: SeekTo,
    ) -> Result<(SubscriptionInfo, Sequence), SeekError> {
        self.inner.shared.check_serving()?;
        self.inner.subscription(name)?.seek(to).await
    }

    /// Deletes a subscription with its backlog and its dead letters. Answers with the position at which it ended.
    ///
    /// # Errors
    /// See [`UpdateSubscriptionError`].
    pub async fn delete_subscription(
        &self,
        name: &SubscriptionName,
    ) -> Result<Position, UpdateSubscriptionError> {
        self.inner.shared.check_serving()?;
        let (broker, name) = (self.clone(), name.clone());
        to_the_end(async move {
            let _name = broker.inner.lock_name(&name).await;
            let subscription = broker.inner.subscription(&name)?;
            broker.inner.end(&subscription).await
        })
        .await
    }

    /// A handle for consuming and settling, if the subscription of that name is still this one.
    ///
    /// # Errors
    /// There is none of that name, or another.
    pub fn subscriber_of(
        &self,
        name: &SubscriptionName,
        uid: SubscriptionUid,
    ) -> Result<Subscriber, SubscriptionNotFound> {
        let subscriber = self.subscriber(name)?;
        if subscriber.uid() == uid { Ok(subscriber) } else { Err(SubscriptionNotFound(name.clone())) }
    }

    /// A handle for consuming and settling.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn subscriber(&self, name: &SubscriptionName) -> Result<Subscriber, SubscriptionNotFound> {
        Ok(Subscriber::new(self.inner.subscription(name)?))
    }
}

impl Inner {
    async fn lock_name(&self, name: &SubscriptionName) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let index = hasher.finish() % self.names.len() as u64;
        self.names[usize::try_from(index).unwrap_or_default()].lock().await
    }

    /// Deletes it for good, durably.
    async fn end(&self, subscription: &Arc<Subscription>) -> Result<Position, UpdateSubscriptionError> {
        let position = subscription.unsubscribe().await?;
        self.subscriptions.remove_if(&subscription.name, |_, found| found.uid == subscription.uid);
        Ok(position)
    }

    /// Deletes the subscriptions that nobody has used for as long as they said.
    pub(crate) async fn expire_unused(&self) {
        let now = self.shared.time.now();
        let unused: Vec<_> =
            self.subscriptions.iter().filter(|s| s.is_unused(now)).map(|s| s.clone()).collect();
        for subscription in unused {
            let _name = self.lock_name(&subscription.name).await;
            // Somebody may have come back while this waited.
            if !subscription.is_unused(self.shared.time.now()) {
                continue;
            }
            match self.end(&subscription).await {
                Ok(_) => {
                    tracing::info!(subscription = %subscription.name, "deleted: unused for as long as its settings allow");
                }
                Err(error) => {
                    tracing::warn!(subscription = %subscription.name, %error, "an unused subscription was not deleted yet");
                }
            }
        }
    }
}

impl Topic {
    /// Adds a subscription, durably.
    async fn subscribe(
        self: &Arc<Self>,
        name: SubscriptionName,
        settings: SubscriptionSettings,
        start: StartPosition,
    ) -> Result<Arc<Subscription>, CreateSubscriptionError> {
        // Retention stands still meanwhile, so that the start is still there when the subscription is.
        let mut upkeep = self.upkeep.lock().await;
        let start = self.resolve(start).await?;
        if let Some(start) = &start {
            upkeep.reads_from(start.cursor);
        }
        let created_at = self.shared.time.now();
        let event = SubscriptionEvent::Created { name, settings, created_at, start };
        let creation = Creation::of(&event).map_err(|invalid| invalid.within("settings"))?;
        let creation = creation.expect("the event is a creation");
        let (created, appended) = self
            .retry_when_busy(|| {
                let mut state = self.state.lock();
                if self.is_deleted() {
                    return Err(TopicNotFound(self.name.clone()).into());
                }
                if state.subscriptions.len() >= limits::SUBSCRIPTIONS_PER_TOPIC {
                    return Err(CreateSubscriptionError::TooMany { limit: limits::SUBSCRIPTIONS_PER_TOPIC });
                }
                let appended = match self
                    .append(created_at, |batch| batch.push(|out| write_subscription(out, &event)))
                {
                    Ok(appended) => appended,
                    Err(error) => return Ok(Err(error)),
                };
                state.end = appended.first + 1;
                let created = self.create(&mut state, appended.first, &creation);
                let created =
                    created.ok_or_else(|| Unavailable::Read("the log has no identifiers left".into()))?;
                Ok(Ok((created, appended)))
            })
            .await?;
        appended.durable.wait().await.map_err(Unavailable::Poisoned)?;
        Ok(created)
    }
}

impl Subscription {
    /// Ends it in its topic's log and in memory.
    async fn unsubscribe(self: &Arc<Self>) -> Result<Position, UpdateSubscriptionError> {
        let topic = self.topic()?;
        let event = SubscriptionEvent::Deleted { uid: self.uid };
        let appended = topic
            .retry_when_busy(|| {
                let mut state = topic.state.lock();
                if !state.subscriptions.contains_key(&self.uid) || topic.is_deleted() {
                    return Err(UpdateSubscriptionError::from(SubscriptionNotFound(self.name.clone())));
                }
                let appended =
                    topic.append(self.now(), |batch| batch.push(|out| write_subscription(out, &event)));
                if let Ok(appended) = &appended {
                    state.end = appended.first + 1;
                    state.remove(&topic.routing, self.uid);
                    self.delete();
                }
                Ok(appended)
            })
            .await?;
        let position = appended.first;
        appended.durable.wait().await.map_err(Unavailable::Poisoned)?;
        Ok(position)
    }
}
