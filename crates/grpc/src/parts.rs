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
    /// A field has another type than it should.
    #[error("failed to decode Protobuf message: a field has another type")]
    OtherType,
    /// A text is none.
    #[error("failed to decode Protobuf message: a text is no UTF-8")]
    NoText,
}

/// What one field holds, by its type on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// Whole numbers, enums, true and false.
    Varint(u64),
    /// `double` and the like.
    Fixed64(u64),
    Fixed32,
    /// Texts, bytes, messages, entries of maps.
    Part(&'a [u8]),
}

impl<'a> Field<'a> {
    pub(crate) fn part(self) -> Result<&'a [u8], Unreadable> {
        if let Self::Part(part) = self { Ok(part) } else { Err(Unreadable::OtherType) }
    }

    pub(crate) fn text(self) -> Result<&'a str, Unreadable> {
        std::str::from_utf8(self.part()?).map_err(|_| Unreadable::NoText)
    }

    pub(crate) fn double(self) -> Result<f64, Unreadable> {
        if let Self::Fixed64(bits) = self { Ok(f64::from_bits(bits)) } else { Err(Unreadable::OtherType) }
    }

    pub(crate) fn bool(self) -> Result<bool, Unreadable> {
        if let Self::Varint(number) = self { Ok(number != 0) } else { Err(Unreadable::OtherType) }
    }
}

/// Tag and content of each field. Ends after the first error.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn field(&mut self) -> Result<(u32, Field<'a>), Unreadable> {
        let (tag, wire_type) = decode_key(&mut self.rest)?;
        let field = match wire_type {
            WireType::Varint => Field::Varint(decode_varint(&mut self.rest)?),
            WireType::SixtyFourBit => Field::Fixed64(u64::from_le_bytes(self.fixed()?)),
            WireType::ThirtyTwoBit => self.fixed::<4>().map(|_| Field::Fixed32)?,
            WireType::LengthDelimited => {
                let length = decode_varint(&mut self.rest)?;
                Field::Part(self.take(length)?)
            }
            WireType::StartGroup | WireType::EndGroup => return Err(Unreadable::Group),
        };
        Ok((tag, field))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Unreadable::CutOff)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Unreadable> {
        let length = usize::try_from(length).map_err(|_| Unreadable::CutOff)?;
        let (part, rest) = self.rest.split_at_checked(length).ok_or(Unreadable::CutOff)?;
        self.rest = rest;
        Ok(part)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(self.field().inspect_err(|_| self.rest = &[]))
    }
}

/// Tag and bytes of each field that has a length. Numbers are passed over. Ends after the first error.
#[derive(Debug, Clone)]
pub(crate) struct Parts<'a>(Fields<'a>);

impl<'a> Parts<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self(Fields::of(bytes))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<(u32, &'a [u8]), Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|field| match field {
            Ok((tag, Field::Part(part))) => Some(Ok((tag, part))),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
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
    fn fields_come_with_their_numbers() {
        let bytes = [&[8, 150, 1, 17][..], &1.5_f64.to_le_bytes(), &[29, 1, 2, 3, 4, 34, 1, 7]].concat();
        let fields: Vec<_> = Fields::of(&bytes).collect::<Result<_, _>>().unwrap();
        let number = Field::Fixed64(1.5_f64.to_bits());
        assert_eq!(
            fields,
            [(1, Field::Varint(150)), (2, number), (3, Field::Fixed32), (4, Field::Part(&[7]))]
        );
        assert_eq!((number.double(), number.bool()), (Ok(1.5), Err(Unreadable::OtherType)));
        assert_eq!(Field::Part(&[0xff]).text(), Err(Unreadable::NoText));
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
