use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What the broker itself needs to know of a message. Everything else is in the message's encoded bytes,
/// which it stores and hands on as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageMeta {
    /// Messages with the same key are delivered one after the other to subscriptions with ordering on.
    pub ordering_key: Option<Box<str>>,
    /// A second publish with the same one inside the topic's window stores nothing.
    pub deduplication_id: Option<Box<str>>,
    /// Follows the message from publisher to last settled delivery. Never empty once accepted.
    pub correlation_id: Box<str>,
    /// Not delivered before; in the past means at once.
    pub deliver_at: Timestamp,
    /// Not delivered after.
    pub expire_at: Option<Timestamp>,
}

/// An ordering key as a queue sees it. Two keys that share a hash share a line, which delays but never reorders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyHash(pub u64);

impl KeyHash {
    /// 64-bit FNV-1a. Checkpoints keep it, so it must stay the same in every release.
    pub fn of(key: &str) -> Self {
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_hashes_as_in_every_earlier_release() {
        // Test vectors of FNV-1a 64: the empty string and "a".
        assert_eq!(KeyHash::of(""), KeyHash(0xcbf2_9ce4_8422_2325));
        assert_eq!(KeyHash::of("a"), KeyHash(0xaf63_dc4c_8601_ec8c));
    }
}
