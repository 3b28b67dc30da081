//! The connection is cut at every stage: while it is made, and after so many bytes of what either side says.

use std::collections::HashMap;

use fanfare_client::{
    Message,
    proto::{ExponentialBackoff, RetryPolicy, retry_policy::Policy},
    subscriber::{AckError, MessageStream},
};
use fanfare_testkit::Direction::{self, FromClient, FromServer};

use super::{
    Duration, Fanfare, Proxy, SubscriptionSettings, client, figures, ordered, orders_and_billing, quick,
    through,
};

/// The longest that anything may take: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Messages of each round, in order of one key.
const MESSAGES: usize = 3;

/// After how many bytes to cut: few, where connections begin, and then in steps that are no divisor of any frame.
fn stages(most: u64) -> impl Iterator<Item = u64> {
    [0, 1, 8, 9, 10, 17].into_iter().chain((24..most).step_by(19))
}

/// A message whose delivery is lost comes again when its lease has run out: soon, here.
fn soon_again() -> SubscriptionSettings {
    let zero = Some(prost_types::Duration::default());
    let backoff =
        ExponentialBackoff { min_backoff: zero, max_backoff: zero, ..ExponentialBackoff::default() };
    SubscriptionSettings {
        ack_deadline: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        retry: Some(RetryPolicy { policy: Some(Policy::Exponential(backoff)) }),
        max_attempts: Some(1_000),
        ..ordered()
    }
}

fn texts(stage: &str) -> Vec<String> {
    (0..MESSAGES).map(|number| format!("{stage} {number}")).collect()
}

/// Publishes texts one after the other with a client of its own, all of which must be stored in the end.
async fn publish(proxy: &Proxy, texts: &[String]) {
    let publisher = through(proxy).publisher("orders").build();
    for text in texts {
        publisher.publish(Message::new(text.clone()).ordering_key("k")).await.unwrap();
    }
    publisher.shutdown().await;
}

/// Consumes so many messages with a client of its own, and confirms each.
async fn consume(proxy: &Proxy, seen: &mut HashMap<String, u32>, count: usize) {
    let mut messages: MessageStream = through(proxy).subscriber("billing").messages();
    let mut confirmed = 0;
    while confirmed < count {
        let next = tokio::time::timeout(PATIENCE, messages.next()).await;
        let delivery = next.expect("a message comes in time").unwrap().unwrap();
        *seen.entry(delivery.text().unwrap().to_owned()).or_default() += 1;
        let settled = tokio::time::timeout(PATIENCE, delivery.ack()).await;
        match settled.expect("an answer comes in time") {
            // Also if the answer was lost, and the broker says of the next try that it is settled.
            Ok(()) => confirmed += 1,
            Err(AckError::LeaseExpired) => {}
            Err(other) => panic!("{other}"),
        }
    }
    messages.shutdown().await;
}

/// What passes in one round without a fault.
async fn bytes(proxy: &Proxy, direction: Direction, round: impl AsyncFnOnce()) -> u64 {
    let count = || match direction {
        FromClient => proxy.counts().from_client,
        FromServer => proxy.counts().from_server,
    };
    let before = count();
    round().await;
    count() - before
}

/// What is in the log, in its order, each with how often.
async fn stored(fanfare: &Fanfare) -> Vec<String> {
    let mut messages = client(fanfare.grpc()).subscriber("audit").messages();
    let (published, ..) = figures(fanfare).await;
    let mut texts = Vec::new();
    for _ in 0..published {
        let delivery = messages.next().await.unwrap().unwrap();
        texts.push(delivery.text().unwrap().to_owned());
        delivery.ack().await.unwrap();
    }
    messages.shutdown().await;
    texts
}

async fn with_audit() -> (Fanfare, Proxy, crate::support::Directory) {
    let (fanfare, directory) = Fanfare::fresh().await;
    orders_and_billing(&fanfare, soon_again()).await;
    client(fanfare.grpc()).subscriptions().create("audit", "orders").settings(ordered()).await.unwrap();
    let proxy = Proxy::start(fanfare.grpc());
    (fanfare, proxy, directory)
}

/// Publishes through cuts after every number of bytes in one direction.
async fn publish_through_cuts(direction: Direction) {
    let (fanfare, proxy, _directory) = with_audit().await;
    let mut expected = texts("warm");
    let most = bytes(&proxy, direction, async || publish(&proxy, &texts("warm")).await).await;
    let mut rounds = 0;
    for stage in stages(most) {
        let round = texts(&stage.to_string());
        proxy.cut_after(direction, stage);
        publish(&proxy, &round).await;
        expected.extend(round);
        proxy.heal();
        rounds += 1;
    }
    assert_eq!(stored(&fanfare).await, expected, "each once, in order");
    let counts = proxy.counts();
    assert!(counts.cut > rounds * 9 / 10, "{counts:?} in {rounds} rounds");
}

