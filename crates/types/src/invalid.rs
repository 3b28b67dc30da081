use std::fmt;

/// A value that breaks a rule: which field, and what the rule allows.
///
/// `field` is a path in the caller's words (`settings.ack_deadline`), so that an API can hand it on as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Invalid {
    /// Path of the field, in proto spelling, dots between levels.
    pub field: String,
    /// What was found and what is allowed, limit and unit included.
    pub reason: String,
}

impl Invalid {
    /// Names the field and says what is allowed.
    pub fn new(field: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { field: field.into(), reason: reason.to_string() }
    }

    /// The same complaint seen from one level further out: `settings` + `labels` = `settings.labels`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.field = format!("{parent}.{}", self.field);
        self
    }
}
