//! Single rules, and a property: whatever happens on the way, nothing is handed out twice while it is held, and every settlement is made
//! once, or its future says otherwise.

mod model;

use futures_util::FutureExt as _;
use prost::Message as _;

use super::*;
use crate::{
    clock,
    subscriber::{Delivery, wire::StoredMessage},
};

const SECOND: Duration = Duration::from_secs(1);

fn book(messages: u32) -> Book {
    let terms = Terms { first: SECOND * 10, extension: None, longest: SECOND * 3_600 };
    Book::new(Arc::default(), Most { messages, bytes: 1_000 }, terms)
}

fn stored(sequence: u64) -> StoredMessage {
    let message = v1::Message { data: vec![0; 98].into(), ..v1::Message::default() };
    let (data, message) = (message.data.clone(), message.encode_to_vec().into());
    StoredMessage { sequence, publish_time: None, message, data }
}

/// A block in which a message's lease has the message's number, of messages that were delivered before or not.
fn block(sequences: impl IntoIterator<Item = u64>, first_delivery: bool) -> DeliveryBlock {
    let messages: Vec<_> = sequences.into_iter().map(stored).collect();
    let first_lease = messages[0].sequence;
    DeliveryBlock { delivery_attempt: 1, first_delivery, first_lease, messages, ..Default::default() }
}

fn frame(sequences: impl IntoIterator<Item = u64>) -> Answer {
    Answer { blocks: vec![block(sequences, true)], ..Default::default() }
}

fn again(sequences: impl IntoIterator<Item = u64>) -> Answer {
    Answer { blocks: vec![block(sequences, false)], ..Default::default() }
}

fn id(sequence: u64) -> String {
    ids::ack_id_text(0, sequence, sequence)
}

fn ranges(ranges: &[(u64, u64)]) -> Vec<v1::DeliveryRange> {
    ranges.iter().map(|&(first, last)| v1::DeliveryRange { first, last }).collect()
}

fn acked(of: &[(u64, u64)]) -> Answer {
    Answer { acked: ranges(of), ..Default::default() }
}

fn made(ack_id: String) -> Vec<v1::SettleResult> {
    vec![v1::SettleResult { ack_id, outcome: v1::LeaseOutcome::Ok.into(), ..Default::default() }]
}

fn all(fetched: Vec<Fetched>) -> Vec<Delivery> {
    fetched.into_iter().flatten().map(Delivery::hand_out).collect()
}

#[tokio::test]
async fn a_new_stream_asks_for_no_more_than_twice_the_most_together_with_what_is_held() {
    let mut book = book(4);
    assert_eq!(book.room(), Most { messages: 4, bytes: 1_000 });
    let held = book.answer(clock::now(), frame(1..=4)).unwrap();
    assert_eq!(book.room(), Most { messages: 4, bytes: 1_000 });
    let more = book.answer(clock::now(), frame(5..=7)).unwrap();
    assert_eq!(book.room(), Most { messages: 1, bytes: 1_000 });
    drop((held, more));
    book.collect();
    assert_eq!(book.room(), Most { messages: 4, bytes: 1_000 });
}

#[tokio::test]
async fn a_message_beyond_twice_the_most_is_given_back_for_as_long_as_a_lease_lasts() {
    let mut book = book(1);
    let held = all(book.answer(clock::now(), frame(1..=3)).unwrap());
    assert_eq!(held.len(), 2);
    let request = book.request(clock::now()).unwrap();
    assert_eq!(request.nacks, [v1::StreamNack { ack_ids: vec![id(3)], delay: Some(duration(SECOND * 10)) }]);
    let again = book.answer(clock::now(), again([2])).unwrap();
    assert!(again.is_empty(), "one that is held is adopted all the same");
}

