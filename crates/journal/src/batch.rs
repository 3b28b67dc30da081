//! A batch of records as one run of bytes: built once, written to disk, cached and sliced without a copy.
//!
//! ```text
//! record: length u32 LE | bytes
//! batch:  record | record | ...
//! ```

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

const PREFIX: usize = 4;

/// Records that are kept whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
    count: u32,
    crc: u32,
}

/// Bytes that are not a run of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a run of {0} records")]
pub struct MalformedBatch(u32);

impl Batch {
    /// Reads back what [`Batch::bytes`] gave.
    ///
    /// # Errors
    /// The bytes are not exactly `count` records, or there are none.
    pub fn decode(bytes: Bytes, count: u32) -> Result<Self, MalformedBatch> {
        let mut rest = &bytes[..];
        let mut found = 0_u32;
        while let Some((length, tail)) = rest.split_first_chunk::<PREFIX>() {
            rest = tail.get(u32::from_le_bytes(*length) as usize..).ok_or(MalformedBatch(count))?;
            found += 1;
        }
        if !rest.is_empty() || found != count || count == 0 {
            return Err(MalformedBatch(count));
        }
        let crc = crc32c::crc32c(&bytes);
        Ok(Self { bytes, count, crc })
    }

    /// A batch of these records.
    pub fn of<R: AsRef<[u8]>>(records: impl IntoIterator<Item = R>) -> Self {
        let mut builder = BatchBuilder::default();
        for record in records {
            builder.push(|out| out.put_slice(record.as_ref()));
        }
        builder.finish()
    }

    /// The records as one run of bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many records; at least one.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// CRC32C of [`Batch::bytes`].
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// The records, each a slice of the one buffer.
    pub fn records(&self) -> impl Iterator<Item = Bytes> + '_ {
        self.ranges().map(|range| self.bytes.slice(range))
    }

    /// Where in [`Batch::bytes`] each record is.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let length = self.bytes.get(at..at + PREFIX)?.first_chunk::<PREFIX>().copied()?;
            let start = at + PREFIX;
            at = start + u32::from_le_bytes(length) as usize;
            Some(start..at)
        })
    }
}

/// Builds a [`Batch`] in one buffer.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    bytes: BytesMut,
    count: u32,
}

impl BatchBuilder {
    /// With room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: BytesMut::with_capacity(bytes), count: 0 }
    }

    /// Adds one record, written in place by `write`.
    pub fn push(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let prefix = self.bytes.len();
        self.bytes.put_u32_le(0);
        write(&mut self.bytes);
        let length = self.bytes.len() - prefix - PREFIX;
        let length = u32::try_from(length).expect("a record is far smaller than 4 GiB");
        self.bytes[prefix..prefix + PREFIX].copy_from_slice(&length.to_le_bytes());
        self.count += 1;
    }

    /// Nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The batch.
    ///
    /// # Panics
    /// Nothing was added: an empty batch has no position.
    pub fn finish(self) -> Batch {
        assert!(self.count > 0, "a batch holds at least one record");
        let bytes = self.bytes.freeze();
        let crc = crc32c::crc32c(&bytes);
        Batch { bytes, count: self.count, crc }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_batch_comes_back_from_its_bytes(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20)) {
            let batch = Batch::of(&records);
            let again = Batch::decode(batch.bytes().clone(), batch.count()).unwrap();
            prop_assert_eq!(&again, &batch);
            prop_assert_eq!(again.records().map(|r| r.to_vec()).collect::<Vec<_>>(), records);
        }

        #[test]
        fn bytes_that_are_not_records_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), count in 0_u32..5) {
            let _ = Batch::decode(Bytes::from(bytes), count);
        }
    }
}
