//! Where some of a segment's frames begin, so that a read need not start at the segment's first byte.
//!
//! # Limits
//!
//! - At most 256 entries a segment (8 KiB): when they are used up, every other one goes and the distance doubles.

use types::{Position, Timestamp};

use crate::format::SEGMENT_HEADER;

const ENTRIES: usize = 256;
/// Bytes from one entry to the next, at first.
pub(crate) const STRIDE: u64 = 64 << 10;

/// A frame's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) first: Position,
    pub(crate) at: Timestamp,
    pub(crate) offset: u64,
    /// The link that the frame must carry, where it is known.
    pub(crate) link: Option<u32>,
}

/// Entries in the order of their offsets; the first is the segment's first frame.
#[derive(Debug)]
pub(crate) struct SparseIndex {
    entries: Vec<Entry>,
    stride: u64,
}

impl SparseIndex {
    /// Of a segment that begins there.
    pub(crate) fn new(first: Position, created_at: Timestamp, link: Option<u32>) -> Self {
        let start = Entry { first, at: created_at, offset: SEGMENT_HEADER as u64, link };
        Self { entries: vec![start], stride: STRIDE }
    }

    /// The segment before ends with this link, so the first frame must carry it, or later readers find damage there too. A
    /// chain that begins anew, behind damage, says so with a 0.
    pub(crate) fn follow(&mut self, link: u32) {
        let first = &mut self.entries[0];
        if first.link.is_some_and(|expected| expected != 0) {
            first.link = Some(link);
        }
    }

    /// Remembers a frame if it lies far enough behind the last one remembered.
    pub(crate) fn note(&mut self, entry: Entry) {
        let last = self.entries[self.entries.len() - 1];
        if entry.offset < last.offset + self.stride {
            return;
        }
        if self.entries.len() == ENTRIES {
            self.stride *= 2;
            let mut place = 0;
            self.entries.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
        self.entries.push(entry);
    }

    /// The last one at or before a position.
    pub(crate) fn before(&self, position: Position) -> Entry {
        self.entries[self.entries.partition_point(|entry| entry.first <= position).max(1) - 1]
    }

    /// The last one that is older than a time, so that the first frame of that time comes after it.
    pub(crate) fn older_than(&self, at: Timestamp) -> Entry {
        self.entries[self.entries.partition_point(|entry| entry.at < at).max(1) - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_finds_the_last_entry_before_it_and_the_entries_stay_bounded() {
        let mut index = SparseIndex::new(1, Timestamp::EPOCH, Some(0));
        for number in 1..100_000_u64 {
            let at = Timestamp::from_micros(number);
            index.note(Entry {
                first: number,
                at,
                offset: SEGMENT_HEADER as u64 + number * 1_000,
                link: None,
            });
        }
        assert!(index.entries.len() <= ENTRIES);
        for position in [1, 2, 5_000, 99_999, 1_000_000] {
            let found = index.before(position);
            assert!(
                found.first <= position && position.min(99_999) - found.first <= 2 * index.stride / 1_000
            );
            assert!(
                index.older_than(Timestamp::from_micros(position)).at <= Timestamp::from_micros(position)
            );
        }
    }
}
