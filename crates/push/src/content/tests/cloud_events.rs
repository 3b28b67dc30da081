use proptest::prelude::*;
use prost_types::value::Kind;
use serde_json::Value as Json;

use super::*;

fn binary(given: &v1::Message) -> (BTreeMap<String, String>, Bytes) {
    sent(settings(ContentMode::CloudEventsBinary), given)
}

fn structured(given: &v1::Message) -> (BTreeMap<String, String>, Json) {
    let (headers, body) = sent(settings(ContentMode::CloudEventsStructured), given);
    (headers, json_of(&body))
}

fn full() -> v1::Message {
    v1::Message {
        ordering_key: "Kunde Müller".into(),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        tracestate: "congo=t61rcWkgMzE".into(),
        expire_at: Some(prost_types::Timestamp { seconds: 1_795_525_260, nanos: 500_000_000 }),
        forwarded_from: vec!["first".into(), "last".into()],
        typed_attributes: typed([
            ("count", Value::Number(-3.0)),
            ("price", Value::Number(2.5)),
            ("large", Value::Number(3e9)),
            ("tags", array([Kind::StringValue("a".into()), Kind::NumberValue(1.0)])),
            ("hash", Value::Binary(Bytes::from_static(b"\xff\0"))),
        ]),
        ..message(
            br#"{"total":1.50}"#,
            "application/json",
            &[
                ("type", "order.created"),
                ("subject", "4711"),
                ("store", "Köln"),
                ("dataschema", "https://example.com/s"),
            ],
        )
    }
}

#[test]
fn a_structured_event_has_everything_in_one_object() {
    let (headers, event) = structured(&full());
    assert_eq!(headers["content-type"], "application/cloudevents+json; charset=utf-8");
    assert_eq!(
        event,
        json!({
            "specversion": "1.0",
            "id": ID.to_string(),
            "source": "/projects/default/topics/orders",
            "type": "order.created",
            "subject": "4711",
            "time": "2026-11-24T13:00:00.123456Z",
            "datacontenttype": "application/json",
            "dataschema": "https://example.com/s",
            "correlationid": "c-1",
            "causationid": "last",
            "sequence": "00000000000000000042",
            "partitionkey": "Kunde Müller",
            "expirytime": "2026-11-24T13:01:00.500Z",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "tracestate": "congo=t61rcWkgMzE",
            "count": -3,
            "price": "2.5",
            "large": "3000000000",
            "tags": "[\"a\",1]",
            "hash": "/wA=",
            "store": "Köln",
            "data": { "total": 1.5 },
        })
    );
}

