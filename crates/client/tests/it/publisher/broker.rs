//! Against a real broker.

use std::time::Duration;

use fanfare_client::{Message, correlation, publisher::PublishError};
use fanfare_testkit::{Direction, Proxy};

use super::support::{NEVER, Setup, numbers, outcome, within};

#[tokio::test]
async fn a_message_comes_back_with_its_identity_and_a_made_correlation_id() {
    let setup = Setup::new().await;
    let published = outcome(setup.publisher().build().publish("hello")).await.unwrap();
    let stored = setup.stored(1).await;
    assert_eq!(published.message_id, stored[0].message_id());
    assert_eq!((published.sequence, published.matched_subscriptions), (stored[0].sequence(), 1));
    assert_eq!((published.deduplicated, published.correlation_id.len()), (false, 32));
    assert_eq!(published.correlation_id, stored[0].correlation_id());
    assert!(stored[0].message().deduplication_id.ends_with("-1"));
}

#[tokio::test]
async fn a_message_has_its_own_correlation_id_else_the_current_one_of_the_call() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().build();
    let (own, current) = correlation::scope("current", async {
        (publisher.publish(Message::new("a").correlation_id("own")), publisher.publish("b"))
    })
    .await;
    assert_eq!(outcome(own).await.unwrap().correlation_id, "own");
    assert_eq!(outcome(current).await.unwrap().correlation_id, "current");
}

#[tokio::test]
async fn a_message_with_an_id_that_was_stored_before_is_not_stored_again() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().build();
    let first = outcome(publisher.publish(Message::new("a").deduplication_id("7"))).await.unwrap();
    let second = outcome(publisher.publish(Message::new("b").deduplication_id("7"))).await.unwrap();
    assert!(second.deduplicated && second.message_id == first.message_id);
    assert_eq!(setup.texts(1).await, ["a"]);
}

#[tokio::test]
async fn many_messages_are_stored_once_each_in_the_order_of_the_calls() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().build();
    let futures: Vec<_> = numbers(5_000).into_iter().map(|text| publisher.publish(text)).collect();
    for future in futures {
        outcome(future).await.unwrap();
    }
    assert_eq!(setup.texts(5_000).await, numbers(5_000));
}

#[tokio::test]
async fn what_a_flush_finds_is_sent_though_its_batch_is_not_full() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().batch_delay(NEVER).build();
    within(publisher.flush()).await;
    let futures: Vec<_> = numbers(3).into_iter().map(|text| publisher.publish(text)).collect();
    within(publisher.flush()).await;
    assert_eq!(setup.texts(3).await, numbers(3));
    for future in futures {
        let is_ready = tokio::time::timeout(Duration::ZERO, future).await;
        is_ready.expect("a flush ends when outcomes are known").unwrap();
    }
}

#[tokio::test]
async fn a_batch_that_nothing_fills_is_sent_after_its_delay() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().batch_delay(Duration::from_millis(20)).build();
    outcome(publisher.publish("a")).await.unwrap();
    let publisher = setup.publisher().batch_delay(Duration::ZERO).build();
    outcome(publisher.publish("b")).await.unwrap();
    assert_eq!(setup.texts(2).await, ["a", "b"]);
}

#[tokio::test]
async fn a_batch_that_is_full_does_not_wait() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().batch_delay(NEVER).batch_messages(3).build();
    let futures: Vec<_> = numbers(3).into_iter().map(|text| publisher.publish(text)).collect();
    for future in futures {
        outcome(future).await.unwrap();
    }
    let publisher = setup.publisher().batch_delay(NEVER).batch_bytes(1_000).build();
    outcome(publisher.publish(vec![0; 2_000])).await.unwrap();
}

#[tokio::test]
async fn what_was_taken_is_stored_when_the_last_handle_is_gone() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().batch_delay(NEVER).build();
    numbers(10).into_iter().for_each(|text| drop(publisher.publish(text)));
    let clone = publisher.clone();
    drop(publisher);
    drop(clone);
    assert_eq!(setup.texts(10).await, numbers(10));
}

#[tokio::test]
async fn a_shutdown_waits_for_what_was_taken_and_takes_nothing_more() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().batch_delay(NEVER).build();
    numbers(10).into_iter().for_each(|text| drop(publisher.publish(text)));
    let clone = publisher.clone();
    within(async { tokio::join!(publisher.shutdown(), clone.shutdown()) }).await;
    assert_eq!(setup.texts(10).await, numbers(10));
    within(publisher.shutdown()).await;
    within(publisher.flush()).await;
    assert!(matches!(outcome(publisher.publish("late")).await, Err(PublishError::ShutDown)));
    assert!(matches!(within(clone.enqueue("late")).await, Err(PublishError::ShutDown)));
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_connections_are_cut_and_the_broker_restarts() {
    let mut setup = Setup::new().await;
    let proxy = Proxy::start(setup.broker.address());
    let client = fanfare_client::Client::connect(proxy.url()).unwrap();
    let publisher = client.publisher("t").batch_messages(10).build();
    let mut futures = Vec::new();
    for (number, text) in numbers(3_000).into_iter().enumerate() {
        let message = Message::new(text).ordering_key(format!("k{}", number % 7));
        futures.push(within(publisher.enqueue(message)).await.unwrap());
        match number {
            500 | 1_000 | 2_000 => proxy.cut(),
            1_500 => setup.broker.restart().await,
            _ if number % 10 == 0 => tokio::task::yield_now().await,
            _ => {}
        }
    }
    for future in futures {
        outcome(future).await.unwrap();
    }
    assert_eq!(setup.texts(3_000).await, numbers(3_000));
    assert!(proxy.counts().cut > 0, "{:?}", proxy.counts());
}

#[tokio::test]
async fn a_connection_that_is_cut_at_any_byte_costs_no_message() {
    let setup = Setup::new().await;
    let proxy = Proxy::start(setup.broker.address());
    let client = fanfare_client::Client::connect(proxy.url()).unwrap();
    let publisher = client.publisher("t").batch_messages(1).batch_delay(Duration::ZERO).build();
    let mut expected = Vec::new();
    for round in 0..60_u64 {
        let direction = match round % 2 {
            0 => Direction::FromClient,
            _ => Direction::FromServer,
        };
        proxy.cut_after(direction, round * 13);
        let texts: Vec<_> = (0..5).map(|number| format!("{round}.{number}")).collect();
        let futures: Vec<_> = texts.iter().map(|text| publisher.publish(text.clone())).collect();
        for future in futures {
            outcome(future).await.unwrap();
        }
        proxy.heal();
        expected.extend(texts);
    }
    assert_eq!(setup.texts(expected.len()).await, expected);
}
