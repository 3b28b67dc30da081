//! From JSON text to a policy, every rule checked.

use types::FilterScope;

use crate::Policy;

/// Why a text is no filter policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct PolicyError {
    /// Where, as a JSON path: `$.price[0].numeric[1]`. `$` alone is the whole policy.
    pub path: String,
    /// What was found and what is allowed.
    pub reason: String,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(_scope: FilterScope, _json: &str) -> Result<Self, PolicyError> {
        todo!()
    }
}
