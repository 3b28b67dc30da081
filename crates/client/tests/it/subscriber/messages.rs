//! The stream form against a real broker.

use std::time::Duration;

use fanfare_client::{
    proto::{NewMessage, SubscriptionSettings},
    subscriber::AckError,
};

use super::support::{Setup, eager, message, next, numbers, soon, take, tally};

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

#[tokio::test]
async fn every_message_is_handed_out_once_and_every_ack_is_confirmed() {
    let setup = Setup::new().await;
    setup.publish(numbers(5_000)).await;
    let mut stream = setup.stream();
    let mut settled = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5_000 {
        let delivery = next(&mut stream).await;
        assert!(seen.insert(delivery.text().unwrap().to_owned()));
        settled.push(delivery.ack());
    }
    for settled in settled {
        soon(settled).await.unwrap();
    }
    let stats = setup.stats().await;
    assert_eq!((stats.acked, stats.backlog, stats.deliveries), (5_000, 0, 5_000));
}

#[tokio::test]
async fn a_settlement_is_made_though_its_future_is_dropped() {
    let setup = Setup::new().await;
    setup.publish(["a"]).await;
    let mut stream = setup.stream();
    drop(next(&mut stream).await.ack());
    setup.until(|stats| stats.acked == 1).await;
}

#[tokio::test]
async fn a_delivery_that_is_dropped_comes_again_as_another_attempt() {
    let setup = Setup::new().await;
    setup.publish(["a"]).await;
    let mut stream = setup.stream();
    drop(next(&mut stream).await);
    let again = next(&mut stream).await;
    assert_eq!((again.text(), again.delivery_attempt()), (Some("a"), 2));
    let (_, handle) = again.into_parts();
    drop(handle);
    let again = next(&mut stream).await;
    assert_eq!(again.delivery_attempt(), 3);
    soon(again.ack()).await.unwrap();
}

#[tokio::test]
async fn a_nack_with_a_delay_comes_again_after_it_and_not_before() {
    let setup = Setup::new().await;
    setup.publish(["a"]).await;
    let mut stream = setup.stream();
    soon(next(&mut stream).await.nack_after(Duration::from_secs(600))).await.unwrap();
    assert_eq!(setup.stats().await.backing_off, 1);
    setup.broker.advance(Duration::from_secs(601)).await;
    soon(next(&mut stream).await.ack()).await.unwrap();
}

#[tokio::test]
async fn a_delay_of_any_length_is_taken() {
    let setup = Setup::new().await;
    setup.publish(["a", "b"]).await;
    let mut stream = setup.stream();
    for delivery in take(&mut stream, 2).await {
        soon(delivery.nack_after(Duration::MAX)).await.unwrap();
    }
    setup.broker.advance(Duration::from_secs(43_201)).await;
    for delivery in take(&mut stream, 2).await {
        soon(delivery.ack()).await.unwrap();
    }
}

/// The other message comes when the lease would have been over for as long as it lasts.
async fn held_over_its_deadline(setup: &Setup, max_lease: Option<Duration>) -> Result<(), AckError> {
    let timer = NewMessage { deliver_after: seconds(3), ..message("timer") };
    setup.publish_messages(vec![message("held"), timer]).await;
    let mut builder = setup.client.subscriber("s");
    if let Some(max_lease) = max_lease {
        builder = builder.max_lease(max_lease);
    }
    let mut stream = builder.messages();
    let held = next(&mut stream).await;
    assert_eq!(held.text(), Some("held"));
    let timer = next(&mut stream).await;
    assert_eq!(
        timer.text(),
        Some("timer"),
        "the held one comes no second time, whatever became of its lease"
    );
    soon(timer.ack()).await.unwrap();
    soon(held.ack()).await
}

fn one_second() -> SubscriptionSettings {
    SubscriptionSettings { ack_deadline: seconds(1), ..eager() }
}

#[tokio::test]
async fn a_lease_is_extended_while_its_message_is_held_over_the_ack_deadline() {
    let setup = Setup::with(one_second()).await;
    held_over_its_deadline(&setup, None).await.unwrap();
    let stats = setup.stats().await;
    assert_eq!((stats.failed_attempts, stats.deliveries, stats.acked), (0, 2, 2));
}

#[tokio::test]
async fn past_its_longest_time_a_lease_runs_out_and_what_is_delivered_again_is_not_handed_out_twice() {
    let setup = Setup::with(one_second()).await;
    held_over_its_deadline(&setup, Some(Duration::ZERO)).await.unwrap();
    let stats = setup.stats().await;
    assert!(stats.failed_attempts >= 1 && stats.deliveries >= 3, "{stats:?}");
    assert_eq!(stats.acked, 2);
}

#[tokio::test]
async fn a_slow_consumer_holds_no_more_than_it_asked_for() {
    let setup = Setup::new().await;
    setup.publish(numbers(500)).await;
    let mut stream = setup.client.subscriber("s").max_outstanding_messages(7).messages();
    let mut held = take(&mut stream, 7).await;
    for left in (0..493).rev() {
        let stats = setup.stats().await;
        assert!(stats.leased <= 7, "{stats:?}");
        soon(held.remove(0).ack()).await.unwrap();
        held.push(next(&mut stream).await);
        assert!(setup.stats().await.backlog >= left);
    }
    assert_eq!(tally(&held).len(), 7);
}

#[tokio::test]
async fn a_message_that_is_larger_than_what_may_be_outstanding_comes_alone() {
    let setup = Setup::new().await;
    let large = "x".repeat(200_000);
    setup.publish([&large, &large]).await;
    let mut stream = setup.client.subscriber("s").max_outstanding_bytes(1).messages();
    let first = next(&mut stream).await;
    assert_eq!(setup.stats().await.leased, 1);
    soon(first.ack()).await.unwrap();
    soon(next(&mut stream).await.ack()).await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_settled_by_a_seek_says_so_to_its_ack() {
    let setup = Setup::new().await;
    setup.publish(["a"]).await;
    let mut stream = setup.stream();
    let held = next(&mut stream).await;
    let end = fanfare_client::proto::log_place::Place::Edge(fanfare_client::proto::LogEdge::Latest.into());
    let target = fanfare_client::proto::LogPlace { place: Some(end) };
    setup.client.subscriptions().seek("s", target).await.unwrap();
    assert_eq!(soon(held.ack()).await, Err(AckError::FencedBySeek));
}

#[tokio::test]
async fn several_streams_share_a_subscription() {
    let setup = Setup::new().await;
    setup.publish(numbers(2_000)).await;
    let consume = |mut stream: fanfare_client::subscriber::MessageStream| async move {
        let mut count = 0;
        while let Ok(Some(Ok(delivery))) = tokio::time::timeout(Duration::from_secs(1), stream.next()).await {
            drop(delivery.ack());
            count += 1;
        }
        stream.shutdown().await;
        count
    };
    let (one, other) = tokio::join!(consume(setup.stream()), consume(setup.stream()));
    assert_eq!(one + other, 2_000);
    assert_eq!(setup.stats().await.acked, 2_000);
}
