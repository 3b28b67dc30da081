//! What clients did and saw, as JSON lines.
//!
//! A call has an `…Invoked` event and at most one answer with the same [`Call`] number: `…Ok` (it holds), [`Event::Failed`] (it did not
//! happen), [`Event::Unknown`] (it may have happened: cancelled, timed out, or a crash came first). A call without an answer is unknown.
//!
//! Times are the simulation's, in microseconds. [`Entry::line`] numbers the events; violations name them by it.

mod event;
mod kinds;
mod recorder;

pub use event::{
    Call, DedupId, Delivered, Entry, Event, FinalCounts, Invoked, Lease, Log, Message, Receipt, Sequence,
    SettleKind, Settlement, Sought, SubscriptionRules, SubscriptionUid, Uid,
};
pub use kinds::{Kind, Kinds};
pub use recorder::Recorder;

/// FNV-1a 64 of a payload: enough to notice that a payload is another one.
pub fn hash_of(payload: &[u8]) -> u64 {
    payload.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A history as JSON lines.
pub fn to_lines(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        serde_json::to_string(entry).expect("an event has no value that JSON cannot hold") + "\n"
    };
    entries.iter().map(line).collect()
}

/// A history from JSON lines.
///
/// # Errors
/// The first line that is no event.
pub fn from_lines(text: &str) -> Result<Vec<Entry>, serde_json::Error> {
    text.lines().map(serde_json::from_str).collect()
}
