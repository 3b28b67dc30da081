//! Where in the index a condition is found: under a hash that values can be looked up by, in an order, or in a list.

use std::hash::Hasher;
use std::net::IpAddr;

use smallvec::SmallVec;

use crate::condition::{Condition, Number, Pattern, Range, Text};
use crate::paths::{Hashes, PathId};

/// Longer prefixes and suffixes are found by this many bytes of theirs: it bounds how many lengths are tried with one value.
pub(super) const PART: usize = 64;
/// Patterns with a head and a tail are found by both, and by no more than this many bytes of each.
pub(super) const END: usize = 10;
/// The narrowest and the widest class of ranges, as exponents of two.
const NARROWEST: i32 = -32;
const WIDEST: i32 = 63;

/// The kind of value that a hash is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    /// `true`, `false`, `null`.
    Word,
    Number,
    Text,
    /// A text in lower case.
    Folded,
    /// How a text begins; the parameter is how many bytes.
    Prefix,
    Suffix,
    FoldedPrefix,
    FoldedSuffix,
    /// How a text begins and ends; the parameter is how many bytes of each.
    Ends,
    /// The first bits of an address; the parameter is how many.
    V4,
    V6,
    /// The bucket that a range begins in; the parameter is the buckets' width, as an exponent of two.
    Range,
}

/// What is hashed, less the value: one lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) parameter: i8,
}

/// Where a condition is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Hash(Shape, u64),
    /// Among the numbers that values are above, or at.
    Above(Number),
    Below(Number),
    /// Nowhere better than in a list that is gone through.
    List,
}

/// A hash that postings are found under. Two values with one hash only cost a candidate that comes to nothing, so no value is kept.
pub(super) fn hash(hashes: &Hashes, path: PathId, shape: Shape, bytes: &[u8]) -> u64 {
    let mut hasher = hashes.hasher();
    let shape = u64::from(shape.kind as u8) << 8 | u64::from(shape.parameter.cast_unsigned());
    hasher.write_u64((path.index() as u64) << 16 | shape);
    hasher.write(bytes);
    hasher.finish()
}

impl Kind {
    pub(super) fn shape(self) -> Shape {
        Shape { kind: self, parameter: 0 }
    }

    /// `parameter` is at most 127, as all are.
    pub(super) fn with(self, parameter: usize) -> Shape {
        Shape { kind: self, parameter: i8::try_from(parameter).unwrap_or(i8::MAX) }
    }
}

impl Key {
    /// Where a leaf is found, each place once: many conditions may lead to one.
    pub(super) fn all(hashes: &Hashes, path: PathId, conditions: &[Condition]) -> SmallVec<[Self; 4]> {
        let mut keys: SmallVec<[Self; 4]> =
            conditions.iter().map(|condition| Self::of(hashes, path, condition)).collect();
        if keys.len() > 1 {
            keys.sort_unstable();
            keys.dedup();
        }
        keys
    }

    fn of(hashes: &Hashes, path: PathId, condition: &Condition) -> Self {
        let key = |shape: Shape, bytes: &[u8]| Self::Hash(shape, hash(hashes, path, shape, bytes));
        match condition {
            Condition::Exists | Condition::AnythingBut(_) => Self::List,
            Condition::Null => key(Kind::Word.shape(), word(None)),
            Condition::Bool(value) => key(Kind::Word.shape(), word(Some(*value))),
            Condition::Number(value) => key(Kind::Number.shape(), &number(value.0)),
            Condition::Exact(text) => key(Kind::Text.shape(), text.as_bytes()),
            Condition::EqualsIgnoreCase(text) => key(Kind::Folded.shape(), text.as_bytes()),
            Condition::Prefix(Text { text, ignore_case }) => {
                let head = &text.as_bytes()[..text.len().min(PART)];
                key(if *ignore_case { Kind::FoldedPrefix } else { Kind::Prefix }.with(head.len()), head)
            }
            Condition::Suffix(Text { text, ignore_case }) => {
                let tail = &text.as_bytes()[text.len().saturating_sub(PART)..];
                key(if *ignore_case { Kind::FoldedSuffix } else { Kind::Suffix }.with(tail.len()), tail)
            }
            Condition::Wildcard(pattern) => of_pattern(pattern, key),
            Condition::Cidr(cidr) => match cidr.network {
                IpAddr::V4(network) => key(Kind::V4.with(cidr.prefix.into()), &network.octets()),
                // All 128 bits is one more than fits.
                IpAddr::V6(network) => key(Kind::V6.with(cidr.prefix.min(127).into()), &network_127(network)),
            },
            Condition::Range(range) => of_range(range, key),
        }
    }
}

