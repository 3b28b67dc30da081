//! What goes into the next request, and when.

use std::time::Duration;

/// When a batch is full, and how long one waits that is not.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimits {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) delay: Delay,
}

/// How long a batch waits that is not full.
#[derive(Debug, Clone, Copy)]
pub(super) enum Delay {
    /// Not at all while fewer than [`EAGER`] requests have no answer, and [`GATHER`] at the most while more have none.
    ByNeed,
    /// So long.
    Fixed(Duration),
}

/// Requests without an answer from which on messages gather. With one, a message would wait for the sync that serves the one before it;
/// with many, a publisher that is slower than its batches would send each message alone.
const EAGER: usize = 2;
/// The longest that messages gather.
const GATHER: Duration = Duration::from_millis(1);

impl Delay {
    /// With so many requests that have no answer.
    pub(super) fn with(self, requests: usize) -> Duration {
        match self {
            Self::ByNeed if requests < EAGER => Duration::ZERO,
            Self::ByNeed => GATHER,
            Self::Fixed(delay) => delay,
        }
    }
}

impl BatchLimits {
    /// How many messages go into the next request: as many as fit, and at least one if there is one.
    pub(super) fn cut(&self, sizes: impl Iterator<Item = usize>) -> usize {
        let mut bytes = 0_usize;
        let fits = |(count, size): &(usize, usize)| {
            bytes = bytes.saturating_add(*size);
            *count == 0 || bytes <= self.bytes
        };
        sizes.take(self.messages).enumerate().take_while(fits).count()
    }

    /// Whether there is a batch that no further message would fit into.
    pub(super) fn is_full(&self, messages: usize, bytes: usize) -> bool {
        messages >= self.messages || bytes >= self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits = BatchLimits { messages: 3, bytes: 10, delay: Delay::ByNeed };

    fn cut(sizes: &[usize]) -> usize {
        LIMITS.cut(sizes.iter().copied())
    }

    #[test]
    fn a_batch_ends_where_messages_or_bytes_are_too_many() {
        assert_eq!(cut(&[]), 0);
        assert_eq!(cut(&[1, 1, 1, 1]), 3);
        assert_eq!(cut(&[5, 5, 1]), 2);
        assert_eq!(cut(&[5, 6, 1]), 1);
    }

    #[test]
    fn a_message_that_is_larger_than_a_batch_goes_alone() {
        assert_eq!(cut(&[11, 1]), 1);
        assert_eq!(cut(&[1, usize::MAX]), 1);
        assert_eq!(cut(&[usize::MAX, usize::MAX]), 1);
    }
}
