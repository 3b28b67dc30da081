//! Changes by the subscription's owner: pause, seek, and what retention does. (Settings: `refilter`; resume: `endpoint_change`.) Each takes effect at the position of its record.

use std::sync::Arc;

use journal::{AppendError, Appended};
use queue::{ExpiryReason, Record};
use types::{Sequence, Timestamp};

use super::{State, Subscription, intake::ReadUntil};
use crate::{
    SeekError, SeekTo, SubscriptionInfo, Unavailable, UpdateSubscriptionError, record::Start, topic::Topic,
};

impl Subscription {
    /// No deliveries from now on. Doing it twice is OK and changes nothing.
    pub(crate) async fn pause(self: &Arc<Self>) -> Result<SubscriptionInfo, UpdateSubscriptionError> {
        let topic = self.topic()?;
        let mut latest = 0;
        let appended = topic
            .retry_when_busy(|| {
                let mut state = self.lock()?;
                latest = state.position;
                if state.queue.is_paused() {
                    return Ok(Ok(None));
                }
                let now = self.shared.time.now();
                Ok::<_, UpdateSubscriptionError>(
                    self.change(&topic, &mut state, now, &Record::Paused, 0).map(Some),
                )
            })
            .await?;
        match appended {
            Some(appended) => appended.durable.wait().await.map_err(Unavailable::Poisoned)?,
            // It was so already, by a change that may still be on its way to the disk.
            None => topic.wait_durable(latest).await?,
        }
        Ok(self.info()?)
    }

    /// Moves the subscription; the second value is the first sequence that it may deliver now.
    pub(crate) async fn seek(
        self: &Arc<Self>,
        to: SeekTo,
    ) -> Result<(SubscriptionInfo, Sequence), SeekError> {
        let topic = self.topic()?;
        // Retention stands still meanwhile, so that the target is still there when the seek takes effect.
        let mut upkeep = topic.upkeep.lock().await;
        let target = topic.resolve(to).await?;
        let (appended, cursor) = topic
            .retry_when_busy(|| {
                let topic_state = topic.state.lock();
                let mut state = self.lock()?;
                let now = self.shared.time.now();
                // The end of the log is what was accepted by now, durable or not.
                let start =
                    target.unwrap_or(Start { cursor: topic_state.end, ordinal: topic_state.published });
                upkeep.reads_from(start.cursor);
                let appended =
                    self.change(&topic, &mut state, now, &Record::Sought { to: start.cursor }, start.ordinal);
                Ok::<_, SeekError>(appended.map(|appended| (appended, start.cursor)))
            })
            .await?;
        appended.durable.wait().await.map_err(Unavailable::Poisoned)?;
        Ok((self.info()?, cursor))
    }

    /// Retention passes over everything below; `ordinal` is that of the first message kept. True if that changed anything.
    pub(crate) async fn trim(
        self: &Arc<Self>,
        topic: &Topic,
        below: Sequence,
        ordinal: u64,
        reason: ExpiryReason,
    ) -> Result<bool, Unavailable> {
        let mut changed = false;
        // What a filter policy lets in is known by reading it: as far as the window reaches, then what is in the window expires.
        let done = |state: &State| {
            (state.deleted || state.reads_plainly() || state.queue.cursor() >= below).then_some(true)
        };
        while self.read_until(topic, done).await? == ReadUntil::Full {
            changed |= self.trim_at_once(topic, below, ordinal, reason).await?;
        }
        Ok(self.trim_at_once(topic, below, ordinal, reason).await? || changed)
    }

    /// Of one that does not read plainly only what was read expires.
    async fn trim_at_once(
        self: &Arc<Self>,
        topic: &Topic,
        below: Sequence,
        ordinal: u64,
        reason: ExpiryReason,
    ) -> Result<bool, Unavailable> {
        topic
            .retry_when_busy(|| {
                let Ok(mut state) = self.lock() else { return Ok(Ok(false)) };
                let below = if state.reads_plainly() { below } else { below.min(state.queue.cursor()) };
                let passes = below > state.queue.cursor();
                let known = state.queue.settled_ahead_below(below);
                let unread = ordinal.saturating_sub(state.reading.seen()).saturating_sub(known);
                let unread = if passes { unread } else { 0 };
                let Some(record) = state.queue.decide_trim(below, unread, reason) else {
                    return Ok(Ok(false));
                };
                // Nothing expires: the cursor passes the rest as it reads on.
                if matches!(record, Record::Trimmed { unread: 0, in_window: 0, .. }) {
                    return Ok(Ok(false));
                }
                let now = self.shared.time.now();
                let appended = self.append_moving(topic, &mut state, now, &[record], ordinal);
                self.changed(&mut state, now);
                Ok::<_, Unavailable>(appended.map(|_| true))
            })
            .await
    }

    fn change(
        self: &Arc<Self>,
        topic: &Topic,
        state: &mut State,
        now: Timestamp,
        record: &Record,
        ordinal: u64,
    ) -> Result<Appended, AppendError> {
        let appended = self.append_moving(topic, state, now, std::slice::from_ref(record), ordinal)?;
        state.position = appended.first;
        state.last_used = now;
        self.changed(state, now);
        Ok(appended)
    }
}

impl Topic {
    /// Where a seek or a new subscription starts; none for the end of the log. The topic's upkeep lock is held.
    pub(crate) async fn resolve(&self, to: SeekTo) -> Result<Option<Start>, Unavailable> {
        let first = self.first_position();
        let cursor = match to {
            SeekTo::Latest => return Ok(None),
            SeekTo::Earliest => self.oldest_kept(),
            SeekTo::Sequence(sequence) => sequence.max(self.oldest_kept()),
            SeekTo::Time(at) => {
                let position = self.log.position_at(at).await;
                position?.max(first)
            }
        };
        if cursor >= self.visible() {
            return Ok(None);
        }
        Ok(Some(Start { cursor, ordinal: self.ordinal_at(cursor).await? }))
    }

    /// The oldest message that is kept, where it was accepted or carried forward.
    fn oldest_kept(&self) -> Sequence {
        let carried = self.state.lock().carried.first_key_value().map(|(sequence, _)| *sequence);
        carried.map_or(self.first_position(), |sequence| sequence.min(self.first_position()))
    }
}
