use types::{LeaseId, Sequence, Timestamp};

/// How much a consumer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Messages, at most.
    pub max_messages: usize,
    /// Bytes of messages, at most; a first message that is larger goes out alone.
    pub max_bytes: u64,
}

/// One delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// Which message.
    pub sequence: Sequence,
    /// Its lease.
    pub lease: LeaseId,
    /// Ends then, unless extended.
    pub deadline: Timestamp,
    /// Failed attempts so far, plus one. A broker restart is not counted.
    pub attempt: u32,
    /// True only if the message was certainly never delivered to this subscription before. After a crash some
    /// messages that were not are marked as if they might have been; never the other way round.
    pub first_delivery: bool,
}

/// A lease that somebody claims to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRef {
    /// Which message.
    pub sequence: Sequence,
    /// Its lease.
    pub lease: LeaseId,
}

/// Why a lease gives no right to settle. In each case the message's state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// It ran out, or the broker restarted. The message will be, or was, delivered again.
    #[error("the lease has expired")]
    Expired,
    /// The message is under a later lease.
    #[error("the message was leased again since")]
    Superseded,
    /// A seek ended all leases before it.
    #[error("the subscription was moved by a seek since")]
    FencedBySeek,
    /// The message is acknowledged, dead-lettered, dropped or expired already.
    #[error("the message is settled already")]
    AlreadySettled,
}