#[tokio::test]
async fn settlements_gather_while_many_requests_wait_for_their_answers() {
    let mut book = book(1_000);
    let mut held = all(book.answer(clock::now(), frame(1..=20)).unwrap()).into_iter();
    for number in 1..=REQUESTS as u64 {
        _ = held.next().map(Delivery::ack);
        book.collect();
        assert!(book.wants_to_send(clock::now()));
        assert_eq!(book.request(clock::now()).unwrap().ack_deliveries, ranges(&[(number, number)]));
    }
    held.for_each(|delivery| drop(delivery.ack()));
    book.collect();
    assert!(!book.wants_to_send(clock::now()));
    book.answer(clock::now(), acked(&[(1, 1)])).unwrap();
    assert!(book.wants_to_send(clock::now()));
    assert_eq!(book.request(clock::now()).unwrap().ack_deliveries, ranges(&[(REQUESTS as u64 + 1, 20)]));
}

#[tokio::test]
async fn a_request_holds_no_more_than_the_broker_takes() {
    let mut book = book(100_000);
    let one = Duration::from_secs(1);
    // Every second one is nacked: the others are ranges of one delivery each.
    for (number, delivery) in
        all(book.answer(clock::now(), frame(1..=24_000)).unwrap()).into_iter().enumerate()
    {
        drop(if number % 2 == 0 { delivery.ack() } else { delivery.nack_after(one) });
    }
    let later = clock::now() + SECOND * 6;
    let kept = book.answer(clock::now(), frame(30_001..=36_000)).unwrap();
    book.collect();
    book.tick(later);
    let counts = |request: v1::StreamingPullRequest| {
        let nacks: usize = request.nacks.iter().map(|nack| nack.ack_ids.len()).sum();
        let extensions: usize = request.extensions.iter().map(|extension| extension.ack_ids.len()).sum();
        (request.ack_deliveries.len(), nacks, extensions)
    };
    assert_eq!(counts(book.request(later).unwrap()), (1_000, 10_000, 0));
    assert_eq!(counts(book.request(later).unwrap()), (1_000, 2_000, 6_000));
    assert_eq!(counts(book.request(later).unwrap()), (1_000, 0, 0));
    drop(kept);
}

#[tokio::test]
async fn a_request_acknowledges_no_more_deliveries_than_the_broker_takes() {
    let mut book = book(100_000);
    all(book.answer(clock::now(), frame(1..=100_001)).unwrap()).into_iter().for_each(|one| drop(one.ack()));
    book.collect();
    assert_eq!(book.request(clock::now()).unwrap().ack_deliveries, ranges(&[(1, 100_000)]));
    assert_eq!(book.request(clock::now()).unwrap().ack_deliveries, ranges(&[(100_001, 100_001)]));
    assert!(book.request(clock::now()).is_none());
}

#[tokio::test]
async fn what_is_held_for_half_of_its_lease_is_extended_by_its_ack_id() {
    let mut book = book(10);
    let start = clock::now();
    let held = all(book.answer(start, frame(1..=3)).unwrap());
    assert_eq!(book.wakes(), Some(start + SECOND * 5));
    book.tick(start + SECOND * 4);
    assert!(!book.wants_to_send(start + SECOND * 4));
    let due = start + SECOND * 5;
    book.tick(due);
    assert!(book.wants_to_send(due));
    assert_eq!(book.request(due).unwrap().extensions[0].ack_ids, [id(1), id(2), id(3)]);
    assert_eq!((book.held(), book.leases.bytes(), book.numbered.bytes()), (3, 300, 0));
    // Then by its ack ID too.
    held.into_iter().for_each(|delivery| drop(delivery.ack()));
    book.collect();
    assert_eq!(book.request(due).unwrap().acks, [id(1), id(2), id(3)]);
}

#[tokio::test]
async fn a_message_that_is_held_and_one_that_is_acked_are_known_when_they_come_again_on_the_same_stream() {
    let mut book = book(10);
    let mut held = all(book.answer(clock::now(), frame(1..=3)).unwrap()).into_iter();
    let mut settled = [held.next(), held.next()].map(|delivery| delivery.unwrap().ack());
    book.collect();
    assert_eq!(book.request(clock::now()).unwrap().ack_deliveries, ranges(&[(1, 2)]));
    let mut second = block(1..=3, false);
    second.first_lease = 11;
    let answer = Answer { blocks: vec![second], ..Default::default() };
    assert!(all(book.answer(clock::now(), answer).unwrap()).is_empty());
    let new = |sequence| ids::ack_id_text(0, sequence, sequence + 10);
    assert_eq!(book.request(clock::now()).unwrap().acks, [new(1), new(2)]);
    // What the first leases came to decides nothing.
    book.answer(clock::now(), acked(&[(1, 2)])).unwrap();
    assert!((&mut settled[0]).now_or_never().is_none());
    let ack_results = [made(new(1)), made(new(2))].concat();
    book.answer(clock::now(), Answer { ack_results, ..Default::default() }).unwrap();
    assert_eq!(settled.map(|settled| settled.now_or_never()), [Some(Ok(())), Some(Ok(()))]);
}

