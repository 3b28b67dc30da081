//! What one value must be.
//!
//! A condition on one type holds for no value of another: `"100"` is not `100`. Only [`Condition::Exists`] and
//! [`Condition::AnythingBut`] hold across types.

mod cidr;
mod number;
mod pattern;
mod text;

pub(crate) use cidr::{Cidr, address, masked};
pub(crate) use number::{Bound, Number, Range};
pub(crate) use pattern::Pattern;
pub(crate) use text::{Text, fold};

use crate::Scalar;

/// A condition on one value. `{"exists": false}` is none: see [`Leaf::or_absent`](crate::policy::Leaf::or_absent).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Condition {
    /// `{"exists": true}`: any value.
    Exists,
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number, or `{"numeric": ["=", n]}`.
    Number(Number),
    /// A text, or a wildcard pattern without a star.
    Exact(Box<str>),
    /// Compared after [`fold`], as this text is already.
    EqualsIgnoreCase(Box<str>),
    /// How a text begins.
    Prefix(Text),
    /// How a text ends.
    Suffix(Text),
    /// What a text looks like, with gaps.
    Wildcard(Pattern),
    /// Between which numbers a number lies.
    Range(Range),
    /// Which addresses a text may be one of.
    Cidr(Cidr),
    /// Any value that none of these holds for. No `AnythingBut` and no `Exists` inside. Sorted, no two alike.
    AnythingBut(Box<[Condition]>),
}

impl Condition {
    /// Whether it holds for a value.
    pub(crate) fn holds(&self, value: &Scalar<'_>) -> bool {
        match (self, value) {
            (Self::Exists, _) | (Self::Null, Scalar::Null) => true,
            (Self::AnythingBut(these), _) => these.iter().all(|this| !this.holds(value)),
            (Self::Bool(this), Scalar::Bool(value)) => this == value,
            (_, Scalar::Number(value)) => self.holds_for_number(Number(*value)),
            (_, Scalar::String(value)) => self.holds_for_text(value),
            _ => false,
        }
    }

    fn holds_for_number(&self, value: Number) -> bool {
        match self {
            Self::Number(this) => *this == value,
            Self::Range(range) => range.contains(value),
            _ => false,
        }
    }

    fn holds_for_text(&self, value: &str) -> bool {
        match self {
            Self::Exact(this) => **this == *value,
            Self::EqualsIgnoreCase(this) => text::folds_to(value, this),
            Self::Prefix(this) => this.begins(value),
            Self::Suffix(this) => this.ends(value),
            Self::Wildcard(pattern) => pattern.matches(value),
            Self::Cidr(cidr) => address(value).is_some_and(|address| cidr.contains(address)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
