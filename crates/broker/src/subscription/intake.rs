//! Reading on in the log: messages come from the shared cache, or, far behind, from a block that the subscription reads for itself.

use std::{sync::Arc, time::Duration};

use queue::{ExpiryReason, Offer};
use types::{Position, Timestamp};

use super::{State, Subscription};
use crate::{Unavailable, cache::Decoded, record::Message, topic::Topic};

/// Messages that one call reads on at the most while it has something to lease already.
const READ_ON: usize = 4_096;
/// Messages that are read on at the least, however few are wanted: the next call finds them in hand.
const READ_AT_LEAST: usize = 128;

/// What one step came to.
enum Step {
    /// So many messages more are in the window, and the cursor moved.
    Read(usize),
    /// The next messages are not in memory.
    Behind(Position),
}

impl State {
    /// Reads on until `wanted` messages can be leased, nothing more could be, or the durable end is reached. Where the messages
    /// are not in memory it stops and says at which position.
    pub(super) fn read_on(&mut self, topic: &Topic, now: Timestamp, wanted: usize) -> Option<Position> {
        let mut read = 0;
        loop {
            let leasable = self.queue.leasable(now);
            let enough = leasable >= wanted || (leasable > 0 && read >= READ_ON);
            if enough || !self.queue.takes_more() || self.queue.cursor() >= topic.visible() {
                return None;
            }
            match self.step(topic, (wanted - leasable).max(READ_AT_LEAST)) {
                Step::Read(messages) => read += messages,
                Step::Behind(cursor) => return Some(cursor),
            }
        }
    }

    /// Reads up to `most` messages on, as far as the window takes them.
    fn step(&mut self, topic: &Topic, most: usize) -> Step {
        let (cursor, visible) = (self.queue.cursor(), topic.visible());
        let most = most.min(self.queue.room());
        // What is still in memory of a trimmed part of the log is not kept any more, and does not count.
        let kept = cursor >= topic.first_position();
        let cached = if kept { topic.cache.lock().from(cursor, most) } else { None };
        let max_age = topic.retention_age();
        if let Some(frames) = cached {
            self.block = None;
            Step::Read(self.offer(&frames, visible, most, max_age))
        } else if let Some(block) = self.block.clone().filter(|block| block.holds(cursor)) {
            Step::Read(self.offer(&block.frames, block.end.min(visible), most, max_age))
        } else {
            Step::Behind(cursor)
        }
    }

    /// Hands up to `most` messages from the cursor on to the queue. The frames hold every message below `end`, or `most` of them.
    fn offer(&mut self, frames: &[Arc<Decoded>], end: Position, most: usize, max_age: Duration) -> usize {
        let cursor = self.queue.cursor();
        let mut offers = Vec::with_capacity(most.min(READ_ON));
        let mut next_ordinal = self.ordinal;
        let mut to = end;
        'frames: for frame in frames {
            let start = frame.messages.partition_point(|(sequence, _)| *sequence < cursor);
            for (sequence, message) in &frame.messages[start..] {
                if *sequence >= end {
                    break 'frames;
                }
                if offers.len() == most {
                    to = *sequence;
                    break 'frames;
                }
                offers.push(offer_of(*sequence, message, frame.at, max_age));
                next_ordinal = message.ordinal + 1;
            }
        }
        // A full hand from whole frames: what follows them is another call's.
        if offers.len() == most && to == end {
            to = frames.last().map_or(end, |frame| frame.end.min(end));
        }
        debug_assert!(
            offers.is_sorted_by_key(|offer| offer.sequence),
            "the log was read out of order: {offers:?}"
        );
        self.queue.read_on(&offers, to);
        self.ordinal = next_ordinal;
        offers.len()
    }
}

fn offer_of(sequence: u64, message: &Message, published_at: Timestamp, max_age: Duration) -> Offer {
    let old_at = published_at.plus(max_age);
    let (expire_at, expiry) = match message.expire_at {
        Some(at) if at < old_at => (at, ExpiryReason::MessageExpiry),
        _ => (old_at, ExpiryReason::RetentionAge),
    };
    Offer {
        sequence,
        bytes: u32::try_from(message.payload.len()).unwrap_or(u32::MAX),
        key: message.key,
        deliver_at: message.deliver_at,
        expire_at,
        expiry,
    }
}

impl Subscription {
    /// Reads on past `end`, before which the topic accepted `ordinal` messages, if no more than `most` of them are unread. False if
    /// there are more, or if the window is full.
    pub(crate) async fn read_through(
        &self,
        topic: &Topic,
        end: Position,
        ordinal: u64,
        most: u64,
    ) -> Result<bool, Unavailable> {
        let passed = self.pass(topic, end, ordinal, most).await;
        if !self.has_consumers() {
            // Nobody else would clear it away.
            self.peek().block = None;
        }
        passed
    }

    async fn pass(&self, topic: &Topic, end: Position, ordinal: u64, most: u64) -> Result<bool, Unavailable> {
        loop {
            let step = {
                let mut state = self.peek();
                let cursor = state.queue.cursor();
                if cursor >= end {
                    return Ok(true);
                }
                let known = state.queue.settled_ahead_below(end);
                let unread = ordinal.saturating_sub(state.ordinal).saturating_sub(known);
                // The end of a segment may not be durable yet: what is before it cannot be read then.
                if unread > most || state.queue.room() == 0 || cursor >= topic.visible() {
                    return Ok(false);
                }
                state.step(topic, READ_ON)
            };
            if let Step::Behind(cursor) = step {
                let block = topic.read_block(cursor).await?;
                self.keep_block(block);
            }
        }
    }
}
