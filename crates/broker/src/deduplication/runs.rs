//! The numbers of one name.

use std::{collections::BTreeMap, num::NonZeroU32};

use types::{Sequence, Timestamp};

/// Numbers one after the other, accepted together as messages one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) length: NonZeroU32,
    pub(super) at: Timestamp,
    /// Of the first.
    pub(super) sequence: Sequence,
}

impl Run {
    pub(super) fn one(number: u64, at: Timestamp, sequence: Sequence) -> Self {
        Self { first: number, length: NonZeroU32::MIN, at, sequence }
    }

    fn end(&self) -> u64 {
        self.first + u64::from(self.length.get())
    }

    /// Makes it longer by this number, if it is the next.
    pub(super) fn take(&mut self, number: u64, at: Timestamp, sequence: Sequence) -> bool {
        let next = self.sequence + u64::from(self.length.get());
        let longer = self.length.checked_add(1);
        let is_next = self.first > 0 && self.end() == number && self.at == at && next == sequence;
        if let Some(longer) = longer.filter(|_| is_next) {
            self.length = longer;
            return true;
        }
        false
    }

    pub(super) fn sequence_of(&self, number: u64) -> Option<Sequence> {
        (self.first..self.end()).contains(&number).then(|| self.sequence + (number - self.first))
    }

    /// What is before and behind a number in it.
    fn without(&self, number: u64) -> [Option<Self>; 2] {
        let part = |first: u64, end: u64| {
            let length = u32::try_from(end - first).ok().and_then(NonZeroU32::new)?;
            Some(Self { first, length, at: self.at, sequence: self.sequence + (first - self.first) })
        };
        [part(self.first, number), part(number + 1, self.end())]
    }
}

/// They do not overlap. Nearly every name has one run, or very many.
#[derive(Debug)]
pub(super) enum Runs {
    One(Run),
    /// By their first number.
    Many(BTreeMap<u64, Run>),
}

impl Runs {
    /// The run with this number in it.
    pub(super) fn with(&self, number: u64) -> Option<Run> {
        let run = match self {
            Self::One(run) => run,
            Self::Many(runs) => runs.range(..=number).next_back()?.1,
        };
        run.sequence_of(number).is_some().then_some(*run)
    }

    /// The run with the greatest first number that is not above this one.
    pub(super) fn last_up_to(&mut self, number: u64) -> Option<&mut Run> {
        match self {
            Self::One(run) => (run.first <= number).then_some(run),
            Self::Many(runs) => Some(runs.range_mut(..=number).next_back()?.1),
        }
    }

    pub(super) fn starting_with(&mut self, first: u64) -> Option<&mut Run> {
        match self {
            Self::One(run) => (run.first == first).then_some(run),
            Self::Many(runs) => runs.get_mut(&first),
        }
    }

    pub(super) fn insert(&mut self, run: Run) {
        match self {
            Self::One(other) if other.first == run.first => *other = run,
            Self::One(other) => {
                *self = Self::Many(BTreeMap::from([(other.first, *other), (run.first, run)]));
            }
            Self::Many(runs) => _ = runs.insert(run.first, run),
        }
    }

    /// Whether nothing is left.
    pub(super) fn remove(&mut self, first: u64) -> bool {
        match self {
            Self::One(run) => run.first == first,
            Self::Many(runs) => {
                runs.remove(&first);
                runs.is_empty()
            }
        }
    }

    /// Takes a number out of the run that it is in, so that another message can stand for it. What is behind it there is a run of its own from
    /// now on. If nothing is left, the caller inserts a run that begins with the number, or makes one longer by it.
    pub(super) fn cut_out(&mut self, run: Run, number: u64) -> Option<Run> {
        let [before, behind] = run.without(number);
        if let Self::Many(runs) = self {
            runs.remove(&run.first);
        }
        for part in [before, behind].into_iter().flatten() {
            match self {
                Self::One(left) if *left == run => *left = part,
                _ => self.insert(part),
            }
        }
        behind
    }
}
