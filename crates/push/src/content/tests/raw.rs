use prost_types::value::Kind;

use super::*;

/// The headers of attributes, without their beginning.
fn attributes(given: &v1::Message) -> Vec<(String, String)> {
    let request = request(settings(ContentMode::Raw), given).unwrap();
    let all = request.headers().iter();
    let own = all.filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("fanfare-attribute-")?;
        Some((name.to_owned(), value.to_str().unwrap().to_owned()))
    });
    own.collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.into(), value.into())
}

#[test]
fn the_data_is_the_body_and_keeps_its_type() {
    let (headers, body) = sent(settings(ContentMode::Raw), &message(b"\0\xff", "image/png", &[]));
    assert_eq!((&body[..], &*headers["content-type"]), (&b"\0\xff"[..], "image/png"));
    let (headers, body) = sent(settings(ContentMode::Raw), &message(b"", " ", &[("a", "b")]));
    assert_eq!((&body[..], &*headers["content-type"]), (&b""[..], "application/octet-stream"));
}

#[test]
fn the_body_is_the_stored_data_and_not_a_copy() {
    let payload = Bytes::from(message(&[7; 5_000], "", &[]).encode_to_vec());
    let content = content_of(&endpoint(settings(ContentMode::Raw))).unwrap();
    let body = bytes(content.request(&delivery(payload.clone()), NOW).unwrap().into_body());
    assert!(payload.as_ptr_range().contains(&body.as_ptr()));
}

#[test]
fn every_attribute_has_a_header() {
    let given = v1::Message {
        typed_attributes: typed([
            ("price", Value::Number(12.0)),
            (
                "tags",
                array([
                    Kind::StringValue("ä".into()),
                    Kind::NumberValue(1.0),
                    Kind::BoolValue(true),
                    Kind::NullValue(0),
                ]),
            ),
            ("hash", Value::Binary(Bytes::from_static(b"\xff\0"))),
            ("note", Value::Text("two words".into())),
        ]),
        ..message(b"x", "", &[("eventType", "order.created"), ("größe", "42"), ("a:b c%", ""), ("empty", "")])
    };
    let mut found = attributes(&given);
    found.sort();
    assert_eq!(
        found,
        [
            pair("a%3ab%20c%25", ""),
            pair("empty", ""),
            pair("eventtype", "order.created"),
            pair("gr%c3%b6%c3%9fe", "42"),
            pair("hash", "/wA="),
            pair("note", "two%20words"),
            pair("price", "12"),
            pair("tags", "[%22%C3%A4%22,1,true,null]"),
        ]
    );
}

#[test]
fn attributes_whose_names_differ_in_their_case_are_both_there() {
    assert_eq!(
        attributes(&message(b"x", "", &[("kind", "1"), ("Kind", "2")])),
        [pair("kind", "2"), pair("kind", "1")]
    );
}
