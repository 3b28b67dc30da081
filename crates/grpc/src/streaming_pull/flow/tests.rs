use bytes::Bytes;
use types::{LogId, MessageId};

use super::*;

fn id(sequence: u64, lease: u64) -> AckId {
    AckId { subscription: SubscriptionUid(1), sequence, lease: LeaseId(lease) }
}

fn delivery(sequence: u64, bytes: usize, deadline: u64) -> Delivery {
    Delivery {
        ack_id: id(sequence, sequence),
        message_id: MessageId { log: LogId(1), sequence },
        published_at: Timestamp::EPOCH,
        deadline: Timestamp::from_millis(deadline),
        attempt: 1,
        first_delivery: true,
        payload: Bytes::from(vec![0; bytes]),
    }
}

/// Messages `10 * lease`, of 10 bytes.
fn block(first_lease: u64, count: u64, deadline: u64) -> DeliveryBlock {
    DeliveryBlock {
        first_lease: LeaseId(first_lease),
        deadline: Timestamp::from_millis(deadline),
        attempt: 1,
        first_delivery: true,
        messages: (0..count).map(|index| (10 * (first_lease + index), 10)).collect(),
        wrapped: Vec::new(),
    }
}

fn messages(outstanding: &Outstanding) -> Option<usize> {
    outstanding.room().map(|ask| ask.max_messages)
}

/// A stream with numbers and these blocks.
fn numbered(blocks: &mut [DeliveryBlock]) -> Outstanding {
    let mut outstanding = Outstanding::new(10, 1_000, true);
    outstanding.delivered_blocks(blocks);
    outstanding
}

fn claim(outstanding: &mut Outstanding, numbers: RangeInclusive<u64>) -> Claims {
    let mut claims = Claims::default();
    outstanding.claim(numbers.clone(), &mut claims);
    outstanding.tidy(&numbers);
    claims
}

fn leases(claims: &Claims) -> Vec<(u64, u64)> {
    claims.leases.iter().map(|claim| (claim.sequence, claim.lease.0)).collect()
}

#[test]
fn there_is_room_until_the_messages_are_outstanding_and_again_when_one_is_settled() {
    let mut outstanding = Outstanding::new(2, 1_000, false);
    let deliveries = [delivery(1, 10, 100), delivery(2, 10, 100)];
    assert_eq!(outstanding.delivered(&deliveries), 1..3);
    assert_eq!(outstanding.room(), None);
    outstanding.settled(&deliveries[0].ack_id);
    outstanding.settled(&deliveries[0].ack_id);
    assert_eq!(outstanding.room(), Some(Ask { max_messages: 1, max_bytes: 990 }));
}

#[test]
fn one_message_may_go_past_the_byte_limit_and_then_there_is_no_room() {
    let mut outstanding = Outstanding::new(100, 1_000, false);
    let large = delivery(1, 5_000, 100);
    outstanding.delivered(std::slice::from_ref(&large));
    assert_eq!(outstanding.room(), None);
    outstanding.settled(&large.ack_id);
    assert_eq!(messages(&outstanding), Some(100));
}

#[test]
fn a_lease_that_ends_makes_room_and_an_extended_one_does_not() {
    let mut outstanding = Outstanding::new(2, 1_000, false);
    let deliveries = [delivery(1, 10, 100), delivery(2, 10, 100)];
    outstanding.delivered(&deliveries);
    outstanding.extended(&deliveries[1].ack_id, Timestamp::from_millis(500));
    outstanding.expire(Timestamp::from_millis(99));
    assert_eq!(messages(&outstanding), None);
    outstanding.expire(Timestamp::from_millis(100));
    assert_eq!(outstanding.room(), Some(Ask { max_messages: 1, max_bytes: 990 }));
    assert_eq!(outstanding.earliest_end(), Timestamp::from_millis(500));
    outstanding.expire(Timestamp::from_millis(500));
    assert!(outstanding.is_empty() && outstanding.segments.is_empty());
}

#[test]
fn one_frame_is_bounded_whatever_the_client_asks_for() {
    let outstanding = Outstanding::new(100_000, 256 << 20, false);
    assert_eq!(outstanding.room(), Some(Ask { max_messages: FRAME_MESSAGES, max_bytes: FRAME_BYTES }));
}

#[test]
fn a_number_stands_for_the_lease_that_was_delivered_with_it() {
    let mut outstanding = numbered(&mut [block(5, 3, 100), block(20, 2, 100)]);
    assert_eq!(outstanding.last(), 5);
    let claims = claim(&mut outstanding, 2..=4);
    assert_eq!(leases(&claims), [(60, 6), (70, 7), (200, 20)]);
    assert_eq!((claims.numbers, claims.refused), (vec![2..=4], vec![]));
    assert_eq!(outstanding.room(), Some(Ask { max_messages: 8, max_bytes: 980 }));
}

