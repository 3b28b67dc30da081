//! Medians and percentiles.

use std::time::Duration;

/// The value that this share of all is at most.
pub(crate) fn percentile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    let index = (values.len() as f64 * share).ceil() as usize;
    values[index.clamp(1, values.len()) - 1]
}

/// The one in the middle.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// In milliseconds, to be read.
pub(crate) fn millis(value: Duration) -> String {
    format!("{:.2} ms", value.as_secs_f64() * 1e3)
}
