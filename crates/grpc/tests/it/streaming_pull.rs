use std::time::Duration;

use fanfare_proto::v1;
use grpc::Config;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use types::{AckId, LeaseId, SubscriptionUid, SystemClock};

use crate::fixture::{Server, ack_ids, data, reason, seconds, soon};

/// One stream, from the client's side.
struct Client {
    requests: mpsc::Sender<v1::StreamingPullRequest>,
    answers: Streaming<v1::StreamingPullResponse>,
}

impl Client {
    async fn open(server: &Server, first: v1::StreamingPullRequest) -> Result<Self, Status> {
        let (requests, receiver) = mpsc::channel(8);
        requests.send(first).await.unwrap();
        let answers = server.subscriber().streaming_pull(ReceiverStream::new(receiver)).await?.into_inner();
        Ok(Self { requests, answers })
    }

    async fn send(&self, request: v1::StreamingPullRequest) {
        self.requests.send(request).await.unwrap();
    }

    async fn ack(&self, acks: Vec<String>) {
        self.send(v1::StreamingPullRequest { acks, ..Default::default() }).await;
    }

    async fn next(&mut self) -> Result<Option<v1::StreamingPullResponse>, Status> {
        soon(self.answers.message()).await
    }

    /// Messages until there are that many.
    async fn messages(&mut self, count: usize) -> Vec<v1::ReceivedMessage> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.extend(self.next().await.unwrap().unwrap().messages);
        }
        messages
    }
}

fn first() -> v1::StreamingPullRequest {
    v1::StreamingPullRequest { subscription: "s".into(), confirm: true, ..Default::default() }
}

#[tokio::test]
async fn messages_come_as_they_are_published_and_acks_are_confirmed() {
    let server = Server::with_topic().await;
    let mut client = Client::open(&server, first()).await.unwrap();
    server.publish(&["a"]).await;
    let a = client.messages(1).await;
    server.publish(&["b", "c"]).await;
    let bc = client.messages(2).await;
    assert_eq!(bc.iter().map(data).collect::<Vec<_>>(), ["b", "c"]);
    client.ack(ack_ids(&a)).await;
    let confirmed = client.next().await.unwrap().unwrap();
    let result = &confirmed.ack_results[0];
    assert_eq!((&result.ack_id, result.outcome()), (&a[0].ack_id, v1::LeaseOutcome::Ok));
    assert_eq!(server.stats().await.acked, 1);
}

#[tokio::test]
async fn one_request_can_ack_nack_and_extend() {
    let server = Server::with_topic().await;
    let mut client = Client::open(&server, first()).await.unwrap();
    server.publish(&["a", "b", "c"]).await;
    let ids = ack_ids(&client.messages(3).await);
    let nack = v1::StreamNack { ack_ids: vec![ids[1].clone()], delay: Some(seconds(3_600)) };
    let extension = v1::StreamExtension { ack_ids: vec![ids[2].clone(), ids[0].clone()], ack_deadline: None };
    let (acks, nacks, extensions) = (vec![ids[0].clone()], vec![nack], vec![extension]);
    client.send(v1::StreamingPullRequest { acks, nacks, extensions, ..Default::default() }).await;
    let results = client.next().await.unwrap().unwrap();
    assert_eq!(results.ack_results[0].outcome(), v1::LeaseOutcome::Ok);
    assert_eq!(results.nack_results[0].outcome(), v1::LeaseOutcome::Ok);
    assert_eq!(results.extend_results[0].outcome(), v1::LeaseOutcome::Ok);
    assert!(results.extend_results[0].lease_deadline.is_some());
    assert_eq!(results.extend_results[1].outcome(), v1::LeaseOutcome::AlreadySettled);
    let stats = server.stats().await;
    assert_eq!((stats.acked, stats.failed_attempts, stats.leased, stats.backing_off), (1, 1, 1, 1));
}

#[tokio::test]
async fn a_nacked_message_comes_again_on_the_stream() {
    let server = Server::with_topic().await;
    let mut client =
        Client::open(&server, v1::StreamingPullRequest { confirm: false, ..first() }).await.unwrap();
    server.publish(&["a"]).await;
    let received = client.messages(1).await;
    let nacks = vec![v1::StreamNack { ack_ids: ack_ids(&received), delay: Some(seconds(0)) }];
    client.send(v1::StreamingPullRequest { nacks, ..Default::default() }).await;
    let again = client.messages(1).await;
    assert_eq!((data(&again[0]).as_str(), again[0].delivery_attempt), ("a", 2));
}

#[tokio::test]
async fn no_more_messages_are_outstanding_than_the_client_takes() {
    let server = Server::with_topic().await;
    server.publish(&["x"; 50]).await;
    let mut client =
        Client::open(&server, v1::StreamingPullRequest { max_outstanding_messages: 10, ..first() })
            .await
            .unwrap();
    let ten = client.messages(10).await;
    assert_eq!(server.stats().await.leased, 10);
    client.ack(ack_ids(&ten[..4])).await;
    let mut more = Vec::new();
    while more.len() < 4 {
        more.extend(client.next().await.unwrap().unwrap().messages);
    }
    assert_eq!((more.len(), server.stats().await.leased), (4, 10));
}

