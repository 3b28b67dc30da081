//! Numbers: `f64` throughout, which tells apart all that SNS does (five decimals up to 10^9).

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// A finite `f64` with a total order and a hash. -0 is 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(pub(crate) f64);

/// A bounded or half-open range of numbers; at least one end, and not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Range {
    pub(crate) low: Option<Bound>,
    pub(crate) high: Option<Bound>,
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bound {
    pub(crate) at: Number,
    pub(crate) inclusive: bool,
}

impl Range {
    pub(crate) fn contains(&self, value: Number) -> bool {
        self.low.is_none_or(|low| low.allows(value.cmp(&low.at), Ordering::Greater))
            && self.high.is_none_or(|high| high.allows(value.cmp(&high.at), Ordering::Less))
    }
}

impl Bound {
    fn allows(self, side: Ordering, allowed: Ordering) -> bool {
        side == allowed || (self.inclusive && side.is_eq())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0 + 0.0).to_bits().hash(state);
    }
}
