//! Where in a policy something stands.

use std::fmt;

use super::PolicyError;
use crate::explain::words::cut;

/// A JSON path, built on the stack on the way in and written out only for an error.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// The whole policy.
    Policy,
    /// A member of the object there.
    Key(&'a Place<'a>, &'a str),
    /// An element of the list there.
    Index(&'a Place<'a>, usize),
}

impl<'a> Place<'a> {
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }

    /// The error that something about this place is against the rules.
    pub(super) fn refuse(&self, reason: impl fmt::Display) -> PolicyError {
        PolicyError { path: self.to_string(), reason: reason.to_string() }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.write_str("$"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Key(parent, key) if is_plain(key) => write!(f, "{parent}.{}", cut(key)),
            Self::Key(parent, key) => {
                write!(f, "{parent}['{}']", cut(key).replace('\\', r"\\").replace('\'', r"\'"))
            }
        }
    }
}

/// JSON path wants `-` and `$` quoted as well, but `anything-but` and `$or` are easier to read as they are.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'))
}
