//! Messages that the broker refuses for good.

use super::{
    broker,
    shop::{Shop, message, stored},
};

/// A message of key `a` that is too large, and one behind it; another of key `b`, and one of none.
async fn with_one_that_is_too_large(shop: &Shop) -> i64 {
    let large = fanfare_client::Message::new(vec![b'x'; 2 << 20]).ordering_key("a");
    let id = shop.outbox.write(&shop.pool, "orders", large).await.unwrap();
    shop.write(&["a"], 1..2).await;
    shop.write(&["b"], 2..3).await;
    shop.write(&[""], 3..4).await;
    id
}

#[tokio::test]
async fn what_is_behind_a_refused_message_waits_until_it_is_discarded_and_the_rest_goes_on() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let id = with_one_that_is_too_large(&shop).await;
    let relay = shop.run(&client);
    assert_eq!(stored(&client, 2).await, ["b:2", ":3"]);
    let figures = shop.until("it is marked", |figures| figures.failed == 1 && figures.published == 2).await;
    assert_eq!(figures.pending, 1);
    let failed = shop.outbox.failed(&shop.pool, 10).await.unwrap();
    assert_eq!((failed.len(), failed[0].id, failed[0].ordering_key.as_str()), (1, id, "a"));
    assert!(!failed[0].reason.is_empty());
    assert!(shop.outbox.discard_failed(&shop.pool, id).await.unwrap());
    assert!(!shop.outbox.discard_failed(&shop.pool, id).await.unwrap(), "there is nothing any more");
    assert_eq!(stored(&client, 1).await, ["a:1"]);
    relay.abort().await;
}

#[tokio::test]
async fn a_refused_message_that_is_tried_again_comes_before_what_waited_for_it() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let id = shop.outbox.write(&shop.pool, "later", message("a", 0)).await.unwrap();
    shop.outbox.write(&shop.pool, "later", message("a", 1)).await.unwrap();
    let relay = shop.run(&client);
    shop.until("it is marked", |figures| figures.failed == 1).await;
    client.topics().create("later").await.unwrap();
    client.subscriptions().delete("audit").await.unwrap();
    client.subscriptions().create("audit", "later").await.unwrap();
    assert!(shop.outbox.retry_failed(&shop.pool, id).await.unwrap());
    assert_eq!(stored(&client, 2).await, ["a:0", "a:1"]);
    assert!(!shop.outbox.retry_failed(&shop.pool, id).await.unwrap(), "it is not failed any more");
    relay.abort().await;
}

#[tokio::test]
async fn a_row_that_is_no_message_is_marked_and_stops_nobody() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let broken = "INSERT INTO fanfare_outbox (topic, message) VALUES ('orders', '\\xff')";
    sqlx::query(broken).execute(&shop.pool).await.unwrap();
    shop.write(&["a"], 1..2).await;
    let relay = shop.run(&client);
    assert_eq!(stored(&client, 1).await, ["a:1"]);
    shop.until("it is marked", |figures| figures.failed == 1 && figures.pending == 0).await;
    relay.abort().await;
}

#[tokio::test]
async fn a_row_that_is_no_message_holds_what_is_behind_it_with_its_key() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let broken = "INSERT INTO fanfare_outbox (topic, ordering_key, message) VALUES ('orders', 'a', '\\xff') RETURNING id";
    let id: i64 = sqlx::query_scalar(broken).fetch_one(&shop.pool).await.unwrap();
    shop.write(&["a"], 1..2).await;
    shop.write(&["b"], 2..3).await;
    let relay = shop.run(&client);
    assert_eq!(stored(&client, 1).await, ["b:2"]);
    let figures = shop.until("it is marked", |figures| figures.failed == 1 && figures.published == 1).await;
    assert_eq!(figures.pending, 1);
    assert!(shop.outbox.discard_failed(&shop.pool, id).await.unwrap());
    assert_eq!(stored(&client, 1).await, ["a:1"]);
    relay.abort().await;
}

#[tokio::test]
async fn a_row_whose_column_does_not_say_the_messages_key_is_marked_and_stops_nobody() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let large = fanfare_client::Message::new(vec![b'x'; 2 << 20]).ordering_key("a");
    shop.outbox.write(&shop.pool, "orders", large).await.unwrap();
    sqlx::query("UPDATE fanfare_outbox SET ordering_key = ''").execute(&shop.pool).await.unwrap();
    shop.write(&["a"], 1..2).await;
    let relay = shop.run(&client);
    assert_eq!(stored(&client, 1).await, ["a:1"]);
    shop.until("it is marked", |figures| figures.failed == 1 && figures.published == 1).await;
    let failed = shop.outbox.failed(&shop.pool, 1).await.unwrap();
    assert!(failed[0].reason.contains("ordering_key"), "{failed:?}");
    relay.abort().await;
}

#[tokio::test]
async fn a_key_that_no_index_would_take_is_refused_and_stops_nobody() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    // Of such a kind that PostgreSQL cannot make it shorter.
    let key: String =
        (1..1_000_u64).map(|n| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let id = shop.outbox.write(&shop.pool, "orders", message(&key, 0)).await.unwrap();
    shop.write(&["b"], 1..2).await;
    let relay = shop.run(&client);
    assert_eq!(stored(&client, 1).await, ["b:1"]);
    shop.until("it is marked", |figures| figures.failed == 1 && figures.published == 1).await;
    assert!(shop.outbox.discard_failed(&shop.pool, id).await.unwrap());
    relay.abort().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_for_every_broker_is_marked_and_stops_nobody() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    shop.outbox.write(&shop.pool, "orders", vec![0; (64 << 20) + 1]).await.unwrap();
    shop.write(&["b"], 1..2).await;
    let relay = shop.run(&client);
    assert_eq!(stored(&client, 1).await, ["b:1"]);
    let figures = shop.until("it is marked", |figures| figures.failed == 1 && figures.published == 1).await;
    assert_eq!(figures.pending, 0);
    relay.abort().await;
}
