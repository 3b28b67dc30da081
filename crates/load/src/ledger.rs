use crate::Correctness;

/// Which messages of a topic came to one subscription.
///
/// Costs a compare while they come in order.
#[derive(Debug)]
pub(crate) struct Ledger {
    expected: u64,
    seen: Vec<bool>,
    /// One past the highest index that has come.
    next: u64,
    distinct: u64,
    correctness: Correctness,
}

impl Ledger {
    /// Of a topic to which messages 0 to `expected` are published.
    pub(crate) fn new(expected: u64) -> Self {
        let seen = vec![false; usize::try_from(expected).unwrap_or(usize::MAX)];
        Self { expected, seen, next: 0, distinct: 0, correctness: Correctness::default() }
    }

    /// One came.
    pub(crate) fn note(&mut self, index: u64) {
        let seen = usize::try_from(index).ok().and_then(|index| self.seen.get_mut(index));
        let Some(seen) = seen else { return self.correctness.foreign += 1 };
        if std::mem::replace(seen, true) {
            return self.correctness.duplicate += 1;
        }
        self.distinct += 1;
        if index < self.next {
            self.correctness.out_of_order += 1;
        }
        self.next = self.next.max(index + 1);
    }

    /// Something that no publisher of ours made.
    pub(crate) fn note_foreign(&mut self) {
        self.correctness.foreign += 1;
    }

    /// Whether every one has come.
    pub(crate) fn is_complete(&self) -> bool {
        self.distinct == self.expected
    }

    /// Different messages that have come.
    pub(crate) fn distinct(&self) -> u64 {
        self.distinct
    }

    /// What went wrong, if nothing more comes.
    pub(crate) fn close(&self) -> Correctness {
        Correctness { missing: self.expected - self.distinct, ..self.correctness }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(indices: &[u64]) -> Correctness {
        let mut ledger = Ledger::new(4);
        indices.iter().for_each(|index| ledger.note(*index));
        ledger.close()
    }

    #[test]
    fn all_in_order_is_perfect() {
        assert!(after(&[0, 1, 2, 3]).is_perfect());
    }

    #[test]
    fn a_gap_is_missing_until_it_is_filled_and_then_out_of_order() {
        assert_eq!(after(&[0, 2, 3]), Correctness { missing: 1, ..Correctness::default() });
        assert_eq!(after(&[0, 2, 3, 1]), Correctness { out_of_order: 1, ..Correctness::default() });
    }

    #[test]
    fn a_second_delivery_is_a_duplicate_and_an_unknown_index_is_foreign() {
        let found = after(&[0, 1, 1, 2, 3, 9]);
        assert_eq!(found, Correctness { duplicate: 1, foreign: 1, ..Correctness::default() });
    }
}
