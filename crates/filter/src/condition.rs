//! What one value must be.

use std::net::IpAddr;

use crate::Scalar;

/// A condition on one value. `{"exists": false}` is none: see [`Leaf::or_absent`](crate::policy::Leaf::or_absent).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Condition {
    /// `{"exists": true}`: any value.
    Exists,
    /// `null`, `true`, `false`.
    Null,
    Bool(bool),
    /// A number, or `{"numeric": ["=", n]}`.
    Number(Number),
    /// A text.
    Exact(Box<str>),
    /// Compared after [`fold`].
    EqualsIgnoreCase(Box<str>),
    Prefix(Text),
    Suffix(Text),
    Wildcard(Pattern),
    Range(Range),
    Cidr(Cidr),
    /// Any value that none of these holds for. No `AnythingBut` and no `Exists` inside.
    AnythingBut(Box<[Condition]>),
}

/// Part of a text, compared as it is or after [`fold`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Text {
    /// Folded already if `ignore_case`.
    pub(crate) text: Box<str>,
    pub(crate) ignore_case: bool,
}

/// A finite `f64` with a total order and a hash. -0 is 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(pub(crate) f64);

/// A bounded or half-open range of numbers; at least one end.
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

/// A block of addresses: the host bits of `network` are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cidr {
    pub(crate) network: IpAddr,
    pub(crate) prefix: u8,
}

/// A wildcard pattern: literals with any text between two of them. At least two literals; those at the ends may be empty, which is how a
/// star at the beginning or the end is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pattern {
    pub(crate) literals: Box<[Box<str>]>,
}

impl Condition {
    /// Whether it holds for a value.
    pub(crate) fn holds(&self, _value: &Scalar<'_>) -> bool {
        todo!()
    }
}

/// Lower case, one rule for policies and values.
pub(crate) fn fold(_text: &str) -> String {
    todo!()
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

impl std::hash::Hash for Number {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.0 + 0.0).to_bits().hash(state);
    }
}
