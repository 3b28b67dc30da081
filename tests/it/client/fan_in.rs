//! Many publishers, many consumers, slow consumers.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use fanfare_client::Message;
use parking_lot::Mutex;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_publishers_of_several_clients_share_a_topic() {
    const PUBLISHERS: usize = 200;
    const EACH: usize = 20;
    let (fanfare, _directory) = Fanfare::fresh().await;
    orders_and_billing(&fanfare, ordered()).await;
    let clients: Vec<_> = (0..4).map(|_| client(fanfare.grpc())).collect();
    let publishing: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let orders = clients[publisher % clients.len()].publisher("orders").build();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                for number in 0..EACH {
                    let message = Message::new(format!("{publisher} {number}"));
                    taken.push(orders.enqueue(message.ordering_key(publisher.to_string())).await.unwrap());
                }
                for message in taken {
                    message.await.unwrap();
                }
            })
        })
        .collect();
    for publisher in publishing {
        publisher.await.unwrap();
    }
    let mut messages = clients[0].subscriber("billing").messages();
    let mut next = HashMap::new();
    for _ in 0..PUBLISHERS * EACH {
        let delivery = messages.next().await.unwrap().unwrap();
        let (publisher, number) = delivery.text().unwrap().split_once(' ').unwrap();
        let next = next.entry(publisher.to_owned()).or_insert(0);
        assert_eq!(number.parse(), Ok(*next), "of publisher {publisher}");
        *next += 1;
        _ = delivery.ack();
    }
    messages.shutdown().await;
    let all = (PUBLISHERS * EACH) as u64;
    assert_eq!(figures(&fanfare).await, (all, 0, all, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_of_one_subscription_share_its_messages() {
    const CONSUMERS: usize = 10;
    const MESSAGES: usize = 2_000;
    let (fanfare, _directory) = Fanfare::fresh().await;
    orders_and_billing(&fanfare, SubscriptionSettings::default()).await;
    let server = client(fanfare.grpc()).server();
    let (left, shares) = (Arc::new(AtomicUsize::new(MESSAGES)), Arc::new(Mutex::new(vec![0; CONSUMERS])));
    let (ends, _) = tokio::sync::watch::channel(());
    let consuming: Vec<_> = (0..CONSUMERS)
        .map(|consumer| {
            let (left, shares, mut end) = (left.clone(), shares.clone(), ends.subscribe());
            let ends = ends.clone();
            let run =
                client(fanfare.grpc()).subscriber("billing").max_outstanding_messages(10).run(move |_| {
                    shares.lock()[consumer] += 1;
                    if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                        ends.send_replace(());
                    }
                    async {}
                });
            tokio::spawn(async move { run.until(async { _ = end.changed().await }).await })
        })
        .collect();
    crate::support::eventually("all consume", async || {
        let consumers = server.subscription_stats("billing").await.unwrap().consumers;
        if consumers == CONSUMERS as u64 { Ok(()) } else { Err(consumers) }
    })
    .await;
    let publisher = client(fanfare.grpc()).publisher("orders").build();
    for number in 0..MESSAGES {
        _ = publisher.enqueue(format!("order {number}")).await.unwrap();
    }
    publisher.shutdown().await;
    for consumer in consuming {
        consumer.await.unwrap().unwrap();
    }
    let shares = shares.lock().clone();
    assert_eq!(shares.iter().sum::<usize>(), MESSAGES, "each once: {shares:?}");
    let fair = MESSAGES / CONSUMERS;
    assert!(shares.iter().all(|share| *share > fair / 4 && *share < fair * 4), "{shares:?}");
    assert_eq!(figures(&fanfare).await, (2_000, 0, 2_000, 0));
}

#[tokio::test]
async fn a_slow_consumer_holds_few_messages_and_loses_no_lease() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    let ack_deadline = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    orders_and_billing(&fanfare, SubscriptionSettings { ack_deadline, ..SubscriptionSettings::default() })
        .await;
    let client = client(fanfare.grpc());
    let publisher = client.publisher("orders").build();
    for number in 0..100 {
        publisher.enqueue(format!("order {number}")).await.unwrap().await.unwrap();
    }
    let mut messages = client.subscriber("billing").max_outstanding_messages(5).messages();
    let first = messages.next().await.unwrap().unwrap();
    let leased = async || client.server().subscription_stats("billing").await.unwrap().leased;
    crate::support::eventually("full", async || match leased().await {
        5 => Ok(()),
        other => Err(other),
    })
    .await;
    // Thrice as long as a lease lasts, as the broker tells the time; the others may take no longer to come.
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..30 {
        pace.tick().await;
        assert_eq!(leased().await, 5);
    }
    first.ack().await.unwrap();
    for _ in 1..100 {
        messages.next().await.unwrap().unwrap().ack().await.unwrap();
    }
    assert_eq!(figures(&fanfare).await, (100, 0, 100, 0));
    messages.shutdown().await;
}
