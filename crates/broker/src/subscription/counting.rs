//! Counting what earlier filter policies let in. The rule in force is counted as messages come; an era that a seek or a re-evaluation
//! made has to be read for it: once, without its messages getting into anybody's hands, and without a lock while policies are asked.

use std::{ops::Range, sync::Arc};

use types::{Position, Sequence};

use super::{Era, State, Subscription, reading::Rule};
use crate::{
    Unavailable,
    decoded::Decoded,
    topic::{Checked, Topic, matches_all},
};

/// Blocks that one round of upkeep reads in order to count, a subscription.
pub(crate) const BLOCKS_A_ROUND: usize = 64;

/// How far the count of one era has come.
#[derive(Debug)]
pub(crate) struct Count {
    era: Era,
    /// Everything below is counted or was read by the subscription itself.
    at: Position,
    messages: u64,
    /// What the subscription had read of the era at the last look.
    passed: u64,
}

impl Subscription {
    /// Counts until every era's number is known, or so many blocks of the log have been read. What was counted stays, for whoever goes on.
    pub(crate) async fn count_unread(&self, topic: &Topic, blocks: usize) -> Result<(), Unavailable> {
        for _ in 0..blocks {
            let Some((at, era)) = self.peek().next_to_count() else { return Ok(()) };
            let block = topic.read_block(at).await?;
            let end = block.end.min(era.until);
            if end > at {
                let decided = decide(topic, &era.policies, &block.frames, at..end);
                self.peek().counted(&era, at..end, &decided);
                tokio::task::yield_now().await;
            } else {
                topic.wait_durable(era.until - 1).await?;
            }
        }
        Ok(())
    }

    /// Whether more than `most` messages below `end` are let in and unread. Reads the log where nothing else says it.
    pub(super) async fn exceeds(&self, topic: &Topic, end: Position, most: u64) -> Result<bool, Unavailable> {
        let (mut at, mut found) = (0, 0);
        while found <= most {
            let rule = {
                let state = self.peek();
                at = at.max(state.queue.cursor());
                state.reading.rule_at(at)
            };
            let (policies, until) = match rule {
                Rule::Nothing(before) => (None, before),
                Rule::Everything => (Some(Vec::new()), end),
                Rule::Era(policies, until) => (Some(policies), until),
                Rule::Filtered(filter) => match filter.route.count(at, end) {
                    Some(listed) => return Ok(found + listed > most),
                    None => (Some(vec![filter.checked]), end),
                },
            };
            let until = until.min(end);
            if at >= until.min(topic.visible()) {
                return Ok(until < end);
            }
            let Some(policies) = policies else {
                at = until;
                continue;
            };
            let block = topic.read_block(at).await?;
            let stop = block.end.min(until).max(at + 1);
            let decided = decide(topic, &policies, &block.frames, at..stop);
            found += decided.iter().filter(|(_, lets_in)| *lets_in).count() as u64;
            at = stop;
            tokio::task::yield_now().await;
        }
        Ok(true)
    }
}

impl State {
    /// Where counting goes on, and in which era; none if everything is counted.
    fn next_to_count(&mut self) -> Option<(Position, Era)> {
        loop {
            // Drops the eras that are behind.
            let cursor = self.queue.cursor();
            self.reading.rule(cursor);
            let mut count = match self.count.take() {
                Some(count) => count,
                None => Count::of(self.reading.eras().find(|era| era.unread.is_none())?, cursor),
            };
            if !count.follow(self) {
                continue;
            }
            if count.at < count.era.until {
                let next = (count.at, count.era.clone());
                self.count = Some(count);
                return Some(next);
            }
            for era in self.reading.eras_mut().filter(|era| era.is(&count.era)) {
                era.unread = Some(count.messages);
            }
        }
    }

    /// Takes over what was found in a stretch, unless somebody else has been there meanwhile.
    fn counted(&mut self, era: &Era, stretch: Range<Position>, decided: &[(Sequence, bool)]) {
        let Some(mut count) = self.count.take() else { return };
        if !count.follow(self) {
            return;
        }
        if count.era.is(era) && count.at == stretch.start {
            let counts =
                |(sequence, lets_in): &&(Sequence, bool)| *lets_in || self.queue.is_settled_ahead(*sequence);
            count.messages += decided.iter().filter(counts).count() as u64;
            count.at = stretch.end;
        }
        self.count = Some(count);
    }
}

impl Count {
    fn of(era: &Era, cursor: Position) -> Self {
        Self { at: era.from.max(cursor), passed: era.passed, messages: 0, era: era.clone() }
    }

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

/// Asks the policies about every message of a stretch.
fn decide(
    topic: &Topic,
    policies: &[Checked],
    frames: &[Arc<Decoded>],
    stretch: Range<Position>,
) -> Vec<(Sequence, bool)> {
    let contents = &*topic.shared.contents;
    let mut decided = Vec::new();
    for frame in frames {
        let payloads = frame.payloads();
        for (index, message) in frame.messages.iter().enumerate() {
            if stretch.contains(&message.sequence) {
                let payload = payloads.get(&frame.messages, index);
                decided.push((message.sequence, matches_all(contents, payload, policies)));
            }
        }
    }
    decided
}
