//! What holds between any two calls, checked one by one. For tests and simulation: it looks at everything.

use std::collections::BTreeMap;

use types::{KeyHash, Sequence, limits};

use crate::{
    Queue,
    window::{Entry, State},
};

impl Queue {
    /// Checks the queue against itself.
    ///
    /// # Panics
    /// The first invariant that does not hold, by name.
    pub fn assert_invariants(&self) {
        self.assert_every_message_is_in_one_place();
        self.assert_tallies();
        self.assert_lines();
        for entry in self.window.iter() {
            self.assert_entry(entry);
        }
        self.assert_timers();
    }

    fn assert_every_message_is_in_one_place(&self) {
        let sequences: Vec<_> = self.window.iter().map(|entry| entry.offer.sequence).collect();
        assert!(sequences.is_sorted_by(|a, b| a < b), "the window ascends");
        assert!(sequences.len() <= limits::WINDOW_MESSAGES, "the window is within its limit");
        assert!(sequences.last().is_none_or(|last| *last < self.cursor), "the window is below the cursor");
        assert!(
            sequences.iter().all(|sequence| !self.dead_letters.contains_key(sequence)),
            "no dead letter is in the window"
        );
        assert!(
            self.settled_ahead.first().is_none_or(|first| first >= self.cursor),
            "settled ahead is ahead"
        );
        for sequence in self.failed_ahead.keys() {
            assert!(*sequence >= self.cursor, "failed ahead is ahead");
            assert!(!self.is_settled(*sequence), "what failed ahead is not settled");
        }
        for (sequence, letter) in &self.dead_letters {
            assert!(!self.settled_ahead.contains(*sequence), "a dead letter is not settled");
            assert!(letter.failures.len() <= limits::ATTEMPT_HISTORY, "the history is within its limit");
            assert!(letter.failed_attempts as usize >= letter.failures.len(), "all failures are counted");
        }
    }

    fn assert_tallies(&self) {
        let count = |is: fn(&Entry) -> bool| self.window.iter().filter(|entry| is(entry)).count();
        assert_eq!(self.window.len(), count(|_| true), "the window's tally");
        assert_eq!(self.ready, count(|entry| entry.state == State::Ready), "the tally of ready messages");
        assert_eq!(self.leased, count(Entry::is_leased), "the tally of leased messages");
    }

    fn assert_lines(&self) {
        let mut lines: BTreeMap<KeyHash, Vec<Sequence>> = BTreeMap::new();
        for entry in self.window.iter().filter(|_| self.settings.ordered) {
            if let Some(key) = entry.offer.key {
                lines.entry(key).or_default().push(entry.offer.sequence);
            }
        }
        assert_eq!(self.lines.iter().collect::<BTreeMap<_, _>>(), lines, "the lines are the window's keys");
        let waiting: Vec<_> =
            self.window.iter().filter(|entry| entry.state == State::WaitingForKey).collect();
        let behind: usize = lines.values().map(|line| line.len() - 1).sum();
        assert_eq!(waiting.len(), behind, "all but the heads wait");
        for entry in waiting {
            let head = entry.offer.key.and_then(|key| lines[&key].first().copied());
            assert_ne!(head, Some(entry.offer.sequence), "a head does not wait");
        }
    }

    fn assert_entry(&self, entry: &Entry) {
        let sequence = entry.offer.sequence;
        match entry.state {
            State::Ready => assert!(
                self.backlog.contains(sequence) || entry.is_past_its_life(self.seen),
                "a ready message is found: {sequence}"
            ),
            State::Leased { lease, deadline } => {
                assert!(self.fence <= lease && lease < self.next_lease, "a lease is of this process");
                assert!(sequence < self.delivery_mark, "nothing is delivered past the mark");
                assert!(self.lease_ends.contains(deadline, sequence), "a lease will end");
            }
            State::Delayed(until) | State::BackingOff(until) => {
                assert!(self.wakes.contains(until, sequence), "a wait will end");
            }
            State::WaitingForKey => {}
            State::Gone => unreachable!("the window gives out no marks"),
        }
        if !entry.is_leased() && entry.offer.expire_at < types::Timestamp::MAX {
            assert!(self.expiries.contains(entry.offer.expire_at, sequence), "a life will end");
        }
    }

    fn assert_timers(&self) {
        let earliest = |time: fn(&Entry) -> Option<types::Timestamp>| {
            self.window.iter().filter_map(time).filter(|at| *at < types::Timestamp::MAX).min()
        };
        assert_eq!(self.lease_ends.earliest(), earliest(Entry::lease_ends_at), "the first lease to end");
        assert_eq!(self.wakes.earliest(), earliest(Entry::wakes_at), "the first wait to end");
        assert_eq!(self.expiries.earliest(), earliest(Entry::expires_at), "the first life to end");
        for timers in [&self.lease_ends, &self.wakes, &self.expiries] {
            assert!(timers.len() <= 2 * self.window.len() + 64, "timers are bounded by the window");
        }
        if self.window.is_empty() {
            let held = self.window.capacity()
                + self.backlog.capacity()
                + self.lease_ends.capacity()
                + self.wakes.capacity()
                + self.expiries.capacity();
            assert_eq!(held, 0, "an empty window holds no memory");
        }
    }
}
