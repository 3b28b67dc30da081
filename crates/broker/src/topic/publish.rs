//! Accepting messages: duplicates dropped, positions taken, all or nothing.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use journal::{AppendError, Appended, BatchBuilder, Durable, Frame, Priority};
use types::{Invalid, MessageId, Sequence, Timestamp, limits};

use super::{Topic, TopicState, routing::Answers};
use crate::{
    NewMessage, PublishError, Published, TopicNotFound, Unavailable,
    decoded::Decoded,
    deduplication::{Earlier, Id},
    record::{MESSAGE_OVERHEAD, write_message},
    shared::count,
};

/// Messages that have their positions and are on their way to the disk.
#[derive(Debug)]
pub(crate) struct Acceptance {
    pub(crate) published: Vec<Published>,
    pub(crate) durable: Option<Durable>,
    /// A message that stands for a duplicate and has to be durable before the duplicate is answered.
    pub(crate) stands_for: Option<Sequence>,
}

/// What is to become of each message of a publish.
struct Plan {
    /// One entry a message: the one that stands for it, or none if it is new.
    duplicates: Vec<Option<Duplicate>>,
    ids: Vec<Option<Id>>,
}

#[derive(Clone, Copy)]
enum Duplicate {
    /// Of a message accepted before.
    Stored(Sequence),
    /// Of an earlier message of the same publish.
    Of(usize),
}

impl Plan {
    /// The indexes of the new messages.
    fn new_messages(&self) -> impl Iterator<Item = usize> {
        let new = self.duplicates.iter().enumerate().filter(|(_, duplicate)| duplicate.is_none());
        new.map(|(index, _)| index)
    }
}

impl Topic {
    /// Takes positions for what is new among the messages.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        messages: &[NewMessage],
    ) -> Result<Acceptance, PublishError> {
        let ids = Id::of_all(messages.iter().map(|m| m.meta.deduplication_id.as_deref().map(str::as_bytes)));
        let bytes: usize = messages.iter().map(encoded_bytes).sum();
        let mut answers = self.ask_policies(messages);
        loop {
            match self.try_accept(messages, &ids, bytes, &mut answers)? {
                Ok(accepted) => return Ok(accepted),
                Err(AppendError::Busy) => {
                    self.log.room(bytes, Priority::Publish).await.map_err(Unavailable::from)?;
                }
                // Its log goes a moment after it.
                Err(AppendError::Fenced) if self.is_deleted() => {
                    return Err(TopicNotFound(self.name.clone()).into());
                }
                Err(error) => return Err(Unavailable::from(error).into()),
            }
        }
    }

    fn try_accept(
        self: &Arc<Self>,
        messages: &[NewMessage],
        ids: &[Option<Id>],
        bytes: usize,
        answers: &mut Answers,
    ) -> Result<Result<Acceptance, AppendError>, PublishError> {
        let mut state = self.state.lock();
        if self.is_deleted() || state.closed {
            return Err(TopicNotFound(self.name.clone()).into());
        }
        self.check_byte_limit(&state)?;
        let now = self.shared.time.now();
        check_delays(messages, now, state.settings.retention.max_age)?;
        let plan = state.plan(now, ids)?;
        if !self.routing.is_current(answers) {
            *answers = self.ask_policies(messages);
        }
        let appended = match self.append_messages(&state, now, messages, &plan, bytes, answers) {
            Ok(appended) => appended,
            Err(error) => return Ok(Err(error)),
        };
        let first = appended.as_ref().map_or(0, |appended| appended.first);
        let published = state.take_over(self, now, first, &plan, answers);
        let stands_for = plan.duplicates.iter().filter_map(|duplicate| match duplicate {
            Some(Duplicate::Stored(sequence)) => Some(*sequence),
            _ => None,
        });
        Ok(Ok(Acceptance {
            published,
            stands_for: stands_for.max(),
            durable: appended.map(|appended| appended.durable),
        }))
    }

    /// Asks the filter policies.
    fn ask_policies(&self, messages: &[NewMessage]) -> Answers {
        self.routing.ask(&*self.shared.contents, messages.iter().map(|message| &message.payload[..]))
    }

    /// Appends the new ones, if there are any, and shows them to the cache in the same breath.
    fn append_messages(
        self: &Arc<Self>,
        state: &TopicState,
        now: Timestamp,
        messages: &[NewMessage],
        plan: &Plan,
        bytes: usize,
        answers: &Answers,
    ) -> Result<Option<Appended>, AppendError> {
        let mut batch = BatchBuilder::with_capacity(bytes);
        let mut ordinal = state.published;
        for (message, duplicate) in messages.iter().zip(&plan.duplicates) {
            if duplicate.is_none() {
                batch.push(|out| write_message(out, ordinal, &message.meta, &message.payload));
                ordinal += 1;
            }
        }
        if batch.is_empty() {
            return Ok(None);
        }
        let batch = batch.finish();
        let written = batch.bytes().len();
        let mut frames = self.cache.lock();
        let appended = self.log.append(now, batch.clone(), Priority::Publish)?;
        let frame = Frame { first: appended.first, at: now, batch };
        frames.push(Decoded::of(&frame).expect("what was just written can be read"));
        self.routing.list(answers, plan.new_messages().zip(appended.first..));
        drop(frames);
        self.cache.settle_budget();
        self.written(written);
        Ok(Some(appended))
    }

    fn check_byte_limit(&self, state: &TopicState) -> Result<(), PublishError> {
        let Some(limit) = state.settings.retention.max_bytes else { return Ok(()) };
        if state.settings.retention.at_max_bytes == types::ByteLimitAction::DropOldest {
            return Ok(());
        }
        let bytes = self.log.segments().iter().map(|segment| segment.bytes).sum();
        if bytes < limit {
            return Ok(());
        }
        Err(PublishError::TopicFull { topic: self.name.clone(), bytes, limit })
    }
}

