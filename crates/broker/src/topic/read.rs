//! Reading messages back from the log, for subscriptions that are behind and for single messages.

use std::sync::Arc;

use journal::{Frame, ReadError};
use types::{Position, Sequence, Timestamp};

use super::Topic;
use crate::{
    Unavailable,
    decoded::Decoded,
    record::{Message, Record},
    shared::count,
};

/// Bytes that a subscription which is behind reads at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// A stretch of log that one subscription reads for itself, so that its old frames never push the tail out of the shared cache.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) frames: Vec<Arc<Decoded>>,
    /// Where the stretch begins; its first frame may begin earlier, or later where positions are damaged or trimmed.
    start: Position,
    /// The position after the stretch.
    pub(crate) end: Position,
}

impl Block {
    pub(crate) fn holds(&self, position: Position) -> bool {
        (self.start..self.end).contains(&position)
    }

    /// The frame that holds this message, if it is here.
    pub(crate) fn holding(&self, sequence: Sequence) -> Option<&Arc<Decoded>> {
        let index = self.frames.partition_point(|frame| frame.end <= sequence);
        self.frames.get(index).filter(|frame| frame.first <= sequence)
    }
}

impl Topic {
    /// The stretch of log from `from` on. Damaged positions are passed over, reported and counted; of trimmed ones there is what was
    /// carried forward.
    pub(crate) async fn read_block(&self, from: Position) -> Result<Block, Unavailable> {
        let first = self.first_position();
        if from < first {
            let frames = self.carried_between(from, first).await?;
            if !frames.is_empty() {
                return Ok(Block { frames, start: from, end: first });
            }
        }
        self.read_kept(from, from.max(first)).await
    }

    async fn read_kept(&self, start: Position, mut at: Position) -> Result<Block, Unavailable> {
        loop {
            match self.log.read(at, BLOCK_BYTES).await {
                Ok(frames) => return block(&frames, start, at),
                Err(ReadError::Corrupt { from, to }) => {
                    tracing::error!(topic = %self.name, from, to, "positions of the log are damaged and are passed over");
                    count(&self.shared.totals.damaged, to.saturating_sub(from.max(at)));
                    at = to;
                }
                Err(ReadError::Trimmed { first }) => at = first,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The messages with these sequences that were carried forward before their place was trimmed. Their ordinals are what is kept
    /// before them, so that a reader that goes through them and on counts right.
    async fn carried_between(&self, from: Position, to: Position) -> Result<Vec<Arc<Decoded>>, Unavailable> {
        let sequences: Vec<_> =
            self.state.lock().carried.range(from..to).map(|(sequence, _)| *sequence).collect();
        let mut frames = Vec::with_capacity(sequences.len());
        for sequence in sequences {
            if let Some((mut message, at)) = self.read_message(sequence).await? {
                message.ordinal = self.ordinal_at(sequence).await?;
                frames.push(Arc::new(Decoded::single(sequence, &message, at)?));
            }
        }
        Ok(frames)
    }

    /// One message, wherever it is now, and when it was published. None if it is damaged or no longer kept.
    pub(crate) async fn read_message(
        &self,
        sequence: Sequence,
    ) -> Result<Option<(Message, Timestamp)>, Unavailable> {
        let (place, frames) = loop {
            let place = self.state.lock().place_of(sequence);
            match self.log.read(place, 1).await {
                Ok(frames) => break (place, frames),
                // It was carried forward meanwhile.
                Err(ReadError::Trimmed { .. }) if self.state.lock().place_of(sequence) != place => {}
                Err(ReadError::Corrupt { .. } | ReadError::Trimmed { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        };
        let Some((at, record)) = record_at(&frames, place) else { return Ok(None) };
        match Record::read(&record)? {
            Record::Message(message) => Ok(Some((message, at))),
            Record::Carried { message, published_at, .. } => Ok(Some((message, published_at))),
            _ => Ok(None),
        }
    }

    /// How many messages the topic accepted before `position`. Below what is kept, those that are not there any more do not count.
    pub(crate) async fn ordinal_at(&self, position: Position) -> Result<u64, Unavailable> {
        let first = self.first_position();
        if position >= first {
            return self.ordinal_of_kept(position).await;
        }
        let kept = self.state.lock().carried.range(position..first).count() as u64;
        Ok(self.ordinal_of_kept(first).await?.saturating_sub(kept))
    }

    async fn ordinal_of_kept(&self, position: Position) -> Result<u64, Unavailable> {
        let mut at = position;
        loop {
            if let Some(ordinal) = self.ordinal_in_memory(position) {
                return Ok(ordinal);
            }
            let block = self.read_kept(at, at).await?;
            let mut messages = block.frames.iter().flat_map(|frame| &frame.messages);
            if let Some(message) = messages.find(|message| message.sequence >= position) {
                return Ok(message.ordinal);
            }
            if block.end <= at {
                return Ok(self.state.lock().published);
            }
            at = block.end;
        }
    }

    /// When the first message from `sequence` on was accepted.
    pub(crate) async fn published_at(&self, sequence: Sequence) -> Option<Timestamp> {
        if self.state.lock().carried.contains_key(&sequence) {
            return self.read_message(sequence).await.ok()?.map(|(_, at)| at);
        }
        let cached = self.cache.lock().from(sequence, 1);
        let frames = match cached {
            Some(frames) => frames,
            None => self.read_block(sequence).await.ok()?.frames,
        };
        let holds =
            |frame: &&Arc<Decoded>| frame.messages.last().is_some_and(|last| last.sequence >= sequence);
        frames.iter().find(holds).map(|frame| frame.at)
    }

    fn ordinal_in_memory(&self, position: Position) -> Option<u64> {
        let state = self.state.lock();
        let frames = self.cache.lock().from(position, 1)?;
        let mut messages = frames.iter().flat_map(|frame| &frame.messages);
        let next = messages.find(|message| message.sequence >= position);
        Some(next.map_or(state.published, |message| message.ordinal))
    }
}

fn block(frames: &[Frame], start: Position, read_from: Position) -> Result<Block, Unavailable> {
    let end = frames.last().map_or(read_from, Frame::end);
    let decoded: Result<Vec<_>, _> = frames.iter().map(|frame| Decoded::of(frame).map(Arc::new)).collect();
    Ok(Block { frames: decoded?, start, end })
}

/// The bytes of the record at a position, and when its frame was appended.
pub(crate) fn record_at(frames: &[Frame], position: Position) -> Option<(Timestamp, bytes::Bytes)> {
    let frame = frames.iter().find(|frame| frame.first <= position && position < frame.end())?;
    let index = usize::try_from(position - frame.first).ok()?;
    Some((frame.at, frame.batch.records().nth(index)?))
}
