//! Counters for the operator.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters since the engine was opened.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> Stats {
                Stats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Group commits: writes followed by one sync.
    commits,
    /// Batches committed; divided by `commits` it is the size of a group.
    frames,
    /// Bytes committed, headers included.
    bytes,
    /// Time spent in group commits, writing and syncing.
    commit_micros,
    /// The longest group commit.
    commit_max_micros,
    /// Times that space was taken ahead.
    extensions,
    /// Segments begun.
    segments,
    /// Bytes of torn tails that were cut off when logs were opened.
    torn_bytes,
    /// Damaged places found: ranges of positions, headers of segments, checkpoints.
    damaged,
}

pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
