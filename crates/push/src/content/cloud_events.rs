//! CloudEvents 1.0.2: the HTTP binding in binary and structured mode, with the JSON format.

use bytes::Bytes;
use data_encoding::BASE64;
use serde_json::{Map, Value as Json};

use super::{
    Event, Unsendable,
    attribute::{self, Value},
    headers::Headers,
    raw, text,
};

/// The type of an event whose message has no attribute `type`.
const DEFAULT_TYPE: &str = "fanfare.message";
/// Names that say what the broker knows itself, and the one that the format has for the data.
const OURS: [&str; 13] = [
    "causationid",
    "correlationid",
    "data",
    "datacontenttype",
    "expirytime",
    "id",
    "partitionkey",
    "sequence",
    "source",
    "specversion",
    "time",
    "traceparent",
    "tracestate",
];
/// The longest name that the specification recommends.
const NAME_BYTES: usize = 20;

/// The data is the body; the attributes are in `ce-` headers.
pub(super) fn binary(event: &Event<'_>, headers: &mut Headers) -> Result<Bytes, Unsendable> {
    let (context, rest) = context(event);
    for (name, value) in &context {
        let value =
            value.as_str().map_or_else(|| value.to_string(), |text| text::in_header(text).into_owned());
        headers.set(&format!("ce-{name}"), &value)?;
    }
    raw::attributes(rest, headers)?;
    headers.set("content-type", event.content_type())?;
    Ok(event.message.data.clone())
}

/// All of it is one JSON object.
pub(super) fn structured(event: &Event<'_>, headers: &mut Headers) -> Result<Bytes, Unsendable> {
    let (mut context, rest) = context(event);
    context.insert("datacontenttype".into(), event.content_type().into());
    raw::attributes(rest, headers)?;
    headers.set("content-type", "application/cloudevents+json; charset=utf-8")?;
    let data = &event.message.data;
    if data.is_empty() {
        return Ok(Json::Object(context).to_string().into());
    }
    if is_json(event.content_type()) && parses(data) {
        return Ok(with_data(context, data));
    }
    context.insert("data_base64".into(), BASE64.encode(data).into());
    Ok(Json::Object(context).to_string().into())
}

/// The data goes in as it is: numbers keep all their digits and objects their order.
fn with_data(context: Map<String, Json>, data: &[u8]) -> Bytes {
    let mut body = Json::Object(context).to_string().into_bytes();
    body.pop();
    body.extend_from_slice(br#","data":"#);
    body.extend_from_slice(data);
    body.push(b'}');
    body.into()
}

/// `*/json` and `*/*+json`, whatever the parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.split_once('/').is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

fn parses(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// Everything but the data, and the attributes of the message that cannot be attributes of an event.
fn context<'a>(event: &Event<'a>) -> (Map<String, Json>, Vec<(&'a str, Value<'a>)>) {
    let mut context = Map::new();
    let mut rest = Vec::new();
    for (name, value) in attribute::all(event.message) {
        match extension(name, value) {
            Some(value) => _ = context.insert(name.to_owned(), value),
            None => rest.push((name, value)),
        }
    }
    context.entry("type").or_insert_with(|| DEFAULT_TYPE.into());
    for (name, value) in known(event) {
        if !value.is_empty() {
            context.insert(name.to_owned(), value.into());
        }
    }
    (context, rest)
}

/// What the broker says itself; empty is absent.
fn known(event: &Event<'_>) -> [(&'static str, String); 11] {
    let message = event.message;
    let expires = message.expire_at.as_ref().map(ToString::to_string).unwrap_or_default();
    [
        ("id", event.id.to_owned()),
        ("source", format!("/{}", event.content.topic)),
        ("specversion", "1.0".to_owned()),
        ("time", text::micros(event.delivery.published_at)),
        ("correlationid", message.correlation_id.clone()),
        ("causationid", message.forwarded_from.last().cloned().unwrap_or_default()),
        // Texts that sort as the numbers do, which the extension asks for.
        ("sequence", format!("{:020}", event.delivery.message_id.sequence)),
        ("partitionkey", message.ordering_key.clone()),
        ("expirytime", expires),
        ("traceparent", message.traceparent.clone()),
        ("tracestate", message.tracestate.clone()),
    ]
}

/// An attribute of a message as one of an event; none if it cannot be.
fn extension(name: &str, value: Value<'_>) -> Option<Json> {
    let legal = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !legal || name.is_empty() || name.len() > NAME_BYTES || OURS.contains(&name) {
        return None;
    }
    let text = value.text();
    match (name, value) {
        ("type" | "subject", Value::Text("")) => return None,
        ("type" | "subject", Value::Text(_)) => {}
        ("dataschema", Value::Text(text)) => _ = url::Url::parse(text).ok()?,
        ("type" | "subject" | "dataschema", _) => return None,
        // The type Integer has 32 bits.
        (_, Value::Number(_)) => {
            if let Ok(integer) = text.parse::<i32>() {
                return Some(integer.into());
            }
        }
        _ => {}
    }
    text.chars().all(is_allowed).then(|| text.into())
}

/// Characters that the specification's type String has: no control characters and no noncharacters.
fn is_allowed(character: char) -> bool {
    let code = u32::from(character);
    !character.is_control() && !(0xfdd0..=0xfdef).contains(&code) && code & 0xfffe != 0xfffe
}
