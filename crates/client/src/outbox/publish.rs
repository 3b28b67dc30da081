//! Publishing a batch of rows, and what became of each.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use fanfare_proto::v1;
use prost::Message as _;

use super::session::Row;
use crate::{
    Client, Message,
    publisher::{PublishError, PublishFuture, Publisher, PublisherBuilder},
};

/// Publishers that are kept; a batch may make more.
const TOPICS: usize = 100;

pub(super) type Configure = Arc<dyn Fn(PublisherBuilder) -> PublisherBuilder + Send + Sync>;

/// A publisher for each topic.
pub(super) struct Publishers {
    client: Client,
    configure: Configure,
    of_topics: HashMap<String, Publisher>,
}

/// What became of the rows of a batch.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// On the broker's disk, with their message IDs.
    pub(super) published: Vec<(i64, String)>,
    /// Refused for good, with what the broker said.
    pub(super) failed: Vec<(i64, String)>,
    /// To be tried again, for the last of these reasons.
    pub(super) left: Option<PublishError>,
}

/// Why a row's message is not on its way.
enum NotTaken {
    /// It would not be another time.
    Unreadable(&'static str),
    Fails(PublishError),
}

impl fmt::Debug for Publishers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishers").field("topics", &self.of_topics.len()).finish_non_exhaustive()
    }
}

impl Publishers {
    pub(super) fn new(client: Client, configure: Configure) -> Self {
        Self { client, configure, of_topics: HashMap::new() }
    }

    /// Publishes in the order of the rows and waits for every answer.
    pub(super) async fn publish(&mut self, outbox_id: &str, rows: Vec<Row>) -> Outcome {
        if self.of_topics.len() > TOPICS {
            self.of_topics.clear();
        }
        let mut outcome = Outcome::default();
        let mut under_way = Vec::with_capacity(rows.len());
        let mut broken = HashSet::new();
        for row in rows {
            let id = row.id;
            let place = (row.topic.clone(), row.ordering_key.clone());
            if broken.contains(&place) {
                continue;
            }
            let is_taken = match self.enqueue(outbox_id, row).await {
                Ok(future) => {
                    under_way.push((id, place.clone(), future));
                    true
                }
                Err(NotTaken::Unreadable(why)) => {
                    outcome.failed.push((id, why.to_owned()));
                    false
                }
                Err(NotTaken::Fails(error)) => outcome.note(id, Err(error)),
            };
            if !is_taken && !place.1.is_empty() {
                broken.insert(place);
            }
        }
        for (id, place, future) in under_way {
            let result = future.await;
            // Refused together with one before it: it waits behind that one, whose fate decides.
            if broken.contains(&place) && matches!(result, Err(PublishError::Refused(_))) {
                continue;
            }
            if !outcome.note(id, result) && !place.1.is_empty() {
                broken.insert(place);
            }
        }
        // Nothing is under way any more. What was not taken is read again in its order, or waits for the one that failed.
        for (topic, key) in broken {
            self.of(&topic).resume(&key);
        }
        outcome
    }

    async fn enqueue(&mut self, outbox_id: &str, row: Row) -> Result<PublishFuture, NotTaken> {
        let message = message(outbox_id, &row).map_err(NotTaken::Unreadable)?;
        self.of(&row.topic).enqueue(message).await.map_err(NotTaken::Fails)
    }

    fn of(&mut self, topic: &str) -> &Publisher {
        let (client, configure) = (&self.client, &self.configure);
        self.of_topics.entry(topic.to_owned()).or_insert_with(|| configure(client.publisher(topic)).build())
    }
}

impl Outcome {
    /// Whether it is published.
    fn note(&mut self, id: i64, result: Result<crate::publisher::Published, PublishError>) -> bool {
        match result {
            Ok(published) => {
                self.published.push((id, published.message_id));
                return true;
            }
            Err(PublishError::Refused(error)) => self.failed.push((id, error.to_string())),
            Err(error) => self.leave(error),
        }
        false
    }

    /// What is behind another of its key is not worth a word beside that one.
    fn leave(&mut self, error: PublishError) {
        if !matches!(error, PublishError::KeyPaused { .. }) {
            self.left = Some(error);
        }
    }

    pub(super) fn has_progress(&self) -> bool {
        !self.published.is_empty() || !self.failed.is_empty()
    }
}

/// The row's message; without an ID of its own it has the one of the row, the same at every try of every relay.
fn message(outbox_id: &str, row: &Row) -> Result<Message, &'static str> {
    let decoded = v1::NewMessage::decode(row.message.as_slice());
    let mut message = decoded.map_err(|_| "the row has no fanfare.v1.NewMessage")?;
    if message.ordering_key != row.ordering_key {
        return Err("the column ordering_key does not say the message's ordering key");
    }
    if message.deduplication_id.is_empty() {
        message.deduplication_id = format!("outbox-{outbox_id}-{}", row.id);
    }
    Ok(message.into())
}
