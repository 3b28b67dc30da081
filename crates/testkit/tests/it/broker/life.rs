//! Starting, stopping, starting again.

use fanfare_client::{Client, RetryPolicy};
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[tokio::test]
async fn a_broker_that_is_dropped_is_gone_and_so_is_its_port() {
    let broker = Broker::start().await;
    let address = broker.url().replace("http://", "");
    let open = TcpStream::connect(&address).await.unwrap();
    drop(broker);
    assert!(TcpStream::connect(&address).await.is_err());
    open.readable().await.unwrap();
    assert!(matches!(open.try_read(&mut [0]), Ok(0) | Err(_)), "the connection is open");
    TcpListener::bind(&address).await.unwrap();
}

#[tokio::test]
async fn brokers_beside_each_other_know_nothing_of_each_other() {
    let (one, two) = (Broker::start().await, Broker::start().await);
    with_billing(&one, SubscriptionSettings::default()).await;
    assert!(two.client().topics().get("orders").await.is_err());
    two.advance(3_600 * SECOND).await;
    assert_eq!(one.subscription("billing").backlog().await, 0);
}

#[tokio::test]
async fn a_restart_keeps_the_port_and_the_messages_and_ends_the_leases() {
    let mut broker = Broker::start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    let url = broker.url();
    publish(&broker, "a").await;
    let (ack_id, _) = pull(&broker).await.remove(0);
    broker.restart().await;
    assert_eq!(broker.url(), url);
    let settled = broker.client().settler("billing").ack(vec![ack_id]).await.unwrap();
    assert!(settled[0].result.is_err(), "{settled:?}");
    assert_eq!(pull(&broker).await[0].1, 1, "a crash costs no attempt");
}

#[tokio::test]
async fn a_client_goes_on_after_a_stop_and_a_start() {
    let mut broker = Broker::start().await;
    let client = broker.client();
    client.topics().create("orders").await.unwrap();
    broker.stop().await;
    let impatient = Client::builder().endpoint(broker.url()).retry(RetryPolicy::never()).build().unwrap();
    assert!(impatient.topics().get("orders").await.is_err());
    let topics = client.topics();
    let (found, ()) = tokio::join!(topics.get("orders"), broker.restart());
    assert_eq!(found.unwrap().name, "projects/default/topics/orders");
}

#[tokio::test]
async fn what_is_waiting_at_the_broker_when_it_stops_is_cut_off() {
    let mut broker = Broker::start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    let settler = broker.client().settler("billing");
    let waiting = tokio::spawn(async move { settler.pull(1, 60 * SECOND).await });
    let figures = broker.client().server();
    while figures.subscription_stats("billing").await.unwrap().consumers == 0 {}
    broker.stop().await;
    broker.stop().await;
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn time_goes_on_across_restarts() {
    let mut broker = Broker::start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    broker.advance(3_600 * SECOND).await;
    let deliver_after = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    publish_message(&broker, NewMessage { deliver_after, ..message("a") }).await;
    broker.restart().await;
    broker.restart().await;
    assert_eq!(pull(&broker).await.len(), 0);
    broker.advance(60 * SECOND).await;
    assert_eq!(pull(&broker).await.len(), 1);
}

#[tokio::test]
async fn a_port_can_be_chosen() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let broker = Broker::builder().port(free).start().await;
    assert_eq!(broker.url(), format!("http://127.0.0.1:{free}"));
    broker.client().server().info().await.unwrap();
}

#[tokio::test]
#[should_panic(expected = "cannot be had")]
async fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Broker::builder().port(taken.local_addr().unwrap().port()).start().await;
}

#[tokio::test]
#[should_panic(expected = "is stopped")]
async fn the_clock_of_a_broker_that_is_stopped_cannot_be_put_forward() {
    let mut broker = Broker::start().await;
    broker.stop().await;
    broker.advance(SECOND).await;
}

#[tokio::test]
async fn a_full_broker_refuses_what_is_published() {
    let broker = Broker::builder().capacity_bytes(64 << 10).start().await;
    with_billing(&broker, SubscriptionSettings::default()).await;
    let mut publisher = PublisherServiceClient::connect(broker.url()).await.unwrap();
    let mut refused = None;
    for _ in 0..100 {
        let message = NewMessage { data: vec![0; 1_024].into(), ..NewMessage::default() };
        let request = PublishRequest {
            topic: "orders".to_owned(),
            messages: vec![message],
            ..PublishRequest::default()
        };
        if let Err(status) = publisher.publish(request).await {
            refused = Some(status.code());
            break;
        }
    }
    assert_eq!(refused, Some(tonic::Code::ResourceExhausted));
}
