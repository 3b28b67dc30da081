//! Deliveries in blocks are the deliveries that there are one by one, and acks of runs are acks.

use broker::{Config, DeliveryBlock, LeaseError, LeaseRun};
use journal::MemoryJournal;
use types::{LeaseId, Sequence, SubscriptionSettings, Timestamp, TopicSettings};

use crate::{
    filters::only,
    fixture::{Fixture, MANY, message, no_backoff, ready, seconds, topic},
};

/// A delivery but for its lease's number, which says who came first.
type Said = (Sequence, Timestamp, u32, bool, Vec<u8>);

async fn blocks(fixture: &Fixture, name: &str) -> Vec<DeliveryBlock> {
    let mut consumer = fixture.consumer(name);
    let mut taken = Vec::new();
    while let Some(blocks) = ready(consumer.next_blocks(MANY)).await {
        taken.extend(blocks.unwrap());
    }
    taken
}

async fn one_by_one(fixture: &Fixture, name: &str) -> Vec<Said> {
    let taken = fixture.take(name).await;
    let said = taken
        .into_iter()
        .map(|d| (d.message_id.sequence, d.deadline, d.attempt, d.first_delivery, d.payload.to_vec()));
    said.collect()
}

/// `PlainBodies` wraps a payload as it is.
fn said(blocks: &[DeliveryBlock]) -> Vec<Said> {
    let mut said = Vec::new();
    for block in blocks {
        let mut wrapped = &block.wrapped.concat()[..];
        for (sequence, bytes) in &block.messages {
            let payload = wrapped.split_off(..*bytes as usize).unwrap().to_vec();
            said.push((*sequence, block.deadline, block.attempt, block.first_delivery, payload));
        }
        assert!(wrapped.is_empty(), "bytes that are no message's");
    }
    said
}

fn runs(blocks: &[DeliveryBlock]) -> Vec<LeaseRun<'_>> {
    blocks
        .iter()
        .map(|block| LeaseRun { first_lease: block.first_lease, messages: &block.messages })
        .collect()
}

