//! Relays, brokers and databases that end at every step.

use super::{
    broker,
    shop::{Shop, check, run, stored, take},
};
use crate::support::{
    Fanfare, Start, eventually,
    random::{Random, seed},
};

const KEYS: [&str; 3] = ["a", "b", ""];

/// Nothing is marked as long as this is held.
async fn hold_marks(shop: &Shop) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut lock = shop.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE fanfare_outbox IN SHARE MODE").execute(&mut *lock).await.unwrap();
    lock
}

#[tokio::test]
async fn a_relay_that_is_killed_before_it_publishes_has_lost_nothing() {
    let (shop, mut broker) = (Shop::open().await, broker().await);
    shop.write(&KEYS, 0..30).await;
    broker.stop().await;
    let relay = shop.run(&broker.client());
    eventually("it has the outbox", async || {
        let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
        match sqlx::query_scalar::<_, i64>(locks).fetch_one(&shop.pool).await.unwrap() {
            0 => Err("no lock"),
            _ => Ok(()),
        }
    })
    .await;
    relay.abort().await;
    broker.restart().await;
    let client = broker.client();
    let relay = shop.run(&client);
    check(&stored(&client, 30).await, &KEYS, 0..30);
    relay.abort().await;
}

#[tokio::test]
async fn a_relay_that_is_killed_after_publishing_and_before_marking_has_doubled_nothing() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    shop.write(&KEYS, 0..30).await;
    let lock = hold_marks(&shop).await;
    let relay = shop.run(&client);
    shop.until_one_waits().await;
    relay.abort().await;
    shop.end_sessions_that_wait().await;
    lock.rollback().await.unwrap();
    assert_eq!(shop.figures().await.pending, 30, "all is stored, and none of it marked");
    let relay = shop.run(&client);
    shop.until("all is marked", |figures| figures.published == 30).await;
    check(&stored(&client, 30).await, &KEYS, 0..30);
    relay.abort().await;
}

#[tokio::test]
async fn a_relay_that_is_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    shop.write(&KEYS, 0..300).await;
    let one_by_one =
        shop.relay(&client).publisher(|builder| builder.batch_messages(1).max_outstanding_messages(1));
    let relay = run(one_by_one);
    let mut early = Vec::new();
    take(&client, 10, &mut early).await;
    relay.abort().await;
    let before = shop.figures().await;
    assert_eq!((before.pending, before.published), (300, 0), "it was in the middle of its batch");
    let relay = shop.run(&client);
    shop.until("all is marked", |figures| figures.published == 300).await;
    early.sort();
    let mut all: Vec<_> = early.into_iter().map(|(_, text)| text).collect();
    all.extend(stored(&client, 300 - all.len()).await);
    check(&all, &KEYS, 0..300);
    relay.abort().await;
}

#[tokio::test]
async fn another_relay_stands_by_and_takes_over() {
    let (shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let mut relays = vec![shop.run(&client), shop.run(&client), shop.run(&client)];
    for round in 0..3 {
        let numbers = round * 9..(round + 1) * 9;
        shop.write(&KEYS, numbers.clone()).await;
        check(&stored(&client, 9).await, &KEYS, numbers);
        relays.remove(0).abort().await;
    }
}

#[tokio::test]
async fn a_broker_that_is_killed_and_comes_back_has_everything_once() {
    let (shop, mut broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let relay = shop.run(&client);
    for round in 0..4 {
        shop.write(&KEYS, round * 60..(round + 1) * 60).await;
        broker.restart().await;
    }
    shop.until("all is marked", |figures| figures.published == 240).await;
    check(&stored(&client, 240).await, &KEYS, 0..240);
    relay.abort().await;
}

#[tokio::test]
async fn a_database_that_crashes_and_comes_back_has_everything_published_once() {
    let (mut shop, broker) = (Shop::open().await, broker().await);
    let client = broker.client();
    let relay = shop.run(&client);
    for round in 0..3 {
        shop.write(&KEYS, round * 30..(round + 1) * 30).await;
        shop.postgres.restart();
        shop.pool = shop.postgres.pool().await;
    }
    shop.until("all is marked", |figures| figures.published == 90).await;
    check(&stored(&client, 90).await, &KEYS, 0..90);
    relay.abort().await;
}

/// The real binary on a real disk by `kill -9`, and the relay at any moment.
#[tokio::test]
async fn kill_minus_nine_of_broker_and_relay_at_any_moment_loses_and_doubles_nothing() {
    const ROUNDS: usize = 5;
    let shop = Shop::open().await;
    let (mut fanfare, directory) = Fanfare::fresh().await;
    super::prepare(&client_of(&fanfare)).await;
    let seed = seed();
    let mut random = Random::new(seed, 5);
    for round in 0..ROUNDS {
        let relay = shop.run(&client_of(&fanfare));
        shop.write(&KEYS, round * 60..(round + 1) * 60).await;
        let wanted = i64::try_from(round * 60).unwrap() + random.below(60).cast_signed();
        shop.until(&format!("some is marked, seed {seed}"), |figures| figures.published >= wanted).await;
        if random.below(2) == 0 {
            fanfare.kill();
            relay.abort().await;
        } else {
            relay.abort().await;
            fanfare.kill();
        }
        fanfare = Start::on(&directory.path().join("data")).ready().await.within(&directory);
    }
    let client = client_of(&fanfare);
    let relay = shop.run(&client);
    shop.until("all is marked", |figures| figures.pending == 0).await;
    check(&stored(&client, ROUNDS * 60).await, &KEYS, 0..ROUNDS * 60);
    relay.abort().await;
}

fn client_of(fanfare: &Fanfare) -> fanfare_client::Client {
    fanfare_client::Client::connect(format!("http://{}", fanfare.grpc())).unwrap()
}
