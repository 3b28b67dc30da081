//! The parts of an encoded message: a walk over its fields that copies nothing.

use prost::{
    DecodeError,
    encoding::{WireType, decode_key, decode_varint},
};

/// The bytes are no protobuf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// As prost says it.
    #[error(transparent)]
    Prost(#[from] DecodeError),
    /// They end inside a field.
    #[error("failed to decode Protobuf message: it ends inside a field")]
    CutOff,
    /// They have a group, which proto3 does not.
    #[error("failed to decode Protobuf message: it has a group")]
    Group,
}

/// Tag and bytes of each field that has a length: texts, bytes, messages, entries of maps. Numbers are passed over. Ends
/// after the first error.
#[derive(Debug, Clone)]
pub(crate) struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field; none if it is a number.
    fn field(&mut self) -> Result<Option<(u32, &'a [u8])>, Unreadable> {
        let (tag, wire_type) = decode_key(&mut self.rest)?;
        match wire_type {
            WireType::Varint => decode_varint(&mut self.rest).map(|_| None).map_err(Unreadable::from),
            WireType::SixtyFourBit => self.take(8).map(|_| None),
            WireType::ThirtyTwoBit => self.take(4).map(|_| None),
            WireType::LengthDelimited => {
                let length = decode_varint(&mut self.rest)?;
                self.take(length).map(|part| Some((tag, part)))
            }
            WireType::StartGroup | WireType::EndGroup => Err(Unreadable::Group),
        }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Unreadable> {
        let length = usize::try_from(length).map_err(|_| Unreadable::CutOff)?;
        let (part, rest) = self.rest.split_at_checked(length).ok_or(Unreadable::CutOff)?;
        self.rest = rest;
        Ok(part)
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<(u32, &'a [u8]), Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            match self.field() {
                Ok(Some(part)) => return Some(Ok(part)),
                Ok(None) => {}
                Err(error) => {
                    self.rest = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(bytes: &[u8]) -> Result<Vec<(u32, &[u8])>, Unreadable> {
        Parts::of(bytes).collect()
    }

    #[test]
    fn parts_come_with_their_tags_and_numbers_are_passed_over() {
        let bytes =
            [&[8, 150, 1, 18, 2, 7, 8][..], &[25, 0, 0, 0, 0, 0, 0, 0, 0, 37, 0, 0, 0, 0, 42, 0]].concat();
        assert_eq!(parts(&bytes).unwrap(), [(2, &[7, 8][..]), (5, &[])]);
        assert_eq!(parts(&[]).unwrap(), []);
    }

    #[test]
    fn what_is_cut_off_or_has_a_group_is_refused() {
        assert_eq!(parts(&[18, 3, 1, 2]), Err(Unreadable::CutOff));
        assert_eq!(parts(&[18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]), Err(Unreadable::CutOff));
        assert_eq!(parts(&[25, 0]), Err(Unreadable::CutOff));
        assert_eq!(parts(&[19, 20]), Err(Unreadable::Group));
        assert!(matches!(parts(&[18]), Err(Unreadable::Prost(_))));
        assert!(matches!(parts(&[0, 0]), Err(Unreadable::Prost(_))));
    }
}
