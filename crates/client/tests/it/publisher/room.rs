//! How much is held, and what happens to what is too much.

use std::time::Duration;

use fanfare_client::publisher::{OnFull, PublishError, PublishFuture, PublisherBuilder};
use futures_util::poll;

use super::{
    fake::{Act, Fake},
    support::{NEVER, Setup, numbers, outcome, within},
};

/// Whose messages stay where they are until it is flushed.
fn holding(setup: &Setup, messages: usize) -> PublisherBuilder {
    setup.publisher().batch_delay(NEVER).max_outstanding_messages(messages)
}

#[tokio::test]
async fn a_full_publisher_that_does_not_wait_fails_at_once_and_takes_again_later() {
    let setup = Setup::new().await;
    let publisher = holding(&setup, 2).on_full(OnFull::Fail).build();
    let taken = [publisher.publish("0"), publisher.publish("1")];
    let failed = outcome(publisher.publish("lost")).await;
    assert!(matches!(failed, Err(PublishError::Full)), "{failed:?}");
    within(publisher.flush()).await;
    for future in taken {
        outcome(future).await.unwrap();
    }
    drop(publisher.publish("2"));
    within(publisher.flush()).await;
    assert_eq!(setup.texts(3).await, numbers(3));
}

#[tokio::test]
async fn messages_for_which_there_is_no_room_wait_in_the_order_in_which_they_are_polled() {
    let setup = Setup::new().await;
    let publisher = holding(&setup, 1).build();
    drop(publisher.publish("0"));
    let mut futures: Vec<_> = ["b", "a", "never polled"].map(|text| publisher.publish(text)).into();
    for index in [1, 0] {
        assert!(poll!(&mut futures[index]).is_pending());
    }
    // Room comes bit by bit; each time one more is taken.
    for _ in 0..3 {
        within(publisher.flush()).await;
    }
    drop(futures);
    assert_eq!(setup.texts(3).await, ["0", "a", "b"]);
}

#[tokio::test]
async fn a_future_that_waits_for_room_takes_its_message_with_it_and_one_that_does_not_leaves_it() {
    let setup = Setup::new().await;
    let publisher = holding(&setup, 1).build();
    drop(publisher.publish("0"));
    let mut waits = publisher.publish("lost");
    assert!(poll!(&mut waits).is_pending());
    let mut behind = publisher.publish("1");
    assert!(poll!(&mut behind).is_pending());
    drop(waits);
    within(publisher.flush()).await;
    drop(behind);
    within(publisher.flush()).await;
    assert_eq!(setup.texts(2).await, numbers(2));
}

#[tokio::test]
async fn enqueue_waits_for_room_whatever_publish_does_and_is_cancelled_by_its_drop() {
    let setup = Setup::new().await;
    let publisher = holding(&setup, 1).on_full(OnFull::Fail).build();
    let first = within(publisher.enqueue("0")).await.unwrap();
    {
        let lost = std::pin::pin!(publisher.enqueue("lost"));
        assert!(poll!(lost).is_pending());
    }
    let mut second = Box::pin(publisher.enqueue("1"));
    assert!(poll!(&mut second).is_pending());
    assert!(matches!(outcome(publisher.publish("lost")).await, Err(PublishError::Full)));
    within(publisher.flush()).await;
    outcome(first).await.unwrap();
    let second = within(second).await.unwrap();
    within(publisher.flush()).await;
    outcome(second).await.unwrap();
    assert_eq!(setup.texts(2).await, numbers(2));
}

#[tokio::test]
async fn bytes_are_room_too_and_one_message_may_be_larger_than_all_of_it() {
    let setup = Setup::new().await;
    let publisher = holding(&setup, 10).max_outstanding_bytes(1_000).on_full(OnFull::Fail).build();
    let large = publisher.publish(vec![0; 5_000]);
    assert!(matches!(outcome(publisher.publish("x")).await, Err(PublishError::Full)));
    within(publisher.flush()).await;
    outcome(large).await.unwrap();
    let small = publisher.publish("x");
    assert!(matches!(outcome(publisher.publish(vec![0; 1_000])).await, Err(PublishError::Full)));
    within(publisher.flush()).await;
    outcome(small).await.unwrap();
}

#[tokio::test]
async fn who_waits_for_room_is_told_of_a_shutdown() {
    let fake = Fake::start([vec![Act::Silence]]).await;
    let publisher = fake.client().publisher("t").max_outstanding_messages(1).build();
    let mut taken = publisher.publish("0");
    let (mut waits, mut queued) = (publisher.publish("1"), Box::pin(publisher.enqueue("2")));
    assert!(poll!(&mut waits).is_pending() && poll!(&mut queued).is_pending());
    let mut ending = Box::pin(publisher.shutdown());
    assert!(poll!(&mut ending).is_pending(), "one message has no answer");
    assert!(matches!(outcome(waits).await, Err(PublishError::ShutDown)));
    assert!(matches!(within(queued).await, Err(PublishError::ShutDown)));
    assert!(poll!(&mut taken).is_pending());
}

#[tokio::test]
async fn a_hundred_tasks_share_little_room_and_none_starves() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().max_outstanding_messages(3).batch_delay(Duration::ZERO).build();
    let publish = |text: String| {
        let publisher = publisher.clone();
        tokio::spawn(async move {
            for round in 0..5 {
                publisher.publish(format!("{text}.{round}")).await.unwrap();
            }
        })
    };
    let tasks: Vec<_> = numbers(100).into_iter().map(publish).collect();
    for task in tasks {
        within(task).await.unwrap();
    }
    let mut texts = setup.texts(500).await;
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 500);
}

#[tokio::test]
async fn publishing_and_publishers_can_cross_threads() {
    fn crosses<T: Send + 'static>() {}
    crosses::<PublishFuture>();
    crosses::<fanfare_client::publisher::Publisher>();
}
