//! Putting the clock forward.

use fanfare_testkit::broker::Pace;

use super::*;

#[tokio::test]
async fn a_lease_that_is_not_settled_ends_when_the_clock_is_put_forward() {
    let broker = Broker::start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    publish(&broker, "a").await;
    assert_eq!(pull(&broker).await.len(), 1);
    broker.advance(29 * SECOND).await;
    assert_eq!(pull(&broker).await.len(), 0);
    broker.advance(10 * SECOND).await;
    assert_eq!(pull(&broker).await[0].1, 2);
}

#[tokio::test]
async fn a_message_that_fails_is_retried_and_dead_lettered_by_the_clock_alone() {
    let broker = Broker::start().await;
    let settings = SubscriptionSettings { max_attempts: Some(3), ..SubscriptionSettings::default() };
    with_billing(&broker, settings).await;
    publish(&broker, "poison").await;
    for _ in 0..2 {
        assert_eq!(nack_all(&broker).await, 1);
        assert_eq!(pull(&broker).await.len(), 0, "it waits");
        broker.advance(5 * SECOND).await;
    }
    assert_eq!(nack_all(&broker).await, 1);
    let figures = broker.subscription("billing").wait_until_settled().await;
    assert_eq!((figures.dead_letters, figures.failed_attempts, figures.acked), (1, 3, 0));
}

#[tokio::test]
async fn leases_that_end_one_after_the_other_all_end_in_one_move_of_the_clock() {
    let broker = Broker::start().await;
    let settings = SubscriptionSettings { max_attempts: Some(3), ..SubscriptionSettings::default() };
    with_billing(&broker, settings).await;
    publish(&broker, "a").await;
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let settler = broker.client().settler("billing");
            tokio::spawn(async move { settler.pull(1, 60 * SECOND).await.unwrap().len() })
        })
        .collect();
    broker.subscription("billing").wait_until("delivered", |figures| figures.leased == 1).await;
    broker.advance(3_600 * SECOND).await;
    let figures = broker.subscription("billing").figures().await;
    let mut got = 0;
    for pull in waiting {
        got += pull.await.unwrap();
    }
    assert!(got >= 1 && figures.deliveries as usize == got, "{got} {figures}");
    assert_eq!(figures.leased, 0, "{figures}");
}

#[tokio::test]
async fn a_delayed_message_comes_when_its_time_has_come() {
    let broker = Broker::start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    let deliver_after = Some(prost_types::Duration { seconds: 3_600, nanos: 0 });
    publish_message(&broker, NewMessage { deliver_after, ..message("a") }).await;
    assert_eq!(pull(&broker).await.len(), 0);
    broker.advance(3_599 * SECOND).await;
    assert_eq!(pull(&broker).await.len(), 0);
    broker.advance(SECOND).await;
    assert_eq!(pull(&broker).await.len(), 1);
}

#[tokio::test]
async fn a_duplicate_is_dropped_in_the_window_and_stored_after_it() {
    let broker = Broker::start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    let duplicate = || NewMessage { deduplication_id: "4711".to_owned(), ..message("a") };
    let first = publish_message(&broker, duplicate()).await;
    broker.advance(60 * SECOND).await;
    assert_eq!(publish_message(&broker, duplicate()).await, first);
    broker.advance(86_400 * SECOND).await;
    assert_ne!(publish_message(&broker, duplicate()).await, first);
    assert_eq!(broker.subscription("billing").backlog().await, 2);
}

#[tokio::test]
async fn a_connection_outlives_weeks_of_the_brokers_time() {
    let broker = Broker::start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    let mut publisher = PublisherServiceClient::connect(broker.url()).await.unwrap();
    let request = || PublishRequest {
        topic: "orders".to_owned(),
        messages: vec![message("a")],
        ..PublishRequest::default()
    };
    publisher.publish(request()).await.unwrap();
    broker.advance(14 * 86_400 * SECOND).await;
    publisher.publish(request()).await.unwrap();
}

#[tokio::test]
async fn a_pull_that_waits_ends_with_the_brokers_time_and_not_with_the_machines() {
    let broker = Broker::start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    let settler = broker.client().settler("billing");
    let waiting = tokio::spawn(async move { settler.pull(1, SECOND).await.unwrap().len() });
    let figures = broker.client().server();
    while figures.subscription_stats("billing").await.unwrap().consumers == 0 {}
    assert!(!waiting.is_finished());
    broker.advance(SECOND).await;
    assert_eq!(waiting.await.unwrap(), 0);
}

#[tokio::test]
async fn at_real_pace_time_passes_and_can_be_put_forward_too() {
    let broker = Broker::builder().pace(Pace::Real).start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    let settler = broker.client().settler("billing");
    assert_eq!(settler.pull(1, SECOND / 20).await.unwrap().len(), 0);
    publish(&broker, "a").await;
    assert_eq!(pull(&broker).await.len(), 1);
    broker.advance(40 * SECOND).await;
    assert_eq!(pull(&broker).await.len(), 1);
    assert_eq!(settler.pull(1, SECOND / 20).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_test_whose_own_time_is_paused_can_wait_for_a_broker() {
    let broker = Broker::start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    publish(&broker, "a").await;
    tokio::time::pause();
    broker.advance(SECOND).await;
    broker.subscription("billing").wait_until("published", |figures| figures.backlog == 1).await;
}

#[tokio::test]
#[should_panic(
    expected = "billing: not settled in 100ms: backlog 1, leased 1, deliveries 1. The clock stands still"
)]
async fn a_test_that_waits_in_vain_says_what_it_found() {
    let broker = Broker::builder().patience(SECOND / 10).start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    publish(&broker, "a").await;
    assert_eq!(pull(&broker).await.len(), 1);
    broker.subscription("billing").wait_until_settled().await;
}

#[tokio::test]
#[should_panic(expected = "there is no subscription")]
async fn a_subscription_that_there_is_not_is_told() {
    let broker = Broker::start().await;
    broker.subscription("nobody").figures().await;
}
