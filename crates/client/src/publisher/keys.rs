//! Which ordering keys are paused.

use std::collections::HashSet;

/// Paused keys, from which on every key counts as paused: what would fail could not be remembered.
const LIMIT: usize = 100_000;

/// The paused keys. Those of messages that were taken before [`LIMIT`] was reached go over it, so there are never more than that and what a
/// publisher may hold.
#[derive(Debug)]
pub(super) struct Keys {
    paused: HashSet<Box<str>>,
    limit: usize,
}

impl Default for Keys {
    fn default() -> Self {
        Self { paused: HashSet::new(), limit: LIMIT }
    }
}

impl Keys {
    /// Whether messages with this key are not taken now.
    pub(super) fn refuse(&self, key: &str) -> bool {
        !self.paused.is_empty() && (self.paused.len() >= self.limit || self.paused.contains(key))
    }

    pub(super) fn pause(&mut self, key: Box<str>) {
        self.paused.insert(key);
    }

    pub(super) fn resume(&mut self, key: &str) {
        self.paused.remove(key);
    }

    pub(super) fn resume_all(&mut self) {
        self.paused = HashSet::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_paused_until_it_is_resumed_and_no_other_is() {
        let mut keys = Keys::default();
        keys.pause("a".into());
        keys.pause("a".into());
        assert!(keys.refuse("a") && !keys.refuse("b"));
        keys.resume("b");
        assert!(keys.refuse("a"));
        keys.resume("a");
        assert!(!keys.refuse("a"));
    }

    #[test]
    fn with_too_many_paused_keys_all_are_until_one_is_resumed() {
        let mut keys = Keys { limit: 2, ..Keys::default() };
        keys.pause("a".into());
        assert!(!keys.refuse("c"));
        keys.pause("b".into());
        assert!(keys.refuse("c"));
        keys.resume("a");
        assert!(!keys.refuse("c") && !keys.refuse("a") && keys.refuse("b"));
        keys.resume_all();
        assert!(!keys.refuse("b"));
    }
}
