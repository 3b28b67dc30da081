//! The worker over the real broker in the same process.

use std::sync::Arc;

use broker::{Broker, NewMessage, PlainBodies, PushRole, StartPosition};
use journal::MemoryJournal;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use types::{
    MessageMeta, SubscriptionName, SubscriptionSettings, TopicSettings,
    push::{AttemptClass, DisabledReason, EndpointStatus, PushSettings},
};

use super::{
    support::{Reply, RuntimeClock, reply, seconds, until},
    worker::Endpoints,
};
use crate::{Config, Local, Worker};

/// A broker with a worker.
struct Both {
    broker: Broker,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Both {
    async fn start(endpoints: Endpoints) -> Self {
        let clock = Arc::new(RuntimeClock::start());
        let journal = Arc::new(MemoryJournal::default());
        let config = broker::Config::default();
        let broker = Broker::open(journal, clock.clone(), Arc::new(PlainBodies), config).await.unwrap();
        broker.create_topic("orders".parse().unwrap(), TopicSettings::default()).await.unwrap();
        let push = PushSettings { endpoint: "https://endpoint.example/".into(), ..PushSettings::default() };
        let settings = SubscriptionSettings { push: Some(Arc::new(push)), ..SubscriptionSettings::default() };
        let (topic, start) = ("orders".parse().unwrap(), StartPosition::default());
        broker.create_subscription(name(), &topic, settings, start).await.unwrap();
        let shutdown = CancellationToken::new();
        let local = Local::new(broker.clone(), PushRole::Deliverer);
        let worker = Worker::new(local, endpoints, &Config::default(), clock);
        let task = tokio::spawn(worker.run(shutdown.clone(), seconds(5)));
        Self { broker, shutdown, task }
    }

    async fn publish(&self, count: usize) -> Vec<types::MessageId> {
        let message = || NewMessage {
            meta: MessageMeta { correlation_id: "c-1".into(), ..MessageMeta::default() },
            payload: b"hello"[..].into(),
        };
        let messages = (0..count).map(|_| message()).collect();
        let published = self.broker.publish(&"orders".parse().unwrap(), messages).await.unwrap();
        published.into_iter().map(|published| published.id).collect()
    }

    async fn settle(&self) {
        loop {
            let stats = self.broker.subscription_stats(&name()).await.unwrap();
            if stats.backlog == 0 {
                return;
            }
            super::support::pass(super::support::millis(20)).await;
        }
    }

    async fn shut_down(self) {
        self.shutdown.cancel();
        timeout(seconds(60), self.task).await.unwrap().unwrap();
    }
}

fn name() -> SubscriptionName {
    "of-orders".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_confirms_and_gets_messages_and_the_log_has_the_attempts() {
    let endpoints = Endpoints::new(|_, _, attempt| if attempt == 1 { reply(503, 5) } else { reply(200, 5) });
    let both = Both::start(endpoints.clone()).await;
    let ids = both.publish(3).await;
    both.settle().await;
    let attempts = both.broker.attempts(&name(), ids[1]).await.unwrap();
    let classes: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.class)).collect();
    assert_eq!(classes, [(1, AttemptClass::Throttled), (2, AttemptClass::Ok)]);
    let stats = both.broker.subscription_stats(&name()).await.unwrap();
    let push = stats.push.unwrap();
    assert_eq!((push.status, push.has_worker), (EndpointStatus::Active, true));
    both.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_success_after_the_time_out_settles_the_message() {
    let both =
        Both::start(Endpoints::new(|_, _, attempt| reply(200, if attempt == 1 { 15_500 } else { 1 }))).await;
    let ids = both.publish(1).await;
    both.settle().await;
    let attempts = both.broker.attempts(&name(), ids[0]).await.unwrap();
    let classes: Vec<_> = attempts.iter().map(|attempt| attempt.class).collect();
    assert_eq!(classes, [AttemptClass::Timeout, AttemptClass::OkLate]);
    both.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_gone_is_disabled_until_it_is_resumed() {
    let gone = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let endpoints = Endpoints::new({
        let gone = gone.clone();
        move |_, _, _| reply(if gone.load(std::sync::atomic::Ordering::SeqCst) { 410 } else { 200 }, 5)
    });
    let both = Both::start(endpoints).await;
    both.publish(10).await;
    loop {
        let push = both.broker.subscription_stats(&name()).await.unwrap().push.unwrap();
        if let EndpointStatus::Disabled { reason, .. } = push.status {
            assert_eq!(reason, DisabledReason::Gone);
            break;
        }
        super::support::pass(super::support::millis(20)).await;
    }
    super::support::pass(seconds(60)).await;
    assert_eq!(both.broker.subscription_stats(&name()).await.unwrap().backlog, 10);
    gone.store(false, std::sync::atomic::Ordering::SeqCst);
    both.broker.resume(&name()).await.unwrap();
    both.settle().await;
    both.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_at_the_end_is_given_back() {
    let endpoints = Endpoints::new(|_, _, _| Reply::never());
    let both = Both::start(endpoints.clone()).await;
    both.publish(10).await;
    until("one is under way", || endpoints.of_all().iter().any(|carry| carry.under_way() > 0)).await;
    let broker = both.broker.clone();
    both.shut_down().await;
    let stats = broker.subscription_stats(&name()).await.unwrap();
    assert_eq!((stats.backlog, stats.counts.leased), (10, 0));
}
