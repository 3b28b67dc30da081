use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::Instant;

/// The least that a body can be: index and time.
pub const SMALLEST_BODY: usize = 16;

/// One clock for a run: publishers and subscribers are in one process.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Starts at zero.
    #[expect(
        clippy::disallowed_methods,
        reason = "measuring takes time, and tokio's clock can be moved in tests"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since its start.
    pub fn now(self) -> Duration {
        self.0.elapsed()
    }

    /// The moment at which this much has passed.
    pub fn at(self, after: Duration) -> Instant {
        self.0 + after
    }
}

/// What a message carries: which it is, when it was (to be) sent, and filling that does not compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    /// Counts from 0 for each topic.
    pub index: u64,
    /// By the run's [`Clock`].
    pub sent: Duration,
}

impl Body {
    /// The bytes; `filling` is as long as the body, and its start is replaced.
    pub fn encode(self, filling: &[u8]) -> Bytes {
        let mut bytes = BytesMut::with_capacity(filling.len().max(SMALLEST_BODY));
        bytes.put_u64_le(self.index);
        bytes.put_u64_le(u64::try_from(self.sent.as_nanos()).unwrap_or(u64::MAX));
        bytes.put_slice(filling.get(SMALLEST_BODY..).unwrap_or_default());
        bytes.freeze()
    }

    /// Reads it back; none if it is not one of ours.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (index, rest) = bytes.split_first_chunk()?;
        let (sent, _) = rest.split_first_chunk()?;
        Some(Self {
            index: u64::from_le_bytes(*index),
            sent: Duration::from_nanos(u64::from_le_bytes(*sent)),
        })
    }

    /// Bytes that no compression shortens, the same in each run.
    pub fn filling(length: usize) -> Vec<u8> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            // Xorshift: Marsaglia, "Xorshift RNGs", 2003.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(next());
        }
        bytes.truncate(length);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_back_as_it_was_written() {
        let body = Body { index: 7, sent: Duration::from_nanos(1_234_567) };
        let bytes = body.encode(&Body::filling(100));
        assert_eq!(bytes.len(), 100);
        assert_eq!(Body::decode(&bytes), Some(body));
        assert_eq!(Body::decode(&bytes[..15]), None);
    }
}
