//! What filter policies see of a stored message: read where it lies, nothing decoded and next to nothing copied.

use broker::ReadContent;
use fanfare_proto::v1;
use filter::{Attribute, Content, Scalar};
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};
use smallvec::SmallVec;
use types::{Sequence, Timestamp};

use crate::convert::time;
use crate::parts::{Fields, Unreadable};

/// Reads payloads that this API encoded: `fanfare.v1.Message`.
///
/// It takes for granted what publishing has checked: no attribute comes twice or in pieces, and arrays have nothing but
/// scalars. Where that does not hold it shows something all the same, and never fails but on bytes that are no protobuf.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoredMessages;

/// As many attributes fit without an allocation.
type Attributes<'a> = SmallVec<[(&'a str, Attribute<'a>); 16]>;

impl ReadContent for StoredMessages {
    fn read(&self, payload: &[u8], show: &mut dyn FnMut(&Content<'_>)) {
        if let Ok((attributes, body)) = content(payload) {
            show(&Content { attributes: &attributes, body });
        }
    }

    /// As an entry of `messages`, tag 15, of a `DeliveryBlock`: a `StoredMessage`, whose `message` has the tag 15 too.
    fn wrap(&self, sequence: Sequence, published_at: Timestamp, payload: &[u8], out: &mut Vec<u8>) {
        let publish_time = Some(time::to_proto_timestamp(published_at));
        let head = v1::StoredMessage { sequence, publish_time, message: None };
        let length = head.encoded_len() + 1 + encoded_len_varint(payload.len() as u64) + payload.len();
        encode_key(15, WireType::LengthDelimited, out);
        encode_varint(length as u64, out);
        head.encode_raw(out);
        encode_key(15, WireType::LengthDelimited, out);
        encode_varint(payload.len() as u64, out);
        out.extend_from_slice(payload);
    }
}

/// `data`, tag 1, `attributes`, tag 2, and `typed_attributes`, tag 12.
fn content(payload: &[u8]) -> Result<(Attributes<'_>, &[u8]), Unreadable> {
    let (mut attributes, mut body) = (Attributes::new(), &[][..]);
    for field in Fields::of(payload) {
        let (tag, field) = field?;
        match tag {
            1 => body = field.part()?,
            2 => attributes.push(plain(field.part()?)?),
            12 => attributes.extend(typed(field.part()?)?),
            _ => {}
        }
    }
    Ok((attributes, body))
}

/// An entry of a map of texts. An empty name or value is left out on the wire.
fn plain(entry: &[u8]) -> Result<(&str, Attribute<'_>), Unreadable> {
    let (mut name, mut value) = ("", "");
    for field in Fields::of(entry) {
        match field? {
            (1, field) => name = field.text()?,
            (2, field) => value = field.text()?,
            _ => {}
        }
    }
    Ok((name, Attribute::Scalar(Scalar::String(value.into()))))
}

/// An entry of a map of values; none if it has no value.
fn typed(entry: &[u8]) -> Result<Option<(&str, Attribute<'_>)>, Unreadable> {
    let (mut name, mut shown) = ("", None);
    for field in Fields::of(entry) {
        match field? {
            (1, field) => name = field.text()?,
            (2, field) => shown = value(field.part()?)?,
            _ => {}
        }
    }
    Ok(shown.map(|value| (name, value)))
}

/// An `AttributeValue`.
fn value(bytes: &[u8]) -> Result<Option<Attribute<'_>>, Unreadable> {
    let mut shown = None;
    for field in Fields::of(bytes) {
        let (tag, field) = field?;
        shown = Some(match tag {
            1 => Attribute::Scalar(Scalar::String(field.text()?.into())),
            2 => Attribute::Scalar(Scalar::Number(field.double()?)),
            3 => Attribute::Array(elements(field.part()?)?),
            4 => Attribute::Binary,
            _ => continue,
        });
    }
    Ok(shown)
}

/// The `values`, tag 1, of a `google.protobuf.ListValue`.
fn elements(array: &[u8]) -> Result<Vec<Scalar<'_>>, Unreadable> {
    let mut elements = Vec::new();
    for field in Fields::of(array) {
        if let (1, field) = field? {
            elements.extend(scalar(field.part()?)?);
        }
    }
    Ok(elements)
}

/// A `google.protobuf.Value`; none if it is a list or an object.
fn scalar(bytes: &[u8]) -> Result<Option<Scalar<'_>>, Unreadable> {
    let mut shown = None;
    for field in Fields::of(bytes) {
        let (tag, field) = field?;
        shown = match tag {
            1 => Some(Scalar::Null),
            2 => Some(Scalar::Number(field.double()?)),
            3 => Some(Scalar::String(field.text()?.into())),
            4 => Some(Scalar::Bool(field.bool()?)),
            _ => None,
        };
    }
    Ok(shown)
}

#[cfg(test)]
mod tests;
