//! Reading on in the log: messages come from the shared cache, or, far behind, from a block that the subscription reads for itself.

use std::{sync::Arc, time::Duration};

use queue::{ExpiryReason, Offer};
use types::{Position, Timestamp};

use super::{State, Subscription, reading::Rule};
use crate::{
    Unavailable,
    decoded::{Decoded, Kept},
    topic::{Checked, Filter, Topic, matches_all},
};

/// Messages that one call reads on at the most while it has something to lease already.
const READ_ON: usize = 4_096;
/// Messages that are read on at the least, however few are wanted: the next call finds them in hand.
const READ_AT_LEAST: usize = 128;

/// Bytes of messages whose policies are asked that are as much work as one message in hand.
const WORK_BYTES: usize = 64;

/// What one step came to.
enum Step {
    /// The cursor moved; so much work it was, in messages.
    Read(usize),
    /// The next messages are not in memory.
    Behind(Position),
}

/// Why reading on ended.
pub(super) enum ReadOn {
    /// There is enough to lease, or nothing more to read.
    Done,
    /// The next messages are not in memory.
    Behind(Position),
    /// Much was read and little let in: others should have their turn before it goes on.
    Again,
}

/// What reading on until something is so came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadUntil {
    Answered(bool),
    /// The window is full.
    Full,
    /// What comes next is not durable yet.
    End,
}

/// A stretch of messages in memory, and what decides on them.
struct Stretch<'a> {
    frames: &'a [Arc<Decoded>],
    /// The frames hold every message below, or as many as were asked for.
    end: Position,
    /// All of them must match.
    policies: &'a [Checked],
}

impl State {
    /// Reads on until `wanted` messages can be leased, nothing more could be, or the durable end is reached.
    pub(super) fn read_on(&mut self, topic: &Topic, now: Timestamp, wanted: usize) -> ReadOn {
        let mut read = 0;
        loop {
            let leasable = self.queue.leasable(now);
            let enough = leasable >= wanted || (leasable > 0 && read >= READ_ON);
            if enough || !self.queue.takes_more() || self.queue.cursor() >= topic.visible() {
                return ReadOn::Done;
            }
            if read >= READ_ON && !self.reads_plainly() {
                return ReadOn::Again;
            }
            match self.step(topic, (wanted - leasable).max(READ_AT_LEAST)) {
                Step::Read(work) => read += work,
                // What was read from this block goes out before another takes its place.
                Step::Behind(_) if leasable > 0 => return ReadOn::Done,
                Step::Behind(cursor) => return ReadOn::Behind(cursor),
            }
        }
    }

    /// Reads on by up to `most` messages, as far as the window takes them.
    fn step(&mut self, topic: &Topic, most: usize) -> Step {
        let (cursor, visible) = (self.queue.cursor(), topic.visible());
        let most = most.min(self.queue.room());
        match self.reading.rule(cursor) {
            Rule::Nothing(before) => {
                self.queue.read_on(&[], before.min(visible));
                Step::Read(0)
            }
            Rule::Everything => self.step_through(topic, &[], visible, most),
            Rule::Era(policies, until) => self.step_through(topic, &policies, until.min(visible), most),
            Rule::Filtered(filter) => self
                .step_listed(topic, &filter, visible, most)
                .unwrap_or_else(|| self.step_through(topic, &[filter.checked], visible, most)),
        }
    }

    /// Looks at every message below `end`.
    fn step_through(&mut self, topic: &Topic, policies: &[Checked], end: Position, most: usize) -> Step {
        let cursor = self.queue.cursor();
        // What is still in memory of a trimmed part of the log is not kept any more, and does not count.
        let kept = cursor >= topic.first_position();
        let cached = if kept { topic.cache.lock().from(cursor, most) } else { None };
        if let Some(frames) = cached {
            self.block = None;
            Step::Read(self.offer(topic, &Stretch { frames: &frames, end, policies }, most))
        } else if let Some(block) = self.block.clone().filter(|block| block.holds(cursor)) {
            let end = block.end.min(end);
            Step::Read(self.offer(topic, &Stretch { frames: &block.frames, end, policies }, most))
        } else {
            Step::Behind(cursor)
        }
    }

