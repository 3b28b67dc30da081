//! Where the messages are that one filter policy of a topic matches: found once, at publish, for all subscriptions with that policy.
//!
//! # Invariants
//!
//! - The publisher lists a message's sequence while it holds the topic's cache lock, from before it appends: who holds that lock
//!   sees every match below the end of the log.
//! - From `complete_from` on, every match is in the list. The list forgets its older half when it is full; readers that are further
//!   behind ask the policy again.
//!
//! # Limits
//!
//! All lists of one topic share [`LISTED_MESSAGES`]; a list may always have [`LISTED_AT_LEAST`].

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;
use types::{Position, Sequence};

use crate::subscription::Subscription;

/// Matches that the lists of one topic hold together, 8 bytes each.
const LISTED_MESSAGES: usize = 1 << 20;
/// Matches that each list may hold.
const LISTED_AT_LEAST: usize = 64;
/// Matches that one list may hold.
const LISTED_AT_MOST: usize = 1 << 16;

/// One policy's matches.
#[derive(Debug)]
pub(crate) struct Route {
    list: Mutex<List>,
    /// Subscriptions with this policy.
    subscriptions: AtomicU32,
    /// Those with consumers that wait for the next match.
    pub(crate) waiting: Mutex<Vec<Arc<Subscription>>>,
}

#[derive(Debug)]
struct List {
    /// Matches ever listed, to compare with what a reader has seen of them.
    matched: u64,
    complete_from: Position,
    /// Ascending.
    sequences: VecDeque<Sequence>,
    /// The first match that nobody was woken for.
    untold: Option<Sequence>,
}

/// What a reader finds from its cursor on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Ascending.
    pub(crate) sequences: Vec<Sequence>,
    /// Matches from the cursor on, those that were not asked for included.
    pub(crate) unread: u64,
    /// Matches ever listed.
    pub(crate) matched: u64,
}

/// How many matches a list may hold in a topic with so many policies.
pub(crate) fn capacity(policies: usize) -> usize {
    (LISTED_MESSAGES / policies.max(1)).clamp(LISTED_AT_LEAST, LISTED_AT_MOST)
}

impl Route {
    /// Without matches: complete from `from` on.
    pub(crate) fn new(from: Position) -> Arc<Self> {
        let list = List { matched: 0, complete_from: from, sequences: VecDeque::new(), untold: None };
        Arc::new(Self { list: Mutex::new(list), subscriptions: AtomicU32::new(0), waiting: Mutex::default() })
    }

    pub(crate) fn join(&self) {
        self.subscriptions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Subscriptions with this policy. Exact under the topic's lock.
    pub(crate) fn subscriptions(&self) -> u32 {
        self.subscriptions.load(Ordering::Relaxed)
    }

    /// Lists a match. True if it is the first since somebody was told.
    pub(crate) fn push(&self, sequence: Sequence, capacity: usize) -> bool {
        let mut list = self.list.lock();
        list.matched += 1;
        if list.sequences.len() >= capacity {
            let half = list.sequences.len() / 2;
            list.complete_from = list.sequences[half] + 1;
            list.sequences.drain(..=half);
        }
        list.sequences.push_back(sequence);
        let news = list.untold.is_none();
        list.untold.get_or_insert(sequence);
        news
    }

    /// Matches ever listed.
    pub(crate) fn matched(&self) -> u64 {
        self.list.lock().matched
    }

    /// Up to `most` matches from `cursor` on and below `end`; none if the list does not reach back so far.
    pub(crate) fn from(&self, cursor: Position, end: Position, most: usize) -> Option<Found> {
        let list = self.list.lock();
        if cursor < list.complete_from {
            return None;
        }
        let start = list.sequences.partition_point(|sequence| *sequence < cursor);
        let unread = (list.sequences.len() - start) as u64;
        let found = list.sequences.range(start..).take(most).copied().take_while(|sequence| *sequence < end);
        Some(Found { sequences: found.collect(), unread, matched: list.matched })
    }

    /// Wakes those who wait if there is a match below `readable` that they were not told of. True once there is nothing to tell.
    pub(crate) fn tell(&self, readable: Position) -> bool {
        let (news, done) = self.list.lock().told(readable);
        if news {
            self.waiting.lock().retain(|subscription| subscription.told());
        }
        done
    }
}

impl List {
    /// Whether there is a match below `readable` to tell of, and whether there is none from there on.
    fn told(&mut self, readable: Position) -> (bool, bool) {
        let Some(untold) = self.untold else { return (false, true) };
        if untold >= readable {
            return (false, false);
        }
        let next = self.sequences.partition_point(|sequence| *sequence < readable);
        self.untold = self.sequences.get(next).copied();
        (true, self.untold.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_list_forgets_its_older_half_and_says_so() {
        let route = Route::new(1);
        for sequence in 1..=9 {
            route.push(sequence * 10, 8);
        }
        assert_eq!(route.from(50, 1_000, 8), None);
        let found = route.from(51, 1_000, 2).unwrap();
        assert_eq!(found, Found { sequences: vec![60, 70], unread: 4, matched: 9 });
        assert_eq!(route.from(60, 90, 8).unwrap().sequences, [60, 70, 80]);
    }

    #[test]
    fn a_match_is_told_once_it_is_readable_and_only_once() {
        let route = Route::new(1);
        assert!(route.tell(100), "nothing to tell");
        assert!(route.push(5, 8));
        assert!(!route.push(9, 8));
        assert_eq!(route.list.lock().told(5), (false, false));
        assert_eq!(route.list.lock().told(6), (true, false));
        assert_eq!(route.list.lock().told(9), (false, false));
        assert_eq!(route.list.lock().told(10), (true, true));
        assert!(route.push(11, 8));
    }

    #[test]
    fn the_lists_of_a_topic_share_what_there_is() {
        assert_eq!(capacity(0), 1 << 16);
        assert_eq!(capacity(1 << 10), 1 << 10);
        assert_eq!(capacity(1_000_000), 64);
    }
}
