//! Retention: what is too old or too much expires, and segments that nobody needs are dropped. The few messages of an old segment
//! that somebody still needs are appended again first, so that one old message never pins a segment.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use journal::{ReadError, Segment};
use queue::ExpiryReason;
use types::{ByteLimitAction, Position, Sequence, Timestamp};

use super::{Topic, checkpoint::Progress, read::record_at};
use crate::{
    Unavailable,
    record::{Record, write_carried},
    subscription::Subscription,
};

/// Messages of one segment that are worth carrying forward; with more the segment stays.
const CARRIED_MESSAGES: usize = 1_000;
/// The part of a segment's bytes that is worth carrying forward; with more the segment stays.
const CARRIED_SHARE: u64 = 8;

impl Topic {
    /// One round of upkeep.
    pub(crate) async fn look_after(self: &Arc<Self>) -> Result<(), Unavailable> {
        let mut progress = self.upkeep.lock().await;
        // Each step is worth its while even if another one cannot be done at the moment: dropping segments is what frees a full disk.
        let aged = self.expire_by_age(&mut progress).await;
        let outgrown = self.expire_by_bytes().await;
        let dropped = self.drop_segments(&mut progress).await;
        if self.is_checkpoint_due() || progress.wants_checkpoint {
            self.checkpoint(&mut progress).await?;
        }
        aged.and(outgrown).and(dropped)
    }

    /// Counts what earlier filter policies let in, where that is not known yet: so many blocks of the log a subscription.
    pub(crate) async fn count_unread(&self, blocks: usize) -> Result<(), Unavailable> {
        let mut counted = Ok(());
        for subscription in self.subscriptions() {
            counted = counted.and(subscription.count_unread(self, blocks).await);
        }
        counted
    }

    async fn expire_by_age(&self, progress: &mut Progress) -> Result<(), Unavailable> {
        let now = self.shared.time.now();
        let max_age = self.retention_age();
        let changed = self.age_check_due.swap(false, Ordering::Relaxed);
        if now < progress.next_age_check && !changed {
            return Ok(());
        }
        let oldest_allowed = now.minus(max_age);
        let below = self.log.position_at(oldest_allowed).await?;
        // At the beginning of what is kept nothing is too old, nor is what was carried forward from before it: its own time ends it.
        if below > self.first_position() {
            self.expire_below(below, ExpiryReason::RetentionAge).await?;
        }
        let oldest = self.published_at(below).await.unwrap_or(now);
        // Not before the oldest one is too old; but a shorter age may have been set by then.
        progress.next_age_check = oldest
            .plus(max_age)
            .min(now.plus(max_age / 16))
            .max(now.plus(self.shared.config.upkeep_interval));
        Ok(())
    }

    async fn expire_by_bytes(&self) -> Result<(), Unavailable> {
        let retention = self.state.lock().settings.retention.clone();
        let Some(limit) = retention.max_bytes else { return Ok(()) };
        let segments = self.log.segments();
        if segments.last().is_some_and(|active| active.bytes > limit / 8) {
            self.log.seal().await?;
        }
        if retention.at_max_bytes == ByteLimitAction::RejectPublish {
            return Ok(());
        }
        let mut bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
        let mut below = 0;
        // The one that was being written just now has the newest messages: its turn comes with the next round.
        for segment in segments.iter().take(segments.len() - 1) {
            if bytes <= limit {
                break;
            }
            bytes -= segment.bytes;
            below = segment.end;
        }
        self.expire_below(below, ExpiryReason::RetentionBytes).await
    }

    /// Every subscription passes over what it has not settled below.
    async fn expire_below(&self, below: Position, reason: ExpiryReason) -> Result<(), Unavailable> {
        let behind: Vec<_> =
            self.subscriptions().into_iter().filter(|s| s.peek().queue.oldest_unsettled() < below).collect();
        if behind.is_empty() {
            return Ok(());
        }
        let ordinal = self.ordinal_at(below).await?;
        for subscription in behind {
            if subscription.trim(self, below, ordinal, reason).await? {
                tracing::warn!(topic = %self.name, subscription = %subscription.name, below, ?reason, "unsettled messages expired");
            }
        }
        Ok(())
    }

    /// Drops the oldest segments that nobody needs.
    async fn drop_segments(self: &Arc<Self>, progress: &mut Progress) -> Result<(), Unavailable> {
        let segments = self.log.segments();
        let Some((_, closed)) = segments.split_last() else { return Ok(()) };
        let mut below = 0;
        for (index, segment) in closed.iter().enumerate() {
            if !self.is_past_keeping(segment, &segments[index..]) || !self.empty(segment, progress).await? {
                break;
            }
            below = segment.end;
        }
        if below == 0 {
            return Ok(());
        }
        // What made them unneeded (acks, seeks, messages carried forward) outlives a crash before they go.
        self.wait_durable(self.appended() - 1).await?;
        let first = self.log.trim(below.min(progress.read_from())).await?;
        self.first.store(first, Ordering::Release);
        progress.wants_checkpoint = first < below;
        self.forget_carried(first);
        Ok(())
    }

