//! Fields of fixed size, one after the other, sealed with a CRC32C.

/// Writes a header of `N` bytes.
pub(crate) struct Writer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Writer<N> {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; N], at: 0 }
    }

    pub(crate) fn put<const M: usize>(mut self, field: [u8; M]) -> Self {
        self.bytes[self.at..self.at + M].copy_from_slice(&field);
        self.at += M;
        self
    }

    pub(crate) fn u32(self, value: u32) -> Self {
        self.put(value.to_le_bytes())
    }

    pub(crate) fn u64(self, value: u64) -> Self {
        self.put(value.to_le_bytes())
    }

    /// Ends it with the CRC.
    pub(crate) fn seal(self) -> [u8; N] {
        debug_assert_eq!(self.at + 4, N, "every field was written");
        let crc = crc32c::crc32c(&self.bytes[..self.at]);
        self.u32(crc).bytes
    }
}

/// Reads a header; never past its end.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A header of `N` bytes, if its CRC is right.
    pub(crate) fn sealed<const N: usize>(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.first_chunk::<N>()?;
        let (fields, crc) = header.split_last_chunk::<4>()?;
        (crc32c::crc32c(fields) == u32::from_le_bytes(*crc)).then_some(Self(header))
    }

    pub(crate) fn take<const M: usize>(&mut self) -> [u8; M] {
        let Some((field, rest)) = self.0.split_first_chunk::<M>() else { return [0; M] };
        self.0 = rest;
        *field
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}
