use std::time::{Duration, SystemTime};

use fanfare_proto::v1::{self, attribute_value::Value};

use super::*;
use crate::push::read::Unreadable;

fn refused(request: Request<Full<Bytes>>) -> Unreadable {
    let (parts, body) = whole(request);
    read::read(&parts, &body).unwrap_err()
}

fn with_body(request: Request<Full<Bytes>>, from: &str, to: &str) -> Request<Full<Bytes>> {
    let (parts, body) = whole(request);
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains(from), "{text}");
    Request::from_parts(parts, Full::from(text.replace(from, to)))
}

#[test]
fn every_mode_gives_the_message_of_the_documents_examples() {
    for mode in MODES {
        let pushed = pushed(delivery(mode));
        assert_eq!(pushed.subscription(), BILLING, "{mode:?}");
        assert_eq!(pushed.text(), Some(r#"{"order":4711,"city":"Berlin"}"#), "{mode:?}");
        assert_eq!(pushed.message_id(), "000000000000E0000000000058", "{mode:?}");
        assert_eq!((pushed.sequence(), pushed.delivery_attempt()), (42, 3), "{mode:?}");
        assert_eq!(pushed.ordering_key(), "4711", "{mode:?}");
        assert_eq!(pushed.correlation_id(), "checkout-8f2c", "{mode:?}");
        assert_eq!(pushed.content_type(), "application/json", "{mode:?}");
        let published = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_525_200_123_456);
        assert_eq!(pushed.publish_time(), published, "{mode:?}");
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(pushed.message().traceparent, trace, "{mode:?}");
        assert_eq!(pushed.attribute("type"), Some("order.created"), "{mode:?}");
        assert!(!pushed.first_delivery(), "{mode:?}");
    }
}

#[test]
fn attributes_have_the_types_and_names_that_the_mode_carries() {
    for mode in [Mode::Raw, Mode::Binary, Mode::Structured] {
        let pushed = pushed(delivery(mode));
        assert_eq!(pushed.attribute("total"), Some("99.5"), "{mode:?}");
        assert_eq!(pushed.attribute("eventsource"), Some("shop"), "{mode:?}");
        assert_eq!(pushed.message().attributes.len(), 3, "{mode:?}: {:?}", pushed.message());
        assert!(pushed.message().typed_attributes.is_empty(), "{mode:?}");
    }
    let pushed = pushed(delivery(Mode::Sns));
    assert_eq!(pushed.attribute("eventSource"), Some("shop"));
    assert_eq!(number(pushed.message(), "total"), Some(99.5));
}

fn number(message: &v1::Message, name: &str) -> Option<f64> {
    match message.typed_attributes.get(name)?.value.as_ref()? {
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

#[test]
fn what_is_escaped_in_headers_comes_back() {
    let request = with(delivery(Mode::Raw), "fanfare-attribute-gr%c3%b6%c3%9fe", "42%20cm");
    let request = with(request, "fanfare-ordering-key", "a%25%22b");
    let request = with(request, "fanfare-group-id", "%C3%A4");
    let raw = pushed(with(request, "fanfare-attribute-odd", "50%zz %"));
    assert_eq!(raw.attribute("größe"), Some("42 cm"));
    assert_eq!((raw.ordering_key(), raw.message().group_id.as_str()), ("a%\"b", "ä"));
    assert_eq!(
        raw.attribute("odd"),
        Some("50%zz %"),
        "the broker sends no such thing, and it is kept as it is"
    );
    let event = pushed(with(delivery(Mode::Binary), "ce-city", "K%C3%B6ln"));
    assert_eq!(event.attribute("city"), Some("Köln"));
}

#[test]
fn what_the_broker_says_for_want_of_anything_else_is_nothing() {
    let raw = pushed(with(delivery(Mode::Raw), "content-type", "application/octet-stream"));
    assert_eq!(raw.content_type(), "");
    let event = pushed(with(delivery(Mode::Binary), "ce-type", "fanfare.message"));
    assert_eq!(event.attribute("type"), None);
    let event = pushed(with_body(delivery(Mode::Structured), "order.created", "fanfare.message"));
    assert_eq!(event.attribute("type"), None);
    let envelope = pushed(without(delivery(Mode::Sns), "fanfare-content-type"));
    assert_eq!(envelope.content_type(), "");
}

#[test]
fn structured_data_keeps_every_digit_and_binary_data_comes_back() {
    let digits = r#""data":[1.10, 12345678901234567890123, {"b":1,"a":2}]"#;
    let event = with_body(delivery(Mode::Structured), r#""data":{"order":4711,"city":"Berlin"}"#, digits);
    assert_eq!(pushed(event).text(), Some(r#"[1.10, 12345678901234567890123, {"b":1,"a":2}]"#));
    let bytes = r#""data_base64":"/wD+""#;
    let event = with_body(delivery(Mode::Structured), r#""data":{"order":4711,"city":"Berlin"}"#, bytes);
    assert_eq!(&pushed(event).data()[..], [0xff, 0, 0xfe]);
    let data = r#"{\"order\":4711,\"city\":\"Berlin\"}""#;
    let envelope = with_body(delivery(Mode::Sns), data, r#"/wD+","MessageEncoding":"base64""#);
    assert_eq!(&pushed(envelope).data()[..], [0xff, 0, 0xfe]);
}

#[test]
fn whole_numbers_of_a_structured_event_are_numbers() {
    let event = pushed(with_body(delivery(Mode::Structured), r#""total":"99.5""#, r#""total":-7"#));
    assert_eq!(number(event.message(), "total"), Some(-7.0));
}

#[test]
fn an_envelopes_arrays_and_bytes_keep_their_types() {
    let more = r#""tags":{"Type":"String.Array","Value":"[\"a\",1.5,true,null]"},"raw":{"Type":"Binary","Value":"/wA="},"total""#;
    let envelope = pushed(with_body(delivery(Mode::Sns), r#""total""#, more));
    let values = &envelope.message().typed_attributes;
    assert_eq!(values["raw"].value, Some(Value::Binary(vec![0xff, 0].into())));
    let Some(Value::Array(tags)) = &values["tags"].value else { panic!("{values:?}") };
    assert_eq!(tags.values.len(), 4);
    assert_eq!(tags.values[1].kind, Some(prost_types::value::Kind::NumberValue(1.5)));
}

#[test]
fn an_event_says_where_it_was_forwarded_from_and_when_it_expires() {
    let event = with(delivery(Mode::Binary), "ce-causationid", "000000000000C0000000000011");
    let event = pushed(with(event, "ce-expirytime", "2026-11-25T00:00:00Z"));
    assert_eq!(event.message().forwarded_from, ["000000000000C0000000000011"]);
    assert_eq!(event.message().expire_at.map(|at| at.seconds), Some(1_795_564_800));
}

#[test]
fn what_a_structured_event_says_goes_before_headers_that_are_not_signed() {
    let event = with(delivery(Mode::Structured), "fanfare-ordering-key", "forged");
    let event = with(event, "x-correlation-id", "forged");
    let event = with(event, "fanfare-sequence", "7");
    let event = pushed(with(event, "fanfare-attribute-type", "forged"));
    assert_eq!(
        (event.ordering_key(), event.correlation_id(), event.sequence()),
        ("4711", "checkout-8f2c", 42)
    );
    assert_eq!(event.attribute("type"), Some("order.created"));
}

#[test]
fn a_message_that_is_an_event_or_an_envelope_itself_stays_as_it_is_in_raw() {
    for content_type in ["application/cloudevents+json", "text/plain; charset=UTF-8"] {
        let raw = pushed(with(delivery(Mode::Raw), "content-type", content_type));
        assert_eq!(raw.text(), Some(r#"{"order":4711,"city":"Berlin"}"#));
        assert_eq!(raw.content_type(), content_type);
    }
}

#[test]
fn a_delivery_is_not_made_a_request_for_consent_by_changing_headers_and_the_other_way_round() {
    let consent = "SubscriptionConfirmation";
    for mode in MODES {
        assert_eq!(
            refused(with(delivery(mode), "x-amz-sns-message-type", consent)),
            Unreadable::Id,
            "{mode:?}"
        );
        let mut options = delivery(mode);
        *options.method_mut() = Method::OPTIONS;
        assert_eq!(refused(options), Unreadable::Id, "{mode:?}");
    }
    for mode in [Mode::Raw, Mode::Sns] {
        assert_eq!(refused(without(question(mode), "x-amz-sns-message-type")), Unreadable::Id, "{mode:?}");
    }
    let mut posted = question(Mode::Binary);
    *posted.method_mut() = Method::POST;
    assert_eq!(refused(posted), Unreadable::Id);
}

#[test]
fn an_id_in_the_body_that_is_not_the_one_that_was_signed_is_refused() {
    for mode in [Mode::Structured, Mode::Sns] {
        let other = with_body(delivery(mode), "000000000000E0000000000058", "000000000000E0000000000059");
        assert_eq!(refused(other), Unreadable::Id, "{mode:?}");
    }
}

#[test]
fn a_request_without_what_the_broker_always_says_is_refused_by_the_name_of_it() {
    for name in [
        "webhook-id",
        "fanfare-subscription",
        "fanfare-sequence",
        "fanfare-delivery-attempt",
        "fanfare-publish-time",
    ] {
        assert_eq!(refused(without(delivery(Mode::Raw), name)), Unreadable::Header(name));
    }
    let negative = with(delivery(Mode::Raw), "fanfare-sequence", "-1");
    assert_eq!(refused(negative), Unreadable::Header("fanfare-sequence"));
}

#[test]
fn a_body_that_is_no_event_or_envelope_is_refused_and_never_a_panic() {
    let open = "[".repeat(100_000);
    for body in ["", "null", "[]", "{}", "{\"data\":", "\u{0}", &*open, r#"{"Message":1}"#, r#"{"id":{}}"#] {
        for mode in [Mode::Structured, Mode::Sns] {
            let (parts, _) = whole(delivery(mode));
            let result = read::read(&parts, &Bytes::from(body.to_owned()));
            assert!(result.is_err(), "{mode:?} {body:.20}");
        }
    }
}
