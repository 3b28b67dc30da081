//! The events. Numbers, not the product's types, so that a history can come from any client.

use serde::{Deserialize, Serialize};

use super::{Kind, Kinds};

/// Ties an answer to its call.
pub type Call = u64;
/// Names a message for the test: in its payload, never used twice.
pub type Uid = u64;
/// A deduplication ID.
pub type DedupId = u64;
/// The incarnation of a topic, as message IDs carry it.
pub type Log = u64;
/// A message's sequence.
pub type Sequence = u64;
/// The incarnation of a subscription.
pub type SubscriptionUid = u64;
/// What an ack ID carries to tell leases of one message apart.
pub type Lease = u64;

/// One line of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number.
    pub line: u64,
    /// When, in microseconds.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What a client did or saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line.
    Run {
        /// The seed that makes the rest.
        seed: u64,
    },
    /// A topic exists from now on, under this incarnation.
    TopicCreated {
        /// Its incarnation.
        log: Log,
        /// Its deduplication window, fixed.
        deduplication_window: u64,
        /// The shortest age at which an unsettled message of it may expire.
        max_age: u64,
    },
    /// A call begins.
    Invoked {
        /// Which.
        call: Call,
        /// What is asked for.
        request: Invoked,
    },
    /// The call did not happen.
    Failed {
        /// Which.
        call: Call,
    },
    /// The call may have happened.
    Unknown {
        /// Which.
        call: Call,
    },
    /// Every message of the call is durable.
    PublishOk {
        /// Which call.
        call: Call,
        /// One a message, in their order.
        receipts: Vec<Receipt>,
    },
    /// The subscription exists.
    SubscribeOk {
        /// Which call.
        call: Call,
        /// Which subscription it made, and its rules.
        rules: SubscriptionRules,
    },
    /// A change of a subscription (delete, pause, resume, update, seek) or the deletion of a topic holds.
    ChangeOk {
        /// Which call.
        call: Call,
        /// The log position at which it took effect, if that was answered.
        position: Option<Sequence>,
        /// Of a seek: where the subscription is now.
        sought: Option<Sought>,
    },
    /// Acks or nacks are durable, extensions or releases in force.
    SettleOk {
        /// Which call.
        call: Call,
        /// One a claim, in their order: whether it held, and until when the lease lasts if it was extended.
        outcomes: Vec<Settlement>,
    },
    /// A consumer received a message.
    Delivered(Delivered),
    /// A client looked the subscription up after a restart and found it in this state.
    Found {
        /// Its rules.
        rules: SubscriptionRules,
        /// Deliveries stand still.
        paused: bool,
        /// The log position of its latest change: creation, update, pause, resume or seek.
        position: Sequence,
    },
    /// A client looked every subscription up after a restart: there are no others.
    FoundAll,
    /// The broker's process ended: all leases end with it.
    Crash,
    /// It serves again.
    Restart,
    /// A message was seen in the dead-letter store.
    DeadLetter {
        /// Whose.
        subscription: SubscriptionUid,
        /// Which message.
        sequence: Sequence,
    },
    /// A subscription's figures.
    FiguresOk {
        /// Which call.
        call: Call,
        /// Messages neither settled nor dead-lettered.
        backlog: u64,
    },
    /// The subscription's own figures after the drain.
    DrainDone {
        /// Whose.
        subscription: SubscriptionUid,
        /// The figures.
        counts: FinalCounts,
    },
}

/// Where a seek went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sought {
    /// The first sequence that may be delivered.
    pub allowed_from: Sequence,
    /// Every message from here on must be: before it, the topic keeps only some.
    pub required_from: Sequence,
}

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Invoked {
    /// Publish these, all or none.
    Publish {
        /// What.
        messages: Vec<Message>,
    },
    /// Create a subscription.
    Subscribe,
    /// Delete it.
    Unsubscribe {
        /// Which.
        subscription: SubscriptionUid,
    },
    /// No deliveries from then on, or deliveries again.
    SetPaused {
        /// Which.
        subscription: SubscriptionUid,
        /// Which of the two.
        paused: bool,
    },
    /// Change its settings.
    Update {
        /// The rules as they will be; the identity is the subscription's.
        rules: SubscriptionRules,
        /// What is in the queue must match the new policy, too.
        reevaluates: bool,
    },
    /// Move it.
    Seek {
        /// Which.
        subscription: SubscriptionUid,
    },
    /// Say its figures.
    Figures {
        /// Which.
        subscription: SubscriptionUid,
    },
    /// Delete the topic and all its subscriptions.
    DeleteTopic {
        /// Its incarnation.
        log: Log,
    },
    /// Ack, nack, extend, release, or what a push worker reports.
    Settle {
        /// Whose messages.
        subscription: SubscriptionUid,
        /// Which of them.
        kind: SettleKind,
        /// Message and lease.
        claims: Vec<(Sequence, Lease)>,
        /// A delay until the next attempt, or what a lease is extended by.
        delay: Option<u64>,
    },
}

