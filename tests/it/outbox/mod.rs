//! The client's outbox: a real PostgreSQL, and relays that are killed at every step.

mod crash;
mod order;
mod postgres;
mod refused;
mod shop;

use std::time::Duration;

use fanfare_client::{
    Message, correlation,
    outbox::{Outbox, Relay, RelayError},
};
use fanfare_testkit::{Broker, broker::Pace};

use self::shop::{Shop, check, prepare, run, stored};

async fn broker() -> Broker {
    let broker = Broker::builder().pace(Pace::Real).start().await;
    prepare(&broker.client()).await;
    broker
}

#[tokio::test]
async fn what_was_committed_is_published_and_what_was_rolled_back_is_not() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let relay = shop.run(&client);
    shop.write(&["a", "b", ""], 0..6).await;
    let mut transaction = shop.pool.begin().await.unwrap();
    shop.outbox.write(&mut *transaction, "orders", Message::new("a:99")).await.unwrap();
    transaction.rollback().await.unwrap();
    shop.write(&["a", "b", ""], 6..9).await;
    check(&stored(&client, 9).await, &["a", "b", ""], 0..9);
    let figures = shop.until("all is marked", |figures| figures.pending == 0).await;
    assert_eq!((figures.published, figures.failed), (9, 0));
    relay.abort().await;
}

#[tokio::test]
async fn a_message_comes_as_it_was_written_with_the_correlation_id_of_that_time() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let relay = shop.run(&client);
    let message =
        Message::new(vec![0, 255]).content_type("image/x").attribute("type", "order").number("total", 99.5);
    let write = shop.outbox.write(&shop.pool, "orders", message);
    let id = correlation::scope("checkout-8f2c", write).await.unwrap();
    let audit = client.settler("audit");
    let messages = audit.pull(1, Duration::from_secs(20)).await.unwrap();
    let message = &messages[0].1;
    assert_eq!((message.correlation_id(), &message.data()[..]), ("checkout-8f2c", &[0, 255][..]));
    assert_eq!((message.content_type(), message.attribute("type")), ("image/x", Some("order")));
    let given = &message.message().deduplication_id;
    assert!(given.starts_with("outbox-") && given.ends_with(&format!("-{id}")), "{given}");
    relay.abort().await;
}

#[tokio::test]
async fn migrating_again_and_at_once_changes_nothing() {
    let shop = Shop::open().await;
    let id = async || {
        let select = "SELECT outbox_id FROM fanfare_outbox_meta";
        sqlx::query_scalar::<_, String>(select).fetch_one(&shop.pool).await.unwrap()
    };
    let before = id().await;
    let outbox = Outbox::with_table("public.second").unwrap();
    let all = (0..8).map(|_| {
        let (pool, first, second) = (shop.pool.clone(), shop.outbox.clone(), outbox.clone());
        tokio::spawn(async move {
            first.migrate(&pool).await.unwrap();
            second.migrate(&pool).await.unwrap();
        })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    assert_eq!(id().await, before);
}

#[tokio::test]
async fn two_outboxes_in_one_database_do_not_know_of_each_other() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let second = Outbox::with_table("second").unwrap();
    second.migrate(&shop.pool).await.unwrap();
    second.write(&shop.pool, "orders", "a:1").await.unwrap();
    shop.write(&["b"], 0..1).await;
    let relay = run(Relay::new(client.clone(), shop.pool.clone(), second.clone()));
    assert_eq!(stored(&client, 1).await, ["a:1"]);
    let relays = [relay, shop.run(&client)];
    assert_eq!(stored(&client, 1).await, ["b:0"], "both have the number 1, and are no duplicates");
    for relay in relays {
        relay.abort().await;
    }
}

#[tokio::test]
async fn a_relay_without_an_outbox_says_so() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let missing = Outbox::with_table("missing").unwrap();
    let relay = run(Relay::new(broker.client(), shop.pool.clone(), missing));
    assert!(matches!(relay.ended().await, Err(RelayError::NoOutbox(_))));
}

#[tokio::test]
async fn published_rows_are_kept_for_a_while_and_then_deleted() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    shop.write(&["a"], 0..1_500).await;
    let relay = shop.run(&client);
    check(&stored(&client, 1_500).await, &["a"], 0..1_500);
    shop.until("all is marked", |figures| figures.published == 1_500).await;
    relay.abort().await;
    let relay = run(shop.relay(&client).keep_published(Duration::ZERO));
    shop.until("all is deleted", |figures| figures.published == 0).await;
    relay.abort().await;
}

#[tokio::test]
async fn rows_may_be_kept_for_ever() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    shop.write(&["a"], 0..3).await;
    let relay = run(shop.relay(&client).keep_published(Duration::MAX));
    shop.until("all is marked", |figures| figures.published == 3).await;
    let session = async || {
        let holder = "SELECT pid FROM pg_locks WHERE locktype = 'advisory'";
        sqlx::query_scalar::<_, i32>(holder).fetch_optional(&shop.pool).await.unwrap()
    };
    let before = session().await;
    shop.until_it_has_looked().await;
    assert!(before.is_some());
    assert_eq!(session().await, before, "nothing goes wrong in its session");
    assert_eq!(shop.figures().await.published, 3);
    relay.abort().await;
}

#[tokio::test]
async fn new_rows_of_a_restored_table_are_not_taken_for_old_ones_after_the_outbox_has_a_new_name() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    shop.write(&["a"], 0..3).await;
    let relay = shop.run(&client);
    check(&stored(&client, 3).await, &["a"], 0..3);
    shop.until("all is marked", |figures| figures.published == 3).await;
    relay.abort().await;
    // From before the rows were written, so the next have their numbers.
    for restore in [
        "DELETE FROM fanfare_outbox",
        "ALTER SEQUENCE fanfare_outbox_ids RESTART WITH 1",
        "UPDATE fanfare_outbox_meta SET outbox_id = DEFAULT",
    ] {
        sqlx::query(restore).execute(&shop.pool).await.unwrap();
    }
    shop.write(&["a"], 3..5).await;
    let relay = shop.run(&client);
    check(&stored(&client, 2).await, &["a"], 3..5);
    relay.abort().await;
}

#[tokio::test]
async fn a_relay_that_is_told_to_stop_marks_what_is_under_way() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    shop.write(&["a"], 0..50).await;
    let (stop, stops) = tokio::sync::oneshot::channel::<()>();
    let lock = shop.pool.begin().await.unwrap();
    let mut lock = lock;
    sqlx::query("LOCK TABLE fanfare_outbox IN SHARE MODE").execute(&mut *lock).await.unwrap();
    let relay = tokio::spawn(shop.relay(&client).run_until(async { stops.await.unwrap_or_default() }));
    shop.until_one_waits().await;
    stop.send(()).unwrap();
    lock.rollback().await.unwrap();
    relay.await.unwrap().unwrap();
    let figures = shop.figures().await;
    assert_eq!((figures.pending, figures.published), (0, 50));
}
