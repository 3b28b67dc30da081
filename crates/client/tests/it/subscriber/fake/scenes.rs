//! What the client does when the broker does what it does rarely.

use std::time::Duration;

use fanfare_client::{
    proto::{
        self, DeliveryBlock, DeliveryRange, LeaseOutcome, SettleResult, StoredMessage, StreamingPullRequest,
        StreamingPullResponse,
    },
    subscriber::{AckError, ConsumeError, Delivery, MessageStream, OnShutdown, Settled},
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{Fake, subscription};
use crate::subscriber::support::{next, soon, take};

fn refusal(code: Code, reason: &str, field: &str, after: Option<Duration>) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, "fanfare", []);
    if !field.is_empty() {
        details.add_bad_request_violation(field, "is no good");
    }
    details.set_retry_info(after);
    Status::with_error_details(code, "no", details)
}

/// Messages that follow each other, each with the lease that is its number and a hundred more a letter.
fn deliver(sequences: impl IntoIterator<Item = u64>, letter: char) -> StreamingPullResponse {
    let stored = |sequence: u64| StoredMessage {
        sequence,
        message: Some(proto::Message { correlation_id: "c".into(), ..proto::Message::default() }),
        ..StoredMessage::default()
    };
    let messages: Vec<_> = sequences.into_iter().map(stored).collect();
    let block = DeliveryBlock {
        delivery_attempt: 1,
        first_lease: messages[0].sequence + lease(letter),
        messages,
        ..DeliveryBlock::default()
    };
    StreamingPullResponse { blocks: vec![block], ..StreamingPullResponse::default() }
}

fn lease(letter: char) -> u64 {
    u64::from(u32::from(letter) - u32::from('a')) * 100
}

/// The ack ID of one of them.
fn id(sequence: u64, letter: char) -> String {
    let raw = [0, sequence, sequence + lease(letter)].map(u64::to_be_bytes).concat();
    data_encoding::BASE64URL_NOPAD.encode(&raw)
}

/// What a request says that acknowledges the first delivery of its stream.
fn first() -> Vec<DeliveryRange> {
    vec![DeliveryRange { first: 1, last: 1 }]
}

fn results(ack_ids: &[String], outcome: LeaseOutcome) -> Vec<SettleResult> {
    let result = |ack_id: &String| SettleResult {
        ack_id: ack_id.clone(),
        outcome: outcome.into(),
        ..SettleResult::default()
    };
    ack_ids.iter().map(result).collect()
}

fn confirm(request: &StreamingPullRequest, outcome: LeaseOutcome) -> StreamingPullResponse {
    let nacks: Vec<_> = request.nacks.iter().flat_map(|nack| nack.ack_ids.clone()).collect();
    StreamingPullResponse {
        ack_results: results(&request.acks, outcome),
        nack_results: results(&nacks, outcome),
        acked: request.ack_deliveries.clone(),
        ..StreamingPullResponse::default()
    }
}

fn broken() -> Status {
    Status::unavailable("the connection broke")
}

#[tokio::test]
async fn the_first_request_opens_the_stream_with_what_the_builder_says() {
    let mut fake = Fake::start().await;
    let builder = fake.client.subscriber("s").max_outstanding_messages(7).max_outstanding_bytes(70);
    let _messages = builder.messages();
    let expected = StreamingPullRequest {
        subscription: "s".into(),
        max_outstanding_messages: 7,
        max_outstanding_bytes: 70,
        confirm: true,
        blocks: true,
        ..StreamingPullRequest::default()
    };
    assert_eq!(fake.stream().await.request().await, expected);
}

#[tokio::test]
async fn an_ack_whose_confirmation_was_lost_is_sent_again_first_and_found_made() {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1], 'a')).await;
    let settled = next(&mut messages).await.ack();
    assert_eq!(stream.request().await.ack_deliveries, first());
    stream.end(broken()).await;
    let mut stream = fake.stream().await;
    let first = stream.request().await;
    assert_eq!((first.subscription.as_str(), &first.acks), ("s", &vec![id(1, 'a')]));
    stream.answer(confirm(&first, LeaseOutcome::AlreadySettled)).await;
    soon(settled).await.unwrap();
}