impl Invoked {
    /// The subscription that it concerns, if it is one and there is one.
    pub(crate) fn subscription(&self) -> Option<SubscriptionUid> {
        match self {
            Self::Unsubscribe { subscription }
            | Self::SetPaused { subscription, .. }
            | Self::Seek { subscription }
            | Self::Figures { subscription }
            | Self::Settle { subscription, .. } => Some(*subscription),
            Self::Update { rules, .. } => Some(rules.subscription),
            Self::Publish { .. } | Self::Subscribe | Self::DeleteTopic { .. } => None,
        }
    }
}

/// What a consumer says of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettleKind {
    /// Done.
    Ack,
    /// Failed.
    Nack,
    /// Still at it.
    Extend,
    /// Never saw it: no attempt is counted.
    Release,
    /// Failed: again as the retry policy says, but not before the delay is over.
    Retry,
    /// Failed for good.
    Reject,
    /// No attempt is counted: again once the delay is over, or after a crash.
    Return,
    /// Done after all, though the attempt was counted as failed.
    AckLate,
}

impl SettleKind {
    /// A claim that holds ends the message as acknowledged.
    pub(crate) fn acknowledges(self) -> bool {
        matches!(self, Self::Ack | Self::AckLate)
    }
}

/// A message that is to be published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its name.
    pub uid: Uid,
    /// Of its payload.
    pub hash: u64,
    /// What filter policies see of it.
    pub kind: Kind,
    /// Its ordering key.
    pub key: Option<u64>,
    /// Its deduplication ID.
    pub dedup: Option<DedupId>,
    /// Not delivered before; 0 is at once.
    pub deliver_at: u64,
    /// Not delivered from then on.
    pub expire_at: Option<u64>,
}

/// What was answered for a published message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The topic's incarnation.
    pub log: Log,
    /// Its sequence, or that of the message that stands for it.
    pub sequence: Sequence,
    /// An earlier message stands for it.
    pub deduplicated: bool,
    /// Subscriptions that get it.
    pub matched: u32,
}

/// What was answered for one claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The claim held.
    pub held: bool,
    /// The lease lasts until then.
    pub until: Option<u64>,
}

/// A subscription, as far as the checker needs to know its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRules {
    /// Its incarnation.
    pub subscription: SubscriptionUid,
    /// The topic's incarnation.
    pub log: Log,
    /// Every message from here on must reach it.
    pub required_from: Sequence,
    /// No message before may.
    pub allowed_from: Sequence,
    /// Messages with a key come one after the other.
    pub ordered: bool,
    /// Attempts that a message gets.
    pub max_attempts: u32,
    /// A message that is out of attempts is given up instead of dead-lettered.
    pub drops: bool,
    /// The shortest wait after a failed attempt.
    pub min_backoff: u64,
    /// Its filter policy.
    pub lets_in: Kinds,
}

/// A message as a consumer received it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Through which subscription.
    pub subscription: SubscriptionUid,
    /// From which topic's incarnation.
    pub log: Log,
    /// Its sequence.
    pub sequence: Sequence,
    /// Its name, from its payload.
    pub uid: Uid,
    /// Of its payload.
    pub hash: u64,
    /// The lease under which it came.
    pub lease: Lease,
    /// Until when the lease lasts.
    pub deadline: u64,
    /// Its attempt.
    pub attempt: u32,
    /// It is certainly the first delivery.
    pub first_delivery: bool,
}

/// A subscription's own figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalCounts {
    /// Neither settled nor dead-lettered.
    pub backlog: u64,
    /// In the dead-letter store.
    pub dead_letters: u64,
    /// Ever acknowledged.
    pub acked: u64,
    /// Ever given up.
    pub dropped: u64,
    /// Ever expired, for a reason that somebody set.
    pub expired: u64,
    /// Given up because they could not be read.
    pub damaged: u64,
}