async fn ack(fixture: &Fixture, name: &str, runs: &[LeaseRun<'_>]) -> Vec<(usize, LeaseError)> {
    fixture.subscriber(name).acknowledge_runs(runs).await.unwrap().durable().await.unwrap()
}

/// `a` takes blocks, `b` takes deliveries.
async fn pair(settings: SubscriptionSettings) -> Fixture {
    let fixture = Fixture::with_subscription(settings.clone()).await;
    fixture.subscribe("b", settings).await;
    fixture
}

async fn publish_large(fixture: &Fixture, texts: impl Iterator<Item = usize>, bytes: usize) {
    for number in texts {
        let text = format!("{number:0bytes$}");
        fixture.broker.publish(&topic(), vec![message(&text)]).await.unwrap();
    }
}

fn small_cache() -> Config {
    Config { tail_cache_bytes: 1 << 20, ..Config::default() }
}

async fn far_behind() -> Fixture {
    let fixture = Fixture::with(MemoryJournal::default(), small_cache()).await;
    fixture.topic(TopicSettings::default()).await;
    for name in ["a", "b"] {
        fixture.subscribe(name, no_backoff()).await;
    }
    publish_large(&fixture, 0..800, 4_000).await;
    fixture
}

#[tokio::test]
async fn what_is_leased_together_is_one_block_also_over_the_gaps_of_other_records() {
    let fixture = pair(no_backoff()).await;
    fixture.publish(&["1", "2"]).await;
    fixture.drain("b").await;
    fixture.publish(&["3", "", "5"]).await;
    let blocks = blocks(&fixture, "a").await;
    assert_eq!(blocks.len(), 1);
    let texts: Vec<_> = said(&blocks).into_iter().map(|said| said.4).collect();
    assert_eq!(texts, [&b"1"[..], b"2", b"3", b"", b"5"]);
    assert_eq!(said(&blocks)[2..], one_by_one(&fixture, "b").await);
}

#[tokio::test]
async fn a_block_ends_where_what_is_common_does() {
    let fixture = pair(no_backoff()).await;
    fixture.publish(&["1", "2", "3", "4"]).await;
    for name in ["a", "b"] {
        let taken = fixture.take(name).await;
        fixture.nack(name, &taken[1..3], None).await;
        fixture.ack(name, &taken[..1]).await;
    }
    fixture.publish(&["5"]).await;
    fixture.pass(seconds(1)).await;
    let blocks = blocks(&fixture, "a").await;
    let attempts: Vec<_> = blocks.iter().map(|block| (block.attempt, block.messages.len())).collect();
    assert_eq!(attempts, [(2, 2), (1, 1)]);
    assert_eq!(said(&blocks), one_by_one(&fixture, "b").await);
    assert_eq!(blocks[1].first_lease, LeaseId(blocks[0].first_lease.0 + 2));
}

#[tokio::test]
async fn blocks_hold_what_a_filter_lets_in() {
    let fixture = pair(only("a")).await;
    let (yes, no) = (r#"{"t":"a"}"#, r#"{"t":"b"}"#);
    fixture.publish(&[no, yes, yes, no, no, yes]).await;
    fixture.publish(&[yes]).await;
    fixture.publish(&[no]).await;
    let blocks = blocks(&fixture, "a").await;
    assert_eq!((blocks.len(), said(&blocks).len()), (1, 4));
    assert_eq!(said(&blocks), one_by_one(&fixture, "b").await);
}

#[tokio::test]
async fn a_subscription_that_is_far_behind_gets_the_same_a_stretch_of_log_at_a_time() {
    let fixture = far_behind().await;
    let first = fixture.consumer("a").next_blocks(MANY).await.unwrap();
    let count = first[0].messages.len();
    assert!((10..100).contains(&count), "what one reading holds goes out before the next: {count}");
    assert!(first[0].wrapped.len() <= count, "every piece holds a message");
    let rest = blocks(&fixture, "a").await;
    let all = said(&[first, rest].concat());
    assert_eq!((all.len(), all), (800, one_by_one(&fixture, "b").await));
}

#[tokio::test]
async fn what_is_no_longer_in_memory_is_read_for_its_block() {
    let fixture = far_behind().await;
    for name in ["a", "b"] {
        let taken = fixture.take(name).await;
        fixture.ack(name, &taken[2..798]).await;
        let others = [&taken[..2], &taken[798..]].concat();
        fixture.nack(name, &others, None).await;
    }
    publish_large(&fixture, 800..1_000, 8_000).await;
    fixture.pass(seconds(1)).await;
    let blocks = blocks(&fixture, "a").await;
    assert_eq!(said(&blocks).len(), 204);
    assert_eq!(said(&blocks), one_by_one(&fixture, "b").await);
}

#[tokio::test]
async fn blocks_are_the_same_after_a_restart() {
    let mut fixture = pair(no_backoff()).await;
    fixture.publish(&["1", "2", "3"]).await;
    let taken = blocks(&fixture, "a").await;
    let second = LeaseId(taken[0].first_lease.0 + 1);
    let run = LeaseRun { first_lease: second, messages: &taken[0].messages[1..2] };
    assert_eq!(ack(&fixture, "a", &[run]).await, []);
    let others = fixture.take("b").await;
    fixture.ack("b", &others[1..2]).await;
    fixture.crash().await;
    let again = blocks(&fixture, "a").await;
    assert_eq!(said(&again).len(), 2);
    assert_eq!(said(&again), one_by_one(&fixture, "b").await);
    let refused = ack(&fixture, "a", &runs(&taken)).await;
    let (gone, done) = (LeaseError::Superseded, LeaseError::AlreadySettled);
    assert_eq!(refused, [(0, gone), (1, done), (2, gone)]);
}

#[tokio::test]
async fn runs_are_acknowledged_as_ack_ids_are_in_any_order_and_only_once() {
    let mut fixture = pair(no_backoff()).await;
    fixture.publish(&["1", "2"]).await;
    let mut taken = blocks(&fixture, "a").await;
    fixture.publish(&["3", "4"]).await;
    taken.extend(blocks(&fixture, "a").await);
    taken.reverse();
    let repeated = [runs(&taken), runs(&taken[..1])].concat();
    let settled = LeaseError::AlreadySettled;
    assert_eq!(ack(&fixture, "a", &repeated).await, [(4, settled), (5, settled)]);
    assert_eq!(ack(&fixture, "a", &[]).await, []);
    fixture.crash().await;
    assert_eq!(fixture.backlog("a").await, 0, "a crash does not undo it");
    assert_eq!(fixture.backlog("b").await, 4);
}

#[tokio::test]
async fn an_ack_of_runs_whose_leases_ended_tells_of_each_and_settles_the_others() {
    let fixture = pair(no_backoff()).await;
    fixture.publish(&["1", "2", "3"]).await;
    let taken = blocks(&fixture, "a").await;
    let ids = fixture.broker.subscription(&"a".parse().unwrap()).unwrap().uid;
    let (sequence, lease) = (taken[0].messages[0].0, taken[0].first_lease);
    let id = types::AckId { subscription: ids, sequence, lease };
    fixture.subscriber("a").extend(&[id], seconds(100)).unwrap()[0].unwrap();
    fixture.clock.advance(seconds(50));
    assert_eq!(ack(&fixture, "a", &runs(&taken)).await, [(1, LeaseError::Expired), (2, LeaseError::Expired)]);
    assert_eq!(fixture.backlog("a").await, 2);
}

#[tokio::test]
async fn an_ack_of_runs_waits_for_the_disk() {
    let fixture = pair(no_backoff()).await;
    fixture.publish(&["1"]).await;
    let taken = blocks(&fixture, "a").await;
    fixture.journal.hold();
    let acknowledged = runs(&taken);
    let subscriber = fixture.subscriber("a");
    let settling = subscriber.acknowledge_runs(&acknowledged).await.unwrap();
    let durable = settling.durable();
    tokio::pin!(durable);
    assert!(ready(durable.as_mut()).await.is_none(), "answered before it was durable");
    fixture.journal.release();
    assert_eq!(durable.await.unwrap(), []);
}

#[tokio::test]
async fn all_subscriptions_get_the_same_bytes_and_not_copies_of_them() {
    let fixture = pair(no_backoff()).await;
    let text = "x".repeat(3_000);
    fixture.publish(&[&text, &text]).await;
    let (one, other) = (blocks(&fixture, "a").await, blocks(&fixture, "b").await);
    assert_eq!((one[0].wrapped.len(), one[0].wrapped[0].len()), (1, 6_000));
    assert_eq!(one[0].wrapped[0].as_ptr(), other[0].wrapped[0].as_ptr());
}
