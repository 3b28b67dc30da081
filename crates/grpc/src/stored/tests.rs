use std::collections::BTreeMap;

use fanfare_proto::v1::{self, attribute_value::Value};
use proptest::{collection::btree_map, prelude::*};
use prost::Message as _;
use prost_types::{ListValue, value::Kind};

use super::*;

/// What the reader shows of a payload, in a form that outlives it; none if it shows nothing.
fn shown(payload: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut shown = None;
    StoredMessages.read(payload, &mut |content| {
        assert!(shown.is_none(), "once");
        shown = Some((format!("{:?}", content.attributes), content.body.to_vec()));
    });
    shown
}

/// The same from the decoded message.
fn decoded(message: &v1::Message) -> (String, Vec<u8>) {
    let text = |text: &'_ str| Attribute::Scalar(Scalar::String(text.to_owned().into()));
    let plain = message.attributes.iter().map(|(name, value)| (name.as_str(), text(value)));
    let typed = message.typed_attributes.iter().filter_map(|(name, value)| {
        let value = match value.value.as_ref()? {
            Value::Text(value) => text(value),
            Value::Number(number) => Attribute::Scalar(Scalar::Number(*number)),
            Value::Array(array) => Attribute::Array(array.values.iter().filter_map(element).collect()),
            Value::Binary(_) => Attribute::Binary,
        };
        Some((name.as_str(), value))
    });
    (format!("{:?}", plain.chain(typed).collect::<Vec<_>>()), message.data.to_vec())
}

fn element(value: &prost_types::Value) -> Option<Scalar<'_>> {
    Some(match value.kind.as_ref()? {
        Kind::NullValue(_) => Scalar::Null,
        Kind::NumberValue(number) => Scalar::Number(*number),
        Kind::StringValue(text) => Scalar::String(text.into()),
        Kind::BoolValue(value) => Scalar::Bool(*value),
        Kind::StructValue(_) | Kind::ListValue(_) => return None,
    })
}

fn elements() -> impl Strategy<Value = ListValue> {
    let kind = prop_oneof![
        Just(None),
        Just(Some(Kind::NullValue(0))),
        any::<f64>().prop_map(|number| Some(Kind::NumberValue(number))),
        ".{0,3}".prop_map(|text| Some(Kind::StringValue(text))),
        any::<bool>().prop_map(|value| Some(Kind::BoolValue(value))),
        Just(Some(Kind::ListValue(ListValue::default()))),
    ];
    let values = proptest::collection::vec(kind.prop_map(|kind| prost_types::Value { kind }), 0..5);
    values.prop_map(|values| ListValue { values })
}

fn values() -> impl Strategy<Value = v1::AttributeValue> {
    let value = prop_oneof![
        Just(None),
        ".{0,3}".prop_map(|text| Some(Value::Text(text))),
        any::<f64>().prop_map(|number| Some(Value::Number(number))),
        Just(Some(Value::Number(0.0))),
        elements().prop_map(|array| Some(Value::Array(array))),
        any::<Vec<u8>>().prop_map(|bytes| Some(Value::Binary(bytes.into()))),
    ];
    value.prop_map(|value| v1::AttributeValue { value })
}

prop_compose! {
    fn messages()(
        data in any::<Vec<u8>>(),
        attributes in btree_map(".{0,3}", ".{0,3}", 0..20),
        typed_attributes in btree_map(".{0,3}", values(), 0..5),
        others in any::<(String, String)>(),
    ) -> v1::Message {
        let (correlation_id, ordering_key) = others;
        let deliver_at = Some(prost_types::Timestamp { seconds: 5, nanos: 6 });
        let data = data.into();
        v1::Message { data, attributes, correlation_id, ordering_key, deliver_at, typed_attributes, ..Default::default() }
    }
}

#[test]
fn defaults_that_are_not_on_the_wire_are_shown_as_what_they_are() {
    let number = v1::AttributeValue { value: Some(Value::Number(0.0)) };
    let message = v1::Message {
        attributes: BTreeMap::from([(String::new(), String::new())]),
        typed_attributes: BTreeMap::from([(String::new(), number)]),
        ..Default::default()
    };
    let expected = r#"[("", Scalar(String(""))), ("", Scalar(Number(0.0)))]"#;
    assert_eq!(shown(&message.encode_to_vec()), Some((expected.into(), vec![])));
    assert_eq!(shown(&[]), Some(("[]".into(), vec![])));
}

#[test]
fn what_is_no_message_is_not_shown() {
    for bad in [&[10, 5, 1][..], &[18, 3, 18, 1, 0xff], &[98, 2, 8, 1], &[8, 1], &[98, 5, 18, 3, 17, 0, 0]] {
        assert_eq!(shown(bad), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn the_reader_shows_what_decoding_shows(message in messages()) {
        prop_assert_eq!(shown(&message.encode_to_vec()).unwrap(), decoded(&message));
    }

    #[test]
    fn whatever_the_bytes_are_the_reader_comes_to_an_end(
        bytes in proptest::collection::vec(prop_oneof![Just(98_u8), Just(18), Just(10), Just(17), Just(26), 0..8_u8], 0..60)
    ) {
        shown(&bytes);
    }
}