#[tokio::test]
async fn what_is_delivered_again_on_the_next_stream_is_not_handed_out_and_acked_under_its_new_id() {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1, 2], 'a')).await;
    let mut held = take(&mut messages, 2).await;
    stream.end(broken()).await;
    let mut stream = fake.stream().await;
    // Leases that are held are extended at once.
    let first = stream.request().await;
    assert_eq!(first.extensions[0].ack_ids.len(), 2);
    stream.answer(deliver([1, 2, 3], 'b')).await;
    let third = next(&mut messages).await;
    assert_eq!(third.sequence(), 3, "the first is held");
    let settled = held.remove(0).ack();
    assert_eq!(stream.request().await.acks, [id(1, 'b')]);
    drop((settled, third));
}

#[tokio::test]
async fn too_many_consumers_is_no_reason_to_give_up() {
    let mut fake = Fake::start().await;
    let after = Some(Duration::from_millis(1));
    fake.refuse(refusal(Code::ResourceExhausted, "TOO_MANY_CONSUMERS", "", after));
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1], 'a')).await;
    drop(next(&mut messages).await.ack());
    assert_eq!(stream.request().await.ack_deliveries, first());
}

#[tokio::test]
async fn a_broker_that_drains_still_takes_settlements_and_is_connected_to_again() {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1], 'a')).await;
    let settled = next(&mut messages).await.ack();
    let request = stream.request().await;
    stream.answer(confirm(&request, LeaseOutcome::Ok)).await;
    soon(settled).await.unwrap();
    let after = Some(Duration::from_millis(1));
    stream.end(refusal(Code::Unavailable, "BROKER_DRAINING", "", after)).await;
    let mut stream = fake.stream().await;
    assert_eq!(stream.request().await.acks, Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_that_is_out_of_step_leaves_the_stream_and_settles_on_the_next() {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1], 'a')).await;
    let settled = next(&mut messages).await.ack();
    let mut request = stream.request().await;
    request.ack_deliveries[0].last = 2;
    stream.answer(confirm(&request, LeaseOutcome::Ok)).await;
    let mut stream = fake.stream().await;
    let first = stream.request().await;
    assert_eq!(first.acks, [id(1, 'a')]);
    stream.answer(confirm(&first, LeaseOutcome::Ok)).await;
    soon(settled).await.unwrap();
}

#[tokio::test]
async fn leases_that_are_due_together_are_extended_together() {
    let mut fake = Fake::start().await;
    let ack_deadline = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let settings = proto::SubscriptionSettings { ack_deadline, ..Default::default() };
    fake.is_now(proto::Subscription { settings: Some(settings), ..subscription("1") });
    let mut messages = fake.client.subscriber("s").lease(Duration::from_secs(20)).messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver(1..=3, 'a')).await;
    let held = take(&mut messages, 3).await;
    let request = stream.request().await;
    assert_eq!(request.extensions.len(), 1, "{request:?}");
    let extension = &request.extensions[0];
    assert_eq!(extension.ack_deadline, Some(prost_types::Duration { seconds: 20, nanos: 0 }));
    assert_eq!(extension.ack_ids, [1, 2, 3].map(|sequence| id(sequence, 'a')));
    drop(held);
}

#[tokio::test]
async fn times_without_an_end_are_taken_as_such() {
    let mut fake = Fake::start().await;
    let ack_deadline = Some(prost_types::Duration { seconds: i64::MAX, nanos: 0 });
    let settings = proto::SubscriptionSettings { ack_deadline, ..Default::default() };
    fake.is_now(proto::Subscription { settings: Some(settings), ..subscription("1") });
    let builder = fake.client.subscriber("s").lease(Duration::MAX).max_lease(Duration::MAX);
    let builder = builder.on_shutdown(OnShutdown::Wait(Duration::MAX));
    let mut messages = builder.messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1, 2], 'a')).await;
    let mut held = take(&mut messages, 2).await;
    // By its number, and then, from the leases of what is held, by its ack ID.
    let settled = held.remove(0).ack();
    let request = stream.request().await;
    stream.answer(confirm(&request, LeaseOutcome::Ok)).await;
    soon(settled).await.unwrap();
    stream.end(broken()).await;
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([2, 3], 'b')).await;
    let third = next(&mut messages).await;
    let settled = held.remove(0).ack();
    assert_eq!(stream.request().await.acks, [id(2, 'b')]);
    drop((stream, third));
    soon(messages.shutdown()).await;
    soon(settled).await.unwrap();
}

#[tokio::test]
async fn a_subscription_of_another_incarnation_is_another_one() {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let stream = fake.stream().await;
    fake.is_now(subscription("2"));
    stream.end(broken()).await;
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, ConsumeError::Gone(_)), "{error:?}");
}

