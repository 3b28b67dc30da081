//! Consumers: two for each subscription, one that pulls and one with a stream.

use fanfare_proto::v1::{
    AcknowledgeRequest, LeaseOutcome, NackRequest, PullRequest, ReceivedMessage, SettleResult, StreamNack,
    StreamingPullRequest,
};
use prost_types::Duration;
use tonic::{Status, transport::Channel};

use super::{Shared, ledger::Id};
use crate::support::{
    client::{self, Subscriber},
    random::Random,
};

pub(super) const ORDERED: &str = "ordered";
pub(super) const SUBSCRIPTIONS: [&str; 2] = [ORDERED, "unordered"];

/// One in so many messages is given back.
const NACKS: u64 = 40;

#[derive(Debug)]
pub(super) struct Consumer {
    subscription: &'static str,
    streams: bool,
    random: Random,
    shared: Shared,
}

/// Those of one life of the broker.
pub(super) fn all(seed: u64, round: u64, shared: &Shared) -> Vec<Consumer> {
    let kinds =
        SUBSCRIPTIONS.into_iter().flat_map(|subscription| [(subscription, false), (subscription, true)]);
    let purposes = round.wrapping_mul(8).wrapping_add(2_000_000)..;
    let one = |(purpose, (subscription, streams))| {
        let random = Random::new(seed, purpose);
        Consumer { subscription, streams, random, shared: shared.clone() }
    };
    purposes.zip(kinds).map(one).collect()
}

/// Deliveries, by what becomes of them.
#[derive(Debug, Default)]
struct Sorted {
    acks: Vec<(Id, String)>,
    nacks: Vec<String>,
}

impl Consumer {
    /// Until the broker does not answer any more; how that showed.
    pub(super) async fn run(mut self, channel: Channel) -> String {
        let client = Subscriber::new(channel);
        let ended = if self.streams { self.stream(client).await } else { self.pull(client).await };
        format!("{} (stream: {}): {ended:?}", self.subscription, self.streams)
    }

    async fn pull(&mut self, mut client: Subscriber) -> Result<(), Status> {
        let wait = Some(Duration { seconds: 60, nanos: 0 });
        let request =
            PullRequest { subscription: self.subscription.into(), max_messages: 50, max_bytes: 0, wait };
        loop {
            let messages = client.pull(request.clone()).await?.into_inner().messages;
            let Sorted { acks, nacks } = self.received(messages);
            if !nacks.is_empty() {
                let (subscription, delay) = (self.subscription.into(), Some(Duration::default()));
                client.nack(NackRequest { subscription, ack_ids: nacks, delay }).await?;
            }
            if !acks.is_empty() {
                let (subscription, ack_ids) = (self.subscription.into(), ids(&acks));
                let answer = client.acknowledge(AcknowledgeRequest { subscription, ack_ids }).await?;
                self.confirmed(&acks, &answer.into_inner().results);
            }
        }
    }

    async fn stream(&mut self, mut client: Subscriber) -> Result<(), Status> {
        let subscription = self.subscription.into();
        let opening = StreamingPullRequest {
            subscription,
            max_outstanding_messages: 100,
            confirm: true,
            ..StreamingPullRequest::default()
        };
        let (requests, mut answers) = client::stream(&mut client, opening).await?;
        let mut unconfirmed = std::collections::VecDeque::new();
        while let Some(answer) = answers.message().await? {
            let confirmed: Vec<_> = unconfirmed.drain(..answer.ack_results.len()).collect();
            self.confirmed(&confirmed, &answer.ack_results);
            let Sorted { acks, nacks } = self.received(answer.messages);
            let nacks = if nacks.is_empty() {
                Vec::new()
            } else {
                vec![StreamNack { ack_ids: nacks, delay: Some(Duration::default()) }]
            };
            let settlement =
                StreamingPullRequest { acks: ids(&acks), nacks, ..StreamingPullRequest::default() };
            unconfirmed.extend(acks);
            if (settlement.acks.len(), settlement.nacks.len()) != (0, 0)
                && requests.send(settlement).await.is_err()
            {
                break;
            }
        }
        Ok(())
    }

    /// Written down before anything is done about it.
    fn received(&mut self, messages: Vec<ReceivedMessage>) -> Sorted {
        let mut sorted = Sorted::default();
        let mut ledger = self.shared.ledger.lock();
        for message in messages {
            let text = String::from_utf8(message.message.unwrap().data.into()).unwrap();
            let ordered = self.subscription == ORDERED;
            let Some(id) = ledger.delivered(self.subscription, ordered, &text, message.sequence) else {
                continue;
            };
            if self.random.once_in(NACKS) {
                sorted.nacks.push(message.ack_id);
            } else {
                ledger.acks(self.subscription, &id);
                sorted.acks.push((id, message.ack_id));
            }
        }
        drop(ledger);
        self.shared.event();
        sorted
    }

    fn confirmed(&self, acks: &[(Id, String)], results: &[SettleResult]) {
        let mut ledger = self.shared.ledger.lock();
        for ((id, ack_id), result) in acks.iter().zip(results) {
            assert_eq!((ack_id, result.outcome()), (&result.ack_id, LeaseOutcome::Ok), "{result:?}");
            ledger.settled(self.subscription, id);
        }
        drop(ledger);
        self.shared.event();
    }
}

fn ids(acks: &[(Id, String)]) -> Vec<String> {
    acks.iter().map(|(_, ack_id)| ack_id.clone()).collect()
}
