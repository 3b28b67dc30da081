//! Which topics there are: the log with identifier 0. A topic's own identifier is the position of the record that created it, so
//! it is never given out twice.

use std::{collections::BTreeMap, sync::Arc};

use journal::{AppendError, Batch, Checkpoint, Journal, Log, Priority, ReadError};
use serde::{Deserialize, Serialize};
use types::{LogId, Position, Timestamp, TopicName, TopicSettings};

use crate::{OpenError, Unavailable, time::Time, topic::Opening};

/// The catalog's own log.
pub(crate) const CATALOG: LogId = LogId(0);
/// Records after which a checkpoint is worth its while.
const CHECKPOINT_RECORDS: u64 = 256;
const READ_BYTES: usize = 1 << 20;

pub(crate) struct Catalog {
    log: Arc<dyn Log>,
    state: CatalogState,
    /// Where the latest checkpoint stands.
    checkpointed: Position,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct CatalogState {
    /// How often the broker was started on this data.
    boots: u32,
    topics: BTreeMap<LogId, Entry>,
    /// Every record below is reflected.
    as_of: Position,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    name: TopicName,
    created_at: Timestamp,
    settings: TopicSettings,
}

#[derive(Debug, Serialize, Deserialize)]
enum Event {
    Started,
    TopicCreated(Entry),
    TopicDeleted(LogId),
}

impl Catalog {
    /// Reads the catalog and records this start.
    pub(crate) async fn open(journal: &Arc<dyn Journal>, time: &Time) -> Result<Self, OpenError> {
        let log = journal.open(CATALOG).await?;
        let checkpoint = log.load_checkpoint().await?;
        let state = match &checkpoint {
            Some(checkpoint) => {
                serde_json::from_slice(&checkpoint.state).map_err(|error| damaged(0, &error))?
            }
            None => CatalogState { as_of: 1, ..CatalogState::default() },
        };
        let checkpointed = checkpoint.map_or(1, |checkpoint| checkpoint.as_of);
        let mut catalog = Self { log, state, checkpointed };
        catalog.replay(time).await?;
        catalog.remove_orphans(journal).await?;
        catalog.write(time.now(), Event::Started).await?;
        Ok(catalog)
    }

    /// This start's number.
    pub(crate) fn boot(&self) -> u32 {
        self.state.boots
    }

    /// The topics there are.
    pub(crate) fn topics(&self) -> impl Iterator<Item = Opening> + '_ {
        self.state.topics.iter().map(|(id, entry)| entry.opening(*id))
    }

    /// A topic of this name that is recorded, whether or not it could be opened.
    pub(crate) fn find(&self, name: &TopicName) -> Option<Opening> {
        self.topics().find(|opening| opening.name == *name)
    }

    /// Records a new topic, durably.
    pub(crate) async fn create(
        &mut self,
        now: Timestamp,
        name: TopicName,
        settings: TopicSettings,
    ) -> Result<Opening, Unavailable> {
        let entry = Entry { name, created_at: now, settings };
        let position = self.write(now, Event::TopicCreated(entry.clone())).await?;
        Ok(entry.opening(LogId(position)))
    }

    /// Records that a topic is gone, durably. Its log may be removed afterwards.
    pub(crate) async fn delete(&mut self, now: Timestamp, id: LogId) -> Result<(), Unavailable> {
        self.write(now, Event::TopicDeleted(id)).await.map(drop)
    }

    /// Saves a checkpoint if records were added since the last one.
    pub(crate) async fn checkpoint(&mut self) -> Result<(), Unavailable> {
        let as_of = self.state.as_of;
        if as_of == self.checkpointed {
            return Ok(());
        }
        let state =
            serde_json::to_vec(&self.state).expect("the catalog has no value that JSON cannot hold").into();
        self.log.save_checkpoint(Checkpoint { replay_from: as_of, as_of, state }).await?;
        self.log.trim(self.checkpointed).await?;
        self.checkpointed = as_of;
        Ok(())
    }

    async fn write(&mut self, now: Timestamp, event: Event) -> Result<Position, Unavailable> {
        let record = serde_json::to_vec(&event).expect("an event has no value that JSON cannot hold");
        let batch = Batch::of([record]);
        let appended = loop {
            match self.log.append(now, batch.clone(), Priority::State) {
                Ok(appended) => break appended,
                Err(AppendError::Busy) => self.log.room(batch.bytes().len(), Priority::State).await?,
                Err(error) => return Err(error.into()),
            }
        };
        let position = appended.first;
        self.state.apply(position, event);
        appended.durable.wait().await?;
        if self.state.as_of - self.checkpointed >= CHECKPOINT_RECORDS {
            // The event is durable; without the checkpoint the next start reads more of the log.
            if let Err(error) = self.checkpoint().await {
                tracing::warn!(%error, "the catalog's checkpoint was not saved");
            }
        }
        Ok(position)
    }

    async fn replay(&mut self, time: &Time) -> Result<(), OpenError> {
        let end = *self.log.tail().borrow();
        while self.state.as_of < end {
            let frames = match self.log.read(self.state.as_of, READ_BYTES).await {
                Ok(frames) => frames,
                // Without its catalog nobody can tell which topics there are: better not to start.
                Err(ReadError::Corrupt { from, .. }) => return Err(damaged(from, &"the record is damaged")),
                Err(error) => return Err(error.into()),
            };
            for frame in &frames {
                time.not_before(frame.at);
                for (position, record) in (frame.first..).zip(frame.batch.records()) {
                    if position >= self.state.as_of {
                        let event =
                            serde_json::from_slice(&record).map_err(|error| damaged(position, &error))?;
                        self.state.apply(position, event);
                    }
                }
            }
        }
        Ok(())
    }

    /// Removes what is left of deleted topics. A log that this catalog never heard of is not removed: then the catalog is
    /// the wrong one, and nothing is started over existing data.
    async fn remove_orphans(&self, journal: &Arc<dyn Journal>) -> Result<(), OpenError> {
        for id in journal.logs().await? {
            if id == CATALOG || self.state.topics.contains_key(&id) {
                continue;
            }
            if id.0 >= self.state.as_of {
                return Err(OpenError::Damaged {
                    log: id.0,
                    position: 0,
                    what: "the catalog does not know this log; it belongs to other data, or the catalog was lost".into(),
                });
            }
            journal.delete(id).await?;
        }
        Ok(())
    }
}

impl CatalogState {
    fn apply(&mut self, position: Position, event: Event) {
        self.as_of = position + 1;
        match event {
            Event::Started => self.boots += 1,
            Event::TopicCreated(entry) => {
                self.topics.insert(LogId(position), entry);
            }
            Event::TopicDeleted(id) => {
                self.topics.remove(&id);
            }
        }
    }
}

impl Entry {
    fn opening(&self, id: LogId) -> Opening {
        Opening { id, name: self.name.clone(), created_at: self.created_at, settings: self.settings.clone() }
    }
}

fn damaged(position: Position, what: &dyn std::fmt::Display) -> OpenError {
    OpenError::Damaged { log: CATALOG.0, position, what: what.to_string() }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").field("state", &self.state).finish_non_exhaustive()
    }
}
