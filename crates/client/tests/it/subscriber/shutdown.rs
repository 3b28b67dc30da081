//! How consuming ends by choice.

use std::time::Duration;

use fanfare_client::subscriber::{AckError, OnShutdown};

use super::support::{Setup, next, numbers, soon, take};

#[tokio::test]
async fn a_shutdown_waits_for_what_is_handed_out_and_gives_back_the_rest_at_once() {
    let setup = Setup::new().await;
    setup.publish(numbers(10)).await;
    let mut stream = setup.stream();
    let held = take(&mut stream, 3).await;
    let shutdown = tokio::spawn(stream.shutdown());
    setup.until(|stats| stats.leased == 3).await;
    for delivery in held {
        assert!(!shutdown.is_finished());
        soon(delivery.ack()).await.unwrap();
    }
    soon(shutdown).await.unwrap();
    let stats = setup.stats().await;
    assert_eq!((stats.acked, stats.backlog, stats.leased), (3, 7, 0));
}

#[tokio::test]
async fn what_was_not_handed_out_does_not_wait_for_the_retry_policy() {
    let setup = Setup::with(fanfare_client::proto::SubscriptionSettings::default()).await;
    setup.publish(numbers(10)).await;
    let mut stream = setup.stream();
    let held = next(&mut stream).await;
    setup.until(|stats| stats.leased == 10).await;
    drop(stream);
    setup.until(|stats| stats.ready == 9).await;
    drop(held);
    setup.until(|stats| stats.backing_off == 1).await;
}

#[tokio::test]
async fn a_shutdown_that_gives_back_gives_back_what_is_handed_out_too() {
    let setup = Setup::new().await;
    setup.publish(numbers(10)).await;
    let mut stream = setup.client.subscriber("s").on_shutdown(OnShutdown::Nack).messages();
    let held = take(&mut stream, 3).await;
    soon(stream.shutdown()).await;
    let stats = setup.stats().await;
    assert_eq!((stats.acked, stats.backlog, stats.leased), (0, 10, 0));
    for delivery in held {
        assert!(matches!(delivery.ack().await, Err(AckError::Unconfirmed | AckError::LeaseExpired)));
    }
}

#[tokio::test]
async fn a_shutdown_waits_no_longer_than_it_may() {
    let setup = Setup::new().await;
    setup.publish(["a"]).await;
    let wait = OnShutdown::Wait(Duration::from_millis(100));
    let mut stream = setup.client.subscriber("s").on_shutdown(wait).messages();
    let held = next(&mut stream).await;
    soon(stream.shutdown()).await;
    assert_eq!(setup.stats().await.ready, 1);
    drop(held);
}

#[tokio::test]
async fn deliveries_outlive_their_stream() {
    let settings = fanfare_client::proto::SubscriptionSettings {
        ack_deadline: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        ..super::support::eager()
    };
    let setup = Setup::with(settings).await;
    setup.publish(["a"]).await;
    let mut stream = setup.stream();
    let held = next(&mut stream).await;
    drop(stream);
    // Time in which the lease would have ended twice.
    setup.client.subscriptions().create("timer", "t").await.unwrap();
    let late = fanfare_client::proto::NewMessage {
        deliver_after: Some(prost_types::Duration { seconds: 2, nanos: 0 }),
        ..super::support::message("b")
    };
    setup.publish_messages(vec![late]).await;
    let mut timer = setup.client.subscriber("timer").messages();
    drop(next(&mut timer).await.ack());
    soon(held.ack()).await.unwrap();
    let stats = setup.stats().await;
    assert_eq!((stats.acked, stats.failed_attempts), (1, 0));
}

#[tokio::test]
async fn a_shutdown_before_anything_has_come_ends_at_once() {
    let setup = Setup::new().await;
    soon(setup.stream().shutdown()).await;
    let mut broker = setup.broker;
    broker.stop().await;
    let stream = setup.client.subscriber("s").messages();
    soon(stream.shutdown()).await;
}

#[tokio::test]
async fn acks_that_nobody_waits_for_are_confirmed_before_a_shutdown_ends() {
    let setup = Setup::new().await;
    setup.publish(numbers(3_000)).await;
    let mut stream = setup.stream();
    for _ in 0..3_000 {
        drop(next(&mut stream).await.ack());
    }
    soon(stream.shutdown()).await;
    assert_eq!(setup.stats().await.acked, 3_000);
}
