//! The order events that the binary carries: `data/orders.jsonl`, lines as `fanfare publish --json-lines` takes them, which
//! `tests/data/make_orders.py` writes.

use std::collections::BTreeMap;

use fanfare_client::Message;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

const FILE: &str = include_str!("../../data/orders.jsonl");

/// One event, as it is published.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// What happened: `order.created`.
    pub(super) kind: String,
    /// Of the order, in euros.
    pub(super) total: f64,
    pub(super) message: Message,
}

/// A line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    json: Box<RawValue>,
    attributes: BTreeMap<String, Value>,
    ordering_key: String,
    deduplication_id: String,
    correlation_id: String,
    content_type: String,
}

/// All of them, in their order.
pub(super) fn shipped() -> Result<Vec<Event>, Malformed> {
    read(FILE)
}

/// A line of the file is not as it should be.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the shipped events: {why}")]
pub struct Malformed {
    line: usize,
    why: String,
}

fn read(text: &str) -> Result<Vec<Event>, Malformed> {
    let numbered = (1..).zip(text.lines());
    numbered.map(|(line, text)| event(text).map_err(|why| Malformed { line, why })).collect()
}

fn event(text: &str) -> Result<Event, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let kind = line.attributes.get("type").and_then(Value::as_str).ok_or("has no type")?.to_owned();
    let total = line.attributes.get("total").and_then(Value::as_f64).ok_or("has no total")?;
    let mut message = Message::new(String::from(Box::<str>::from(line.json)))
        .ordering_key(line.ordering_key)
        .deduplication_id(line.deduplication_id)
        .correlation_id(line.correlation_id)
        .content_type(line.content_type);
    for (name, value) in line.attributes {
        message = match value {
            Value::String(text) => message.attribute(name, text),
            value => message.number(name, value.as_f64().ok_or("an attribute is a text or a number")?),
        };
    }
    Ok(Event { kind, total, message })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_thousand_events_of_several_types_and_many_customers_are_shipped() {
        let events = shipped().unwrap();
        assert_eq!(events.len(), 1_000);
        let kinds: HashSet<_> = events.iter().map(|event| &event.kind).collect();
        assert_eq!(kinds.len(), 7, "{kinds:?}");
        let protos: Vec<_> = events.iter().map(|event| event.message.clone().into_proto()).collect();
        let customers: HashSet<_> = protos.iter().map(|message| &message.ordering_key).collect();
        assert!(customers.len() > 50);
        let ids: HashSet<_> = protos.iter().map(|message| &message.deduplication_id).collect();
        assert_eq!(ids.len(), 1_000);
    }

    #[test]
    fn data_is_the_event_and_the_total_is_a_number_that_filters_see() {
        let event = shipped().unwrap().remove(0);
        let message = event.message.into_proto();
        let data: Value = serde_json::from_slice(&message.data).unwrap();
        assert_eq!(
            (data["type"].as_str(), data["order"].as_str()),
            (Some("order.created"), Some("ord-00001"))
        );
        assert_eq!(message.correlation_id, "ord-00001");
        assert_eq!(message.attributes["type"], "order.created");
        let total = message.typed_attributes["total"].value.clone();
        assert_eq!(total, Some(fanfare_client::proto::attribute_value::Value::Number(87.5)));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let good = FILE.lines().next().unwrap();
        let error = read(&format!("{good}\n{{}}")).unwrap_err().to_string();
        assert!(error.starts_with("line 2 of the shipped events: missing field"), "{error}");
        assert!(read(&good.replace("\"type\":\"order.created\",\"country\"", "\"country\"")).is_err());
    }
}
