use std::time::Duration;

use types::SubscriptionSettings;

use crate::fixture::{Fixture, no_backoff, seconds, texts};

fn ordered() -> SubscriptionSettings {
    SubscriptionSettings { ordered: true, ..no_backoff() }
}

#[tokio::test]
async fn the_next_message_of_a_key_waits_until_the_one_before_is_settled() {
    let fixture = Fixture::with_subscription(ordered()).await;
    fixture.publish(&["k=1", "k=2", "l=1", "free"]).await;
    let taken = fixture.take("a").await;
    assert_eq!(texts(&taken), ["k=1", "l=1", "free"]);
    fixture.ack("a", &taken[..1]).await;
    assert_eq!(texts(&fixture.take("a").await), ["k=2"]);
}

#[tokio::test]
async fn a_failing_message_holds_only_its_own_key_and_only_until_it_is_a_dead_letter() {
    let fixture = Fixture::with_subscription(SubscriptionSettings { max_attempts: 2, ..ordered() }).await;
    fixture.publish(&["k=bad", "k=2", "l=1"]).await;
    let first = fixture.take("a").await;
    fixture.nack("a", &first[..1], Some(seconds(60))).await;
    fixture.ack("a", &first[1..]).await;
    assert!(fixture.take("a").await.is_empty(), "k=2 overtook k=bad");
    fixture.pass(seconds(60)).await;
    let again = fixture.take("a").await;
    assert_eq!(texts(&again), ["k=bad"]);
    fixture.nack("a", &again, Some(Duration::ZERO)).await;
    assert_eq!(fixture.drain("a").await, ["k=2"]);
}

#[tokio::test]
async fn order_of_a_key_holds_across_a_crash() {
    let mut fixture = Fixture::with_subscription(ordered()).await;
    fixture.publish(&["k=1", "k=2", "k=3"]).await;
    let taken = fixture.take("a").await;
    fixture.ack("a", &taken).await;
    assert_eq!(texts(&fixture.take("a").await), ["k=2"]);
    fixture.crash().await;
    let (second, third) = (fixture.drain("a").await, fixture.drain("a").await);
    assert_eq!((second, third), (vec!["k=2".to_owned()], vec!["k=3".to_owned()]));
}
