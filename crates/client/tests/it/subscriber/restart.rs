//! A broker that crashes and comes back while it is consumed.

use super::support::{Setup, next, numbers, soon, take, tally};

#[tokio::test]
async fn what_is_held_over_a_restart_is_handed_out_once_and_its_ack_holds() {
    let mut setup = Setup::new().await;
    setup.publish(numbers(20)).await;
    let mut stream = setup.stream();
    let held = take(&mut stream, 20).await;
    setup.broker.restart().await;
    // They are all delivered again, and adopted.
    setup.until(|stats| stats.leased == 20).await;
    setup.publish(["last"]).await;
    let last = next(&mut stream).await;
    assert_eq!(last.text(), Some("last"), "nothing was handed out twice");
    assert_eq!(tally(&held).len(), 20);
    for delivery in held {
        soon(delivery.ack()).await.unwrap();
    }
    soon(last.ack()).await.unwrap();
    assert_eq!(setup.stats().await.backlog, 0);
}

#[tokio::test]
async fn what_is_acked_while_the_broker_is_away_is_acked_when_it_is_back() {
    let mut setup = Setup::new().await;
    setup.publish(numbers(20)).await;
    let mut stream = setup.stream();
    let held = take(&mut stream, 20).await;
    setup.broker.stop().await;
    let settled: Vec<_> = held.into_iter().map(fanfare_client::subscriber::Delivery::ack).collect();
    setup.broker.restart().await;
    for settled in settled {
        soon(settled).await.unwrap();
    }
    setup.publish(["last"]).await;
    assert_eq!(next(&mut stream).await.text(), Some("last"), "nothing was handed out twice");
    assert_eq!(setup.stats().await.backlog, 1);
}

#[tokio::test]
async fn what_is_nacked_while_the_broker_is_away_comes_again_when_it_is_back() {
    let mut setup = Setup::new().await;
    setup.publish(numbers(3)).await;
    let mut stream = setup.stream();
    let held = take(&mut stream, 3).await;
    setup.broker.stop().await;
    let settled: Vec<_> = held.into_iter().map(fanfare_client::subscriber::Delivery::nack).collect();
    setup.broker.restart().await;
    let again = take(&mut stream, 3).await;
    for settled in settled {
        soon(settled).await.unwrap();
    }
    for delivery in again {
        assert_eq!(delivery.delivery_attempt(), 2);
        soon(delivery.ack()).await.unwrap();
    }
}

#[tokio::test]
async fn a_confirmed_ack_survives_a_crash() {
    let mut setup = Setup::new().await;
    setup.publish(["a", "b"]).await;
    let mut stream = setup.client.subscriber("s").max_outstanding_messages(1).messages();
    soon(next(&mut stream).await.ack()).await.unwrap();
    setup.broker.restart().await;
    let next = next(&mut stream).await;
    assert_eq!(next.text(), Some("b"));
    soon(next.ack()).await.unwrap();
    assert_eq!(setup.stats().await.backlog, 0);
}

#[tokio::test]
async fn a_subscription_that_was_created_anew_meanwhile_is_gone() {
    let mut setup = Setup::new().await;
    setup.publish(["a"]).await;
    let mut stream = setup.stream();
    let held = next(&mut stream).await;
    // The stream ends with the subscription; what it finds then is another one, or none.
    setup.client.subscriptions().delete("s").await.unwrap();
    setup.client.subscriptions().create("s", "t").await.unwrap();
    setup.broker.restart().await;
    let error = soon(stream.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, fanfare_client::subscriber::ConsumeError::Gone(_)), "{error:?}");
    drop(held);
}