    /// Hands messages from the cursor on to the queue, of those that the policies let in: so many as are `most` work. How much it was.
    fn offer(&mut self, topic: &Topic, stretch: &Stretch<'_>, most: usize) -> usize {
        let cursor = self.queue.cursor();
        let max_age = topic.retention_age();
        let mut offers = Vec::with_capacity(most.min(READ_ON));
        let (mut looked, mut work, mut next_ordinal) = (0, 0, None);
        let mut to = stretch.end;
        'frames: for frame in stretch.frames {
            let start = frame.messages.partition_point(|message| message.sequence < cursor);
            for (index, message) in frame.messages.iter().enumerate().skip(start) {
                if message.sequence >= stretch.end {
                    break 'frames;
                }
                if work >= most {
                    to = message.sequence;
                    break 'frames;
                }
                looked += 1;
                work += if stretch.policies.is_empty() { 1 } else { 1 + message.bytes as usize / WORK_BYTES };
                next_ordinal = Some(message.ordinal + 1);
                if self.lets_in(topic, stretch.policies, frame, index) {
                    offers.push(offer_of(message, frame.at, max_age));
                }
            }
        }
        // A full hand from whole frames: what follows them is another call's.
        if looked == most && to == stretch.end {
            to = stretch.frames.last().map_or(stretch.end, |frame| frame.end.min(stretch.end));
        }
        debug_assert!(
            offers.is_sorted_by_key(|offer| offer.sequence),
            "the log was read out of order: {offers:?}"
        );
        self.queue.read_on(&offers, to);
        self.passed(cursor, offers.len() as u64, next_ordinal);
        work
    }

    /// Whether a message counts as this subscription's. One that is settled already was.
    fn lets_in(&self, topic: &Topic, policies: &[Checked], frame: &Decoded, index: usize) -> bool {
        policies.is_empty()
            || self.queue.is_settled_ahead(frame.messages[index].sequence)
            || matches_all(&*topic.shared.contents, &frame.payload(index), policies)
    }

    /// Counts what was read from `cursor` on.
    fn passed(&mut self, cursor: Position, messages: u64, next_ordinal: Option<u64>) {
        if cursor < self.reading.since() {
            self.reading.passed_in_era(messages);
        } else if self.reading.filter().is_some() {
            self.reading.passed(messages);
        } else if let Some(ordinal) = next_ordinal {
            self.reading.set_seen(ordinal);
        }
    }

    /// Goes from match to match, as the publisher listed them; none if the list does not reach back so far.
    fn step_listed(
        &mut self,
        topic: &Topic,
        filter: &Filter,
        visible: Position,
        most: usize,
    ) -> Option<Step> {
        let cursor = self.queue.cursor();
        // Whoever appends messages holds this lock until they are listed.
        let frames = topic.cache.lock();
        let found = filter.route.from(cursor, visible, most)?;
        let mut offers = Vec::with_capacity(found.sequences.len());
        let (mut passed, mut missing, mut in_memory) = (0, None, true);
        for &sequence in &found.sequences {
            let kept = sequence >= topic.first_position();
            let cached = frames.holding(sequence).filter(|_| kept);
            let place = |frame: &Arc<Decoded>| Some((frame.messages[frame.find(sequence)?], frame.at));
            let cached = cached.and_then(place);
            let block = self.block.as_ref().filter(|block| block.holds(sequence));
            in_memory &= cached.is_some();
            match cached.or_else(|| place(block?.holding(sequence)?)) {
                Some((message, at)) => offers.push(offer_of(&message, at, topic.retention_age())),
                // The log is damaged there, or no longer kept.
                None if block.is_some() => {}
                None => {
                    missing = Some(sequence);
                    break;
                }
            }
            passed += 1;
        }
        drop(frames);
        if in_memory {
            self.block = None;
        }
        let full_hand = found.sequences.last().filter(|_| found.sequences.len() == most).map(|last| last + 1);
        self.queue.read_on(&offers, missing.or(full_hand).unwrap_or(visible));
        self.reading.set_seen(found.matched.wrapping_sub(found.unread).wrapping_add(passed));
        match missing.filter(|_| passed == 0) {
            Some(sequence) => Some(Step::Behind(sequence)),
            None => Some(Step::Read(offers.len())),
        }
    }
}

fn offer_of(message: &Kept, published_at: Timestamp, max_age: Duration) -> Offer {
    let old_at = published_at.plus(max_age);
    let (expire_at, expiry) = match message.expire_at {
        Some(at) if at < old_at => (at, ExpiryReason::MessageExpiry),
        _ => (old_at, ExpiryReason::RetentionAge),
    };
    Offer {
        sequence: message.sequence,
        bytes: message.bytes,
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
        let too_many = |state: &State| {
            let known = state.queue.settled_ahead_below(end);
            let unread = ordinal.saturating_sub(state.reading.seen()).saturating_sub(known);
            state.reads_plainly() && unread > most
        };
        if !self.peek().reads_plainly() && self.exceeds(topic, end, most).await? {
            return Ok(false);
        }
        let read = self.read_until(topic, |state| {
            if state.queue.cursor() >= end { Some(true) } else { too_many(state).then_some(false) }
        });
        Ok(read.await? == ReadUntil::Answered(true))
    }

    /// Reads on for as long as `done` has nothing to say.
    pub(crate) async fn read_until(
        &self,
        topic: &Topic,
        done: impl Fn(&State) -> Option<bool>,
    ) -> Result<ReadUntil, Unavailable> {
        let answer = self.read_steps(topic, done).await;
        if !self.has_consumers() {
            // Nobody else would clear it away.
            self.peek().block = None;
        }
        answer
    }

    async fn read_steps(
        &self,
        topic: &Topic,
        done: impl Fn(&State) -> Option<bool>,
    ) -> Result<ReadUntil, Unavailable> {
        loop {
            let step = {
                let mut state = self.peek();
                if let Some(answer) = done(&state) {
                    return Ok(ReadUntil::Answered(answer));
                }
                if state.queue.room() == 0 {
                    return Ok(ReadUntil::Full);
                }
                // The end of a segment may not be durable yet: what is before it cannot be read then.
                if state.queue.cursor() >= topic.visible() {
                    return Ok(ReadUntil::End);
                }
                state.step(topic, READ_ON)
            };
            match step {
                Step::Behind(cursor) => {
                    let block = topic.read_block(cursor).await?;
                    self.keep_block(block);
                }
                Step::Read(_) => tokio::task::yield_now().await,
            }
        }
    }
}
