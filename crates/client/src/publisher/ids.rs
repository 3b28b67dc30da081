//! The IDs that a publisher makes for messages that have none.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use data_encoding::HEXLOWER;

/// Characters of a prefix: 5 random bits each.
const PREFIX: usize = 26;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Characters of a deduplication ID, at most: prefix, hyphen, number.
pub(super) const DEDUPLICATION_ID: usize = PREFIX + 1 + 20;

/// Deduplication IDs: a prefix of this publisher alone, and a number that counts up by one, without leading zeros. The broker keeps such runs
/// in little memory.
#[derive(Debug)]
pub(super) struct DeduplicationIds {
    /// The latest; what is before its number is this publisher's alone.
    text: String,
    last: u64,
}

impl DeduplicationIds {
    /// None without randomness: better one message twice than two messages taken for one.
    pub(super) fn random() -> Option<Self> {
        let mut bits = [0; PREFIX];
        getrandom::fill(&mut bits).ok()?;
        let prefix = bits.iter().map(|bits| char::from(ALPHABET[usize::from(bits % 32)])).chain(['-']);
        Some(Self { text: prefix.collect(), last: 0 })
    }

    /// The next one is the longest there is.
    #[cfg(test)]
    pub(super) fn before_the_last() -> Self {
        Self { text: "x".repeat(PREFIX) + "-", last: u64::MAX - 1 }
    }

    pub(super) fn next(&mut self) -> &String {
        self.last += 1;
        self.text.truncate(PREFIX + 1);
        // Into a string nothing is ever refused.
        _ = write!(self.text, "{}", self.last);
        &self.text
    }
}

/// Correlation IDs: 32 hexadecimal digits, of which the first half is the publisher's and the second counts up from a random number.
#[derive(Debug)]
pub(super) struct CorrelationIds {
    publisher: u64,
    next: AtomicU64,
}

impl CorrelationIds {
    /// Without randomness they are less telling, and good enough.
    pub(super) fn random() -> Self {
        let mut bits = [[0; 8]; 2];
        _ = getrandom::fill(bits.as_flattened_mut());
        let [publisher, next] = bits.map(u64::from_le_bytes);
        Self { publisher, next: AtomicU64::new(next) }
    }

    pub(super) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let bytes = [self.publisher, number].map(u64::to_be_bytes);
        HEXLOWER.encode(bytes.as_flattened())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deduplication_ids_have_a_prefix_of_their_publisher_and_count_from_1() {
        let (mut a, mut b) = (DeduplicationIds::random().unwrap(), DeduplicationIds::random().unwrap());
        let (first, second) = (a.next().clone(), a.next().clone());
        let (prefix, number) = first.split_once('-').unwrap();
        assert_eq!((prefix.len(), number), (26, "1"));
        assert_eq!(second, format!("{prefix}-2"));
        assert_ne!(*b.next(), first);
        a.last = u64::MAX - 1;
        assert_eq!(a.next().len(), DEDUPLICATION_ID);
    }

    #[test]
    fn correlation_ids_are_32_hexadecimal_digits_and_differ() {
        let ids = CorrelationIds { publisher: 7, next: AtomicU64::new(u64::MAX) };
        let made = [ids.next(), ids.next()];
        assert_eq!(made, ["0000000000000007ffffffffffffffff", "00000000000000070000000000000000"]);
        assert_ne!(CorrelationIds::random().next(), CorrelationIds::random().next());
    }
}
