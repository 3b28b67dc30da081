use std::time::Duration;

use hdrhistogram::Histogram;

use crate::Percentiles;

/// Latencies from 1 µs to 60 s, at three digits. Longer counts as 60 s.
#[derive(Debug, Clone)]
pub(crate) struct Latency(Histogram<u64>);

/// The longest that is told apart.
const LONGEST_US: u64 = 60_000_000;

impl Default for Latency {
    fn default() -> Self {
        // The bounds and the digits are constants that it accepts.
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).unwrap_or_else(|error| unreachable!("{error}")))
    }
}

impl Latency {
    /// Records one.
    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.max(1));
    }

    /// Takes in another's.
    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the same bounds.
        _ = self.0.add(&other.0);
    }

    /// What is reported; none if nothing was recorded.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let ms = |micros: u64| micros as f64 / 1_000.0;
        let at = |quantile| ms(self.0.value_at_quantile(quantile));
        (!self.0.is_empty()).then(|| Percentiles {
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: ms(self.0.max()),
        })
    }
}
