use std::fmt;

/// What has become of a subscription's messages, in numbers of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Figures {
    /// Neither settled nor dead-lettered: the next five together, and what was not looked at yet.
    pub backlog: u64,
    /// Of these, those that could be delivered now.
    pub ready: u64,
    /// Under lease: delivered and not settled.
    pub leased: u64,
    /// Waiting for their first delivery time.
    pub delayed: u64,
    /// Failed, and waiting for their next attempt.
    pub backing_off: u64,
    /// Waiting for an earlier message with their ordering key.
    pub waiting_for_key: u64,
    /// In the dead-letter store now.
    pub dead_letters: u64,
    /// Deliveries since the start, repeated ones included.
    pub deliveries: u64,
    /// Ever acknowledged.
    pub acked: u64,
    /// Attempts that ever failed.
    pub failed_attempts: u64,
    /// Ever given up without being kept: exhausted and dropped, expired.
    pub given_up: u64,
}

impl From<broker::SubscriptionStats> for Figures {
    fn from(stats: broker::SubscriptionStats) -> Self {
        let counts = stats.counts;
        Self {
            backlog: stats.backlog,
            ready: counts.ready,
            leased: counts.leased,
            delayed: counts.delayed,
            backing_off: counts.backing_off,
            waiting_for_key: counts.waiting_for_key,
            dead_letters: counts.dead_letters,
            deliveries: counts.deliveries,
            acked: counts.acked,
            failed_attempts: counts.failed_attempts,
            given_up: counts.dropped
                + counts.expired_message
                + counts.expired_age
                + counts.expired_bytes
                + counts.damaged,
        }
    }
}

impl fmt::Display for Figures {
    /// In one line, without what there is none of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backlog {}", self.backlog)?;
        let others = [
            ("ready", self.ready),
            ("leased", self.leased),
            ("delayed", self.delayed),
            ("backing off", self.backing_off),
            ("waiting for their key", self.waiting_for_key),
            ("dead letters", self.dead_letters),
            ("deliveries", self.deliveries),
            ("acked", self.acked),
            ("failed attempts", self.failed_attempts),
            ("given up", self.given_up),
        ];
        let mut some = others.iter().filter(|(_, count)| *count > 0);
        some.try_for_each(|(what, count)| write!(f, ", {what} {count}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_one_line_without_what_there_is_none_of() {
        let figures = Figures { backlog: 3, leased: 2, acked: 1, ..Figures::default() };
        assert_eq!(figures.to_string(), "backlog 3, leased 2, acked 1");
        assert_eq!(Figures::default().to_string(), "backlog 0");
    }
}
