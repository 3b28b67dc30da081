use std::sync::Arc;

use broker::Broker;
use fanfare_proto::{server::publisher_service_server::PublisherService as _, undecoded::Undecoded};
use journal::MemoryJournal;
use tonic::{Code, Request};
use types::{SystemClock, TopicSettings};

use super::*;
use crate::{CorrelationIds, budget::Budget};

/// Publishes to topic `t`, and what that takes of the budget of 10 MiB.
async fn publisher() -> Publisher {
    let journal = Arc::new(MemoryJournal::default());
    let broker = Broker::open(
        journal,
        Arc::new(SystemClock::start()),
        Arc::new(crate::StoredMessages),
        broker::Config::default(),
    )
    .await
    .unwrap();
    broker.create_topic(topic(), TopicSettings::default()).await.unwrap();
    Publisher { broker, ids: CorrelationIds::random(), budget: Budget::new(10 << 20) }
}

fn topic() -> TopicName {
    "t".parse().unwrap()
}

fn messages() -> Vec<v1::NewMessage> {
    vec![v1::NewMessage { data: vec![7].into(), ..Default::default() }]
}

#[tokio::test(start_paused = true)]
async fn a_call_is_refused_while_others_have_all_the_memory_and_taken_again_when_they_are_done() {
    let publisher = publisher().await;
    let request = v1::PublishRequest { topic: "t".into(), messages: messages() };
    let publish = || publisher.publish(Request::new(Undecoded::new(request.encode_to_vec().into())));
    let all = publisher.budget.share(10 << 20).await;
    assert_eq!(publish().await.unwrap_err().code(), Code::ResourceExhausted);
    drop(all);
    publish().await.unwrap();
    assert_eq!(publisher.budget.share(10 << 20).await.num_permits(), 10 << 20, "it was given back");
}

#[tokio::test]
async fn a_stream_waits_for_its_share_and_goes_on_though_nobody_asks() {
    let publisher = publisher().await;
    let request = v1::PublishStreamRequest { messages: messages(), ..Default::default() };
    let request =
        bounds::check(Undecoded::<v1::PublishStreamRequest>::new(request.encode_to_vec().into())).unwrap();
    let all = publisher.budget.share(10 << 20).await;
    let accepting = accept(publisher.clone(), Arc::new(Origin::default()), topic(), request);
    let mut accepting = Box::pin(to_its_end(accepting));
    assert!((&mut accepting).now_or_never().is_none());
    drop(all);
    // The stream stands still; the request gets its share, is accepted and gives the share back.
    let all = publisher.budget.share(10 << 20).await;
    assert_eq!(publisher.broker.topic_stats(&topic()).unwrap().published, 1);
    drop(all);
    accepting.await.unwrap().results().await.unwrap();
}
