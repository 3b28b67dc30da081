//! Transactions that commit in another order than they began.

use super::{
    broker,
    shop::{Shop, message, stored},
};

#[tokio::test]
async fn a_row_waits_for_one_with_a_smaller_number_that_is_not_committed_yet() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let relay = shop.run(&client);
    let mut early = shop.pool.begin().await.unwrap();
    shop.outbox.write(&mut *early, "orders", message("a", 1)).await.unwrap();
    let mut late = shop.pool.begin().await.unwrap();
    shop.outbox.write(&mut *late, "orders", message("a", 2)).await.unwrap();
    late.commit().await.unwrap();
    shop.until_it_has_looked().await;
    let figures = shop.figures().await;
    assert_eq!((figures.pending, figures.published), (1, 0), "one is committed, and none is published");
    early.commit().await.unwrap();
    assert_eq!(stored(&client, 2).await, ["a:1", "a:2"]);
    relay.abort().await;
}

#[tokio::test]
async fn a_row_does_not_wait_for_one_that_is_rolled_back() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let relay = shop.run(&client);
    let mut early = shop.pool.begin().await.unwrap();
    shop.outbox.write(&mut *early, "orders", message("a", 1)).await.unwrap();
    shop.write(&["a"], 2..3).await;
    early.rollback().await.unwrap();
    assert_eq!(stored(&client, 1).await, ["a:2"]);
    relay.abort().await;
}

/// It has the earlier transaction ID, and yet what it says of the key came after what the other said.
#[tokio::test]
async fn a_transaction_that_waited_for_a_lock_comes_after_the_one_that_had_it() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    sqlx::query("CREATE TABLE accounts (id int PRIMARY KEY, n int)").execute(&shop.pool).await.unwrap();
    sqlx::query("INSERT INTO accounts VALUES (1, 0), (2, 0)").execute(&shop.pool).await.unwrap();
    let add = async |transaction: &mut sqlx::PgConnection, id: i32| {
        sqlx::query("UPDATE accounts SET n = n + 1 WHERE id = $1")
            .bind(id)
            .execute(transaction)
            .await
            .unwrap();
    };
    let mut waits = shop.pool.begin().await.unwrap();
    add(&mut waits, 2).await;
    let mut has_it = shop.pool.begin().await.unwrap();
    add(&mut has_it, 1).await;
    shop.outbox.write(&mut *has_it, "orders", message("1", 1)).await.unwrap();
    let outbox = shop.outbox.clone();
    let waiting = tokio::spawn(async move {
        add(&mut waits, 1).await;
        outbox.write(&mut *waits, "orders", message("1", 2)).await.unwrap();
        waits.commit().await.unwrap();
    });
    shop.until_one_waits().await;
    has_it.commit().await.unwrap();
    waiting.await.unwrap();
    let relay = shop.run(&client);
    assert_eq!(stored(&client, 2).await, ["1:1", "1:2"]);
    relay.abort().await;
}

#[tokio::test]
async fn many_writers_at_once_lose_nothing_and_keep_the_order_of_their_keys() {
    const KEYS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let relay = shop.run(&client);
    let writers = KEYS.map(|key| {
        let (pool, outbox) = (shop.pool.clone(), shop.outbox.clone());
        tokio::spawn(async move {
            for number in 0..50 {
                let mut transaction = pool.begin().await.unwrap();
                outbox.write(&mut *transaction, "orders", message(key, number)).await.unwrap();
                match number % 5 {
                    4 => transaction.rollback().await.unwrap(),
                    _ => transaction.commit().await.unwrap(),
                }
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    let stored = stored(&client, 8 * 40).await;
    let expected: Vec<_> = (0..50).filter(|number| number % 5 != 4).collect();
    for key in KEYS {
        assert_eq!(super::shop::of_key(&stored, key), expected, "key {key}");
    }
    relay.abort().await;
}