    /// The position after the last record of the topic and its subscriptions.
    fn appended(&self) -> Position {
        let end = self.state.lock().end;
        self.subscriptions().iter().map(|subscription| subscription.peek().end).fold(end, Position::max)
    }

    /// With `keep_settled`, segments stay until the retention limits are reached. `kept`: the segment and those after it.
    fn is_past_keeping(&self, segment: &Segment, kept: &[Segment]) -> bool {
        let settings = &self.state.lock().settings;
        if !settings.keep_settled {
            return true;
        }
        let bytes: u64 = kept.iter().map(|segment| segment.bytes).sum();
        let too_old = segment.newest.plus(settings.retention.max_age) <= self.shared.time.now();
        too_old || settings.retention.max_bytes.is_some_and(|limit| bytes > limit)
    }

    /// Sees to it that nobody needs the segment any more. False if it has to stay.
    async fn empty(
        self: &Arc<Self>,
        segment: &Segment,
        progress: &mut Progress,
    ) -> Result<bool, Unavailable> {
        let ordinal = self.ordinal_at(segment.end).await?;
        for subscription in self.subscriptions() {
            if !subscription.read_through(self, segment.end, ordinal, CARRIED_MESSAGES as u64).await? {
                return Ok(false);
            }
        }
        let needed = self.needed_in(segment);
        if needed.len() > CARRIED_MESSAGES || progress.is_too_much(segment.first, needed.len()) {
            return Ok(false);
        }
        let carried = self.carry(&needed, segment.bytes / CARRIED_SHARE).await?;
        progress.too_much = (!carried).then_some((segment.first, needed.len()));
        Ok(carried)
    }

    /// Messages whose place is in the segment and that a subscription still needs, with their places.
    fn needed_in(&self, segment: &Segment) -> Vec<(Sequence, Position)> {
        let mut needed = BTreeSet::new();
        for subscription in self.subscriptions() {
            needed.extend(subscription.peek().queue.needed_below(segment.end));
        }
        let state = self.state.lock();
        let place = |sequence| state.carried.get(&sequence).copied().unwrap_or(sequence);
        let places = needed.into_iter().map(|sequence| (sequence, place(sequence)));
        places.filter(|(_, place)| (segment.first..segment.end).contains(place)).collect()
    }

    /// Appends messages again, under their old sequences. False if they are too much to carry.
    async fn carry(
        self: &Arc<Self>,
        messages: &[(Sequence, Position)],
        most_bytes: u64,
    ) -> Result<bool, Unavailable> {
        let mut records = Vec::with_capacity(messages.len());
        let mut bytes = 0;
        for &(sequence, place) in messages {
            let frames = match self.log.read(place, 1).await {
                Ok(frames) => frames,
                // One that is damaged is passed over when its turn comes, and reported then.
                Err(ReadError::Corrupt { .. } | ReadError::Trimmed { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let Some((at, record)) = record_at(&frames, place) else { continue };
            bytes += record.len() as u64;
            if bytes > most_bytes {
                return Ok(false);
            }
            records.push((sequence, at, record));
        }
        for chunk in records.chunks(64) {
            self.append_carried(chunk).await?;
        }
        Ok(true)
    }

    async fn append_carried(
        &self,
        records: &[(Sequence, Timestamp, bytes::Bytes)],
    ) -> Result<(), Unavailable> {
        let appended = self
            .retry_when_busy(|| {
                let mut state = self.state.lock();
                let appended = self.append(self.shared.time.now(), |batch| {
                    for (sequence, at, record) in records {
                        batch.push(|out| match Record::read(record) {
                            // It was carried before: its record says when it was published, its place does not.
                            Ok(Record::Carried { .. }) => out.extend_from_slice(record),
                            _ => write_carried(out, *sequence, *at, record),
                        });
                    }
                });
                if let Ok(appended) = &appended {
                    state.end = appended.first + records.len() as u64;
                    for ((sequence, ..), position) in records.iter().zip(appended.first..) {
                        let before = state.place_of(*sequence);
                        state.moving.insert(*sequence, before);
                        state.carried.insert(*sequence, position);
                    }
                }
                Ok::<_, Unavailable>(appended)
            })
            .await?;
        appended.durable.wait().await?;
        let mut state = self.state.lock();
        for (sequence, ..) in records {
            state.moving.remove(sequence);
        }
        Ok(())
    }

    /// Forgets the places of carried messages that everybody has settled.
    fn forget_carried(&self, first: Position) {
        if self.state.lock().carried.is_empty() {
            return;
        }
        let mut needed = BTreeSet::new();
        let mut unread_from = first;
        for subscription in self.subscriptions() {
            let state = subscription.peek();
            needed.extend(state.queue.needed_below(first));
            unread_from = unread_from.min(state.queue.cursor());
        }
        let keep = |sequence: &Sequence| *sequence >= unread_from || needed.contains(sequence);
        self.state.lock().carried.retain(|sequence, _| keep(sequence));
    }

    fn subscriptions(&self) -> Vec<Arc<Subscription>> {
        self.state.lock().subscriptions.values().cloned().collect()
    }
}
