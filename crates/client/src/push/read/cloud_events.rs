//! CloudEvents: the HTTP binding in binary and structured mode.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::BASE64;
use fanfare_proto::v1::{self, attribute_value::Value};
use serde_json::{Value as Json, value::RawValue};

use super::{
    Unreadable, attribute, content_type,
    head::{Head, unescape},
    text_attribute,
};

/// What the broker says if the publisher has said nothing.
const DEFAULT_TYPE: &str = "fanfare.message";
const UNREADABLE: Unreadable = Unreadable::Body("CloudEvents' JSON format");

/// The data is the body. What a header of the broker's says is said there better than in the event's.
pub(super) fn binary(head: Head<'_>, body: &Bytes, message: &mut v1::Message) {
    message.data = body.clone();
    message.content_type = content_type(head.text("content-type"));
    for (name, value) in head.0 {
        let name = name.as_str().strip_prefix("ce-");
        if let (Some(name), Ok(value)) = (name, value.to_str()) {
            let value = unescape(value).into_owned();
            match name {
                "id" | "source" | "specversion" | "time" | "sequence" => {}
                "partitionkey" | "correlationid" | "traceparent" | "tracestate" => {}
                _ => context(name, value, message),
            }
        }
    }
}

/// What the event says of the message, beside what the headers of every mode say too.
fn context(name: &str, value: String, message: &mut v1::Message) {
    match name {
        "causationid" => message.forwarded_from = vec![value],
        "expirytime" => message.expire_at = value.parse().ok(),
        "type" if value == DEFAULT_TYPE => {}
        _ => text_attribute(message, name.to_owned(), value),
    }
}

/// All of it is one object, and what it says is signed, so it goes before the headers.
pub(super) fn structured(
    body: &[u8],
    delivery: &mut v1::ReceivedMessage,
    message: &mut v1::Message,
) -> Result<(), Unreadable> {
    let event: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).map_err(|_| UNREADABLE)?;
    if !event.contains_key("id") {
        return Err(Unreadable::Id);
    }
    for own in [
        &mut message.ordering_key,
        &mut message.correlation_id,
        &mut message.traceparent,
        &mut message.tracestate,
    ] {
        own.clear();
    }
    for (name, value) in &event {
        match name.as_str() {
            // As it was published, digit by digit.
            "data" => message.data = Bytes::copy_from_slice(value.get().as_bytes()),
            "data_base64" => message.data = base64(value)?,
            name => member(name, json(value)?, delivery, message)?,
        }
    }
    Ok(())
}

fn member(
    name: &str,
    value: Json,
    delivery: &mut v1::ReceivedMessage,
    message: &mut v1::Message,
) -> Result<(), Unreadable> {
    let text = match value {
        Json::String(text) => text,
        Json::Number(number) => {
            let number = number.as_f64().ok_or(UNREADABLE)?;
            attribute::typed(message, name, Value::Number(number));
            return Ok(());
        }
        other => other.to_string(),
    };
    match name {
        "source" | "specversion" => {}
        "id" if text != delivery.message_id => return Err(Unreadable::Id),
        "id" => {}
        "time" => delivery.publish_time = Some(text.parse().map_err(|_| UNREADABLE)?),
        "sequence" => delivery.sequence = text.parse().map_err(|_| UNREADABLE)?,
        "partitionkey" => message.ordering_key = text,
        "correlationid" => message.correlation_id = text,
        "traceparent" => message.traceparent = text,
        "tracestate" => message.tracestate = text,
        "datacontenttype" => message.content_type = content_type(&text),
        _ => context(name, text, message),
    }
    Ok(())
}

fn json(value: &RawValue) -> Result<Json, Unreadable> {
    serde_json::from_str(value.get()).map_err(|_| UNREADABLE)
}

fn base64(value: &RawValue) -> Result<Bytes, Unreadable> {
    let Json::String(text) = json(value)? else { return Err(UNREADABLE) };
    BASE64.decode(text.as_bytes()).map(Bytes::from).map_err(|_| UNREADABLE)
}
