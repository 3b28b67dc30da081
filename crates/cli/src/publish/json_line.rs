//! A line of `--json-lines`.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use fanfare_client::proto::{AttributeValue, NewMessage, PublishRequest, attribute_value::Value as Typed};
use prost_types::{ListValue, Value as Element, value::Kind};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{output::json, value};

const JSON: &str = "application/json";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    data: Option<String>,
    #[serde(alias = "dataBase64")]
    data_base64: Option<String>,
    json: Option<Box<RawValue>>,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
    #[serde(default, alias = "orderingKey", alias = "key")]
    ordering_key: String,
    #[serde(default, alias = "deduplicationId")]
    deduplication_id: String,
    #[serde(default, alias = "correlationId")]
    correlation_id: String,
    #[serde(default, alias = "contentType")]
    content_type: String,
    #[serde(default, alias = "groupId")]
    group_id: String,
    #[serde(alias = "deliverAfter")]
    deliver_after: Option<String>,
    #[serde(alias = "expireAfter")]
    expire_after: Option<String>,
    /// Of a request in the JSON of the API.
    messages: Option<Box<RawValue>>,
    #[serde(rename = "topic")]
    _topic: Option<String>,
}

/// The messages of a line: one, or those of a request in the JSON of the API, whose topic is not looked at.
pub(crate) fn many(text: &str) -> Result<Vec<NewMessage>, String> {
    // Its "line 1" is the line that the caller names by its number.
    let without_line =
        |error: serde_json::Error| error.to_string().replace(" at line 1 column ", " at column ");
    let line: Line = serde_json::from_str(text).map_err(without_line)?;
    if line.messages.is_some() {
        return json::read("PublishRequest", text).map(|request: PublishRequest| request.messages);
    }
    message(line).map(|message| vec![message])
}

/// A line with just one message.
pub(crate) fn one(text: &str) -> Result<NewMessage, String> {
    let mut messages = many(text)?;
    match (messages.pop(), messages.is_empty()) {
        (Some(message), true) => Ok(message),
        _ => Err("must be one message".to_owned()),
    }
}

fn message(line: Line) -> Result<NewMessage, String> {
    let mut message = NewMessage {
        ordering_key: line.ordering_key,
        deduplication_id: line.deduplication_id,
        correlation_id: line.correlation_id,
        content_type: line.content_type,
        group_id: line.group_id,
        deliver_after: duration("deliver_after", line.deliver_after.as_deref())?,
        expire_after: duration("expire_after", line.expire_after.as_deref())?,
        ..NewMessage::default()
    };
    match (line.data, line.data_base64, line.json) {
        (None, None, None) => {}
        (Some(text), None, None) => message.data = text.into(),
        (None, Some(base64), None) => message.data = bytes("data_base64", &base64)?.into(),
        (None, None, Some(json)) => {
            message.data = json.get().to_owned().into();
            if message.content_type.is_empty() {
                message.content_type = JSON.to_owned();
            }
        }
        _ => return Err("has more than one of data, data_base64 and json".to_owned()),
    }
    for (name, value) in line.attributes {
        match value {
            Value::String(text) => drop(message.attributes.insert(name, text)),
            other => {
                let value = typed(&other).map_err(|why| format!("attribute {name:?} {why}"))?;
                message.typed_attributes.insert(name, AttributeValue { value: Some(value) });
            }
        }
    }
    Ok(message)
}

fn duration(name: &str, text: Option<&str>) -> Result<Option<prost_types::Duration>, String> {
    let read = |text| value::duration(text).map_err(|why| format!("{name} {why}"));
    Ok(text.map(read).transpose()?.map(value::proto_duration))
}

fn bytes(name: &str, base64: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(base64.as_bytes()).map_err(|error| format!("{name} is no base64: {error}"))
}

