//! Attributes, as each content mode writes them.

use data_encoding::BASE64;
use fanfare_proto::v1::{self, AttributeValue, attribute_value::Value};
use prost_types::{ListValue, value::Kind};
use serde_json::Value as Json;

use super::{
    Unreadable,
    head::{Head, unescape},
    text_attribute,
};

const PREFIX: &str = "fanfare-attribute-";
const ENVELOPE: Unreadable = Unreadable::Body("the SNS envelope");

/// Those that are in headers of their own. The first of a name counts.
pub(super) fn of_headers(head: Head<'_>, message: &mut v1::Message) {
    for (name, value) in head.0 {
        let name = name.as_str().strip_prefix(PREFIX);
        if let (Some(name), Ok(value)) = (name, value.to_str()) {
            let (name, value) = (unescape(name).into_owned(), unescape(value).into_owned());
            if !message.typed_attributes.contains_key(&name) {
                text_attribute(message, name, value);
            }
        }
    }
}

/// One of the SNS envelope.
pub(super) fn of_envelope(name: &str, given: &Json, message: &mut v1::Message) -> Result<(), Unreadable> {
    let of = |member: &str| given.get(member).and_then(Json::as_str).ok_or(ENVELOPE);
    let text = of("Value")?;
    let value = match of("Type")? {
        "Number" => Value::Number(text.parse().map_err(|_| ENVELOPE)?),
        "String.Array" => Value::Array(array(text)?),
        "Binary" => Value::Binary(BASE64.decode(text.as_bytes()).map_err(|_| ENVELOPE)?.into()),
        _ => {
            text_attribute(message, name.to_owned(), text.to_owned());
            return Ok(());
        }
    };
    typed(message, name, value);
    Ok(())
}

pub(super) fn typed(message: &mut v1::Message, name: &str, value: Value) {
    message.typed_attributes.insert(name.to_owned(), AttributeValue { value: Some(value) });
}

fn array(text: &str) -> Result<ListValue, Unreadable> {
    let Ok(Json::Array(values)) = serde_json::from_str(text) else { return Err(ENVELOPE) };
    let kind = |value: Json| match value {
        Json::String(text) => Ok(Kind::StringValue(text)),
        Json::Bool(truth) => Ok(Kind::BoolValue(truth)),
        Json::Number(number) => Ok(Kind::NumberValue(number.as_f64().ok_or(ENVELOPE)?)),
        Json::Null => Ok(Kind::NullValue(0)),
        Json::Array(_) | Json::Object(_) => Err(ENVELOPE),
    };
    let value = |value| kind(value).map(|kind| prost_types::Value { kind: Some(kind) });
    Ok(ListValue { values: values.into_iter().map(value).collect::<Result<_, _>>()? })
}