#[tokio::test]
async fn a_broker_that_does_not_know_what_is_held_has_another_subscription_of_that_name() {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1], 'a')).await;
    let settled = next(&mut messages).await.ack();
    stream.end(refusal(Code::InvalidArgument, "INVALID_FIELD", "acks[0]", None)).await;
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, ConsumeError::Gone(_)), "{error:?}");
    assert_eq!(soon(settled).await, Err(AckError::Unconfirmed));
}

#[tokio::test]
async fn a_broker_that_knows_no_blocks_is_said_to_be_too_old() {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    let received = proto::ReceivedMessage { ack_id: id(1, 'a'), sequence: 1, ..Default::default() };
    stream.answer(StreamingPullResponse { messages: vec![received], ..Default::default() }).await;
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, ConsumeError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("does not deliver in blocks"), "{error}");
}

#[tokio::test]
async fn a_refusal_that_waiting_does_not_change_ends_consuming() {
    let fake = Fake::start().await;
    fake.refuse(refusal(Code::Unauthenticated, "TOKEN", "", None));
    let mut messages = fake.client.subscriber("s").messages();
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, ConsumeError::Refused(_)), "{error:?}");
    soon(messages.shutdown()).await;
}

#[tokio::test]
async fn a_shutdown_closes_the_stream_gives_back_what_still_comes_and_settles_the_rest_by_calls() {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1, 2], 'a')).await;
    let held = take(&mut messages, 2).await;
    let shutdown = tokio::spawn(messages.shutdown());
    assert!(stream.is_closed().await);
    stream.answer(deliver([3], 'a')).await;
    drop(stream);
    for settled in held.into_iter().map(Delivery::ack).collect::<Vec<_>>() {
        soon(settled).await.unwrap();
    }
    soon(shutdown).await.unwrap();
    let mut unary = fake.unary();
    unary.sort_unstable();
    assert_eq!(unary, [1, 2, 3].map(|sequence| id(sequence, 'a')));
}

#[tokio::test]
async fn a_stream_that_never_ends_does_not_keep_a_shutdown_from_ending() {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1], 'a')).await;
    let settled = next(&mut messages).await.ack();
    let shutdown = tokio::spawn(messages.shutdown());
    assert_eq!(stream.request().await.ack_deliveries, first());
    assert!(stream.is_closed().await);
    soon(settled).await.unwrap();
    soon(shutdown).await.unwrap();
    assert_eq!(fake.unary(), [id(1, 'a')]);
}

/// A client that opens its second stream, to which nothing is answered, with an ack that went by the first.
async fn opening() -> (Fake, MessageStream, Settled) {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1], 'a')).await;
    let settled = next(&mut messages).await.ack();
    assert_eq!(stream.request().await.ack_deliveries, first());
    fake.be_silent();
    stream.end(broken()).await;
    assert_eq!(fake.stream().await.request().await.acks, [id(1, 'a')]);
    (fake, messages, settled)
}

#[tokio::test]
async fn a_shutdown_while_a_stream_is_opened_settles_by_calls_what_went_with_it() {
    let (fake, messages, settled) = opening().await;
    soon(messages.shutdown()).await;
    soon(settled).await.unwrap();
    assert_eq!(fake.unary(), [id(1, 'a')]);
}

#[tokio::test]
async fn a_stream_that_is_dropped_while_it_is_opened_settles_by_calls_what_went_with_it() {
    let (fake, messages, settled) = opening().await;
    drop(messages);
    soon(settled).await.unwrap();
    assert_eq!(fake.unary(), [id(1, 'a')]);
}

#[tokio::test]
async fn an_ack_by_a_call_whose_answer_was_lost_is_found_made() {
    let mut fake = Fake::start().await;
    let mut messages = fake.client.subscriber("s").messages();
    let mut stream = fake.stream().await;
    stream.request().await;
    stream.answer(deliver([1], 'a')).await;
    let held = next(&mut messages).await;
    drop((messages, stream));
    fake.lose_answers(2);
    soon(held.ack()).await.unwrap();
    assert_eq!(fake.unary(), [id(1, 'a')]);
}

#[tokio::test]
async fn an_ack_by_id_whose_answer_was_lost_is_found_made_and_one_that_is_too_late_says_so() {
    let fake = Fake::start().await;
    let settler = fake.client.settler("s");
    fake.lose_answers(1);
    let result = async || soon(settler.ack(vec![id(1, 'a')])).await.unwrap().remove(0).result;
    assert_eq!(result().await, Ok(()));
    assert_eq!(result().await, Err(AckError::AlreadySettled));
}