#[tokio::test]
async fn no_more_bytes_are_outstanding_than_the_client_takes() {
    let server = Server::with_topic().await;
    let large = "x".repeat(1_000);
    server.publish(&[large.as_str(); 20]).await;
    let opening = v1::StreamingPullRequest { max_outstanding_bytes: 2_500, ..first() };
    let mut client = Client::open(&server, opening).await.unwrap();
    let two = client.messages(2).await;
    let leased = server.stats().await.leased;
    assert!((2..=3).contains(&leased), "{leased}");
    client.ack(ack_ids(&two)).await;
    client.messages(2).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_buffered_for() {
    let server = Server::with_topic().await;
    let large = "x".repeat(900_000);
    for _ in 0..100 {
        server.publish(&[large.as_str()]).await;
    }
    let opening = v1::StreamingPullRequest {
        max_outstanding_messages: 100_000,
        max_outstanding_bytes: 256 << 20,
        ..first()
    };
    let client = Client::open(&server, opening).await.unwrap();
    server.until(|stats| stats.leased != 0).await;
    for _ in 0..200 {
        server.answer_one_call().await;
    }
    let leased = server.stats().await.leased;
    assert!(leased <= 6, "{leased} messages of 900 kB were leased for a client that reads none");
    // What never left the server goes back when the client does.
    drop(client);
    server.until(|stats| stats.leased < leased).await;
    assert_eq!(server.stats().await.failed_attempts, 0);
}

#[tokio::test]
async fn when_the_client_closes_its_side_what_it_sent_is_confirmed_and_the_stream_ends_with_ok() {
    let server = Server::with_topic().await;
    let mut client = Client::open(&server, first()).await.unwrap();
    server.publish(&["a"]).await;
    let received = client.messages(1).await;
    server.journal.hold();
    client.ack(ack_ids(&received)).await;
    let Client { requests, mut answers } = client;
    drop(requests);
    server.answer_one_call().await;
    server.journal.release();
    let confirmed = soon(answers.message()).await.unwrap().unwrap();
    assert_eq!(confirmed.ack_results.len(), 1);
    assert_eq!(soon(answers.message()).await.unwrap(), None);
    server.until(|stats| stats.consumers == 0).await;
}

#[tokio::test]
async fn at_shutdown_what_is_outstanding_can_be_settled_and_then_the_stream_ends() {
    let server = Server::with_topic().await;
    let mut client = Client::open(&server, first()).await.unwrap();
    server.publish(&["a"]).await;
    let received = client.messages(1).await;
    let shutdown = tokio::spawn(server.shut_down());
    client.ack(ack_ids(&received)).await;
    let confirmed = client.next().await.unwrap().unwrap();
    assert_eq!(confirmed.ack_results[0].outcome(), v1::LeaseOutcome::Ok);
    let status = client.next().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "BROKER_DRAINING"));
    assert_eq!(soon(shutdown).await.unwrap(), grpc::Drained::Fully);
}

