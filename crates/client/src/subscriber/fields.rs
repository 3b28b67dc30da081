//! The fields of an encoded message, one after the other, out of a slice: as far as is needed to find in it what one wants, and to know that it is
//! a message. Prost reads from anything; a slice alone takes a fraction of the time, and this is done for every message.
//!
//! The broker has a like walk of its own: neither may depend on the other, and what they share is the generated protocol alone.

use std::ops::Range;

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a message is cut off")]
    CutOff,
    #[error("a number is longer than ten bytes")]
    Number,
    #[error("field {0} is of another type")]
    Field(u64),
    #[error(transparent)]
    Answer(#[from] prost::DecodeError),
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    /// Where they are in the slice.
    Bytes(Range<usize>),
    /// What nobody here looks at.
    Fixed,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl<'a> Fields<'a> {
    /// Those of a part of a slice.
    pub(super) fn of(bytes: &'a [u8], part: &Range<usize>) -> Self {
        Self { bytes: &bytes[..part.end], next: part.start }
    }

    /// The next one: its tag and what it holds. None at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value)>, Malformed> {
        if self.next == self.bytes.len() {
            return Ok(None);
        }
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => self.pass(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.number()?;
                Value::Bytes(self.pass(length)?)
            }
            5 => self.pass(4).map(|_| Value::Fixed)?,
            _ => return Err(Malformed::Field(key >> 3)),
        };
        Ok(Some((key >> 3, value)))
    }

    #[inline]
    fn pass(&mut self, length: u64) -> Result<Range<usize>, Malformed> {
        let left = self.bytes.len() - self.next;
        let length =
            usize::try_from(length).ok().filter(|length| *length <= left).ok_or(Malformed::CutOff)?;
        let start = self.next;
        self.next += length;
        Ok(start..self.next)
    }

    #[inline]
    fn number(&mut self) -> Result<u64, Malformed> {
        match self.bytes.get(self.next) {
            Some(byte) if *byte < 0x80 => {
                self.next += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.next).ok_or(Malformed::CutOff)?;
            self.next += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // Of the tenth byte there is room for one bit.
                return if shift == 63 && byte > 1 { Err(Malformed::Number) } else { Ok(number) };
            }
        }
        Err(Malformed::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u64, Value)>, Malformed> {
        let mut fields = Fields::of(bytes, &(0..bytes.len()));
        std::iter::from_fn(|| fields.next().transpose()).collect()
    }

    #[test]
    fn fields_are_found_whatever_they_hold() {
        let bytes =
            [0x08, 0xff, 0x01, 0x12, 2, 7, 7, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4, 0x7a, 0];
        let found = all(&bytes).unwrap();
        let wanted = [
            (1, Value::Number(255)),
            (2, Value::Bytes(5..7)),
            (3, Value::Fixed),
            (4, Value::Fixed),
            (15, Value::Bytes(23..23)),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_cut_off_anywhere_or_too_long_is_found_out() {
        for cut in
            [&[0x08][..], &[0x08, 0x80], &[0x12], &[0x12, 2, 7], &[0x19, 1, 2], &[0x25, 1, 2, 3], &[0xf8]]
        {
            assert_eq!(all(cut), Err(Malformed::CutOff), "{cut:?}");
        }
        let huge = [&[0x12][..], &[0xff; 9], &[1]].concat();
        assert_eq!(all(&huge), Err(Malformed::CutOff));
        assert_eq!(all(&[&[0x08][..], &[0xff; 9], &[1]].concat()), Ok(vec![(1, Value::Number(u64::MAX))]));
        for long in [[&[0x08][..], &[0xff; 9], &[2]].concat(), [&[0x08][..], &[0xff; 11]].concat()] {
            assert_eq!(all(&long), Err(Malformed::Number));
        }
        assert_eq!(all(&[0x0b]), Err(Malformed::Field(1)), "groups are not of our proto3");
    }
}
