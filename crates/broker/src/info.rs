//! What the handle takes and gives: plain data.

use crate::PushFigures;
use bytes::Bytes;
use queue::Counts;
use serde::{Deserialize, Serialize};
use types::{
    AckId, LeaseId, LogId, MessageId, MessageMeta, Position, Sequence, SubscriptionName,
    SubscriptionSettings, SubscriptionUid, Timestamp, TopicName, TopicSettings, push::EndpointStatus,
};

/// A topic as its owner sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicInfo {
    /// Its name.
    pub name: TopicName,
    /// Its incarnation: a topic that is deleted and created again has another.
    pub log: LogId,
    /// Its settings.
    pub settings: TopicSettings,
    /// When it was created.
    pub created_at: Timestamp,
    /// The log position from which the settings are in force.
    pub position: Position,
}

/// A subscription as its owner sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionInfo {
    /// Its name.
    pub name: SubscriptionName,
    /// The topic it reads.
    pub topic: TopicName,
    /// Its incarnation.
    pub uid: SubscriptionUid,
    /// Its settings.
    pub settings: SubscriptionSettings,
    /// When it was created.
    pub created_at: Timestamp,
    /// No deliveries at present.
    pub paused: bool,
    /// Whether its push endpoint gets messages; none if it has no endpoint.
    pub endpoint: Option<EndpointStatus>,
    /// The log position at which its latest change (creation, update, pause, resume, seek, endpoint) took effect.
    pub position: Position,
}

/// What a change of filter policy does to the messages that are in the queue when it takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BacklogAction {
    /// They stay.
    #[default]
    Keep,
    /// Those that the new policy does not match leave it: counted, as far as they had been read from the log.
    Reevaluate,
}

/// A subscription after a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Updated {
    /// As it is now; its `position` is where the change took effect.
    pub info: SubscriptionInfo,
    /// Messages read already that left the queue because the new policy does not match them.
    pub left: u64,
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// What the broker needs to know.
    pub meta: MessageMeta,
    /// The encoded message, handed on as it is.
    pub payload: Bytes,
}

/// What became of a published message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its identity.
    pub id: MessageId,
    /// Nothing was stored: an earlier message with the same deduplication ID stands for it, and this is its identity.
    pub deduplicated: bool,
    /// Subscriptions that will get it; zero for a duplicate.
    pub matched: u32,
}

/// Where a new subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartPosition {
    /// With the next message published.
    #[default]
    Latest,
    /// With the oldest message kept.
    Earliest,
    /// With this sequence or the first after it.
    Sequence(Sequence),
    /// With the first message published then or later.
    Time(Timestamp),
}

/// Where a seek goes: the same choices.
pub type SeekTo = StartPosition;

/// One message, leased to one consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Settles it.
    pub ack_id: AckId,
    /// Which message.
    pub message_id: MessageId,
    /// When it was accepted.
    pub published_at: Timestamp,
    /// When the lease ends, unless extended.
    pub deadline: Timestamp,
    /// Failed attempts so far, plus one.
    pub attempt: u32,
    /// Certainly never delivered to this subscription before.
    pub first_delivery: bool,
    /// The stored bytes, as the publisher's API encoded them.
    pub payload: Bytes,
}

/// Deliveries that were leased together, in the order of their sequences, with all that they have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryBlock {
    /// The lease of the first; each of the others has the next.
    pub first_lease: LeaseId,
    /// When the leases end, unless extended.
    pub deadline: Timestamp,
    /// Failed attempts so far, plus one.
    pub attempt: u32,
    /// Certainly never delivered to this subscription before.
    pub first_delivery: bool,
    /// Which messages, and the bytes of each one's payload. At least one.
    pub messages: Vec<(Sequence, u32)>,
    /// All of them as [`ReadContent::wrap`](crate::ReadContent::wrap) makes them, one after the other, in as few pieces as memory holds them in.
    pub wrapped: Vec<Bytes>,
}

/// Which part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Entries after this name (the `next` of the page before).
    pub after: Option<String>,
    /// Entries, at most.
    pub size: usize,
}

/// A part of a list, in the order of names.
#[derive(Debug, Clone, PartialEq)]
pub struct Paged<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// What to ask for the next page with; none if this is the last.
    pub next: Option<String>,
}

impl Page {
    /// Cuts the page out of entries that come in any order; `show` is called only for those on it.
    pub(crate) fn of<S, T>(
        &self,
        entries: impl Iterator<Item = (String, S)>,
        show: impl Fn(&S) -> Option<T>,
    ) -> Paged<T> {
        let mut entries: Vec<_> =
            entries.filter(|(name, _)| self.after.as_ref().is_none_or(|after| name > after)).collect();
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let more = entries.len() > self.size;
        entries.truncate(self.size);
        let next = entries.last().filter(|_| more).map(|(name, _)| name.clone());
        Paged { entries: entries.iter().filter_map(|(_, entry)| show(entry)).collect(), next }
    }
}

/// A topic in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TopicStats {
    /// Subscriptions.
    pub subscriptions: u64,
    /// Messages ever accepted by this incarnation.
    pub published: u64,
    /// Publishes that were duplicates, since the process started.
    pub deduplicated: u64,
    /// First position kept.
    pub first_position: Position,
    /// The position that the next record gets.
    pub next_position: Position,
    /// Bytes of its log.
    pub log_bytes: u64,
    /// Segments of its log.
    pub segments: u64,
}

/// A subscription in figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SubscriptionStats {
    /// Messages neither settled nor dead-lettered, exactly.
    pub backlog: u64,
    /// When the oldest of them was accepted.
    pub oldest_unsettled_at: Option<Timestamp>,
    /// Consumers: pulls under way and open streams.
    pub consumers: u64,
    /// States and totals.
    pub counts: Counts,
    /// What its filter policies have made of the messages.
    pub filter: FilterStats,
    /// Its push endpoint, if it has one.
    pub push: Option<Box<PushFigures>>,
}

/// What a subscription's filter policies have made of the messages accepted since the process started, or since it has one. The
/// reasons are those of SNS's metrics (Amazon SNS, "Monitoring topics using CloudWatch").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FilterStats {
    /// Messages looked at.
    pub evaluated: u64,
    /// Those that matched.
    pub matched: u64,
    /// Those whose attributes did not match.
    pub attributes: u64,
    /// Those that had no attributes, which match no policy on attributes.
    pub no_attributes: u64,
    /// Those whose body did not match.
    pub body: u64,
    /// Those whose body is no JSON object.
    pub invalid_body: u64,
    /// Messages that left the queue because a new policy did not match them. They had matched before.
    pub left_backlog: u64,
}

/// Totals of the whole broker since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Topics there are.
    pub topics: u64,
    /// Subscriptions there are.
    pub subscriptions: u64,
    /// Messages accepted.
    pub published: u64,
    /// Publishes that were duplicates.
    pub deduplicated: u64,
    /// Messages delivered, redeliveries included.
    pub deliveries: u64,
    /// Messages acknowledged.
    pub acked: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Messages dead-lettered.
    pub dead_lettered: u64,
    /// Bytes of payload accepted.
    pub published_bytes: u64,
    /// Log positions that readers found damaged, each time they did.
    pub damaged: u64,
}

/// Whether the broker serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthState {
    /// Everything works.
    Serving,
    /// The disk is nearly full: publishes are refused, everything else goes on.
    OutOfSpace,
    /// Being shut down.
    Draining,
    /// The journal failed; nothing is acknowledged any more.
    Poisoned(String),
}
