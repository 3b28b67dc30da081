//! The failed attempts of one message, while it is still to be delivered.

use serde::{Deserialize, Serialize};
use types::{Timestamp, limits};

use crate::{DeadLetter, Failure};

/// Kept in a box beside its message, because most messages have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failures {
    /// How many there were: at least 1.
    pub(crate) count: u32,
    /// The latest [`limits::ATTEMPT_HISTORY`], in order.
    history: Vec<Failure>,
    /// Not delivered before.
    pub(crate) retry_at: Timestamp,
}

impl Failures {
    /// Those that there were, if any, and one more.
    pub(crate) fn and(earlier: Option<Box<Self>>, failure: Failure, retry_at: Timestamp) -> Box<Self> {
        let mut failures =
            earlier.unwrap_or_else(|| Box::new(Self { count: 0, history: Vec::new(), retry_at }));
        failures.count = failures.count.saturating_add(1);
        if failures.history.len() == limits::ATTEMPT_HISTORY {
            failures.history.remove(0);
        }
        failures.history.push(failure);
        failures.retry_at = retry_at;
        failures
    }

    pub(crate) fn into_dead_letter(self, at: Timestamp) -> DeadLetter {
        DeadLetter { at, failures: self.history, failed_attempts: self.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FailureCause;

    #[test]
    fn all_failures_are_counted_and_the_latest_remembered() {
        let attempts = limits::ATTEMPT_HISTORY as u64 + 5;
        let mut failures = None;
        for at in 1..=attempts {
            let failure = Failure { at: Timestamp::from_micros(at), cause: FailureCause::Nack };
            failures = Some(Failures::and(failures, failure, Timestamp::EPOCH));
        }
        let letter = failures.unwrap().into_dead_letter(Timestamp::MAX);
        assert_eq!(u64::from(letter.failed_attempts), attempts);
        assert_eq!(letter.failures.len(), limits::ATTEMPT_HISTORY);
        assert_eq!(letter.failures[0].at, Timestamp::from_micros(6));
    }
}
