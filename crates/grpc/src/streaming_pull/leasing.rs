//! The lease that a stream waits for.
//!
//! # Invariants
//!
//! - It is one future, kept over all other events until it is done: dropping it would throw away what it has read.
//! - Only that: dropped, it gives back what it had leased.
//! - It holds no place in the channel while it waits, since confirmations need one.

use std::{future, sync::Arc};

use broker::{Ask, ConsumeError, Consumer, Delivery, DeliveryBlock};
use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::sync::{Mutex, mpsc};
use types::{AckId, LogId};

use super::outbound::Frame;

/// What comes of it; nothing if the client is gone.
pub(crate) type Leased = Option<Result<Batch, ConsumeError>>;

/// Deliveries that were leased together.
#[derive(Debug)]
pub(crate) enum Batch {
    Messages(Vec<Delivery>),
    Blocks(Vec<DeliveryBlock>),
}

/// A consumer and what it is doing.
pub(crate) struct Leasing {
    /// Locked by `running` while there is one.
    consumer: Arc<Mutex<Consumer>>,
    blocks: bool,
    log: LogId,
    running: Option<BoxFuture<'static, Leased>>,
}

impl Leasing {
    /// Leases in blocks, or message by message.
    pub(crate) fn new(consumer: Consumer, blocks: bool) -> Self {
        Self { log: consumer.log(), consumer: Arc::new(Mutex::new(consumer)), blocks, running: None }
    }

    /// The log of the topic.
    pub(crate) fn log(&self) -> LogId {
        self.log
    }

    /// Goes on with the lease that has begun, else begins one if there is room. Dropping the call loses nothing.
    pub(crate) async fn next(&mut self, frames: &mpsc::Sender<Frame>, room: Option<Ask>) -> Leased {
        if self.running.is_none() {
            let Some(ask) = room else { return future::pending().await };
            // Not a part of the future that is kept: a place that is given to one that nobody polls is lost to all others.
            frames.reserve().await.ok().map(drop)?;
            self.running = Some(lease(self.consumer.clone(), ask, self.blocks).boxed());
        }
        let Some(running) = self.running.as_mut() else { return future::pending().await };
        let leased = running.await;
        self.running = None;
        leased
    }

    /// Leases no more.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// Gives back what the client does not get.
    pub(crate) async fn release(&mut self, leases: &[AckId]) {
        self.stop();
        self.consumer.lock().await.release(leases);
    }
}

async fn lease(consumer: Arc<Mutex<Consumer>>, ask: Ask, blocks: bool) -> Leased {
    let mut consumer = consumer.lock().await;
    Some(match blocks {
        true => consumer.next_blocks(ask).await.map(Batch::Blocks),
        false => consumer.next(ask).await.map(Batch::Messages),
    })
}

#[cfg(test)]
mod tests {
    use broker::Broker;
    use journal::MemoryJournal;
    use types::{SubscriptionSettings, SystemClock, TopicSettings};

    use super::{super::outbound, *};

    const TWO: Option<Ask> = Some(Ask { max_messages: 2, max_bytes: 1_000 });

    /// A broker with topic `t`, and the leasing of its subscription `s`.
    async fn leasing() -> (Broker, Leasing) {
        let (journal, clock) = (Arc::new(MemoryJournal::default()), Arc::new(SystemClock::start()));
        let broker = Broker::open(journal, clock, Arc::new(crate::StoredMessages), broker::Config::default())
            .await
            .unwrap();
        let (topic, name) = ("t".parse().unwrap(), "s".parse().unwrap());
        broker.create_topic("t".parse().unwrap(), TopicSettings::default()).await.unwrap();
        let settings = SubscriptionSettings::default();
        broker.create_subscription(name, &topic, settings, broker::StartPosition::Latest).await.unwrap();
        let consumer = broker.subscriber(&"s".parse().unwrap()).unwrap().consumer().unwrap();
        (broker, Leasing::new(consumer, false))
    }

    fn messages(leased: Leased) -> Vec<Delivery> {
        match leased.unwrap().unwrap() {
            Batch::Messages(deliveries) => deliveries,
            Batch::Blocks(_) => panic!("not asked for"),
        }
    }

    async fn publish(broker: &Broker) {
        let meta = types::MessageMeta { correlation_id: "c".into(), ..Default::default() };
        let message = broker::NewMessage { meta, payload: vec![10, 1, 120].into() };
        broker.publish(&"t".parse().unwrap(), vec![message]).await.unwrap();
    }

    #[tokio::test]
    async fn a_lease_goes_on_over_every_other_event_and_ends_with_what_it_was_begun_for() {
        let (broker, mut leasing) = leasing().await;
        let (sender, _deliveries) = outbound::channel();
        for _ in 0..3 {
            assert!(leasing.next(&sender.frames, TWO).now_or_never().is_none());
            assert!(leasing.running.is_some(), "another event came first, and it is still there");
        }
        assert!(sender.frames.try_reserve().is_ok(), "a confirmation can be sent meanwhile");
        publish(&broker).await;
        assert_eq!(messages(leasing.next(&sender.frames, None).await).len(), 1);
        assert!(leasing.running.is_none());
    }

    #[tokio::test]
    async fn what_is_released_comes_again_uncounted_though_a_lease_is_under_way() {
        let (broker, mut leasing) = leasing().await;
        let (sender, _deliveries) = outbound::channel();
        publish(&broker).await;
        let first = messages(leasing.next(&sender.frames, TWO).await);
        assert!(leasing.next(&sender.frames, TWO).now_or_never().is_none());
        leasing.release(&[first[0].ack_id]).await;
        let again = messages(leasing.next(&sender.frames, TWO).await);
        assert_eq!((again[0].message_id, again[0].attempt), (first[0].message_id, 1));
    }

    #[tokio::test]
    async fn a_lease_that_waited_for_a_place_does_not_keep_it_from_a_confirmation() {
        let (_broker, mut leasing) = leasing().await;
        let (sender, _deliveries) = outbound::channel();
        let place = sender.frames.reserve().await.unwrap();
        assert!(leasing.next(&sender.frames, TWO).now_or_never().is_none());
        drop(place);
        assert!(sender.frames.reserve().now_or_never().is_some(), "nobody polls the lease meanwhile");
    }

    #[tokio::test]
    async fn nothing_is_leased_while_no_frame_can_be_sent() {
        let (broker, mut leasing) = leasing().await;
        let (sender, _deliveries) = outbound::channel();
        publish(&broker).await;
        let place = sender.frames.reserve().await.unwrap();
        assert!(leasing.next(&sender.frames, TWO).now_or_never().is_none());
        assert_eq!(broker.subscription_stats(&"s".parse().unwrap()).await.unwrap().counts.leased, 0);
        drop(place);
        assert_eq!(messages(leasing.next(&sender.frames, TWO).await).len(), 1);
    }
}