#[tokio::test]
async fn a_client_that_settles_nothing_does_not_hold_up_the_shutdown() {
    let config = Config { settle_grace: Duration::ZERO, ..Config::default() };
    let server = Server::with(config, std::sync::Arc::new(SystemClock::start())).await;
    server.set_up().await;
    let mut client = Client::open(&server, first()).await.unwrap();
    server.publish(&["a"]).await;
    client.messages(1).await;
    assert_eq!(soon(server.shut_down()).await, grpc::Drained::Fully);
    assert_eq!(client.next().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn when_the_journal_fails_the_stream_says_so() {
    let server = Server::with_topic().await;
    let mut client = Client::open(&server, first()).await.unwrap();
    server.journal.poison("write error");
    assert_eq!(reason(&client.next().await.unwrap_err()), "JOURNAL_POISONED");
}

#[tokio::test]
async fn two_streams_share_a_subscription() {
    let server = Server::with_topic().await;
    let opening = || v1::StreamingPullRequest { max_outstanding_messages: 10, ..first() };
    let mut one = Client::open(&server, opening()).await.unwrap();
    let mut other = Client::open(&server, opening()).await.unwrap();
    server.until(|stats| stats.consumers >= 2).await;
    server.publish(&["x"; 20]).await;
    let (one, other) = (one.messages(10).await, other.messages(10).await);
    let mut sequences: Vec<_> = one.iter().chain(&other).map(|message| message.sequence).collect();
    sequences.sort_unstable();
    sequences.dedup();
    assert_eq!(sequences.len(), 20);
}

/// What the stream ends with after this request.
async fn refused(opening: v1::StreamingPullRequest, later: Option<v1::StreamingPullRequest>) -> Status {
    let server = Server::with_topic().await;
    match (Client::open(&server, opening).await, later) {
        (Err(status), None) => status,
        (Ok(mut client), Some(later)) => {
            client.send(later).await;
            client.next().await.unwrap_err()
        }
        (opened, later) => panic!("{:?} {later:?}", opened.map(|_| ())),
    }
}

fn opening(change: impl FnOnce(&mut v1::StreamingPullRequest)) -> v1::StreamingPullRequest {
    let mut opening = first();
    change(&mut opening);
    opening
}

#[tokio::test]
async fn a_bad_first_request_opens_no_stream() {
    let other = AckId { subscription: SubscriptionUid(999), sequence: 1, lease: LeaseId(1) }.to_string();
    let rows = [
        (opening(|r| r.subscription.clear()), "subscription: must not be empty"),
        (opening(|r| r.subscription = "a b".into()), "subscription: "),
        (
            opening(|r| r.max_outstanding_messages = 100_001),
            "max_outstanding_messages: is 100001, the limit is 100000",
        ),
        (
            opening(|r| r.max_outstanding_bytes = (256 << 20) + 1),
            "max_outstanding_bytes: is 268435457, the limit is",
        ),
        (opening(|r| r.acks = vec!["x".into()]), "acks[0]: is no ack ID"),
        (opening(|r| r.acks = vec![other]), "acks[0]: belongs to another subscription"),
    ];
    for (request, text) in rows {
        let status = refused(request, None).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
        assert!(status.message().starts_with(text), "{} is not {text}", status.message());
    }
    let status = refused(opening(|r| r.subscription = "missing".into()), None).await;
    assert_eq!(reason(&status), "SUBSCRIPTION_NOT_FOUND");
}

#[tokio::test]
async fn a_bad_later_request_ends_the_stream() {
    let later = |change: fn(&mut v1::StreamingPullRequest)| {
        let mut later = v1::StreamingPullRequest::default();
        change(&mut later);
        later
    };
    let nack = |ack_ids, delay| vec![v1::StreamNack { ack_ids, delay }];
    let extension = |ack_ids, ack_deadline| vec![v1::StreamExtension { ack_ids, ack_deadline }];
    let rows = [
        (later(|r| r.subscription = "s".into()), "subscription: belongs in the first request"),
        (later(|r| r.max_outstanding_messages = 1), "max_outstanding_messages: belongs in the first request"),
        (later(|r| r.max_outstanding_bytes = 1), "max_outstanding_bytes: belongs in the first request"),
        (later(|r| r.confirm = true), "confirm: belongs in the first request"),
        (later(|r| r.acks = vec!["x".into()]), "acks[0]: is no ack ID"),
        (
            later(|r| r.acks = vec![String::new(); 10_001]),
            "acks: the request has 10001 ack IDs, the limit is 10000",
        ),
        (
            v1::StreamingPullRequest { nacks: nack(vec![], None), ..Default::default() },
            "nacks[0].ack_ids: has 0",
        ),
        (
            v1::StreamingPullRequest {
                nacks: nack(vec!["x".into()], Some(seconds(-1))),
                ..Default::default()
            },
            "nacks[0].delay: is -1s",
        ),
        (
            v1::StreamingPullRequest {
                extensions: extension(vec!["x".into()], Some(seconds(0))),
                ..Default::default()
            },
            "extensions[0].ack_deadline: is 0ns, must be 1s to 43200s",
        ),
    ];
    for (request, text) in rows {
        let status = refused(first(), Some(request)).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
        assert!(status.message().starts_with(text), "{} is not {text}", status.message());
    }
}

#[tokio::test]
async fn a_stream_without_any_request_is_refused() {
    let server = Server::with_topic().await;
    let none = futures_util::stream::empty();
    let status = server.subscriber().streaming_pull(none).await.unwrap_err();
    assert!(status.message().starts_with("subscription: is required"), "{}", status.message());
}

#[tokio::test]
async fn a_settlement_of_the_past_is_answered_and_the_stream_goes_on() {
    let server = Server::with_topic().await;
    let mut client = Client::open(&server, first()).await.unwrap();
    server.publish(&["a"]).await;
    let received = client.messages(1).await;
    server.seek_to_start().await;
    let again = client.messages(1).await;
    client.ack(ack_ids(&received)).await;
    let results = client.next().await.unwrap().unwrap().ack_results;
    assert_eq!(results[0].outcome(), v1::LeaseOutcome::FencedBySeek);
    client.ack(ack_ids(&again)).await;
    assert_eq!(client.next().await.unwrap().unwrap().ack_results[0].outcome(), v1::LeaseOutcome::Ok);
}

#[tokio::test]
async fn a_stream_of_a_subscription_that_is_deleted_ends_with_not_found() {
    let server = Server::with_topic().await;
    let mut client = Client::open(&server, first()).await.unwrap();
    let request = v1::DeleteSubscriptionRequest { name: "s".into() };
    server.subscriptions().delete_subscription(request).await.unwrap();
    assert_eq!(reason(&client.next().await.unwrap_err()), "SUBSCRIPTION_NOT_FOUND");
}
