//! What a queue keeps in its topic's log.

use serde::{Deserialize, Serialize};
use types::{Sequence, Timestamp, push::AttemptClass};

/// A durable change of one subscription's queue, as the topic's log keeps it.
///
/// The order of the variants and of their fields is the stored format: add at the end only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Acknowledged, as releases wrote it that did not know [`Self::SettledRuns`]. Ascending, without repetition.
    Settled {
        /// Which messages.
        sequences: Vec<Sequence>,
    },
    /// One attempt failed and there will be another.
    AttemptFailed {
        /// Which message.
        sequence: Sequence,
        /// What happened.
        failure: Failure,
        /// Not delivered before.
        retry_at: Timestamp,
    },
    /// The last attempt failed and the message entered the dead-letter store: one record for both.
    DeadLettered {
        /// Which message.
        sequence: Sequence,
        /// What happened.
        failure: Failure,
    },
    /// The last attempt failed and the message was given up, as its subscription asked.
    Dropped {
        /// Which message.
        sequence: Sequence,
        /// What happened.
        failure: Failure,
    },
    /// No longer wanted by anyone: their time ran out before they were settled.
    Expired {
        /// Messages of the window, ascending.
        sequences: Vec<Sequence>,
        /// Why.
        reason: ExpiryReason,
    },
    /// Retention passed over everything below a sequence that was neither settled nor dead-lettered.
    Trimmed {
        /// The cursor is at least here from now on, and the window holds nothing below.
        below: Sequence,
        /// Messages that were never read into the window.
        unread: u64,
        /// Why.
        reason: ExpiryReason,
        /// Messages that the window held below. Said here because the window of a replay may hold fewer.
        in_window: u64,
    },
    /// The subscription continues at `to`, and every lease ends.
    Sought {
        /// The new cursor.
        to: Sequence,
    },
    /// No deliveries from now on.
    Paused,
    /// Deliveries again.
    Resumed,
    /// Messages below `below` may have been delivered.
    DeliveryMark {
        /// Only messages from here on are certainly delivered for the first time.
        below: Sequence,
    },
    /// A changed filter policy does not match them: they are gone, whatever their state.
    FilteredOut {
        /// Messages of the window, ascending.
        sequences: Vec<Sequence>,
    },
    /// Acknowledged.
    SettledRuns {
        /// The first of messages whose sequences follow each other without a gap, and how many they are. Ascending; no message is in two.
        runs: Vec<(Sequence, u64)>,
    },
}

impl Record {
    /// That these messages are acknowledged, which come ascending and without repetition. None if there are none.
    pub fn settled(sequences: impl IntoIterator<Item = Sequence>) -> Option<Self> {
        let mut runs: Vec<(Sequence, u64)> = Vec::new();
        for sequence in sequences {
            match runs.last_mut() {
                Some((first, count)) if *first + *count == sequence => *count += 1,
                _ => runs.push((sequence, 1)),
            }
        }
        (!runs.is_empty()).then_some(Self::SettledRuns { runs })
    }

    /// How many messages it says are acknowledged.
    pub fn acknowledged(&self) -> u64 {
        match self {
            Self::Settled { sequences } => sequences.len() as u64,
            Self::SettledRuns { runs } => runs.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count)),
            _ => 0,
        }
    }
}

/// One failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// How.
    pub cause: FailureCause,
}

/// How an attempt failed. The order of the variants is the stored format: add at the end only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureCause {
    /// The subscriber gave the message back.
    Nack,
    /// The subscriber let its lease run out.
    LeaseExpired,
    /// An attempt to push it failed.
    Push {
        /// What it came to.
        class: AttemptClass,
        /// The HTTP status, or the number of the gRPC status; none if there was no answer.
        status: Option<u16>,
    },
}

/// Why messages expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExpiryReason {
    /// The publisher's own limit on the message's life.
    MessageExpiry,
    /// The topic's retention age.
    RetentionAge,
    /// The topic's byte limit, with the oldest dropped.
    RetentionBytes,
    /// The log is damaged there.
    Damaged,
}

/// A message in the dead-letter store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Since when.
    pub at: Timestamp,
    /// All failed attempts, in order; the latest [`types::limits::ATTEMPT_HISTORY`] if there were more.
    pub failures: Vec<Failure>,
    /// How many there were.
    pub failed_attempts: u32,
}
