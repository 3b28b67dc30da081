use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use types::{
    Timestamp, limits,
    push::{AttemptClass, EndpointReport, ErrorAction},
};

/// How an endpoint is, for whoever wants to see it. Shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Arc<Mutex<EndpointReport>>);

impl Figures {
    /// At the moment.
    pub(crate) fn report(&self) -> EndpointReport {
        self.0.lock().clone()
    }

    /// Changes what is shown.
    pub(crate) fn update(&self, change: impl FnOnce(&mut EndpointReport)) {
        change(&mut self.0.lock());
    }

    /// Counts an attempt.
    pub(crate) fn count(&self, class: AttemptClass, action: ErrorAction, latency: Duration) {
        let report = &mut *self.0.lock();
        match action {
            ErrorAction::Acknowledge => report.delivered += 1,
            ErrorAction::Retry => report.retried += 1,
            ErrorAction::Reject => report.rejected += 1,
            ErrorAction::Disable => {}
        }
        report.timeouts += u64::from(class == AttemptClass::Timeout);
        report.attempt_time += latency;
    }

    /// Shows a failure.
    pub(crate) fn failed(&self, error: &str, at: Timestamp) {
        let report = &mut *self.0.lock();
        report.last_error = Some(cut(error, limits::ATTEMPT_ERROR_BYTES).to_owned());
        report.last_error_at = Some(at);
    }
}

/// At most so many bytes, and whole characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
