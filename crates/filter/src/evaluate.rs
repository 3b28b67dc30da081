//! The specification: a policy and a message, one at a time.

use crate::{Content, Policy};

impl Policy {
    /// Whether the message matches.
    pub fn matches(&self, _content: &Content<'_>) -> bool {
        todo!()
    }
}
