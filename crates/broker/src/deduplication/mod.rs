//! Which deduplication IDs a topic has seen inside its window.
//!
//! An ID that ends in a hyphen and a number is remembered as a name and a number, and numbers that follow each other in one publish as one
//! *run*. So a client that counts (`f3a9…-1`, `f3a9…-2`, …) costs a run a publish, however many messages it has; an ID without a number is
//! a run of its own. What is the same ID is not changed by this: two IDs are equal if their bytes are.
//!
//! # Limits
//! At most [`limits::DEDUPLICATION_IDS`] runs at a time; each costs about 150 bytes whatever the lengths of its IDs.

mod earlier;
mod id;
mod runs;

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    num::NonZeroU32,
    time::Duration,
};

use types::{Sequence, Timestamp, limits};

pub(crate) use earlier::Earlier;
pub(crate) use id::{Fingerprint, Id, Ids};
use runs::{Run, Runs};

/// A remembered ID without a number, for a checkpoint: when its message was accepted and which one it is.
pub(crate) type Seen = (Fingerprint, Timestamp, Sequence);
/// A run of numbered IDs, likewise: the first number and how many there are; the message is that of the first.
pub(crate) type SeenRun = (Fingerprint, u64, NonZeroU32, Timestamp, Sequence);

/// A run, by when it was accepted; its first number can be another's by now.
type Age = (Timestamp, Fingerprint, u64);

#[derive(Debug, Default)]
pub(crate) struct Deduplication {
    by_name: HashMap<Fingerprint, Runs, foldhash::fast::RandomState>,
    /// Oldest first.
    by_age: VecDeque<Age>,
}

impl Deduplication {
    /// The message that stands for this ID, if one was accepted less than `window` ago.
    pub(crate) fn find(&self, id: &Id, now: Timestamp, window: Duration) -> Option<Sequence> {
        let run = self.by_name.get(&id.name)?.with(id.number)?;
        if run.at.plus(window) > now { run.sequence_of(id.number) } else { None }
    }

    /// Remembers that this message stands for this ID from now on.
    pub(crate) fn remember(&mut self, id: Id, at: Timestamp, sequence: Sequence) {
        if self.lengthen(id, at, sequence) {
            return;
        }
        self.cut_out(id);
        if self.newest(id.name).is_some_and(|run| run.take(id.number, at, sequence)) {
            return;
        }
        self.insert(id.name, Run::one(id.number, at, sequence));
    }

    /// Forgets what is older than `window`. Call it before [`Self::room`].
    pub(crate) fn forget_old(&mut self, now: Timestamp, window: Duration) {
        while let Some(&(at, name, first)) = self.by_age.front() {
            if at.plus(window) > now {
                break;
            }
            self.by_age.pop_front();
            let Entry::Occupied(mut runs) = self.by_name.entry(name) else { continue };
            // A later message may stand for the same ID by now.
            let is_that = runs.get_mut().starting_with(first).is_some_and(|run| run.at == at);
            if is_that && runs.get_mut().remove(first) {
                runs.remove();
            }
        }
    }

    /// Runs that can still be taken.
    pub(crate) fn room(&self) -> usize {
        limits::DEDUPLICATION_IDS.saturating_sub(self.by_age.len())
    }

    /// All of it, for a checkpoint.
    pub(crate) fn snapshot(&self) -> (Vec<Seen>, Vec<SeenRun>) {
        let (mut seen, mut runs) = (Vec::new(), Vec::new());
        for (name, run) in self.by_age.iter().filter_map(|age| self.current(age)) {
            match run.first {
                0 => seen.push((name, run.at, run.sequence)),
                first => runs.push((name, first, run.length, run.at, run.sequence)),
            }
        }
        (seen, runs)
    }

    /// What a checkpoint had.
    pub(crate) fn restore(seen: &[Seen], runs: &[SeenRun]) -> Self {
        let whole = seen.iter().map(|&(name, at, sequence)| (name, Run::one(0, at, sequence)));
        let numbered = runs
            .iter()
            .map(|&(name, first, length, at, sequence)| (name, Run { first, length, at, sequence }));
        let mut all: Vec<_> = whole.chain(numbered).collect();
        all.sort_by_key(|(_, run)| run.at);
        let mut restored = Self::default();
        for (name, run) in all {
            restored.insert(name, run);
        }
        restored
    }

    fn current(&self, &(at, name, first): &Age) -> Option<(Fingerprint, Run)> {
        let run = self.by_name.get(&name)?.with(first)?;
        (run.first == first && run.at == at).then_some((name, run))
    }

    /// What [`Self::remember`] does of a client that counts, with one search: the latest run becomes longer, and no run has the number.
    fn lengthen(&mut self, id: Id, at: Timestamp, sequence: Sequence) -> bool {
        let Some(&(newest_at, newest, first)) = self.by_age.back() else { return false };
        if newest != id.name {
            return false;
        }
        let run = self.by_name.get_mut(&newest).and_then(|runs| runs.last_up_to(id.number));
        let newest = run.filter(|run| run.first == first && run.at == newest_at);
        newest.is_some_and(|run| run.take(id.number, at, sequence))
    }

    /// The run that was remembered last, if it is of this name.
    fn newest(&mut self, name: Fingerprint) -> Option<&mut Run> {
        let &(at, newest, first) = self.by_age.back()?;
        let runs = if newest == name { self.by_name.get_mut(&name) } else { None };
        runs?.starting_with(first).filter(|run| run.at == at)
    }

    fn insert(&mut self, name: Fingerprint, run: Run) {
        self.by_age.push_back((run.at, name, run.first));
        match self.by_name.entry(name) {
            Entry::Occupied(mut runs) => runs.get_mut().insert(run),
            Entry::Vacant(place) => _ = place.insert(Runs::One(run)),
        }
    }

    /// An older message stood for it, outside the window: it does no longer.
    fn cut_out(&mut self, id: Id) {
        let Some(runs) = self.by_name.get_mut(&id.name) else { return };
        let Some(run) = runs.with(id.number) else { return };
        if let Some(behind) = runs.cut_out(run, id.number) {
            let place = self.by_age.partition_point(|(at, ..)| *at <= behind.at);
            self.by_age.insert(place, (behind.at, id.name, behind.first));
        }
    }
}

#[cfg(test)]
mod tests;
