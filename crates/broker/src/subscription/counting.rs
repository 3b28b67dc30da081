//! Counting what earlier filter policies let in. The rule in force is counted as messages come; an era that a seek or a re-evaluation
//! made has to be read for it, once, and without getting in the way of the consumers.

use std::sync::Arc;

use types::Position;

use super::{Era, State, Subscription};
use crate::{
    Unavailable,
    cache::Decoded,
    topic::{Topic, matches_all},
};

/// A count of one era under way.
struct Count {
    era: Era,
    /// Everything below is counted or was read by the subscription itself.
    at: Position,
    messages: u64,
    /// What the subscription had read of the era at the last look.
    passed: u64,
}

impl Subscription {
    /// Counts until every era's number is known.
    pub(crate) async fn count_unread(&self, topic: &Topic) -> Result<(), Unavailable> {
        while let Some(mut count) = self.begin_count() {
            while self.is_counting(&mut count) {
                let block = topic.read_block(count.at).await?;
                let end = block.end.min(count.era.until);
                if end <= count.at {
                    topic.wait_durable(count.era.until - 1).await?;
                    continue;
                }
                self.count_stretch(topic, &mut count, &block.frames, end);
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    fn begin_count(&self) -> Option<Count> {
        let mut state = self.peek();
        // Drops the eras that are behind.
        let cursor = state.queue.cursor();
        state.reading.rule(cursor);
        let era = state.reading.eras().find(|era| era.unread.is_none())?.clone();
        Some(Count { at: era.from.max(cursor), passed: era.passed, messages: 0, era })
    }

    /// Takes the result over if there is one. False if there is, or if the era is no more.
    fn is_counting(&self, count: &mut Count) -> bool {
        let mut state = self.peek();
        if !count.follow(&state) {
            return false;
        }
        if count.at < count.era.until {
            return true;
        }
        for era in state.reading.eras_mut().filter(|era| era.is(&count.era)) {
            era.unread = Some(count.messages);
        }
        false
    }

    /// Counts a stretch that begins at `count.at`.
    fn count_stretch(&self, topic: &Topic, count: &mut Count, frames: &[Arc<Decoded>], end: Position) {
        let state = self.peek();
        if !count.follow(&state) {
            return;
        }
        let policies = &count.era.policies;
        for (sequence, message) in frames.iter().flat_map(|frame| &frame.messages) {
            if (count.at..end).contains(sequence) {
                let lets_in = policies.is_empty()
                    || state.queue.is_settled_ahead(*sequence)
                    || matches_all(&*topic.shared.contents, &message.payload, policies);
                count.messages += u64::from(lets_in);
            }
        }
        count.at = count.at.max(end);
    }
}

impl Count {
    /// Takes account of what the subscription has read since the last look. False if the era is no more, or has been counted.
    fn follow(&mut self, state: &State) -> bool {
        let Some(era) = state.reading.eras().find(|era| era.is(&self.era)) else { return false };
        let cursor = state.queue.cursor();
        if cursor > self.at {
            (self.at, self.messages) = (cursor, 0);
        } else {
            self.messages -= (era.passed - self.passed).min(self.messages);
        }
        self.passed = era.passed;
        era.unread.is_none()
    }
}

impl Era {
    /// It is the same stretch under the same rule: to one that another policy has narrowed a policy was added.
    fn is(&self, other: &Self) -> bool {
        self.from == other.from && self.until == other.until && self.policies.len() == other.policies.len()
    }
}
