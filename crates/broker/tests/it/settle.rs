use std::time::Duration;

use broker::{CreateTopicError, LeaseError, SettleError, Unavailable};
use types::{AckId, ExhaustedAction, SubscriptionSettings, TopicSettings};

use crate::fixture::{Fixture, ids, no_backoff, seconds, sub, texts};

async fn outcome(fixture: &Fixture, id: AckId) -> Result<(), LeaseError> {
    fixture.subscriber("a").acknowledge(&[id]).await.unwrap().durable().await.unwrap()[0]
}

#[tokio::test]
async fn an_acknowledged_message_does_not_come_again() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1", "2"]).await;
    assert_eq!(fixture.drain("a").await, ["1", "2"]);
    fixture.pass(seconds(3_600)).await;
    assert!(fixture.take("a").await.is_empty());
    assert_eq!(fixture.backlog("a").await, 0);
}

#[tokio::test]
async fn a_message_whose_lease_expires_comes_again_and_the_old_lease_is_refused() {
    let fixture = Fixture::with_subscription(no_backoff()).await;
    fixture.publish(&["1"]).await;
    let first = fixture.take("a").await;
    assert!(first[0].first_delivery && first[0].attempt == 1);
    fixture.pass(seconds(30)).await;
    assert_eq!(outcome(&fixture, first[0].ack_id).await, Err(LeaseError::Expired));
    let second = fixture.take("a").await;
    assert_eq!((second[0].attempt, second[0].first_delivery), (2, false));
    assert_eq!(outcome(&fixture, first[0].ack_id).await, Err(LeaseError::Superseded));
    assert_eq!(outcome(&fixture, second[0].ack_id).await, Ok(()));
    assert_eq!(outcome(&fixture, second[0].ack_id).await, Err(LeaseError::AlreadySettled));
}

#[tokio::test]
async fn an_extended_lease_lasts_until_its_new_end() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1"]).await;
    let taken = fixture.take("a").await;
    fixture.pass(seconds(29)).await;
    let end = fixture.subscriber("a").extend(&ids(&taken), seconds(100)).unwrap()[0].unwrap();
    assert_eq!(end, fixture.broker.now().plus(seconds(100)));
    fixture.pass(seconds(99)).await;
    assert_eq!(outcome(&fixture, taken[0].ack_id).await, Ok(()));
}

#[tokio::test]
async fn a_nack_with_a_delay_brings_the_message_back_after_it() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1"]).await;
    let taken = fixture.take("a").await;
    fixture.nack("a", &taken, Some(seconds(5))).await;
    fixture.pass(seconds(4)).await;
    assert!(fixture.take("a").await.is_empty());
    fixture.pass(seconds(1)).await;
    assert_eq!(texts(&fixture.take("a").await), ["1"]);
}

#[tokio::test]
async fn a_message_that_exhausts_its_attempts_becomes_a_dead_letter_and_is_counted() {
    let fixture = Fixture::with_subscription(SubscriptionSettings { max_attempts: 2, ..no_backoff() }).await;
    fixture.publish(&["bad", "good"]).await;
    for _ in 0..2 {
        let taken = fixture.take("a").await;
        let bad: Vec<_> = taken.into_iter().filter(|delivery| delivery.payload == "bad").collect();
        fixture.nack("a", &bad, Some(Duration::ZERO)).await;
    }
    let stats = fixture.broker.subscription_stats(&sub("a")).await.unwrap();
    assert_eq!((stats.counts.dead_letters, stats.counts.failed_attempts), (1, 2));
    assert_eq!(stats.backlog, 1, "only the good one is left");
    assert_eq!(fixture.broker.totals().dead_lettered, 1);
}

#[tokio::test]
async fn a_subscription_may_ask_to_drop_what_is_exhausted() {
    let settings =
        SubscriptionSettings { max_attempts: 1, when_exhausted: ExhaustedAction::Drop, ..no_backoff() };
    let fixture = Fixture::with_subscription(settings).await;
    fixture.publish(&["bad"]).await;
    let taken = fixture.take("a").await;
    fixture.nack("a", &taken, None).await;
    let counts = fixture.broker.subscription_stats(&sub("a")).await.unwrap().counts;
    assert_eq!((counts.dropped, counts.dead_letters), (1, 0));
}

#[tokio::test]
async fn an_ack_id_of_another_subscription_refuses_the_whole_request() {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    fixture.subscribe("b", SubscriptionSettings::default()).await;
    fixture.publish(&["1"]).await;
    let (of_a, of_b) = (fixture.take("a").await, fixture.take("b").await);
    let mixed = [of_a[0].ack_id, of_b[0].ack_id];
    let refused = fixture.subscriber("a").acknowledge(&mixed).await.unwrap_err();
    assert_eq!(refused, SettleError::OtherSubscription { index: 1 });
    assert_eq!(fixture.backlog("a").await, 1, "nothing was settled");
}

#[tokio::test]
async fn an_ack_is_confirmed_only_once_it_is_durable() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1"]).await;
    let taken = fixture.take("a").await;
    fixture.journal.hold();
    let settling = fixture.subscriber("a").acknowledge(&ids(&taken)).await.unwrap();
    let durable = settling.durable();
    tokio::pin!(durable);
    assert!(crate::fixture::ready(&mut durable).await.is_none());
    fixture.journal.release();
    assert_eq!(durable.await.unwrap(), [Ok(())]);
}

#[tokio::test]
async fn a_failed_journal_ends_all_acknowledgement() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1"]).await;
    let taken = fixture.take("a").await;
    fixture.journal.poison("test");
    assert!(fixture.subscriber("a").acknowledge(&ids(&taken)).await.is_err());
    assert!(
        fixture.broker.publish(&crate::fixture::topic(), vec![crate::fixture::message("2")]).await.is_err()
    );
    let created = fixture.broker.create_topic("other".parse().unwrap(), TopicSettings::default()).await;
    let poisoned = |error: &_| matches!(error, CreateTopicError::Unavailable(Unavailable::Poisoned(_)));
    assert!(created.is_err_and(|error| poisoned(&error)));
    let mut health = fixture.broker.health();
    health.wait_for(|health| matches!(health, broker::HealthState::Poisoned(_))).await.unwrap();
}
