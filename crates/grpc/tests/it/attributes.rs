//! Attributes that have a type.

use std::collections::BTreeMap;

use fanfare_proto::v1::{self, attribute_value::Value};
use prost_types::{ListValue, value::Kind};

use crate::{
    call::{Row, all_are_refused, long, row},
    fixture::{Server, message},
};

fn value(value: Value) -> v1::AttributeValue {
    v1::AttributeValue { value: Some(value) }
}

fn array(kinds: impl IntoIterator<Item = Kind>) -> v1::AttributeValue {
    let values = kinds.into_iter().map(|kind| prost_types::Value { kind: Some(kind) }).collect();
    value(Value::Array(ListValue { values }))
}

/// One of each type.
fn one_of_each() -> BTreeMap<String, v1::AttributeValue> {
    let elements =
        [Kind::StringValue("a".into()), Kind::NumberValue(1.0), Kind::BoolValue(true), Kind::NullValue(0)];
    [
        ("colour".into(), value(Value::Text("red".into()))),
        ("price".into(), value(Value::Number(-0.5))),
        ("nothing".into(), value(Value::Number(0.0))),
        ("tags".into(), array(elements)),
        ("none".into(), array([])),
        ("signature".into(), value(Value::Binary(vec![0, 255].into()))),
    ]
    .into()
}

#[tokio::test]
async fn typed_attributes_reach_the_subscriber_beside_plain_ones() {
    let server = Server::with_topic().await;
    let given = v1::NewMessage {
        attributes: [("kind".into(), "order".into())].into(),
        typed_attributes: one_of_each(),
        ..message("hello")
    };
    let request = v1::PublishRequest { topic: "t".into(), messages: vec![given.clone()] };
    server.publisher().publish(request).await.unwrap();
    let received = server.pull(1).await.remove(0).message.unwrap();
    assert_eq!((received.attributes, received.typed_attributes), (given.attributes, given.typed_attributes));
}

#[tokio::test]
async fn a_message_may_have_typed_attributes_and_nothing_else() {
    let server = Server::with_topic().await;
    let given = v1::NewMessage { typed_attributes: one_of_each(), ..Default::default() };
    let request = v1::PublishRequest { topic: "t".into(), messages: vec![given] };
    server.publisher().publish(request).await.unwrap();
    let received = server.pull(1).await.remove(0).message.unwrap();
    assert!(received.data.is_empty() && received.typed_attributes == one_of_each());
}

/// The second message of a request has this attribute.
fn publish(name: &str, value: v1::AttributeValue) -> v1::PublishRequest {
    let typed_attributes = [(name.to_owned(), value)].into();
    let attributes = [("plain".into(), "p".into())].into();
    let second = v1::NewMessage { attributes, typed_attributes, ..message("b") };
    v1::PublishRequest { topic: "t".into(), messages: vec![message("a"), second] }
}

fn bad(given: v1::AttributeValue, field: &'static str, text: &'static str) -> Row {
    row(publish("n", given), field, text)
}

#[tokio::test]
async fn a_bad_typed_attribute_is_refused_by_its_path() {
    let hole = value(Value::Array(ListValue { values: vec![prost_types::Value { kind: None }] }));
    let nested = array([Kind::NullValue(0), Kind::ListValue(ListValue::default())]);
    let object = array([Kind::StructValue(prost_types::Struct::default())]);
    let number = || value(Value::Number(1.0));
    all_are_refused(vec![
        bad(v1::AttributeValue::default(), "messages[1].typed_attributes[\"n\"]", "has no value"),
        bad(value(Value::Text(long(1_025))), "messages[1].typed_attributes[\"n\"].text", "the limit is 1024"),
        bad(
            value(Value::Binary(vec![0; 1_025].into())),
            "messages[1].typed_attributes[\"n\"].binary",
            "has 1025 bytes, the limit is 1024",
        ),
        bad(value(Value::Number(f64::NAN)), "messages[1].typed_attributes[\"n\"].number", "must be finite"),
        bad(
            array([Kind::NumberValue(f64::INFINITY)]),
            "messages[1].typed_attributes[\"n\"].array[0]",
            "must be finite",
        ),
        bad(
            array(vec![Kind::BoolValue(true); 257]),
            "messages[1].typed_attributes[\"n\"].array",
            "has 257 entries, must have 0 to 256",
        ),
        bad(
            array(vec![Kind::StringValue(long(103)); 10]),
            "messages[1].typed_attributes[\"n\"].array",
            "has 1030 bytes, the limit is 1024",
        ),
        bad(hole, "messages[1].typed_attributes[\"n\"].array[0]", "has no value"),
        bad(nested, "messages[1].typed_attributes[\"n\"].array[1]", "is an array or an object"),
        bad(object, "messages[1].typed_attributes[\"n\"].array[0]", "is an array or an object"),
        row(publish("", number()), "messages[1].typed_attributes[\"\"]", "1 to 256 bytes"),
        row(publish(&long(257), number()), "messages[1].typed_attributes", "257 bytes, the limit is 256"),
        row(publish("a\nb", number()), "messages[1].typed_attributes", "control characters"),
        row(publish("plain", number()), "messages[1].typed_attributes[\"plain\"]", "is in attributes too"),
    ])
    .await;
}

#[tokio::test]
async fn both_maps_and_all_arrays_of_a_message_have_a_limit_together() {
    let numbers = |count: usize| (0..count).map(|n| (n.to_string(), value(Value::Number(1.0)))).collect();
    let mut crowded = publish("n", value(Value::Number(1.0)));
    crowded.messages[1].typed_attributes = numbers(100);
    let mut full = publish("n", value(Value::Number(1.0)));
    let arrays = (0..5).map(|n| (n.to_string(), array(vec![Kind::NullValue(0); 205])));
    full.messages[1].typed_attributes = arrays.collect();
    let field = "messages[1].typed_attributes";
    all_are_refused(vec![
        row(crowded, field, "makes 101 with those in attributes, the limit is 100"),
        row(full, field, "has 1025 elements in all its arrays, the limit is 1024"),
    ])
    .await;
}
