//! Why a message does not match, for people.

pub(crate) mod words;

use crate::{Content, Policy};

/// A clause that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The key as the policy has it: `store.city`. Empty: the message as a whole.
    pub path: String,
    /// What was found and what would have matched, for people.
    pub reason: String,
}

impl Policy {
    /// Empty if the message matches; else the clauses that failed, of the alternative that came nearest.
    pub fn explain(&self, _content: &Content<'_>) -> Vec<Mismatch> {
        todo!()
    }
}
