//! A set of sequences that is small when they lie together.

use std::collections::BTreeMap;

use types::Sequence;

/// Inclusive ranges, first to last; disjoint and with a gap between any two.
#[derive(Debug, Default)]
pub(crate) struct Ranges(BTreeMap<Sequence, Sequence>);

impl Ranges {
    pub(crate) fn contains(&self, sequence: Sequence) -> bool {
        self.at_or_before(sequence).is_some_and(|(_, last)| last >= sequence)
    }

    /// Joins `sequence` to the ranges beside it. Nothing happens if it is in the set already.
    pub(crate) fn insert(&mut self, sequence: Sequence) {
        let before = self.at_or_before(sequence);
        if before.is_some_and(|(_, last)| last >= sequence) {
            return;
        }
        let first = before.filter(|(_, last)| last + 1 == sequence).map_or(sequence, |(first, _)| first);
        let after = sequence.checked_add(1).and_then(|next| self.0.remove(&next));
        self.0.insert(first, after.unwrap_or(sequence));
    }

    /// Puts everything from `first` to `last` into the set; how many were not in it.
    pub(crate) fn insert_all(&mut self, first: Sequence, last: Sequence) -> u64 {
        let touches = |(_, end): &(Sequence, Sequence)| end.saturating_add(1) >= first;
        let from = self.at_or_before(first).filter(touches).map_or(first, |(start, _)| start);
        let (mut start, mut end) = (first, last);
        let mut new = length(first, last);
        while let Some((&other, &other_end)) = self.0.range(from..=last.saturating_add(1)).next() {
            self.0.remove(&other);
            new = new.saturating_sub(length(other.max(first), other_end.min(last)));
            (start, end) = (start.min(other), end.max(other_end));
        }
        self.0.insert(start, end);
        new
    }

    pub(crate) fn remove_below(&mut self, below: Sequence) {
        while let Some(range) = self.0.first_entry().filter(|range| *range.key() < below) {
            let last = range.remove();
            if last >= below {
                self.0.insert(below, last);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sequences in the set that are below `below`.
    pub(crate) fn len_below(&self, below: Sequence) -> u64 {
        self.0.range(..below).map(|(first, last)| below.min(last.saturating_add(1)) - first).sum()
    }

    pub(crate) fn first(&self) -> Option<Sequence> {
        self.0.keys().next().copied()
    }

    pub(crate) fn to_pairs(&self) -> Vec<(Sequence, Sequence)> {
        self.0.iter().map(|(first, last)| (*first, *last)).collect()
    }

    pub(crate) fn from_pairs(pairs: Vec<(Sequence, Sequence)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    fn at_or_before(&self, sequence: Sequence) -> Option<(Sequence, Sequence)> {
        self.0.range(..=sequence).next_back().map(|(first, last)| (*first, *last))
    }
}

/// Sequences from `first` to `last`; none if they are the other way round.
fn length(first: Sequence, last: Sequence) -> u64 {
    last.checked_sub(first).map_or(0, |more| more.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_become_one_range() {
        let mut set = Ranges::default();
        for sequence in [3, 7, 5, 4, 6, 5] {
            set.insert(sequence);
        }
        assert_eq!((set.to_pairs(), set.len_below(u64::MAX)), (vec![(3, 7)], 5));
        set.remove_below(5);
        assert_eq!((set.to_pairs(), set.len_below(u64::MAX)), (vec![(5, 7)], 3));
    }

    proptest! {
        #[test]
        fn behaves_like_a_set(
            inserted in prop::collection::vec((0_u64..64, prop_oneof![3 => Just(0), 1 => 0_u64..20]), 0..64),
            below in 0_u64..70,
        ) {
            let mut ranges = Ranges::default();
            let mut set = BTreeSet::new();
            for (first, more) in inserted {
                let last = (first + more).min(69);
                let new = (first..=last).filter(|sequence| set.insert(*sequence)).count();
                if more == 0 {
                    ranges.insert(first);
                } else {
                    prop_assert_eq!(ranges.insert_all(first, last), new as u64);
                }
                let pairs = ranges.to_pairs();
                prop_assert!(pairs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "a gap between any two: {:?}", pairs);
            }
            ranges.remove_below(below);
            set.retain(|sequence| *sequence >= below);
            prop_assert_eq!(ranges.len_below(u64::MAX), set.len() as u64);
            prop_assert_eq!(ranges.first(), set.first().copied());
            for sequence in 0..70 {
                prop_assert_eq!(ranges.contains(sequence), set.contains(&sequence), "{}", sequence);
            }
        }
    }
}
