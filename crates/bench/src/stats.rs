//! Medians, spreads and ratios. Nothing is averaged: with a few runs, one that was disturbed would shift a mean.

/// A few values of the same figure, as a report shows them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The middle one; of an even number, the mean of the two in the middle.
    pub(crate) median: f64,
    /// The least.
    pub(crate) min: f64,
    /// The greatest.
    pub(crate) max: f64,
}

impl Spread {
    /// Of these values; none if there are none, or one is not a number.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        if sorted.iter().any(|value| !value.is_finite()) {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let below = if sorted.len().is_multiple_of(2) { middle - 1 } else { middle };
        let median = f64::midpoint(*sorted.get(below)?, *sorted.get(middle)?);
        Some(Self { median, min, max })
    }

    /// Of the ratios of two figures of the same round: what disturbed the machine in a round disturbed both. A round in which one is missing, or
    /// the lower one is zero, does not count.
    pub(crate) fn of_ratios(upper: &[(u32, f64)], lower: &[(u32, f64)]) -> Option<Self> {
        let of = |round: u32| lower.iter().find(|(other, _)| *other == round).map(|(_, value)| *value);
        let ratios =
            upper.iter().filter_map(|(round, value)| Some(value / of(*round).filter(|l| *l != 0.0)?));
        Self::of(ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_whatever_the_order() {
        let spread = Spread::of([9.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.0, min: 1.0, max: 9.0 });
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 100.0]).unwrap().median, 3.0);
    }

    #[test]
    fn one_value_is_its_own_spread_and_none_or_nonsense_has_none() {
        assert_eq!(Spread::of([7.0]), Some(Spread { median: 7.0, min: 7.0, max: 7.0 }));
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([1.0, f64::NAN]), None);
        assert_eq!(Spread::of([1.0, f64::INFINITY]), None);
    }

    #[test]
    fn a_ratio_is_taken_within_a_round_and_not_of_the_medians() {
        let (ours, theirs) = ([(1, 10.0), (2, 40.0), (3, 30.0)], [(1, 10.0), (2, 10.0), (3, 5.0)]);
        // Of the medians it would be 3.
        assert_eq!(Spread::of_ratios(&ours, &theirs), Some(Spread { median: 4.0, min: 1.0, max: 6.0 }));
    }

    #[test]
    fn rounds_without_a_partner_or_with_zero_below_do_not_count() {
        let ratios = Spread::of_ratios(&[(1, 10.0), (2, 8.0), (3, 1.0)], &[(2, 4.0), (3, 0.0)]);
        assert_eq!(ratios, Some(Spread { median: 2.0, min: 2.0, max: 2.0 }));
        assert_eq!(Spread::of_ratios(&[(1, 1.0)], &[(2, 1.0)]), None);
    }
}
