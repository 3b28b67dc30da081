//! Single rules, and a property: whatever happens on the way, nothing is handed out twice while it is held, and every settlement is made
//! once, or its future says otherwise.

mod model;

use super::*;
use crate::{clock, subscriber::Verdict};

const SECOND: Duration = Duration::from_secs(1);

fn book(messages: u32) -> Book {
    let terms = Terms { first: SECOND * 10, extension: None, longest: SECOND * 3_600 };
    Book::new(Arc::default(), Most { messages, bytes: 1_000 }, terms)
}

fn message(sequence: u64) -> v1::ReceivedMessage {
    let message = v1::Message { data: vec![0; 100].into(), ..v1::Message::default() };
    v1::ReceivedMessage {
        sequence,
        ack_id: format!("a{sequence}"),
        delivery_attempt: 1,
        message: Some(message),
        ..v1::ReceivedMessage::default()
    }
}

fn frame(sequences: impl IntoIterator<Item = u64>) -> v1::StreamingPullResponse {
    let messages = sequences.into_iter().map(message).collect();
    v1::StreamingPullResponse { messages, ..v1::StreamingPullResponse::default() }
}

fn acks(ids: &[&str]) -> Vec<v1::SettleResult> {
    let done = v1::LeaseOutcome::Ok.into();
    ids.iter()
        .map(|id| v1::SettleResult { ack_id: (*id).into(), outcome: done, ..Default::default() })
        .collect()
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
    let held = book.answer(clock::now(), frame(1..=3)).unwrap();
    assert_eq!(held.len(), 2);
    let request = book.request(clock::now()).unwrap();
    assert_eq!(
        request.nacks,
        [v1::StreamNack { ack_ids: vec!["a3".into()], delay: Some(duration(SECOND * 10)) }]
    );
    let again = book.answer(clock::now(), frame([2])).unwrap();
    assert!(again.is_empty(), "one that is held is adopted all the same");
}

#[tokio::test]
async fn settlements_gather_while_many_requests_wait_for_their_answers() {
    let mut book = book(1_000);
    let mut held = book.answer(clock::now(), frame(1..=20)).unwrap().into_iter();
    for _ in 0..REQUESTS {
        _ = held.next().map(Delivery::ack);
        book.collect();
        assert!(book.wants_to_send(clock::now()));
        assert_eq!(book.request(clock::now()).unwrap().acks.len(), 1);
    }
    held.for_each(|delivery| drop(delivery.ack()));
    book.collect();
    assert!(!book.wants_to_send(clock::now()));
    assert_eq!(book.wakes(), None);
    let answer = v1::StreamingPullResponse { ack_results: acks(&["a1"]), ..Default::default() };
    book.answer(clock::now(), answer).unwrap();
    assert!(book.wants_to_send(clock::now()));
    assert_eq!(book.request(clock::now()).unwrap().acks.len(), 20 - REQUESTS);
}

#[tokio::test]
async fn a_request_holds_no_more_ack_ids_than_the_broker_takes() {
    let mut book = book(100_000);
    let held = book.answer(clock::now(), frame(1..=15_000)).unwrap();
    held.into_iter().for_each(|delivery| drop(delivery.ack()));
    let later = clock::now() + SECOND * 6;
    let kept = book.answer(clock::now(), frame(20_000..26_000)).unwrap();
    book.collect();
    let first = book.request(later).unwrap();
    assert_eq!((first.acks.len(), first.extensions.len()), (10_000, 0));
    let second = book.request(later).unwrap();
    assert_eq!((second.acks.len(), second.extensions[0].ack_ids.len()), (5_000, 5_000));
    let third = book.request(later).unwrap();
    assert_eq!((third.acks.len(), third.extensions[0].ack_ids.len()), (0, 1_000));
    assert!(book.request(later).is_none());
    drop(kept);
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_out_of_step() {
    let answer = v1::StreamingPullResponse { ack_results: acks(&["a1"]), ..Default::default() };
    assert_eq!(book(1).answer(clock::now(), answer).unwrap_err(), OutOfStep);
    let extended = v1::ExtendResult { ack_id: "a1".into(), ..Default::default() };
    let answer = v1::StreamingPullResponse { extend_results: vec![extended], ..Default::default() };
    assert_eq!(book(1).answer(clock::now(), answer).unwrap_err(), OutOfStep);
}

#[tokio::test]
async fn what_was_given_back_at_the_end_is_lost_to_its_handle() {
    let mut book = book(1);
    let held = book.answer(clock::now(), frame([1])).unwrap().remove(0);
    book.give_back_all();
    let settled = held.ack();
    book.collect();
    assert_eq!(settled.await, Err(AckError::LeaseExpired));
    assert!(!book.is_empty(), "its nack is to be confirmed");
    assert_eq!(book.request(clock::now()).unwrap().nacks.len(), 1);
    let answer = v1::StreamingPullResponse { nack_results: acks(&["a1"]), ..Default::default() };
    book.answer(clock::now(), answer).unwrap();
    assert!(book.is_empty());
}

#[tokio::test]
async fn a_verdict_of_any_kind_reaches_the_broker() {
    let mut book = book(10);
    let mut held = book.answer(clock::now(), frame(1..=4)).unwrap().into_iter().map(Delivery::hand_out);
    _ = held.next().map(Delivery::ack);
    _ = held.next().map(Delivery::nack);
    _ = held.next().map(|delivery| delivery.nack_after(SECOND));
    _ = held.next().map(drop);
    book.collect();
    let request = book.request(clock::now()).unwrap();
    assert_eq!(request.acks, ["a1"]);
    let nack = |ids: &[&str], delay: Option<Duration>| v1::StreamNack {
        ack_ids: ids.iter().map(ToString::to_string).collect(),
        delay: delay.map(duration),
    };
    assert_eq!(request.nacks, [nack(&["a2", "a4"], None), nack(&["a3"], Some(SECOND))]);
    assert_eq!(Verdict::from(()), Verdict::Ack);
}
