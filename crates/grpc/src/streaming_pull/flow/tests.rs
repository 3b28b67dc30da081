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

/// What is claimed, and for which messages under which leases.
fn claim(outstanding: &mut Outstanding, numbers: RangeInclusive<u64>) -> (Claims, Vec<(u64, u64)>) {
    let mut claims = Claims::default();
    outstanding.claim(numbers.clone(), &mut claims);
    let runs = outstanding.runs(&claims.numbers).into_iter();
    let leases = runs.flat_map(|run| {
        run.messages.iter().map(|message| message.0).zip(run.first_lease.0..).collect::<Vec<_>>()
    });
    let leases = leases.collect();
    outstanding.tidy(&numbers);
    (claims, leases)
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
    let (claims, leases) = claim(&mut outstanding, 2..=4);
    assert_eq!(leases, [(60, 6), (70, 7), (200, 20)]);
    assert_eq!((claims.numbers, claims.refused), (vec![2..=4], vec![]));
    assert_eq!(outstanding.room(), Some(Ask { max_messages: 8, max_bytes: 980 }));
}

#[test]
fn a_number_that_was_settled_on_the_stream_by_number_or_by_id_is_so_already() {
    let mut outstanding = numbered(&mut [block(1, 3, 100), block(4, 3, 100)]);
    claim(&mut outstanding, 1..=3);
    outstanding.settled(&id(50, 5));
    let (claims, leases) = claim(&mut outstanding, 2..=6);
    assert_eq!(leases, [(40, 4), (60, 6)]);
    assert_eq!(claims.numbers, [4..=4, 6..=6]);
    let already = LeaseError::AlreadySettled;
    assert_eq!(claims.refused, [(2..=3, already), (5..=5, already)]);
    assert!(outstanding.is_empty() && outstanding.segments.is_empty());
    assert_eq!(claim(&mut outstanding, 1..=6).0.refused, [(1..=6, already)]);
}

#[test]
fn a_number_whose_lease_has_ended_is_still_the_brokers_to_judge() {
    let mut outstanding = numbered(&mut [block(1, 2, 100)]);
    outstanding.expire(Timestamp::from_millis(100));
    assert!(outstanding.is_empty());
    assert_eq!(messages(&outstanding), Some(10));
    assert_eq!(claim(&mut outstanding, 1..=2).1, [(10, 1), (20, 2)]);
    assert!(outstanding.segments.is_empty());
}

#[test]
fn what_the_broker_refused_is_asked_again_and_does_not_count() {
    let mut outstanding = numbered(&mut [block(1, 2, 100)]);
    let mut claims = Claims::default();
    outstanding.claim(1..=2, &mut claims);
    outstanding.refused(1, LeaseError::AlreadySettled);
    outstanding.refused(2, LeaseError::Superseded);
    outstanding.tidy(&(1..=2));
    assert!(outstanding.is_empty());
    let (again, leases) = claim(&mut outstanding, 1..=2);
    assert_eq!((leases, again.refused), (vec![(20, 2)], vec![(1..=1, LeaseError::AlreadySettled)]));
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
    let (claims, _) = claim(&mut outstanding, size..=size + 1);
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

#[test]
fn what_was_given_back_is_the_brokers_to_judge_and_what_was_acknowledged_is_settled() {
    let mut outstanding = numbered(&mut [block(1, 3, 100)]);
    outstanding.settled(&id(10, 1));
    outstanding.ended(&id(10, 1));
    outstanding.ended(&id(20, 2));
    assert_eq!(messages(&outstanding), Some(9));
    let (claims, leases) = claim(&mut outstanding, 1..=3);
    assert_eq!((claims.numbers, leases), (vec![2..=3], vec![(20, 2), (30, 3)]));
    assert_eq!(claims.refused, [(1..=1, LeaseError::AlreadySettled)]);
    let mut without_numbers = Outstanding::new(10, 1_000, false);
    without_numbers.delivered(&[delivery(1, 10, 100)]);
    without_numbers.ended(&id(1, 1));
    assert!(without_numbers.segments.is_empty(), "nobody asks for it again");
}

/// Blocks of so many, until [`KEPT`] is reached, of which all but two are acknowledged: the first is held, the last has ended.
fn kept_by_two_each(blocks: u64) -> Outstanding {
    let mut outstanding = Outstanding::new(usize::try_from(blocks).unwrap(), 1_000, true);
    let size = KEPT as u64 / blocks;
    for first in (0..blocks).map(|number| 1 + number * size) {
        outstanding.delivered_blocks(&mut [block(first, size, 100)]);
        let last = first + size - 1;
        claim(&mut outstanding, first + 1..=last - 1);
        outstanding.ended(&id(10 * last, last));
    }
    outstanding
}

#[test]
fn what_was_forgotten_counts_as_expired_though_what_came_with_it_is_held() {
    let mut outstanding = kept_by_two_each(10);
    let size = KEPT as u64 / 10;
    outstanding.expire(Timestamp::from_millis(1));
    assert_eq!((outstanding.totals.held, outstanding.totals.ended), (10, 0), "all keep the rest");
    assert_eq!(claim(&mut outstanding, size..=size).0.refused, [(size..=size, LeaseError::Expired)]);
    // An older one is forgotten later.
    outstanding.ended(&id(10, 1));
    outstanding.delivered_blocks(&mut [block(10 * size + 1, size, 100)]);
    outstanding.expire(Timestamp::from_millis(1));
    let last = 10 * size;
    assert_eq!(claim(&mut outstanding, last..=last).0.refused, [(last..=last, LeaseError::Expired)]);
}

#[test]
fn what_has_ended_never_keeps_a_stream_from_its_next_deliveries() {
    let mut outstanding = kept_by_two_each(10);
    let size = KEPT as u64 / 10;
    for first in (0..10).map(|number| 1 + number * size) {
        claim(&mut outstanding, first..=first);
    }
    assert_eq!((outstanding.is_empty(), outstanding.room()), (true, None));
    outstanding.expire(Timestamp::from_millis(1));
    assert_eq!(messages(&outstanding), Some(10), "no lease has ended, and there is nothing to wait for");
    assert!(outstanding.totals.entries < KEPT);
}

#[test]
fn room_for_messages_that_did_not_come_is_not_kept() {
    let mut block = block(1, 1, 100);
    block.messages.reserve_exact(1_000);
    let outstanding = numbered(&mut [block]);
    let run = &outstanding.segments[0];
    assert!(run.capacity() <= 2, "{}", run.capacity());
}