#[tokio::test]
async fn an_ack_that_waits_when_its_message_comes_again_is_not_sent_by_its_number() {
    let mut book = book(10);
    let held = all(book.answer(clock::now(), frame(1..=3)).unwrap());
    held.into_iter().for_each(|delivery| drop(delivery.ack()));
    book.collect();
    assert!(all(book.answer(clock::now(), again([2])).unwrap()).is_empty());
    let request = book.request(clock::now()).unwrap();
    assert_eq!((request.ack_deliveries, request.acks), (ranges(&[(1, 1), (3, 3)]), vec![id(2)]));
}

#[tokio::test]
async fn of_a_range_some_can_be_made_and_some_be_refused() {
    let mut book = book(10);
    let held = all(book.answer(clock::now(), frame(1..=5)).unwrap());
    let settled: Vec<_> = held.into_iter().map(Delivery::ack).collect();
    book.collect();
    assert_eq!(book.request(clock::now()).unwrap().ack_deliveries, ranges(&[(1, 5)]));
    let refused = |first, last, outcome: v1::LeaseOutcome| v1::RangeResult {
        deliveries: Some(v1::DeliveryRange { first, last }),
        outcome: outcome.into(),
        ..Default::default()
    };
    let range_results =
        vec![refused(2, 2, v1::LeaseOutcome::FencedBySeek), refused(4, 4, v1::LeaseOutcome::Expired)];
    let answer = Answer { acked: ranges(&[(1, 1), (3, 3), (5, 5)]), range_results, ..Default::default() };
    book.answer(clock::now(), answer).unwrap();
    let mut told: Vec<_> = settled.into_iter().map(|mut one| ((&mut one).now_or_never(), one)).collect();
    let expected = [Some(Ok(())), Some(Err(AckError::FencedBySeek)), Some(Ok(())), None, Some(Ok(()))];
    assert!(told.iter().map(|(result, _)| result).eq(&expected), "{told:?}");
    let (_, late) = told.remove(3);
    // It waits for its message.
    book.answer(clock::now(), again([4])).unwrap();
    assert_eq!(book.request(clock::now()).unwrap().acks, [id(4)]);
    book.answer(clock::now(), Answer { ack_results: made(id(4)), ..Default::default() }).unwrap();
    assert_eq!(late.await, Ok(()));
    assert!(book.is_empty());
}

