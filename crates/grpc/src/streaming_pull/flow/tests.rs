use bytes::Bytes;
use proptest::prelude::*;
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
    outstanding.claim(numbers, &mut claims);
    let runs = outstanding.runs(&claims.numbers).into_iter();
    let leases = runs.flat_map(|run| {
        run.messages.iter().map(|message| message.0).zip(run.first_lease.0..).collect::<Vec<_>>()
    });
    let leases = leases.collect();
    outstanding.tidy();
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
    outstanding.tidy();
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
fn what_is_held_for_long_keeps_nothing_of_what_came_with_it() {
    for with_numbers in [true, false] {
        let mut outstanding = Outstanding::new(1_500, 1 << 20, with_numbers);
        for first in (0..1_000).map(|block| 1 + 1_000 * block) {
            outstanding.delivered_blocks(&mut [block(first, 1_000, 100)]);
            let fast = first + 1..=first + 999;
            match with_numbers {
                true => _ = claim(&mut outstanding, fast),
                false => fast.for_each(|lease| outstanding.settled(&id(10 * lease, lease))),
            }
        }
        assert_eq!((outstanding.totals.held, messages(&outstanding)), (1_000, Some(500)));
        let kept: usize = outstanding.segments.iter().map(Segment::len).sum();
        assert_eq!(kept, outstanding.totals.entries);
        assert!(kept <= 2 * 1_000 + GONE, "{kept} are kept for 1,000");
        outstanding.settled(&id(10 * 5_001, 5_001));
        outstanding.settled(&id(10 * 5_002, 5_002));
        assert_eq!(messages(&outstanding), Some(501), "each is found, and what is gone is not");
    }
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

#[test]
fn what_was_forgotten_counts_as_expired_though_what_came_with_it_is_held() {
    let size = KEPT_ENDED as u64 / 2;
    let mut outstanding = Outstanding::new(10, 1_000, true);
    for first in (0..3).map(|number| 1 + number * size) {
        outstanding.delivered_blocks(&mut [block(first, size, 100)]);
        outstanding.extended(&id(10 * first, first), Timestamp::from_millis(500));
    }
    outstanding.expire(Timestamp::from_millis(100));
    assert_eq!((outstanding.totals.held, outstanding.totals.ended as u64), (3, size - 1));
    let last = 2 * size;
    assert_eq!(claim(&mut outstanding, last..=last).0.refused, [(last..=last, LeaseError::Expired)]);
    // An older one is forgotten later.
    outstanding.ended(&id(10, 1));
    outstanding.delivered_blocks(&mut [block(3 * size + 1, size + 1, 600)]);
    outstanding.expire(Timestamp::from_millis(600));
    assert_eq!(claim(&mut outstanding, last..=last).0.refused, [(last..=last, LeaseError::Expired)]);
}

#[test]
fn what_was_given_back_is_forgotten_past_the_limit_though_no_lease_ends() {
    let size = KEPT_ENDED as u64 + 1;
    let mut outstanding = numbered(&mut [block(1, 10, 100), block(11, size, 100)]);
    for lease in 1..=10 + size {
        outstanding.ended(&id(10 * lease, lease));
        assert!(outstanding.totals.ended <= KEPT_ENDED);
    }
    assert_eq!(claim(&mut outstanding, 1..=1).0.refused, [(1..=1, LeaseError::Expired)]);
}

#[test]
fn room_for_messages_that_did_not_come_is_not_kept() {
    let mut block = block(1, 1, 100);
    block.messages.reserve_exact(1_000);
    let outstanding = numbered(&mut [block]);
    let run = &outstanding.segments[0];
    assert!(run.capacity() <= 2, "{}", run.capacity());
}

/// What happens to a stream; each is for a place among its deliveries, and so many from there.
#[derive(Debug, Clone, Copy)]
enum Op {
    Deliver,
    Claim,
    Settle,
    End,
    Extend,
}

/// Every delivery by itself: whether it is held (until when), ended, or gone.
#[derive(Debug, Default)]
struct Naive(Vec<(State, u64)>);

impl Naive {
    fn set(&mut self, number: u64, to: State) {
        let state = &mut self.0[usize::try_from(number - 1).unwrap()].0;
        *state = if *state == State::Gone { State::Gone } else { to };
    }

    fn count(&self, state: State) -> usize {
        self.0.iter().filter(|(of, _)| *of == state).count()
    }

    /// Deliveries are their leases.
    fn claim(&mut self, numbers: RangeInclusive<u64>) -> Vec<(u64, u64)> {
        let not_gone = |number: &u64| self.0[usize::try_from(*number - 1).unwrap()].0 != State::Gone;
        let claimed: Vec<_> = numbers.filter(not_gone).collect();
        claimed.iter().for_each(|number| self.set(*number, State::Gone));
        claimed.iter().map(|number| (10 * number, *number)).collect()
    }

    fn expire(&mut self, now: u64) {
        for (state, deadline) in &mut self.0 {
            if *state == State::Held && *deadline <= now {
                *state = State::Ended;
            }
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    let ops = [Op::Deliver, Op::Claim, Op::Claim, Op::Settle, Op::End, Op::Extend];
    prop::sample::select(ops.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_stream_says_what_a_list_of_its_deliveries_says(
        ops in prop::collection::vec((op(), any::<prop::sample::Index>(), 1_u64..900), 1..60),
    ) {
        let (mut outstanding, mut naive) = (Outstanding::new(1 << 20, 1 << 30, true), Naive::default());
        for ((op, place, count), now) in ops.into_iter().zip(0..) {
            let last = outstanding.last();
            let deadline = Timestamp::from_millis(now + 20);
            if matches!(op, Op::Deliver) || last == 0 {
                outstanding.delivered_blocks(&mut [block(last + 1, count, now + 20)]);
                naive.0.extend((0..count).map(|_| (State::Held, now + 20)));
                continue;
            }
            let first = 1 + place.index(usize::try_from(last).unwrap()) as u64;
            let numbers = first..=last.min(first + count);
            if matches!(op, Op::Claim) {
                let (claims, leases) = claim(&mut outstanding, numbers.clone());
                prop_assert_eq!(leases, naive.claim(numbers.clone()));
                let told: u64 = claims.numbers.iter().chain(claims.refused.iter().map(|(numbers, _)| numbers))
                    .map(|numbers| numbers.end() - numbers.start() + 1)
                    .sum();
                prop_assert_eq!(told, numbers.end() - numbers.start() + 1);
            } else {
                for number in numbers.step_by(3) {
                    let id = id(10 * number, number);
                    match op {
                        Op::Settle => (outstanding.settled(&id), naive.set(number, State::Gone)),
                        Op::End => (outstanding.ended(&id), naive.set(number, State::Ended)),
                        _ => (outstanding.extended(&id, deadline), {
                            naive.set(number, State::Held);
                            naive.0[usize::try_from(number - 1).unwrap()].1 = now + 20;
                        }),
                    };
                }
            }
            outstanding.expire(Timestamp::from_millis(now));
            naive.expire(now);
            let totals = outstanding.totals;
            prop_assert_eq!((totals.held, totals.ended), (naive.count(State::Held), naive.count(State::Ended)));
            prop_assert_eq!(totals.bytes, 10 * totals.held as u64);
            prop_assert_eq!(totals.entries, outstanding.segments.iter().map(Segment::len).sum::<usize>());
            prop_assert!(totals.entries <= 2 * (totals.held + totals.ended) + GONE);
            prop_assert!(outstanding.segments.front().is_none_or(|first| !first.is_over()));
        }
    }
}