fn typed(value: &Value) -> Result<Typed, String> {
    match value {
        Value::Number(number) => {
            number.as_f64().map(Typed::Number).ok_or_else(|| "is no finite number".to_owned())
        }
        Value::Array(elements) => {
            let values = elements.iter().map(element).collect::<Result<_, _>>()?;
            Ok(Typed::Array(ListValue { values }))
        }
        Value::Object(object) => match (object.len(), object.get("binary").and_then(Value::as_str)) {
            (1, Some(base64)) => bytes("binary", base64).map(|bytes| Typed::Binary(bytes.into())),
            _ => Err("is an object; only {\"binary\": base64} may be one".to_owned()),
        },
        other => Err(format!("is {other}; it must be a text, a number, a list or {{\"binary\": base64}}")),
    }
}

fn element(value: &Value) -> Result<Element, String> {
    let kind = match value {
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::Bool(is) => Kind::BoolValue(*is),
        Value::Null => Kind::NullValue(0),
        _ => return Err("has a list or an object in its list".to_owned()),
    };
    Ok(Element { kind: Some(kind) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_text_or_base64_or_json_as_it_stands_there() {
        assert_eq!(one(r#"{"data": "a"}"#).unwrap().data, "a");
        assert_eq!(one(r#"{"data_base64": "/wA="}"#).unwrap().data, &[0xff, 0][..]);
        let json = one(r#"{"json": {"b": 1.10, "a": [ 1]}}"#).unwrap();
        assert_eq!(
            (json.data.as_ref(), json.content_type.as_str()),
            (&br#"{"b": 1.10, "a": [ 1]}"#[..], JSON)
        );
        assert!(one(r#"{"data": "a", "json": 1}"#).unwrap_err().contains("more than one"));
    }

    #[test]
    fn attributes_have_the_types_of_their_values() {
        let line =
            r#"{"attributes": {"t": "x", "n": 1.5, "l": ["a", 2, true, null], "b": {"binary": "/wA="}}}"#;
        let message = one(line).unwrap();
        assert_eq!(message.attributes["t"], "x");
        assert_eq!(message.typed_attributes["n"].value, Some(Typed::Number(1.5)));
        assert_eq!(message.typed_attributes["b"].value, Some(Typed::Binary(vec![0xff, 0].into())));
        let Some(Typed::Array(list)) = &message.typed_attributes["l"].value else { panic!("no list") };
        assert_eq!(list.values.len(), 4);
        for bad in ["true", "null", "{}", r#"{"binary": 1}"#, r#"{"binary": "%"}"#, "[[]]"] {
            let error = one(&format!(r#"{{"attributes": {{"x": {bad}}}}}"#)).unwrap_err();
            assert!(error.starts_with("attribute \"x\""), "{error}");
        }
    }

    #[test]
    fn names_are_in_either_case_and_wrong_ones_are_refused() {
        let line = r#"{"data": "a", "orderingKey": "k", "deduplication_id": "d", "deliverAfter": "5m"}"#;
        let message = one(line).unwrap();
        assert_eq!((message.ordering_key.as_str(), message.deduplication_id.as_str()), ("k", "d"));
        assert_eq!(message.deliver_after.unwrap().seconds, 300);
        assert!(one(r#"{"data": "a", "odering_key": "k"}"#).unwrap_err().contains("odering_key"));
        assert!(one(r#"{"deliver_after": "5"}"#).unwrap_err().contains("has no unit"));
        for bad in ["", "x", "1", "[]", "{} {}", "{"] {
            assert!(many(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_in_the_json_of_the_api_is_its_messages() {
        let line = r#"{"topic": "t", "messages": [{"data": "YQ==", "orderingKey": "k"}, {"data": "Yg=="}]}"#;
        let messages = many(line).unwrap();
        assert_eq!(
            (messages.len(), messages[0].data.as_ref(), messages[0].ordering_key.as_str()),
            (2, &b"a"[..], "k")
        );
        assert!(many(r#"{"messages": [{"dat": "YQ=="}]}"#).unwrap_err().contains("dat"));
        assert!(one(line).is_err());
    }
}
