use serde::{Deserialize, Serialize};

/// What one run of a workload came to, as seen by the clients.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Messages that were published and acknowledged.
    pub published: u64,
    /// Deliveries that were received and settled; where a backlog is drained, those of the drain.
    pub delivered: u64,
    /// From the first publish to the last thing that counts; where a backlog is drained, from the first moment of the drain.
    pub seconds: f64,
    /// From handing a message to the client library until its acknowledgement; at a fixed rate, from when it was due.
    pub publish_latency: Option<Percentiles>,
    /// From when a message was handed over, or due, until a subscriber had it.
    pub delivery_latency: Option<Percentiles>,
    /// Whether every message came as it should.
    pub correctness: Correctness,
}

impl Outcome {
    /// Acknowledged publishes a second.
    pub fn publishes_per_second(&self) -> f64 {
        self.published as f64 / self.seconds
    }

    /// Settled deliveries a second.
    pub fn deliveries_per_second(&self) -> f64 {
        self.delivered as f64 / self.seconds
    }
}

/// A whole number with commas, for people.
pub fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0.0 { format!("-{text}") } else { text }
}

/// Latencies in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

/// What went wrong, summed over subscriptions. All zero is right: the workloads have one publisher a topic and let nothing fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correctness {
    /// Acknowledged and never delivered.
    pub missing: u64,
    /// Delivered again.
    pub duplicate: u64,
    /// Delivered after a later one of the same topic.
    pub out_of_order: u64,
    /// Delivered, and not published in this run.
    pub foreign: u64,
}

impl Correctness {
    /// Whether nothing went wrong.
    pub fn is_perfect(&self) -> bool {
        *self == Self::default()
    }

    /// What went wrong, in words; nothing if nothing did.
    pub fn complaint(&self) -> Option<String> {
        let Self { missing, duplicate, out_of_order, foreign } = *self;
        let all = [
            (missing, "missing"),
            (duplicate, "came again"),
            (out_of_order, "came out of order"),
            (foreign, "came that were not published"),
        ];
        let wrong = all.into_iter().filter(|(count, _)| *count > 0);
        let wrong: Vec<_> = wrong.map(|(count, what)| format!("{count} {what}")).collect();
        (!wrong.is_empty()).then(|| wrong.join(", "))
    }
}

impl std::ops::AddAssign for Correctness {
    fn add_assign(&mut self, other: Self) {
        self.missing += other.missing;
        self.duplicate += other.duplicate;
        self.out_of_order += other.out_of_order;
        self.foreign += other.foreign;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_names_what_is_wrong_and_only_that() {
        assert_eq!(Correctness::default().complaint(), None);
        let wrong = Correctness { missing: 3, out_of_order: 1, ..Correctness::default() };
        assert_eq!(wrong.complaint().as_deref(), Some("3 missing, 1 came out of order"));
    }

    #[test]
    fn thousands_have_commas() {
        let all = [0.4, 999.0, 1_000.0, 123_456.7, 1e9, -1_234.0].map(thousands);
        assert_eq!(all, ["0", "999", "1,000", "123,457", "1,000,000,000", "-1,234"]);
    }

    #[test]
    fn a_rate_is_by_the_second() {
        let outcome = Outcome { published: 10, delivered: 40, seconds: 2.0, ..Outcome::default() };
        assert_eq!((outcome.publishes_per_second(), outcome.deliveries_per_second()), (5.0, 20.0));
    }
}
