//! In which rows a sequence may be, by the first and the last sequence of each.
//!
//! Rows are in classes by the length of their spans, twice as long from one class to the next. A row that has a sequence begins no further before
//! it than the longest span of its class, so of the rows of a class that do not overlap two are looked at, at most. A row with a long span, as
//! of messages that are delivered again, costs a search in its own class alone, and not one among all the short ones.

use std::collections::BTreeSet;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Class, first sequence, row.
    rows: BTreeSet<(u32, u64, u64)>,
}

/// Bits of what is between the first and the last.
fn class(first: u64, last: u64) -> u32 {
    u64::BITS - last.saturating_sub(first).leading_zeros()
}

/// The longest that there is in a class.
fn longest(class: u32) -> u64 {
    u64::MAX.checked_shr(u64::BITS - class).unwrap_or(0)
}

impl Spans {
    /// A row has sequences from this first to this last.
    pub(super) fn add(&mut self, first: u64, last: u64, row: u64) {
        self.rows.insert((class(first, last), first, row));
    }

    /// As it was added.
    pub(super) fn remove(&mut self, first: u64, last: u64, row: u64) {
        self.rows.remove(&(class(first, last), first, row));
    }

    /// The rows that may have a sequence, and few others.
    pub(super) fn around(&self, sequence: u64) -> impl Iterator<Item = u64> {
        self.classes().flat_map(move |class| {
            let from = sequence.saturating_sub(longest(class));
            let rows = self.rows.range((class, from, 0)..=(class, sequence, u64::MAX));
            rows.map(|(_, _, row)| *row)
        })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Those in which there is a row.
    fn classes(&self) -> impl Iterator<Item = u32> {
        let from = |class| self.rows.range((class, 0, 0)..).next().map(|(class, _, _)| *class);
        std::iter::successors(from(0), move |class| from(class + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(rows: &[(u64, u64)]) -> Spans {
        let mut spans = Spans::default();
        (0..).zip(rows).for_each(|(row, (first, last))| spans.add(*first, *last, row));
        spans
    }

    fn sorted(rows: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut rows: Vec<_> = rows.collect();
        rows.sort_unstable();
        rows
    }

    /// Short ones, long ones, and such as reach the ends of what there is.
    fn row() -> impl Strategy<Value = (u64, u64)> {
        let length = prop_oneof![Just(0), 0..4_u64, 0..100_u64, any::<u64>()];
        let first = prop_oneof![0..100_u64, u64::MAX - 100..=u64::MAX, any::<u64>()];
        (first, length).prop_map(|(first, length)| (first, first.saturating_add(length)))
    }

    proptest! {
        #[test]
        fn every_row_that_spans_a_sequence_is_around_it_as_long_as_it_is_there(
            rows in prop::collection::vec(row(), 0..40),
            removed in prop::collection::vec(any::<bool>(), 40),
            others in prop::collection::vec(prop_oneof![0..200_u64, any::<u64>()], 10),
        ) {
            let mut spans = spans(&rows);
            let is_there = |row: u64| !removed[usize::try_from(row).unwrap()];
            for (row, (first, last)) in (0..).zip(&rows).filter(|(row, _)| !is_there(*row)) {
                spans.remove(*first, *last, row);
            }
            for sequence in rows.iter().flat_map(|(first, last)| [*first, *last]).chain(others) {
                let spanning = |(row, (first, last)): (u64, &(u64, u64))| {
                    (is_there(row) && (*first..=*last).contains(&sequence)).then_some(row)
                };
                let wanted = sorted((0..).zip(&rows).filter_map(spanning));
                let around = sorted(spans.around(sequence));
                prop_assert!(wanted.iter().all(|row| around.contains(row)), "{wanted:?} {around:?}");
                prop_assert!(around.iter().all(|row| is_there(*row)));
            }
        }
    }

    #[test]
    fn of_many_rows_that_do_not_overlap_two_of_a_length_are_looked_at_however_long_another_is() {
        for length in [1, 2, 3, 7, 1_000] {
            let mut rows: Vec<_> = (0..10_000).map(|row| (row * length, row * length + length - 1)).collect();
            rows.push((0, 10_000 * length));
            let spans = spans(&rows);
            let most = (0..1_000).map(|sequence| spans.around(sequence * 7).count()).max();
            assert!(most <= Some(3), "{length}: {most:?}");
        }
    }

    #[test]
    fn a_row_whose_last_comes_before_its_first_is_around_its_first_and_can_be_removed() {
        let mut spans = spans(&[(9, 3)]);
        assert_eq!(sorted(spans.around(9)), [0]);
        spans.remove(9, 3, 0);
        assert_eq!((spans.len(), spans.around(9).count()), (0, 0));
    }
}