#[tokio::test]
async fn wherever_a_request_is_cut_its_messages_are_stored_once_and_in_order() {
    publish_through_cuts(FromClient).await;
}

#[tokio::test]
async fn wherever_an_answer_is_cut_its_messages_are_stored_once_and_in_order() {
    publish_through_cuts(FromServer).await;
}

/// Consumes through cuts after every number of bytes in one direction.
async fn consume_through_cuts(direction: Direction) {
    let (fanfare, proxy, _directory) = with_audit().await;
    let publisher = client(fanfare.grpc()).publisher("orders").build();
    let mut seen = HashMap::new();
    let put = async |stage: &str| {
        for text in texts(stage) {
            publisher.publish(Message::new(text).ordering_key("k")).await.unwrap();
        }
    };
    put("warm").await;
    let most = bytes(&proxy, direction, async || consume(&proxy, &mut seen, MESSAGES).await).await;
    let mut rounds = 1;
    // Many of these take a lease, in real time.
    for stage in stages(most).step_by(2) {
        put(&stage.to_string()).await;
        proxy.cut_after(direction, stage);
        consume(&proxy, &mut seen, MESSAGES).await;
        proxy.heal();
        rounds += 1;
    }
    assert_eq!(seen.len(), rounds * MESSAGES, "every message was seen");
    let (published, backlog, acked, _) = figures(&fanfare).await;
    assert_eq!((backlog, acked), (0, published), "and confirmed");
    // The late stages are not reached in every round: what is said differs a little.
    let counts = proxy.counts();
    assert!(counts.cut > rounds as u64 / 2, "{counts:?} in {rounds} rounds");
}

#[tokio::test]
async fn wherever_what_a_consumer_says_is_cut_its_messages_are_seen_and_confirmed() {
    consume_through_cuts(FromClient).await;
}

#[tokio::test]
async fn wherever_what_a_consumer_is_told_is_cut_its_messages_are_seen_and_confirmed() {
    consume_through_cuts(FromServer).await;
}

#[tokio::test]
async fn an_administrative_call_is_made_again_wherever_it_is_cut() {
    let (_fanfare, proxy, _directory) = with_audit().await;
    let call = async |name: String| through(&proxy).topics().create(name).await.unwrap();
    for direction in [FromClient, FromServer] {
        let most = bytes(&proxy, direction, async || _ = call("warm".to_owned()).await).await;
        for stage in stages(most) {
            proxy.cut_after(direction, stage);
            assert!(call(format!("topic-{stage}")).await.name.ends_with(&format!("/topic-{stage}")));
            proxy.heal();
        }
    }
}

#[tokio::test]
async fn connections_that_are_refused_for_a_while_cost_nothing_but_time() {
    let (fanfare, proxy, _directory) = with_audit().await;
    proxy.refuse().await;
    let (round, mut seen) = (texts("late"), HashMap::new());
    let open = async {
        let impatient = async {
            quick(proxy.url())
                .retry(fanfare_client::RetryPolicy::never())
                .build()
                .unwrap()
                .topics()
                .get("orders")
                .await
        };
        assert!(impatient.await.is_err());
        proxy.accept();
    };
    tokio::join!(publish(&proxy, &round), consume(&proxy, &mut seen, MESSAGES), open);
    assert_eq!(figures(&fanfare).await, (3, 0, 3, 0));
}

#[tokio::test]
async fn an_answer_that_is_held_back_is_given_up_and_its_message_is_stored_once() {
    let (fanfare, proxy, _directory) = with_audit().await;
    let patience = Duration::from_millis(300);
    let client = quick(proxy.url()).request_timeout(patience).build().unwrap();
    let publisher = client.publisher("orders").build();
    publisher.publish(Message::new("first").ordering_key("k")).await.unwrap();
    proxy.stall(FromServer);
    let mut held = publisher.publish(Message::new("second").ordering_key("k"));
    tokio::time::timeout(4 * patience, &mut held).await.expect_err("it has its answer");
    proxy.resume(FromServer);
    held.await.unwrap();
    let topic = super::client(fanfare.grpc()).server().topic_stats("orders").await.unwrap();
    assert!(topic.deduplicated > 0, "it was not sent again");
    assert_eq!(stored(&fanfare).await, ["first", "second"]);
}
