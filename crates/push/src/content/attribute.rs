//! Attributes of a message, plain and typed, in one row.

use std::borrow::Cow;

use data_encoding::BASE64;
use fanfare_proto::v1::{self, attribute_value};
use prost_types::{ListValue, value::Kind};
use serde_json::Value as Json;

use super::text;

/// The value of an attribute.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(f64),
    Array(&'a ListValue),
    Binary(&'a [u8]),
}

/// All attributes; no name comes twice.
pub(super) fn all(message: &v1::Message) -> impl Iterator<Item = (&str, Value<'_>)> {
    let plain = message.attributes.iter().map(|(name, value)| (name.as_str(), Value::Text(value)));
    let typed = message.typed_attributes.iter();
    plain.chain(typed.filter_map(|(name, value)| Some((name.as_str(), of(value)?))))
}

/// The attribute of this name, if it is a text.
pub(super) fn text_of<'a>(message: &'a v1::Message, name: &str) -> Option<&'a str> {
    if let Some(text) = message.attributes.get(name) {
        return Some(text);
    }
    match of(message.typed_attributes.get(name)?)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn of(value: &v1::AttributeValue) -> Option<Value<'_>> {
    Some(match value.value.as_ref()? {
        attribute_value::Value::Text(text) => Value::Text(text),
        attribute_value::Value::Number(number) => Value::Number(*number),
        attribute_value::Value::Array(array) => Value::Array(array),
        attribute_value::Value::Binary(bytes) => Value::Binary(bytes),
    })
}

impl<'a> Value<'a> {
    /// As a text: an array in JSON, bytes in base64.
    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Number(number) => text::number(number).into(),
            Self::Array(array) => Json::from_iter(array.values.iter().map(scalar)).to_string().into(),
            Self::Binary(bytes) => BASE64.encode(bytes).into(),
        }
    }

    /// The type by SNS's name.
    pub(super) fn sns_type(self) -> &'static str {
        match self {
            Self::Text(_) => "String",
            Self::Number(_) => "Number",
            Self::Array(_) => "String.Array",
            Self::Binary(_) => "Binary",
        }
    }
}

/// Arrays have nothing but scalars.
fn scalar(value: &prost_types::Value) -> Json {
    match &value.kind {
        Some(Kind::StringValue(text)) => text.as_str().into(),
        Some(Kind::BoolValue(truth)) => (*truth).into(),
        Some(Kind::NumberValue(number)) => number_in_json(*number),
        _ => Json::Null,
    }
}

/// A whole number without a point.
fn number_in_json(number: f64) -> Json {
    text::number(number).parse().map_or(Json::Null, Json::Number)
}
