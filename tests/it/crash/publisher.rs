//! Publishers, each with ordering keys of its own, who go on where they were when the broker comes back.

use std::sync::Arc;

use fanfare_proto::v1::{NewMessage, PublishResult, PublishStreamRequest, publish_stream_response::Outcome};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, transport::Channel};

use super::{Shared, ledger::Id};
use crate::support::{
    client::{self, Publisher as Client, message},
    random::Random,
};

const KEYS: u64 = 40;
const MOST_IN_A_BATCH: u64 = 12;

/// How one publishes.
#[derive(Debug, Clone, Copy)]
enum How {
    /// One batch after the other. One that was not answered is sent again with the same deduplication IDs, until it is.
    Unary,
    /// Several on their way at a time. One that was not answered is left to chance.
    Stream,
}

#[derive(Debug)]
pub(super) struct Publisher {
    name: String,
    how: How,
    random: Random,
    shared: Shared,
    next: Vec<u64>,
    unanswered: Option<Vec<Id>>,
}

/// Three of them.
pub(super) fn all(seed: u64, shared: &Shared) -> Vec<Arc<tokio::sync::Mutex<Publisher>>> {
    let one = |(index, how): (u64, How)| Publisher {
        name: format!("p{index}"),
        how,
        random: Random::new(seed, 1_000_000 + index),
        shared: shared.clone(),
        next: vec![0; usize::try_from(KEYS).unwrap()],
        unanswered: None,
    };
    let hows = [How::Unary, How::Unary, How::Stream];
    (0_u64..).zip(hows).map(one).map(|one| Arc::new(tokio::sync::Mutex::new(one))).collect()
}

impl Publisher {
    /// Until the broker does not answer any more; how that showed.
    pub(super) async fn publish_until_it_dies(&mut self, channel: Channel, round: u64) -> String {
        let client = Client::new(channel);
        let ended = match self.how {
            How::Unary => self.unary(client, round).await,
            How::Stream => self.stream(client, round).await,
        };
        format!("{}: {ended:?}", self.name)
    }

    async fn unary(&mut self, mut client: Client, round: u64) -> Result<(), Status> {
        loop {
            self.shared.caught_up(round).await;
            let batch = self.unanswered.take().unwrap_or_else(|| self.batch());
            self.unanswered = Some(batch.clone());
            let messages = batch.iter().map(with_deduplication).collect();
            let results = client::publish(&mut client, messages).await?;
            self.unanswered = None;
            self.answered(&batch, &results);
        }
    }

    async fn stream(&mut self, mut client: Client, round: u64) -> Result<(), Status> {
        let (requests, sent) = mpsc::channel(8);
        let (batches, mut waiting) = mpsc::channel::<Vec<Id>>(8);
        let mut answers = client.publish_stream(ReceiverStream::new(sent)).await?.into_inner();
        let shared = self.shared.clone();
        let receive = async move {
            while let Some(answer) = answers.message().await? {
                let batch = waiting.recv().await.expect("an answer has a request");
                let Some(Outcome::Published(published)) = answer.outcome else {
                    panic!("refused: {answer:?}")
                };
                answered(&shared, &batch, &published.results);
            }
            Ok(())
        };
        let send = async {
            loop {
                self.shared.caught_up(round).await;
                let batch = self.batch();
                let messages = batch.iter().map(|id| message(id.text(), &id.key)).collect();
                let request = PublishStreamRequest { topic: "orders".into(), messages, stop_at_error: true };
                if batches.send(batch).await.is_err() || requests.send(request).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            outcome = receive => outcome,
            () = send => Ok(()),
        }
    }

    /// The next messages of some keys, written down as sent.
    fn batch(&mut self) -> Vec<Id> {
        let count = 1 + self.random.below(MOST_IN_A_BATCH);
        (0..count).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Id {
        let key = usize::try_from(self.random.below(KEYS)).unwrap();
        let id = Id { key: format!("{}-{key}", self.name), number: self.next[key] };
        self.next[key] += 1;
        self.shared.ledger.lock().sends(&id);
        id
    }

    fn answered(&self, batch: &[Id], results: &[PublishResult]) {
        answered(&self.shared, batch, results);
    }
}

fn answered(shared: &Shared, batch: &[Id], results: &[PublishResult]) {
    assert_eq!(batch.len(), results.len());
    let mut ledger = shared.ledger.lock();
    for (id, result) in batch.iter().zip(results) {
        ledger.published(id, result.sequence);
    }
    drop(ledger);
    shared.event();
}

fn with_deduplication(id: &Id) -> NewMessage {
    NewMessage { deduplication_id: format!("{}-{}", id.key, id.number), ..message(id.text(), &id.key) }
}
