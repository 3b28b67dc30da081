//! What consuming ends with, and what it does not end with.

use std::time::Duration;

use fanfare_client::{
    Client, RetryPolicy,
    subscriber::{AckError, ConsumeError},
};

use super::support::{Setup, next, numbers, soon, take};

#[tokio::test]
async fn a_subscription_that_does_not_exist_is_gone() {
    let setup = Setup::new().await;
    let mut stream = setup.client.subscriber("nobodys").messages();
    let error = soon(stream.next()).await.unwrap().unwrap_err();
    assert!(
        matches!(error, ConsumeError::Gone(ref error) if error.reason() == "SUBSCRIPTION_NOT_FOUND"),
        "{error:?}"
    );
    assert!(soon(stream.next()).await.is_none(), "an error is the last item");
    let run = setup.client.subscriber("nobodys").run(|_| async {});
    assert!(matches!(soon(run.forever()).await, Err(ConsumeError::Gone(_))));
}

#[tokio::test]
async fn a_subscription_that_is_deleted_while_it_is_consumed_is_gone() {
    let setup = Setup::new().await;
    setup.publish(numbers(1)).await;
    let mut stream = setup.stream();
    let held = next(&mut stream).await;
    setup.client.subscriptions().delete("s").await.unwrap();
    let error = soon(stream.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, ConsumeError::Gone(_)), "{error:?}");
    assert_eq!(soon(held.ack()).await, Err(AckError::Unconfirmed));
}

#[tokio::test]
async fn a_malformed_name_is_refused() {
    let setup = Setup::new().await;
    for name in ["", "no such/name", &"x".repeat(10_000)] {
        let mut stream = setup.client.subscriber(name).messages();
        let error = soon(stream.next()).await.unwrap().unwrap_err();
        assert!(matches!(error, ConsumeError::Refused(_)), "{name} {error:?}");
    }
}

#[tokio::test]
async fn a_broker_that_cannot_be_reached_is_tried_no_longer_than_the_policy_says() {
    let mut setup = Setup::new().await;
    setup.publish(["a"]).await;
    let policy = RetryPolicy::default().within(Duration::from_millis(300));
    let mut stream = setup.client.subscriber("s").retry(policy).messages();
    let held = next(&mut stream).await;
    setup.broker.stop().await;
    let error = soon(stream.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, ConsumeError::Unreachable(_)), "{error:?}");
    assert_eq!(soon(held.ack()).await, Err(AckError::Unconfirmed));
}

#[tokio::test]
async fn a_consumer_that_is_there_before_its_broker_waits_for_it() {
    let mut setup = Setup::new().await;
    setup.publish(["a"]).await;
    setup.broker.stop().await;
    let client = Client::connect(setup.broker.url()).unwrap();
    let mut stream = client.subscriber("s").messages();
    tokio::select! {
        item = stream.next() => panic!("{item:?}"),
        () = setup.broker.restart() => {}
    }
    let held = take(&mut stream, 1).await.remove(0);
    soon(held.ack()).await.unwrap();
}
