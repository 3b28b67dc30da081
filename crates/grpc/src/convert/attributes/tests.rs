use super::*;

fn text(text: &str) -> v1::AttributeValue {
    v1::AttributeValue { value: Some(Value::Text(text.into())) }
}

fn number(number: f64) -> v1::AttributeValue {
    v1::AttributeValue { value: Some(Value::Number(number)) }
}

fn array(kinds: impl IntoIterator<Item = Kind>) -> v1::AttributeValue {
    let values = kinds.into_iter().map(|kind| prost_types::Value { kind: Some(kind) }).collect();
    v1::AttributeValue { value: Some(Value::Array(ListValue { values })) }
}

fn named(name: &str, value: v1::AttributeValue) -> Typed {
    [(name.to_owned(), value)].into()
}

fn refused(plain: &Plain, typed: &Typed) -> String {
    let error = v1::RequestError::from(check(plain, typed).unwrap_err());
    assert!(error.message.starts_with(&error.field), "{error:?}");
    error.message
}

fn bad(value: v1::AttributeValue) -> String {
    refused(&Plain::new(), &named("n", value))
}

#[test]
fn every_kind_of_value_is_taken_up_to_its_limit() {
    let scalars =
        [Kind::StringValue("a".into()), Kind::NumberValue(-1.5), Kind::BoolValue(true), Kind::NullValue(0)];
    let full = (0..256).map(|_| Kind::StringValue("abcd".into()));
    let typed: Typed = [
        ("text".into(), text(&"x".repeat(1_024))),
        ("number".into(), number(f64::MAX)),
        ("array".into(), array(scalars)),
        ("empty".into(), array([])),
        ("full".into(), array(full)),
        ("binary".into(), v1::AttributeValue { value: Some(Value::Binary(vec![0; 1_024].into())) }),
    ]
    .into();
    check(&[("plain".into(), String::new())].into(), &typed).unwrap();
}

#[test]
fn a_value_over_its_limit_is_refused_by_its_path() {
    assert_eq!(
        bad(text(&"x".repeat(1_025))),
        "typed_attributes[\"n\"].text: has 1025 bytes, the limit is 1024"
    );
    let binary = v1::AttributeValue { value: Some(Value::Binary(vec![0; 1_025].into())) };
    assert_eq!(bad(binary), "typed_attributes[\"n\"].binary: has 1025 bytes, the limit is 1024");
    let long = (0..257).map(|_| Kind::NullValue(0));
    assert_eq!(bad(array(long)), "typed_attributes[\"n\"].array: has 257 entries, must have 0 to 256");
    let texts = (0..5).map(|_| Kind::StringValue("x".repeat(205)));
    assert_eq!(bad(array(texts)), "typed_attributes[\"n\"].array: has 1025 bytes, the limit is 1024");
}

#[test]
fn a_number_must_be_finite_wherever_it_is() {
    assert_eq!(bad(number(f64::NAN)), "typed_attributes[\"n\"].number: is NaN, must be finite");
    let infinite = array([Kind::NumberValue(1.0), Kind::NumberValue(f64::NEG_INFINITY)]);
    assert_eq!(bad(infinite), "typed_attributes[\"n\"].array[1]: is -inf, must be finite");
}

#[test]
fn what_has_no_value_or_is_nested_is_refused_by_its_path() {
    let none = v1::AttributeValue::default();
    assert_eq!(bad(none), "typed_attributes[\"n\"]: has no value, must have a text, number, array or binary");
    let hole = ListValue { values: vec![prost_types::Value { kind: None }] };
    let hole = v1::AttributeValue { value: Some(Value::Array(hole)) };
    assert!(bad(hole).starts_with("typed_attributes[\"n\"].array[0]: has no value, must be a text"));
    for kind in [Kind::ListValue(ListValue::default()), Kind::StructValue(prost_types::Struct::default())] {
        let refused = bad(array([Kind::BoolValue(false), kind]));
        assert!(
            refused.starts_with("typed_attributes[\"n\"].array[1]: is an array or an object"),
            "{refused}"
        );
    }
}

#[test]
fn a_name_is_in_one_of_the_two_maps_only() {
    let plain: Plain = [("n".to_owned(), String::new())].into();
    let both = refused(&plain, &named("n", number(1.0)));
    assert_eq!(both, "typed_attributes[\"n\"]: is in attributes too, must be in only one of the two");
    assert!(check(&plain, &named("N", number(1.0))).is_ok());
}

#[test]
fn a_typed_attributes_name_has_the_rules_of_a_plain_ones() {
    assert!(
        refused(&Plain::new(), &named("", number(1.0))).starts_with("typed_attributes[\"\"]: has an empty")
    );
    assert!(refused(&Plain::new(), &named("a\n", number(1.0))).contains("control characters"));
    assert!(refused(&Plain::new(), &named(&"x".repeat(257), number(1.0))).contains("the limit is 256"));
}

#[test]
fn both_maps_together_and_all_arrays_together_have_a_limit() {
    let plain: Plain = (0..60).map(|n| (n.to_string(), String::new())).collect();
    let typed = |count: usize| -> Typed { (0..count).map(|n| (format!("t{n}"), number(0.0))).collect() };
    assert!(check(&plain, &typed(40)).is_ok());
    let refused_one = refused(&plain, &typed(41));
    assert_eq!(refused_one, "typed_attributes: makes 101 with those in attributes, the limit is 100");
    let nulls = |count: usize| array((0..count).map(|_| Kind::NullValue(0)));
    let mut arrays: Typed = (0..4).map(|n| (n.to_string(), nulls(256))).collect();
    assert!(check(&Plain::new(), &arrays).is_ok());
    arrays.insert("one more".into(), nulls(1));
    let refused = refused(&Plain::new(), &arrays);
    assert_eq!(refused, "typed_attributes: has 1025 elements in all its arrays, the limit is 1024");
}
