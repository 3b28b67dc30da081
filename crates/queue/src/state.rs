//! How a message of the window comes, goes and changes its state, with the tallies and timers that follow from it.

use types::{KeyHash, Sequence, Timestamp};

use crate::{
    Offer, Queue,
    failures::Failures,
    window::{Entry, State},
};

impl Queue {
    /// What was known ahead of the cursor is spent once the cursor has passed it.
    pub(crate) fn move_cursor(&mut self, to: Sequence) {
        self.cursor = to;
        self.settled_ahead.remove_below(to);
        if !self.failed_ahead.is_empty() {
            self.failed_ahead = self.failed_ahead.split_off(&to);
        }
    }

    /// Takes a message into the window, above all others.
    pub(crate) fn admit(&mut self, offer: Offer, failures: Option<Box<Failures>>) {
        let entry = Entry { offer, state: State::WaitingForKey, failures, delivered: false };
        let below = self.window.last();
        let index = self.window.push(entry);
        if offer.expire_at < Timestamp::MAX {
            self.expiries.push(offer.expire_at, offer.sequence, below);
        }
        let waits = self.line_of(&offer).is_some_and(|key| !self.lines.join(key, offer.sequence));
        if !waits {
            self.rest(index);
        }
    }

    /// Takes a message out of the window, whatever its state; the next of its key moves up.
    pub(crate) fn withdraw(&mut self, index: usize) -> Option<Box<Failures>> {
        let offer = self.window[index].offer;
        self.uncount(index);
        let failures = self.window.remove(index);
        let next = self.line_of(&offer).and_then(|key| self.lines.leave(key, offer.sequence));
        if let Some(next) = next.and_then(|next| self.window.find(next, index)) {
            self.rest(next);
        }
        failures
    }

    /// A message that is not under lease and does not wait for its key: ready, or waiting for its time.
    pub(crate) fn rest(&mut self, index: usize) {
        let entry = &self.window[index];
        let state = match &entry.failures {
            Some(failures) if failures.retry_at > self.seen => State::BackingOff(failures.retry_at),
            None if entry.offer.deliver_at > self.seen => State::Delayed(entry.offer.deliver_at),
            _ => State::Ready,
        };
        self.set_state(index, state);
    }

    /// The one place where a message that stays changes its state.
    pub(crate) fn set_state(&mut self, index: usize, state: State) {
        let was_leased = self.window[index].is_leased();
        self.uncount(index);
        let below = index.checked_sub(1).map(|below| self.window[below].offer.sequence);
        let entry = &mut self.window[index];
        entry.state = state;
        let offer = entry.offer;
        match state {
            State::Ready => {
                self.ready += 1;
                self.backlog.add(offer.sequence);
            }
            State::Leased { deadline, .. } => {
                self.leased += 1;
                self.lease_ends.push(deadline, offer.sequence, below);
            }
            State::Delayed(until) | State::BackingOff(until) => self.wakes.push(until, offer.sequence, below),
            State::WaitingForKey | State::Gone => {}
        }
        if was_leased && offer.expire_at < Timestamp::MAX {
            self.expiries.push(offer.expire_at, offer.sequence, below);
        }
    }

    fn uncount(&mut self, index: usize) {
        match self.window[index].state {
            State::Ready => self.ready -= 1,
            State::Leased { .. } => self.leased -= 1,
            _ => {}
        }
    }

    fn line_of(&self, offer: &Offer) -> Option<KeyHash> {
        offer.key.filter(|_| self.settings.ordered)
    }

    /// What is due by `now` wakes.
    pub(crate) fn wake(&mut self, now: Timestamp) {
        self.live = true;
        self.seen = self.seen.max(now);
        while let Some(span) = self.wakes.pop_due(now) {
            for index in self.window.indexes(span.first, span.last) {
                if self.window[index].wakes_at() == Some(span.at) {
                    self.set_state(index, State::Ready);
                }
            }
        }
    }

    /// After each change: see `timers`, `backlog` and `window` for what is made good here.
    pub(crate) fn tidy(&mut self) {
        self.window.tidy();
        let window = &self.window;
        self.backlog.tidy(self.ready, window);
        self.lease_ends.tidy(self.leased, |span| window.at_time(span, Entry::lease_ends_at));
        self.wakes.tidy(window.len(), |span| window.at_time(span, Entry::wakes_at));
        self.expiries.tidy(window.len(), |span| window.at_time(span, Entry::expires_at));
    }
}
