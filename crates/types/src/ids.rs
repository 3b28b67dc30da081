use std::{fmt, str::FromStr};

use data_encoding::{BASE32HEX_NOPAD, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize};

/// Names one log for as long as the data directory lives. Never used twice: a topic that is deleted and
/// created again gets a new one, so nothing of the old incarnation can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogId(pub u64);

/// A record's place in its log: 1 for the first record, one more for each that follows.
pub type Position = u64;

/// A message's number in its topic: the [`Position`] at which it was accepted. It strictly increases and
/// has gaps, because the topic's other records take positions too. A message keeps its sequence when
/// retention carries it forward to another place.
pub type Sequence = u64;

/// Names one subscription for as long as the data directory lives; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubscriptionUid(pub u64);

/// One lease of one message. Unique in a subscription across restarts, and increasing, so that "taken
/// before the seek" is a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaseId(pub u64);

/// An identifier that none of ours looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier that this broker gave out")]
pub struct MalformedId;

/// A message's identity, shown as 26 characters of base32hex that sort in the order of acceptance.
///
/// It says where the message is (which log, which sequence), so no index is needed to find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// The topic's log.
    pub log: LogId,
    /// The message's sequence in it.
    pub sequence: Sequence,
}

impl MessageId {
    /// Characters of its text.
    pub const CHARS: usize = 26;

    /// Its text, without an allocation of its own: every publish answers with it.
    pub fn ascii(&self) -> [u8; Self::CHARS] {
        let mut raw = [0; 16];
        raw[..8].copy_from_slice(&self.log.0.to_be_bytes());
        raw[8..].copy_from_slice(&self.sequence.to_be_bytes());
        let mut text = [0; Self::CHARS];
        BASE32HEX_NOPAD.encode_mut(&raw, &mut text);
        text
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ascii(f, &self.ascii())
    }
}

impl FromStr for MessageId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let raw = BASE32HEX_NOPAD.decode(text.as_bytes()).map_err(|_| MalformedId)?;
        let [log, sequence] = words(&raw)?;
        Ok(Self { log: LogId(log), sequence })
    }
}

/// The handle that settles one delivery, shown as 32 characters of URL-safe base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AckId {
    /// The subscription whose delivery it is.
    pub subscription: SubscriptionUid,
    /// The message delivered.
    pub sequence: Sequence,
    /// The lease under which it was delivered.
    pub lease: LeaseId,
}

impl AckId {
    /// Characters of its text.
    pub const CHARS: usize = 32;

    /// Its text, without an allocation of its own: every delivery has it.
    pub fn ascii(&self) -> [u8; Self::CHARS] {
        let mut raw = [0; 24];
        raw[..8].copy_from_slice(&self.subscription.0.to_be_bytes());
        raw[8..16].copy_from_slice(&self.sequence.to_be_bytes());
        raw[16..].copy_from_slice(&self.lease.0.to_be_bytes());
        let mut text = [0; Self::CHARS];
        BASE64URL_NOPAD.encode_mut(&raw, &mut text);
        text
    }
}

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ascii(f, &self.ascii())
    }
}

impl FromStr for AckId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let raw = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| MalformedId)?;
        let [subscription, sequence, lease] = words(&raw)?;
        Ok(Self { subscription: SubscriptionUid(subscription), sequence, lease: LeaseId(lease) })
    }
}

fn write_ascii(f: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    f.write_str(std::str::from_utf8(text).map_err(|_| fmt::Error)?)
}

/// Reads exactly `N` big-endian words.
fn words<const N: usize>(raw: &[u8]) -> Result<[u64; N], MalformedId> {
    let (words, rest) = raw.as_chunks::<8>();
    let words: &[[u8; 8]; N] = words.try_into().map_err(|_| MalformedId)?;
    if rest.is_empty() { Ok(words.map(u64::from_be_bytes)) } else { Err(MalformedId) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn message_ids_sort_as_text_in_the_order_of_acceptance() {
        let id = |sequence| MessageId { log: LogId(7), sequence }.to_string();
        assert!(id(9) < id(10) && id(255) < id(256) && id(1 << 40) < id((1 << 40) + 1));
        assert_eq!(id(1).len(), 26);
    }

    #[test]
    fn what_is_not_an_identifier_is_refused() {
        for text in ["", "x", "!!!", &"A".repeat(31), &"A".repeat(33), &"A".repeat(1_000)] {
            assert_eq!(text.parse::<AckId>(), Err(MalformedId), "{text}");
            assert_eq!(text.parse::<MessageId>(), Err(MalformedId), "{text}");
        }
    }

    proptest! {
        #[test]
        fn identifiers_come_back_from_their_text(a: u64, b: u64, c: u64) {
            let id = MessageId { log: LogId(a), sequence: b };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let id = AckId { subscription: SubscriptionUid(a), sequence: b, lease: LeaseId(c) };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
