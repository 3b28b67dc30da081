//! Medians and percentiles.

use std::time::Duration;

/// The value that so many of a hundred are at most.
pub(crate) fn percentile(values: &mut [Duration], of_a_hundred: usize) -> Duration {
    values.sort_unstable();
    let index = (values.len() * of_a_hundred).div_ceil(100);
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