#[test]
fn a_binary_event_has_the_same_in_headers() {
    let (headers, body) = binary(&full());
    assert_eq!((&body[..], &*headers["content-type"]), (&br#"{"total":1.50}"#[..], "application/json"));
    let (_, event) = structured(&full());
    let own = event
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !["data", "datacontenttype"].contains(&name.as_str()));
    let expected: BTreeMap<_, _> = own
        .map(|(name, value)| (format!("ce-{name}"), value.as_str().map_or(value.to_string(), Into::into)))
        .collect();
    let mut found: BTreeMap<_, _> = headers.into_iter().filter(|(name, _)| name.starts_with("ce-")).collect();
    assert_eq!(found.insert("ce-store".into(), "Köln".into()).unwrap(), "K%C3%B6ln");
    assert_eq!(found.insert("ce-partitionkey".into(), "Kunde Müller".into()).unwrap(), "Kunde%20M%C3%BCller");
    assert_eq!(found.insert("ce-tags".into(), "[\"a\",1]".into()).unwrap(), "[%22a%22,1]");
    assert_eq!(found, expected);
}

#[test]
fn a_bare_message_is_a_valid_event() {
    let (headers, body) = binary(&message(b"", "", &[("a", "b")]));
    let ce: Vec<_> = headers.keys().filter(|name| name.starts_with("ce-")).cloned().collect();
    assert_eq!(
        ce,
        [
            "ce-a",
            "ce-correlationid",
            "ce-id",
            "ce-sequence",
            "ce-source",
            "ce-specversion",
            "ce-time",
            "ce-type"
        ]
    );
    assert_eq!(
        (&*headers["ce-type"], &*headers["content-type"], body.len()),
        ("fanfare.message", "application/octet-stream", 0)
    );
    let (_, event) = structured(&message(b"", "", &[("a", "b")]));
    assert!(event.get("data").is_none() && event.get("data_base64").is_none());
}

#[test]
fn who_sends_is_named_in_every_delivery() {
    for headers in [binary(&message(b"x", "", &[])).0, structured(&message(b"x", "", &[])).0] {
        assert_eq!(headers["webhook-request-origin"], "fanfare");
    }
}

#[test]
fn attributes_that_no_event_can_have_are_in_the_headers_of_raw_messages() {
    let given = v1::Message {
        typed_attributes: typed([("subject", Value::Number(1.0))]),
        ..message(
            b"x",
            "",
            &[
                ("eventType", "a"),
                ("averyveryverylongname", "b"),
                ("id", "c"),
                ("data", "d"),
                ("type", ""),
                ("line", "one\ntwo"),
                ("dataschema", "no-address"),
                ("twentycharactersname", "e"),
            ],
        )
    };
    let (headers, event) = structured(&given);
    for headers in [binary(&given).0, headers] {
        let rest: Vec<_> = headers
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("fanfare-attribute-")?, value.as_str())))
            .collect();
        assert_eq!(
            rest,
            [
                ("averyveryverylongname", "b"),
                ("data", "d"),
                ("dataschema", "no-address"),
                ("eventtype", "a"),
                ("id", "c"),
                ("line", "one%0Atwo"),
                ("subject", "1"),
                ("type", ""),
            ]
        );
    }
    assert_eq!((&event["id"], &event["type"]), (&ID.to_string().into(), &"fanfare.message".into()));
    assert_eq!(event["twentycharactersname"], "e");
    assert!(["subject", "line", "eventType", "dataschema"].iter().all(|name| event.get(name).is_none()));
}

#[test]
fn data_that_is_json_goes_in_as_it_is() {
    for content_type in
        ["application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json", "text/json"]
    {
        let data = br#" {"b":1, "a":12345678901234567890.10} "#;
        let (_, body) = sent(settings(ContentMode::CloudEventsStructured), &message(data, content_type, &[]));
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.ends_with(r#","data": {"b":1, "a":12345678901234567890.10} }"#), "{text}");
        json_of(&body);
    }
}

#[test]
fn other_data_is_in_base64() {
    for (data, content_type) in [
        (&b"hello"[..], "text/plain"),
        (b"{}", ""),
        (b"{}", "application/jsonish"),
        (b"{", "application/json"),
        (b"{} {}", "application/json"),
        (br#"{},"id":"other""#, "application/json"),
        (b"\"\xff\"", "application/json"),
        (b"\xef\xbb\xbf{}", "application/json"),
    ] {
        let (_, event) = structured(&message(data, content_type, &[]));
        assert_eq!(event["data_base64"], BASE64.encode(data), "{data:?} {content_type}");
        assert!(event.get("data").is_none());
    }
}

proptest! {
    #[test]
    fn any_message_makes_one_json_object_with_its_own_identity(
        data in prop_oneof![any::<Vec<u8>>(), r#"[{}\[\]",:a0 ]{0,20}"#.prop_map(String::into_bytes)],
        attributes in prop::collection::btree_map("[a-z0-9A-Z]{1,4}", ".{0,20}", 0..5),
    ) {
        let given = v1::Message { data: data.clone().into(), attributes, ..message(b"", "application/json", &[]) };
        let (_, event) = structured(&given);
        prop_assert_eq!(&event["id"], &Json::from(ID.to_string()));
        match event.get("data_base64") {
            Some(encoded) => prop_assert_eq!(BASE64.decode(encoded.as_str().unwrap().as_bytes()).unwrap(), data),
            None if data.is_empty() => prop_assert!(event.get("data").is_none()),
            None => prop_assert_eq!(&event["data"], &json_of(&data)),
        }
    }
}
