use std::fmt;

/// A promise, as reliability.md, section 6, numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// S1: what was accepted is settled, dead-lettered, expired or still there.
    NoLoss,
    /// S2: what is delivered was published, and is what was published.
    NoPhantom,
    /// S3: one sequence a message, rising, never used twice.
    Sequence,
    /// S4: a message of a key is not delivered before the earlier ones are settled.
    KeyOrder,
    /// S5: nothing is delivered after its ack was confirmed.
    AckHolds,
    /// S6: attempts are counted rightly and bounded.
    Attempts,
    /// S6: nothing is delivered earlier than asked, or after its life.
    Timing,
    /// S6: a message is leased to one consumer at a time.
    Lease,
    /// S7: one message a deduplication ID and window.
    Deduplication,
    /// S8: dead-lettered once, and then never delivered or acked.
    DeadLetter,
    /// S9: a subscription gets what its filter policies let in, each from its position on, and nothing else.
    Filter,
    /// S10: subscriptions exist, pause and end as answered.
    Membership,
    /// `first_delivery` is true once at most, and only for the first.
    FirstDelivery,
    /// Published = acked + backlog + dead-lettered + dropped + expired.
    Conservation,
    /// L1: left alone with willing consumers, everything comes to an end.
    Liveness,
}

/// A promise that a history breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub rule: Rule,
    /// What is wrong.
    pub what: String,
    /// The lines that show it.
    pub lines: Vec<u64>,
}

impl Violation {
    pub(crate) fn new(rule: Rule, what: impl Into<String>, lines: &[u64]) -> Self {
        Self { rule, what: what.into(), lines: lines.iter().copied().filter(|line| *line > 0).collect() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} (lines {:?})", self.rule, self.what, self.lines)
    }
}