fn of_pattern(pattern: &Pattern, key: impl Fn(Shape, &[u8]) -> Key) -> Key {
    let head = pattern.literals.first().map_or(&[][..], |head| head.as_bytes());
    let tail = pattern.literals.last().map_or(&[][..], |tail| tail.as_bytes());
    match (&head[..head.len().min(PART)], &tail[tail.len().saturating_sub(PART)..]) {
        ([], []) => Key::List,
        (head, []) => key(Kind::Prefix.with(head.len()), head),
        ([], tail) => key(Kind::Suffix.with(tail.len()), tail),
        _ => {
            let (shape, ends) = ends(head, tail, head.len().min(END), tail.len().min(END));
            key(shape, &ends)
        }
    }
}

/// The two ends of a text, so many bytes of its head and of its tail.
pub(super) fn ends(head: &[u8], tail: &[u8], of_head: usize, of_tail: usize) -> (Shape, [u8; 2 * END]) {
    let mut ends = [0; 2 * END];
    ends[..of_head].copy_from_slice(&head[..of_head]);
    ends[END..END + of_tail].copy_from_slice(&tail[tail.len() - of_tail..]);
    (Kind::Ends.with(of_head * (END + 1) + of_tail), ends)
}

fn of_range(range: &Range, key: impl Fn(Shape, &[u8]) -> Key) -> Key {
    match (range.low, range.high) {
        (Some(low), Some(high)) => {
            let width = class(high.at.0 - low.at.0);
            // Wide ones are as good as half-open.
            width.map_or(Key::Above(low.at), |width| {
                key(Shape { kind: Kind::Range, parameter: width }, &number(bucket(low.at.0, width)))
            })
        }
        (Some(low), None) => Key::Above(low.at),
        (None, Some(high)) => Key::Below(high.at),
        (None, None) => Key::List,
    }
}

/// The class of a range's width: the least power of two that is more. [`None`]: too wide for any.
fn class(width: f64) -> Option<i8> {
    // The exponent of the power of two that is no more. Rounding cannot carry a width that is at least a power of two below it.
    let exponent = i32::try_from(width.to_bits() >> 52 & 0x7ff).unwrap_or(i32::MAX) - 1023;
    let class = (exponent + 1).max(NARROWEST);
    (class <= WIDEST).then(|| i8::try_from(class).unwrap_or(i8::MAX))
}

/// The bucket that a number is in. A range of the class spans two at most, the one that it begins in and the next.
pub(super) fn bucket(value: f64, class: i8) -> f64 {
    // Two to the power of minus `class`, which is exact.
    let scale = f64::from_bits((1023 - i64::from(class)).cast_unsigned() << 52);
    (value * scale).floor()
}

/// A number as bytes; zero has one sign.
pub(super) fn number(value: f64) -> [u8; 8] {
    (value + 0.0).to_le_bytes()
}

pub(super) fn word(value: Option<bool>) -> &'static [u8] {
    match value {
        None => b"null",
        Some(true) => b"true",
        Some(false) => b"false",
    }
}

/// An address without its last bit.
pub(super) fn network_127(address: std::net::Ipv6Addr) -> [u8; 16] {
    (address.to_bits() & !1).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_spans_two_buckets_of_its_class_at_most() {
        let numbers =
            [0.0, 0.00001, 0.5, 1.0, 3.0, 7.99999, 8.0, 1e9, 999_999_999.5, 1e15, 9e15, 1.8e16, 1e300];
        let signed: Vec<f64> = numbers.iter().flat_map(|n| [*n, -n]).collect();
        for low in &signed {
            for high in signed.iter().filter(|high| low <= high) {
                let Some(class) = class(high - low) else { continue };
                let first = bucket(*low, class);
                for value in signed.iter().filter(|value| low <= value && *value <= high) {
                    let at = bucket(*value, class);
                    assert!(at == first || at - 1.0 == first, "{low}..{high}: {value} in {at}, {first}");
                }
            }
        }
    }

    #[test]
    fn classes_are_powers_of_two_above_the_width() {
        assert_eq!(class(0.0), Some(-32));
        assert_eq!(class(1.0), Some(1));
        assert_eq!(class(7.9), Some(3));
        assert_eq!(class(8.0), Some(4));
        assert_eq!(class(f64::INFINITY), None);
        assert_eq!(class(1e300), None);
    }
}
