//! StreamingPull in blocks: the same messages, acknowledged by their numbers.

use fanfare_proto::{
    ids,
    v1::{self, LeaseOutcome, StreamingPullRequest},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use types::{AckId, LeaseId, LogId, MessageId, SubscriptionUid};

use crate::fixture::{Server, message, reason, seconds, soon};

struct Client {
    requests: mpsc::Sender<StreamingPullRequest>,
    answers: Streaming<v1::StreamingPullResponse>,
    /// Came while something else was waited for.
    early: Vec<v1::DeliveryBlock>,
}

impl Client {
    async fn open(server: &Server) -> Self {
        Self::open_with(server, StreamingPullRequest::default()).await.unwrap()
    }

    async fn open_with(server: &Server, first: StreamingPullRequest) -> Result<Self, Status> {
        let (requests, receiver) = mpsc::channel(8);
        let subscription = if first.subscription.is_empty() { "s".into() } else { first.subscription };
        let first = StreamingPullRequest { subscription, confirm: true, blocks: true, ..first };
        requests.send(first).await.unwrap();
        let answers = server.subscriber().streaming_pull(ReceiverStream::new(receiver)).await?.into_inner();
        Ok(Self { requests, answers, early: Vec::new() })
    }

    async fn next(&mut self) -> Result<v1::StreamingPullResponse, Status> {
        soon(self.answers.message()).await.map(|answer| answer.unwrap())
    }

    async fn ack(&self, ranges: &[(u64, u64)]) {
        let ack_deliveries =
            ranges.iter().map(|(first, last)| v1::DeliveryRange { first: *first, last: *last });
        let request = StreamingPullRequest { ack_deliveries: ack_deliveries.collect(), ..Default::default() };
        self.requests.send(request).await.unwrap();
    }

    /// Blocks until there are that many messages.
    async fn blocks(&mut self, count: usize) -> Vec<v1::DeliveryBlock> {
        let mut blocks = std::mem::take(&mut self.early);
        while blocks.iter().map(|block: &v1::DeliveryBlock| block.messages.len()).sum::<usize>() < count {
            let answer = self.next().await.unwrap();
            assert!(answer.messages.is_empty());
            blocks.extend(answer.blocks);
        }
        blocks
    }

    /// What is acknowledged, and what is not, until there are results of so many deliveries.
    async fn results(&mut self, count: u64) -> (Vec<(u64, u64)>, Vec<(u64, u64, LeaseOutcome)>) {
        let (mut acked, mut refused, mut seen) = (Vec::new(), Vec::new(), 0);
        while seen < count {
            let answer = self.next().await.unwrap();
            self.early.extend(answer.blocks);
            for range in answer.acked {
                acked.push((range.first, range.last));
                seen += range.last - range.first + 1;
            }
            for result in answer.range_results {
                assert!(!result.detail.is_empty());
                let range = result.deliveries.unwrap();
                refused.push((range.first, range.last, result.outcome()));
                seen += range.last - range.first + 1;
            }
        }
        (acked, refused)
    }
}

#[tokio::test]
async fn deliveries_are_acknowledged_by_their_numbers_once() {
    let server = Server::with_topic().await;
    server.publish(&["a", "b", "c"]).await;
    let mut client = Client::open(&server).await;
    client.blocks(3).await;
    client.ack(&[(1, 1), (3, 3)]).await;
    assert_eq!(client.results(2).await, (vec![(1, 1), (3, 3)], vec![]));
    client.ack(&[(1, 3)]).await;
    let already = LeaseOutcome::AlreadySettled;
    assert_eq!(client.results(3).await, (vec![(2, 2)], vec![(1, 1, already), (3, 3, already)]));
}

/// The ack IDs, as a client makes them.
fn ack_ids(block: &v1::DeliveryBlock) -> Vec<String> {
    let id = |(lease, message): (u64, &v1::StoredMessage)| {
        ids::ack_id_text(block.subscription_uid, message.sequence, lease)
    };
    (block.first_lease..).zip(&block.messages).map(id).collect()
}

fn texts(blocks: &[v1::DeliveryBlock]) -> Vec<String> {
    let text = |stored: &v1::StoredMessage| stored.message.as_ref().unwrap().data.to_vec();
    blocks
        .iter()
        .flat_map(|block| &block.messages)
        .map(text)
        .map(|text| String::from_utf8(text).unwrap())
        .collect()
}

#[test]
fn ids_are_made_of_their_numbers_as_the_broker_shows_them() {
    for (one, two, three) in [(1, 2, 3), (0, 0, 0), (u64::MAX, 1 << 40, u64::MAX)] {
        let id = AckId { subscription: SubscriptionUid(one), sequence: two, lease: LeaseId(three) };
        assert_eq!(ids::ack_id_text(one, two, three), id.to_string());
        let id = MessageId { log: LogId(one), sequence: two };
        assert_eq!(ids::message_id_text(one, two), id.to_string());
    }
}

#[tokio::test]
async fn a_block_says_what_pull_says_and_its_ack_ids_and_message_ids_are_the_brokers() {
    let server = Server::with_topic().await;
    let large = "x".repeat(40_000);
    let published = server.publish(&["z", "a", &large, "b"]).await;
    let mut client = Client::open(&server).await;
    let blocks = client.blocks(4).await;
    assert!(texts(&blocks) == ["z", "a", &large, "b"]);
    let message_id = |block: &v1::DeliveryBlock, stored: &v1::StoredMessage| {
        ids::message_id_text(block.log, stored.sequence)
    };
    let ids: Vec<_> =
        blocks.iter().flat_map(|block| block.messages.iter().map(|one| message_id(block, one))).collect();
    assert_eq!(ids, published.iter().map(|result| result.message_id.as_str()).collect::<Vec<_>>());
    let ack_ids: Vec<_> = blocks.iter().flat_map(ack_ids).collect();
    assert_eq!(server.acknowledge(ack_ids[1..].to_vec()).await, [LeaseOutcome::Ok; 3]);
    let nacks = vec![v1::StreamNack { ack_ids: ack_ids[..1].to_vec(), delay: Some(seconds(0)) }];
    client.requests.send(StreamingPullRequest { nacks, ..Default::default() }).await.unwrap();
    let again = client.blocks(1).await;
    assert_eq!((again[0].delivery_attempt, again[0].first_delivery), (2, false));
    assert_eq!(again[0].messages, blocks[0].messages[..1], "what is the same for all stays the same");
}

#[tokio::test]
async fn a_nacked_message_comes_again_under_a_number_of_its_own() {
    let server = Server::with_topic().await;
    server.publish(&["a", "b"]).await;
    let mut client = Client::open(&server).await;
    let blocks = client.blocks(2).await;
    let nacks = vec![v1::StreamNack { ack_ids: ack_ids(&blocks[0])[..1].to_vec(), delay: Some(seconds(0)) }];
    client.requests.send(StreamingPullRequest { nacks, ..Default::default() }).await.unwrap();
    assert_eq!(texts(&client.blocks(1).await), ["a"]);
    client.ack(&[(1, 3)]).await;
    let again = LeaseOutcome::Superseded;
    assert_eq!(client.results(3).await, (vec![(2, 3)], vec![(1, 1, again)]));
    client.ack(&[(1, 3)]).await;
    let already = LeaseOutcome::AlreadySettled;
    assert_eq!(client.results(3).await.1, [(2, 3, already), (1, 1, already)]);
}

#[tokio::test]
async fn what_is_acknowledged_by_number_is_not_given_back_by_an_id_that_came_with_it() {
    let server = Server::with_topic().await;
    server.publish(&["a"]).await;
    let mut client = Client::open(&server).await;
    let ack_ids = ack_ids(&client.blocks(1).await[0]);
    let nacks = vec![v1::StreamNack { ack_ids, delay: None }];
    let ack_deliveries = vec![v1::DeliveryRange { first: 1, last: 1 }];
    let request = StreamingPullRequest { nacks, ack_deliveries, ..Default::default() };
    client.requests.send(request).await.unwrap();
    let answer = client.next().await.unwrap();
    assert_eq!((answer.acked.len(), answer.nack_results[0].outcome()), (1, LeaseOutcome::AlreadySettled));
    assert_eq!(server.stats().await.failed_attempts, 0);
}

#[tokio::test]
async fn what_gives_no_right_any_more_is_refused_with_its_reason_and_the_others_are_acknowledged() {
    let server = Server::with_topic().await;
    server.publish(&["a", "b", "c"]).await;
    let mut client = Client::open(&server).await;
    let blocks = client.blocks(3).await;
    server.acknowledge(ack_ids(&blocks[0])[1..2].to_vec()).await;
    client.ack(&[(1, 3)]).await;
    let elsewhere = (2, 2, LeaseOutcome::AlreadySettled);
    assert_eq!(client.results(3).await, (vec![(1, 1), (3, 3)], vec![elsewhere]));
    server.publish(&["d"]).await;
    client.blocks(1).await;
    server.seek_to_start().await;
    client.ack(&[(4, 4)]).await;
    assert_eq!(client.results(1).await.1, [(4, 4, LeaseOutcome::FencedBySeek)]);
    let again = client.blocks(4).await;
    assert_eq!(texts(&again), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_lease_that_ended_is_refused_by_number_and_makes_room() {
    let server = Server::with_topic().await;
    server.publish(&["a"]).await;
    let opening = StreamingPullRequest { max_outstanding_messages: 1, ..Default::default() };
    let mut client = Client::open_with(&server, opening).await.unwrap();
    let blocks = client.blocks(1).await;
    let extensions =
        vec![v1::StreamExtension { ack_ids: ack_ids(&blocks[0]), ack_deadline: Some(seconds(1)) }];
    client.requests.send(StreamingPullRequest { extensions, ..Default::default() }).await.unwrap();
    assert_eq!(client.next().await.unwrap().extend_results[0].outcome(), LeaseOutcome::Ok);
    let again = client.blocks(1).await;
    assert_eq!((texts(&again), again[0].delivery_attempt), (vec!["a".to_owned()], 2));
    client.ack(&[(1, 2)]).await;
    assert_eq!(client.results(2).await, (vec![(2, 2)], vec![(1, 1, LeaseOutcome::Superseded)]));
}

#[tokio::test]
async fn no_more_is_outstanding_than_the_client_takes_until_numbers_are_acknowledged() {
    let server = Server::with_topic().await;
    let large = "x".repeat(1_000);
    server.publish(&[large.as_str(); 20]).await;
    let opening = StreamingPullRequest { max_outstanding_messages: 10, ..Default::default() };
    let mut client = Client::open_with(&server, opening).await.unwrap();
    client.blocks(10).await;
    assert_eq!(server.stats().await.leased, 10);
    client.ack(&[(3, 6)]).await;
    client.results(4).await;
    client.blocks(4).await;
    assert_eq!(server.stats().await.leased, 10);
    drop(client);
    server.seek_to_start().await;
    let opening = StreamingPullRequest { max_outstanding_bytes: 2_500, ..Default::default() };
    let mut client = Client::open_with(&server, opening).await.unwrap();
    client.blocks(2).await;
    let leased = server.stats().await.leased;
    assert!((2..=3).contains(&leased), "{leased}");
    client.ack(&[(1, 2)]).await;
    client.results(2).await;
    client.blocks(2).await;
}

#[tokio::test]
async fn many_results_come_in_several_answers() {
    const MESSAGES: u64 = 12_000;
    let server = Server::with_topic().await;
    let settings = v1::SubscriptionSettings { max_in_flight: Some(20_000), ..Default::default() };
    server.create_subscription("wide", settings).await;
    for _ in 0..MESSAGES / 1_000 {
        server.publish(&["x"; 1_000]).await;
    }
    let opening = StreamingPullRequest {
        subscription: "wide".into(),
        max_outstanding_messages: 100_000,
        ..Default::default()
    };
    let mut client = Client::open_with(&server, opening).await.unwrap();
    client.blocks(usize::try_from(MESSAGES).unwrap()).await;
    let odd: Vec<_> = (1..=MESSAGES).step_by(2).map(|number| (number, number)).collect();
    for some in odd.chunks(1_000) {
        client.ack(some).await;
    }
    client.results(MESSAGES / 2).await;
    client.ack(&[(1, MESSAGES)]).await;
    let (mut acked, mut refused) = (0, 0);
    while (acked + refused) as u64 != MESSAGES {
        let answer = client.next().await.unwrap();
        assert!(answer.acked.len() + answer.range_results.len() <= 10_000);
        (acked, refused) = (acked + answer.acked.len(), refused + answer.range_results.len());
    }
    assert_eq!(acked, refused);
}

#[tokio::test]
async fn a_filtered_subscription_gets_only_what_matches_in_blocks() {
    let server = Server::with_topic().await;
    let policy = v1::FilterPolicy { json: r#"{"kind": ["yes"]}"#.into(), ..Default::default() };
    let settings = v1::SubscriptionSettings { filter_policy: Some(policy), ..Default::default() };
    server.create_subscription("some", settings).await;
    let messages = (0..20).map(|number| {
        let kind = if number % 3 == 0 { "yes" } else { "no" };
        v1::NewMessage { attributes: [("kind".into(), kind.into())].into(), ..message(&number.to_string()) }
    });
    let request = v1::PublishRequest { topic: "t".into(), messages: messages.collect() };
    server.publisher().publish(request).await.unwrap();
    let opening = StreamingPullRequest { subscription: "some".into(), ..Default::default() };
    let mut client = Client::open_with(&server, opening).await.unwrap();
    let blocks = client.blocks(7).await;
    assert_eq!(texts(&blocks), ["0", "3", "6", "9", "12", "15", "18"]);
    client.ack(&[(1, 7)]).await;
    assert_eq!(client.results(7).await, (vec![(1, 7)], vec![]));
}

#[tokio::test]
async fn at_shutdown_numbers_are_still_taken_and_then_the_stream_ends() {
    let server = Server::with_topic().await;
    server.publish(&["a"]).await;
    let mut client = Client::open(&server).await;
    client.blocks(1).await;
    let shutdown = tokio::spawn(server.shut_down());
    client.ack(&[(1, 1)]).await;
    assert_eq!(client.results(1).await.0, [(1, 1)]);
    let status = client.next().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "BROKER_DRAINING"));
    assert_eq!(soon(shutdown).await.unwrap(), grpc::Drained::Fully);
}

#[tokio::test]
async fn what_never_left_for_a_client_that_is_gone_goes_back_uncounted() {
    let server = Server::with_topic().await;
    let large = "x".repeat(900_000);
    for _ in 0..30 {
        server.publish(&[large.as_str()]).await;
    }
    let opening = StreamingPullRequest { max_outstanding_bytes: 256 << 20, ..Default::default() };
    let client = Client::open_with(&server, opening).await.unwrap();
    server.until(|stats| stats.leased != 0).await;
    for _ in 0..200 {
        server.answer_one_call().await;
    }
    let leased = server.stats().await.leased;
    assert!(leased <= 8, "{leased} messages of 900 kB were leased for a client that reads none");
    drop(client);
    server.until(|stats| stats.leased < leased).await;
    assert_eq!(server.stats().await.failed_attempts, 0);
}

#[tokio::test]
async fn bad_requests_for_numbers_are_refused_by_field() {
    let range = |first, last| v1::DeliveryRange { first, last };
    let acks = |ack_deliveries| StreamingPullRequest { ack_deliveries, ..Default::default() };
    let rows = [
        (StreamingPullRequest { blocks: true, ..Default::default() }, "blocks: belongs in the first request"),
        (acks(vec![range(0, 1)]), "ack_deliveries[0].first: is 0"),
        (acks(vec![range(1, 1), range(1, 0)]), "ack_deliveries[1].last: is 0"),
        (
            acks(vec![range(1, 2)]),
            "ack_deliveries[0].last: is 2, the last that was delivered on this stream is 1",
        ),
        (acks(vec![range(1, 1); 1_001]), "ack_deliveries: has 1001 entries, must have 0 to 1000"),
    ];
    for (request, text) in rows {
        let server = Server::with_topic().await;
        server.publish(&["a"]).await;
        let mut client = Client::open(&server).await;
        client.blocks(1).await;
        client.requests.send(request).await.unwrap();
        let status = client.next().await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
        assert!(status.message().starts_with(text), "{} is not {text}", status.message());
    }
    let server = Server::with_topic().await;
    let status = Client::open_with(&server, acks(vec![range(1, 1)])).await.err().unwrap();
    assert!(status.message().starts_with("ack_deliveries[0].last: is 1"), "{status}");
    let (requests, receiver) = mpsc::channel(8);
    let first = StreamingPullRequest { subscription: "s".into(), ..acks(vec![range(1, 1)]) };
    requests.send(first).await.unwrap();
    let status = server.subscriber().streaming_pull(ReceiverStream::new(receiver)).await.unwrap_err();
    assert!(status.message().starts_with("ack_deliveries: needs `blocks`"), "{status}");
}

#[tokio::test]
async fn a_number_that_was_not_delivered_ends_the_stream_with_its_field() {
    let server = Server::with_topic().await;
    server.publish(&["a"]).await;
    let mut client = Client::open(&server).await;
    client.blocks(1).await;
    client.ack(&[(1, 1), (1, 2)]).await;
    let status = loop {
        if let Err(status) = client.next().await {
            break status;
        }
    };
    assert_eq!(reason(&status), "INVALID_FIELD");
    assert!(status.message().starts_with("ack_deliveries[1].last"), "{status}");
}
