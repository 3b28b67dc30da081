//! A set of sequences that is small when they lie together.

use std::collections::BTreeMap;

use types::Sequence;

/// Inclusive ranges, first to last; disjoint and with a gap between any two.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    ranges: BTreeMap<Sequence, Sequence>,
    len: u64,
}

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
        let after = sequence.checked_add(1).and_then(|next| self.ranges.remove(&next));
        self.ranges.insert(first, after.unwrap_or(sequence));
        self.len += 1;
    }

    pub(crate) fn remove_below(&mut self, below: Sequence) {
        while let Some(range) = self.ranges.first_entry().filter(|range| *range.key() < below) {
            let (first, last) = range.remove_entry();
            let kept_from = below.min(last.saturating_add(1));
            self.len -= kept_from - first;
            if last >= below {
                self.ranges.insert(below, last);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sequences in the set.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn first(&self) -> Option<Sequence> {
        self.ranges.keys().next().copied()
    }

    pub(crate) fn to_pairs(&self) -> Vec<(Sequence, Sequence)> {
        self.ranges.iter().map(|(first, last)| (*first, *last)).collect()
    }

    pub(crate) fn from_pairs(pairs: Vec<(Sequence, Sequence)>) -> Self {
        let len = pairs.iter().map(|(first, last)| last - first + 1).sum();
        Self { ranges: pairs.into_iter().collect(), len }
    }

    fn at_or_before(&self, sequence: Sequence) -> Option<(Sequence, Sequence)> {
        self.ranges.range(..=sequence).next_back().map(|(first, last)| (*first, *last))
    }
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
        assert_eq!((set.to_pairs(), set.len()), (vec![(3, 7)], 5));
        set.remove_below(5);
        assert_eq!((set.to_pairs(), set.len()), (vec![(5, 7)], 3));
    }

    proptest! {
        #[test]
        fn behaves_like_a_set(inserted in prop::collection::vec(0_u64..64, 0..64), below in 0_u64..70) {
            let mut ranges = Ranges::default();
            let mut set = BTreeSet::new();
            for sequence in inserted {
                ranges.insert(sequence);
                set.insert(sequence);
            }
            ranges.remove_below(below);
            set.retain(|sequence| *sequence >= below);
            prop_assert_eq!(ranges.len(), set.len() as u64);
            prop_assert_eq!(ranges.first(), set.first().copied());
            for sequence in 0..70 {
                prop_assert_eq!(ranges.contains(sequence), set.contains(&sequence), "{}", sequence);
            }
        }
    }
}