#[test]
fn a_number_that_was_settled_on_the_stream_by_number_or_by_id_is_so_already() {
    let mut outstanding = numbered(&mut [block(1, 3, 100), block(4, 3, 100)]);
    claim(&mut outstanding, 1..=3);
    outstanding.settled(&id(50, 5));
    let claims = claim(&mut outstanding, 2..=6);
    assert_eq!(leases(&claims), [(40, 4), (60, 6)]);
    assert_eq!(claims.numbers, [4..=4, 6..=6]);
    let already = LeaseError::AlreadySettled;
    assert_eq!(claims.refused, [(2..=3, already), (5..=5, already)]);
    assert!(outstanding.is_empty() && outstanding.segments.is_empty());
    assert_eq!(claim(&mut outstanding, 1..=6).refused, [(1..=6, already)]);
}

#[test]
fn a_number_whose_lease_has_ended_is_still_the_brokers_to_judge() {
    let mut outstanding = numbered(&mut [block(1, 2, 100)]);
    outstanding.expire(Timestamp::from_millis(100));
    assert!(outstanding.is_empty());
    assert_eq!(messages(&outstanding), Some(10));
    assert_eq!(leases(&claim(&mut outstanding, 1..=2)), [(10, 1), (20, 2)]);
    assert!(outstanding.segments.is_empty());
}

#[test]
fn what_the_broker_refused_is_asked_again_and_does_not_count() {
    let mut outstanding = numbered(&mut [block(1, 2, 100)]);
    let mut claims = Claims::default();
    outstanding.claim(1..=2, &mut claims);
    outstanding.refused(2);
    outstanding.tidy(&(1..=2));
    assert!(outstanding.is_empty());
    let again = claim(&mut outstanding, 1..=2);
    assert_eq!((leases(&again), again.refused), (vec![(20, 2)], vec![(1..=1, LeaseError::AlreadySettled)]));
}

#[test]
fn what_never_reached_the_client_is_given_back_but_for_what_is_settled() {
    let mut outstanding = numbered(&mut [block(1, 2, 100), block(3, 2, 100)]);
    outstanding.settled(&id(30, 3));
    assert_eq!(outstanding.give_back(2..5, SubscriptionUid(1)), [id(20, 2), id(40, 4)]);
    assert_eq!(messages(&outstanding), Some(9));
}

#[test]
fn an_id_is_found_by_its_lease_whatever_its_message() {
    // Message 10 came again after 30: redelivered under a later lease.
    let mut outstanding = Outstanding::new(10, 1_000, false);
    let mut again = delivery(10, 10, 200);
    again.ack_id = id(10, 9);
    outstanding.delivered(&[delivery(1, 10, 100), delivery(2, 10, 100), delivery(4, 10, 100)]);
    outstanding.delivered(std::slice::from_ref(&again));
    outstanding.settled(&id(10, 9));
    outstanding.settled(&id(3, 3));
    assert_eq!(messages(&outstanding), Some(7));
    outstanding.settled(&id(4, 4));
    assert_eq!(messages(&outstanding), Some(8));
}

#[test]
fn what_ended_is_forgotten_past_a_limit_and_counts_as_expired_then() {
    let size = KEPT_ENDED as u64 / 2;
    let mut outstanding =
        numbered(&mut [block(1, size, 100), block(1 + size, size, 100), block(1 + 2 * size, 1, 100)]);
    outstanding.expire(Timestamp::from_millis(100));
    assert_eq!(outstanding.totals.entries as u64, size + 1);
    let claims = claim(&mut outstanding, size..=size + 1);
    assert_eq!(claims.refused, [(size..=size, LeaseError::Expired)]);
    assert_eq!(claims.numbers, [size + 1..=size + 1]);
}

#[test]
fn nothing_is_delivered_while_what_is_held_keeps_too_many_others() {
    let mut outstanding = Outstanding::new(10, 1_000, true);
    for number in 0..10 {
        let size = KEPT as u64 / 10;
        outstanding.delivered_blocks(&mut [block(1 + number * size, size, 100)]);
        claim(&mut outstanding, number * size + 2..=(number + 1) * size);
    }
    assert_eq!((outstanding.totals.held, outstanding.room()), (10, None));
    claim(&mut outstanding, 1..=1);
    assert_eq!(messages(&outstanding), Some(1));
    outstanding.expire(Timestamp::from_millis(100));
    assert_eq!(messages(&outstanding), Some(10));
}
