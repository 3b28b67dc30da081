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
//! A list holds up to its share of [`LISTED_IN_TOPIC`], and once the lists of the whole broker hold [`LISTED_IN_ALL`], no more than
//! [`LISTED_AT_LEAST`].

use std::{
    collections::VecDeque,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use types::{Position, Sequence};

use crate::subscription::Subscription;

/// Matches that the lists of the whole broker hold together, 8 bytes each, before they shrink.
const LISTED_IN_ALL: usize = 1 << 22;
/// Matches that the lists of one topic hold together.
const LISTED_IN_TOPIC: usize = 1 << 20;
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
    pub(crate) waiting: Waiting,
    /// Somebody waits, or did once: matches are news.
    is_awaited: AtomicBool,
    /// The topic's news have it, or will in a moment.
    is_news: AtomicBool,
    /// Matches in all lists of the broker.
    listed: Arc<AtomicUsize>,
}

/// Subscriptions with consumers that wait. They keep the list, not the list them.
pub(crate) type Waiting = Mutex<Vec<Weak<Subscription>>>;

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

/// How many matches a list may hold in a topic with so many policies, when so many are in all lists.
pub(crate) fn capacity(policies: usize, listed: usize) -> usize {
    if listed > LISTED_IN_ALL {
        return LISTED_AT_LEAST;
    }
    (LISTED_IN_TOPIC / policies.max(1)).clamp(LISTED_AT_LEAST, LISTED_AT_MOST)
}

/// Wakes those on the list, and takes those off it that wait no longer.
pub(crate) fn wake(waiting: &Waiting) {
    waiting.lock().retain(|subscription| subscription.upgrade().is_some_and(|waits| waits.told()));
}

impl Route {
    /// Without matches: complete from `from` on.
    pub(crate) fn new(from: Position, listed: &Arc<AtomicUsize>) -> Arc<Self> {
        let list = List { matched: 0, complete_from: from, sequences: VecDeque::new(), untold: None };
        Arc::new(Self {
            list: Mutex::new(list),
            subscriptions: AtomicU32::new(0),
            waiting: Mutex::default(),
            is_awaited: AtomicBool::new(false),
            is_news: AtomicBool::new(false),
            listed: listed.clone(),
        })
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

    /// Lists a match. True if the topic's news have to have this route now.
    pub(crate) fn push(&self, sequence: Sequence, capacity: usize) -> bool {
        let mut list = self.list.lock();
        list.matched += 1;
        if list.sequences.len() >= capacity {
            let forgotten = list.forget_half(capacity);
            self.listed.fetch_sub(forgotten, Ordering::Relaxed);
        }
        list.sequences.push_back(sequence);
        self.listed.fetch_add(1, Ordering::Relaxed);
        list.untold.get_or_insert(sequence);
        drop(list);
        self.is_awaited.load(Ordering::Relaxed) && self.becomes_news()
    }

    /// Somebody has come to wait. True if the topic's news have to have this route now, because of a match that was listed before.
    pub(crate) fn awaited(&self) -> bool {
        self.is_awaited.store(true, Ordering::Relaxed);
        // Whoever lists a match after this lock sees that somebody waits.
        let untold = self.list.lock().untold.is_some();
        untold && self.becomes_news()
    }

    fn becomes_news(&self) -> bool {
        !self.is_news.swap(true, Ordering::AcqRel)
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

    /// How many matches there are from `from` on and below `end`; none if the list does not reach back so far.
    pub(crate) fn count(&self, from: Position, end: Position) -> Option<u64> {
        let list = self.list.lock();
        let before = |position| list.sequences.partition_point(|sequence| *sequence < position);
        (from >= list.complete_from).then(|| (before(end).saturating_sub(before(from))) as u64)
    }

    /// Wakes those who wait if there is a match below `readable` that they were not told of. False if the route is news no longer.
    pub(crate) fn tell(&self, readable: Position) -> bool {
        // First, so that a match listed from here on makes it news again.
        self.is_news.store(false, Ordering::Release);
        let (news, done) = self.list.lock().told(readable);
        if news {
            wake(&self.waiting);
        }
        !done && self.becomes_news()
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.listed.fetch_sub(self.list.get_mut().sequences.len(), Ordering::Relaxed);
    }
}

impl List {
    /// Keeps the newer half of what it may hold; how many went.
    fn forget_half(&mut self, capacity: usize) -> usize {
        let forgotten = self.sequences.len() - capacity / 2;
        if let Some(last) = forgotten.checked_sub(1) {
            self.complete_from = self.sequences[last] + 1;
        }
        self.sequences.drain(..forgotten);
        self.sequences.shrink_to(capacity);
        forgotten
    }

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

    fn route() -> Arc<Route> {
        Route::new(1, &Arc::default())
    }

    #[test]
    fn a_full_list_forgets_its_older_half_and_says_so() {
        let route = route();
        for sequence in 1..=9 {
            route.push(sequence * 10, 8);
        }
        assert_eq!(route.from(40, 1_000, 8), None);
        let found = route.from(41, 1_000, 2).unwrap();
        assert_eq!(found, Found { sequences: vec![50, 60], unread: 5, matched: 9 });
        assert_eq!(route.from(60, 90, 8).unwrap().sequences, [60, 70, 80]);
        assert_eq!((route.count(60, 90), route.count(40, 90)), (Some(3), None));
        assert_eq!(route.listed.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn a_list_shrinks_to_what_it_may_hold_now() {
        let route = route();
        for sequence in 1..=1_000 {
            route.push(sequence, 1_000);
        }
        route.push(1_001, 64);
        assert_eq!(route.from(970, 2_000, 100).unwrap().unread, 32);
        let listed = route.listed.clone();
        assert_eq!(listed.load(Ordering::Relaxed), 33);
        drop(route);
        assert_eq!(listed.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_match_is_told_once_it_is_readable_and_only_once() {
        let route = route();
        assert!(!route.awaited(), "nothing to tell");
        assert!(route.push(5, 8));
        assert!(!route.push(9, 8), "it is news already");
        assert_eq!(route.list.lock().told(5), (false, false));
        assert!(route.tell(6), "there is more to tell later");
        assert_eq!(route.list.lock().told(9), (false, false));
        assert!(!route.tell(10));
        assert!(route.push(11, 8));
    }

    #[test]
    fn a_match_is_news_for_who_comes_to_wait_before_it_is_readable() {
        let route = route();
        assert!(!route.push(5, 8), "nobody waits");
        assert!(route.awaited());
        assert!(!route.awaited(), "it is news already");
        assert!(!route.tell(6));
        assert!(!route.awaited());
    }

    #[test]
    fn the_lists_of_a_topic_share_what_there_is() {
        assert_eq!(capacity(0, 0), 1 << 16);
        assert_eq!(capacity(1 << 10, 0), 1 << 10);
        assert_eq!(capacity(1_000_000, 0), 64);
        assert_eq!(capacity(1, 1 << 23), 64);
    }
}