#[tokio::test]
async fn after_a_broken_connection_all_goes_by_ack_ids_what_was_sent_first_and_numbers_begin_anew() {
    let mut book = book(10);
    let mut held = all(book.answer(clock::now(), frame(1..=4)).unwrap()).into_iter();
    let mut next = || held.next().unwrap();
    let (first, second) = (next().ack(), next());
    book.collect();
    book.request(clock::now()).unwrap();
    let _third = next().ack();
    book.collect();
    book.disconnected(clock::now());
    let request = book.request(clock::now()).unwrap();
    assert_eq!((request.acks, request.ack_deliveries), (vec![id(1), id(3)], vec![]));
    assert_eq!(request.extensions[0].ack_ids, [id(2), id(4)]);
    let fifth = all(book.answer(clock::now(), frame([5])).unwrap()).remove(0).ack();
    drop(second.ack());
    book.collect();
    let request = book.request(clock::now()).unwrap();
    assert_eq!((request.acks, request.ack_deliveries), (vec![id(2)], ranges(&[(1, 1)])));
    book.answer(clock::now(), acked(&[(1, 1)])).unwrap();
    assert_eq!(fifth.await, Ok(()));
    // It may have been made before the connection broke.
    let mut ack_results = made(id(1));
    ack_results[0].outcome = v1::LeaseOutcome::AlreadySettled.into();
    book.answer(clock::now(), Answer { ack_results, ..Default::default() }).unwrap();
    assert_eq!(first.await, Ok(()));
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_out_of_step() {
    let refuses = |answer: Answer| {
        let mut book = book(10);
        let held = book.answer(clock::now(), frame(1..=3)).unwrap();
        let refused = matches!(book.answer(clock::now(), answer), Err(OutOfStep));
        drop(held);
        refused
    };
    assert!(refuses(Answer { ack_results: made(id(1)), ..Default::default() }));
    let extended = v1::ExtendResult { ack_id: id(1), ..Default::default() };
    assert!(refuses(Answer { extend_results: vec![extended], ..Default::default() }));
    for range in [(1, 1), (0, 1), (2, 1), (4, 4), (1, u64::MAX), (u64::MAX, u64::MAX)] {
        assert!(refuses(acked(&[range])), "{range:?}");
        let deliveries = ranges(&[range]).pop();
        let result = v1::RangeResult { deliveries, outcome: 2, ..Default::default() };
        assert!(refuses(Answer { range_results: vec![result], ..Default::default() }), "{range:?}");
    }
    let result = v1::RangeResult { outcome: 2, ..Default::default() };
    assert!(refuses(Answer { range_results: vec![result], ..Default::default() }));
}

#[tokio::test]
async fn what_was_given_back_at_the_end_is_lost_to_its_handle() {
    let mut book = book(1);
    let held = all(book.answer(clock::now(), frame([1])).unwrap()).remove(0);
    book.disconnected(clock::now());
    book.give_back_all();
    let settled = held.ack();
    book.collect();
    assert_eq!(settled.await, Err(AckError::LeaseExpired));
    assert!(!book.is_empty(), "its nack is to be confirmed");
    assert_eq!(book.request(clock::now()).unwrap().nacks.len(), 1);
    let answer = Answer { nack_results: made(id(1)), ..Default::default() };
    book.answer(clock::now(), answer).unwrap();
    assert!(book.is_empty());
}

#[tokio::test]
async fn a_verdict_of_any_kind_reaches_the_broker() {
    let mut book = book(10);
    let mut fetched = book.answer(clock::now(), frame(1..=6)).unwrap().remove(0);
    let mut held = fetched.by_ref().take(4).map(Delivery::hand_out);
    _ = held.next().map(Delivery::ack);
    _ = held.next().map(Delivery::nack);
    _ = held.next().map(|delivery| delivery.nack_after(SECOND));
    _ = held.next().map(drop);
    drop(fetched);
    book.collect();
    let request = book.request(clock::now()).unwrap();
    assert_eq!(request.ack_deliveries, ranges(&[(1, 1)]));
    let nack = |sequences: &[u64], delay: Option<Duration>| v1::StreamNack {
        ack_ids: sequences.iter().copied().map(id).collect(),
        delay: delay.map(duration),
    };
    let untouched = nack(&[5, 6], Some(Duration::ZERO));
    assert_eq!(request.nacks, [nack(&[2, 4], None), untouched, nack(&[3], Some(SECOND))]);
    assert_eq!(Verdict::from(()), Verdict::Ack);
}

#[tokio::test]
async fn messages_that_are_held_long_do_not_keep_all_the_blocks_that_they_came_in() {
    let mut book = book(2_000);
    let mut kept = Vec::new();
    for first in (0..20).map(|number| number * 1_000 + 1) {
        let mut held = all(book.answer(clock::now(), frame(first..first + 1_000)).unwrap());
        kept.push(held.remove(500));
        held.into_iter().for_each(|delivery| drop(delivery.ack()));
        book.collect();
        let taken = book.request(clock::now()).unwrap().ack_deliveries;
        book.answer(clock::now(), Answer { acked: taken, ..Default::default() }).unwrap();
    }
    // 16 blocks are as many as four times what may be held.
    assert_eq!((book.numbered.held(), book.leases.len()), (16, 4));
    kept.into_iter().for_each(|delivery| drop(delivery.ack()));
    book.collect();
    let request = book.request(clock::now()).unwrap();
    assert_eq!((request.acks.len(), request.ack_deliveries.len()), (4, 16));
}