impl TopicState {
    /// Finds the duplicates; changes nothing but forgets IDs whose window is over.
    fn plan(&mut self, now: Timestamp, ids: &[Option<Id>]) -> Result<Plan, PublishError> {
        let window = self.settings.deduplication_window;
        let mut plan = Plan { duplicates: Vec::with_capacity(ids.len()), ids: ids.to_vec() };
        if window.is_zero() {
            plan.ids.fill(None);
        }
        self.deduplication.forget_old(now, window);
        let mut earlier = Earlier::default();
        let mut new = 0;
        for (index, id) in plan.ids.iter().enumerate() {
            let duplicate = id.as_ref().and_then(|id| {
                let same = earlier.find_or_add(*id, index);
                let stored = self.deduplication.find(id, now, window).map(Duplicate::Stored);
                stored.or(same.map(Duplicate::Of))
            });
            new += usize::from(id.is_some() && duplicate.is_none());
            plan.duplicates.push(duplicate);
        }
        if new > self.deduplication.room() {
            return Err(PublishError::TooManyDeduplicationIds { limit: limits::DEDUPLICATION_IDS });
        }
        Ok(plan)
    }

    /// The messages are appended from `first` on: counts and remembers them, and says what became of each.
    fn take_over(
        &mut self,
        topic: &Topic,
        now: Timestamp,
        first: Sequence,
        plan: &Plan,
        answers: &Answers,
    ) -> Vec<Published> {
        let unfiltered = u32::try_from(self.subscriptions.len()).unwrap_or(u32::MAX) - self.filtered;
        let mut next = first;
        let mut published: Vec<Published> = Vec::with_capacity(plan.duplicates.len());
        for (index, (duplicate, id)) in plan.duplicates.iter().zip(&plan.ids).enumerate() {
            let sequence = match duplicate {
                None => {
                    if let Some(id) = id {
                        self.deduplication.remember(*id, now, next);
                    }
                    next += 1;
                    next - 1
                }
                Some(Duplicate::Stored(sequence)) => *sequence,
                Some(Duplicate::Of(index)) => published[*index].id.sequence,
            };
            let deduplicated = duplicate.is_some();
            let matched = || unfiltered + topic.routing.subscriptions(answers, index);
            self.deduplicated += u64::from(deduplicated);
            count(&topic.shared.totals.deduplicated, u64::from(deduplicated));
            published.push(Published {
                id: MessageId { log: topic.id, sequence },
                deduplicated,
                matched: if deduplicated { 0 } else { matched() },
            });
        }
        self.published += next - first;
        self.end = self.end.max(next);
        if next > first {
            topic.messages_end.store(next, Ordering::Release);
        }
        count(&topic.shared.totals.published, next - first);
        published
    }
}

/// A message that is delivered for the first time when it is too old to be kept would never be.
fn check_delays(messages: &[NewMessage], now: Timestamp, max_age: Duration) -> Result<(), Invalid> {
    let too_late = |message: &NewMessage| message.meta.deliver_at.since(now) >= max_age;
    match messages.iter().position(too_late) {
        Some(index) => Err(Invalid::new(
            format!("messages[{index}].deliver_after"),
            format!(
                "is {:?}, must be less than the topic's retention.max_age, {max_age:?}",
                messages[index].meta.deliver_at.since(now)
            ),
        )),
        None => Ok(()),
    }
}

/// Bytes that a message takes in the log, at most.
fn encoded_bytes(message: &NewMessage) -> usize {
    let meta = &message.meta;
    let texts = meta.ordering_key.as_deref().map_or(0, str::len)
        + meta.deduplication_id.as_deref().map_or(0, str::len)
        + meta.correlation_id.len();
    MESSAGE_OVERHEAD + texts + message.payload.len()
}

#[cfg(test)]
mod tests {
    use journal::{MemoryJournal, memory};
    use types::{ManualClock, MessageMeta, TopicSettings};

    use super::*;
    use crate::{Broker, Config, PlainBodies};

    #[tokio::test]
    async fn what_the_log_did_not_take_counts_towards_no_checkpoint() {
        let config = memory::Config { capacity_bytes: 100_000, ..memory::Config::default() };
        let (journal, clock) =
            (Arc::new(MemoryJournal::new(config)), Arc::new(ManualClock::at(Timestamp::EPOCH)));
        let broker = Broker::open(journal, clock, Arc::new(PlainBodies), Config::default()).await.unwrap();
        let name: types::TopicName = "t".parse().unwrap();
        broker.create_topic(name.clone(), TopicSettings::default()).await.unwrap();
        let message = || NewMessage {
            meta: MessageMeta { correlation_id: "c".into(), ..MessageMeta::default() },
            payload: vec![0; 60_000].into(),
        };
        broker.publish(&name, vec![message()]).await.unwrap();
        for _ in 0..10 {
            let refused = broker.publish(&name, vec![message()]).await.unwrap_err();
            assert!(matches!(refused, PublishError::Unavailable(Unavailable::OutOfSpace)), "{refused}");
        }
        let written = broker.inner.topic(&name).unwrap().written.load(Ordering::Relaxed);
        assert!((60_000..70_000).contains(&written), "{written}");
    }
}
