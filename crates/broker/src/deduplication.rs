//! Which deduplication IDs a topic has seen inside its window.
//!
//! # Limits
//! At most [`limits::DEDUPLICATION_IDS`] at a time; an ID costs about 60 bytes whatever its length.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use sha2::{Digest, Sha256};
use types::{Sequence, Timestamp, limits};

/// Stands for an ID: the first half of its SHA-256, so that a client can make no two IDs look the same.
pub(crate) type Fingerprint = [u8; 16];

/// One remembered ID: when its message was accepted and which one it is.
pub(crate) type Seen = (Fingerprint, Timestamp, Sequence);

#[derive(Debug, Default)]
pub(crate) struct Deduplication {
    by_id: HashMap<Fingerprint, (Timestamp, Sequence)>,
    by_age: VecDeque<(Timestamp, Fingerprint)>,
}

pub(crate) fn fingerprint(id: &[u8]) -> Fingerprint {
    let digest = Sha256::digest(id);
    *digest.first_chunk().expect("a SHA-256 has 32 bytes")
}

impl Deduplication {
    /// The message that stands for this ID, if one was accepted less than `window` ago.
    pub(crate) fn find(&self, id: &Fingerprint, now: Timestamp, window: Duration) -> Option<Sequence> {
        let &(at, sequence) = self.by_id.get(id)?;
        (at.plus(window) > now).then_some(sequence)
    }

    /// Remembers that this message stands for this ID from now on.
    pub(crate) fn remember(&mut self, id: Fingerprint, at: Timestamp, sequence: Sequence) {
        self.by_id.insert(id, (at, sequence));
        self.by_age.push_back((at, id));
    }

    /// Forgets what is older than `window`. Call it before [`Self::room`].
    pub(crate) fn forget_old(&mut self, now: Timestamp, window: Duration) {
        while let Some(&(at, id)) = self.by_age.front() {
            if at.plus(window) > now {
                break;
            }
            self.by_age.pop_front();
            // A later message may stand for the same ID by now.
            if self.by_id.get(&id).is_some_and(|&(newest, _)| newest == at) {
                self.by_id.remove(&id);
            }
        }
    }

    /// IDs that can still be taken.
    pub(crate) fn room(&self) -> usize {
        limits::DEDUPLICATION_IDS.saturating_sub(self.by_age.len())
    }

    /// All of it, oldest first, for a checkpoint.
    pub(crate) fn snapshot(&self) -> Vec<Seen> {
        let current = |&(at, id): &(Timestamp, Fingerprint)| {
            let &(newest, sequence) = self.by_id.get(&id)?;
            (newest == at).then_some((id, at, sequence))
        };
        self.by_age.iter().filter_map(current).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn an_id_is_known_inside_the_window_and_new_at_its_end() {
        let mut seen = Deduplication::default();
        seen.remember(fingerprint(b"a"), at(10), 7);
        assert_eq!(seen.find(&fingerprint(b"a"), at(309), WINDOW), Some(7));
        assert_eq!(seen.find(&fingerprint(b"a"), at(310), WINDOW), None);
        assert_eq!(seen.find(&fingerprint(b"b"), at(10), WINDOW), None);
    }

    #[test]
    fn forgetting_an_old_use_of_an_id_keeps_the_newer_one() {
        let mut seen = Deduplication::default();
        seen.remember(fingerprint(b"a"), at(10), 7);
        seen.remember(fingerprint(b"a"), at(400), 9);
        seen.forget_old(at(500), WINDOW);
        assert_eq!(seen.find(&fingerprint(b"a"), at(500), WINDOW), Some(9));
        assert_eq!(seen.snapshot(), [(fingerprint(b"a"), at(400), 9)]);
    }

    #[test]
    fn a_window_of_zero_finds_nothing() {
        let mut seen = Deduplication::default();
        seen.remember(fingerprint(b"a"), at(10), 7);
        assert_eq!(seen.find(&fingerprint(b"a"), at(10), Duration::ZERO), None);
    }
}
