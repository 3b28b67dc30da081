//! StreamingPull in blocks: the same messages, acknowledged by their numbers.

use fanfare_proto::v1::{self, LeaseOutcome, StreamingPullRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::fixture::{Server, reason, soon};

struct Client {
    requests: mpsc::Sender<StreamingPullRequest>,
    answers: Streaming<v1::StreamingPullResponse>,
}

impl Client {
    async fn open(server: &Server) -> Self {
        Self::open_with(server, StreamingPullRequest::default()).await.unwrap()
    }

    async fn open_with(server: &Server, first: StreamingPullRequest) -> Result<Self, Status> {
        let (requests, receiver) = mpsc::channel(8);
        let first = StreamingPullRequest { subscription: "s".into(), confirm: true, blocks: true, ..first };
        requests.send(first).await.unwrap();
        let answers = server.subscriber().streaming_pull(ReceiverStream::new(receiver)).await?.into_inner();
        Ok(Self { requests, answers })
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
        let mut blocks = Vec::new();
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
