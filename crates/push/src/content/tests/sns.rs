use prost_types::value::Kind;

use super::*;

#[test]
fn the_envelope_is_that_of_sns() {
    let given = v1::Message {
        typed_attributes: typed([
            ("price", Value::Number(2.5)),
            ("tags", array([Kind::StringValue("a".into()), Kind::NumberValue(1.0)])),
            ("hash", Value::Binary(Bytes::from_static(b"\xff\0"))),
        ]),
        ..message("größer".as_bytes(), "text/plain", &[("subject", "An order"), ("größe", "42")])
    };
    let (headers, body) = sent(settings(ContentMode::SnsEnvelope), &given);
    assert_eq!(
        json_of(&body),
        json!({
            "Type": "Notification",
            "MessageId": ID.to_string(),
            "TopicArn": "projects/default/topics/orders",
            "Subject": "An order",
            "Message": "größer",
            "Timestamp": "2026-11-24T13:00:00.123Z",
            "MessageAttributes": {
                "subject": { "Type": "String", "Value": "An order" },
                "größe": { "Type": "String", "Value": "42" },
                "price": { "Type": "Number", "Value": "2.5" },
                "tags": { "Type": "String.Array", "Value": "[\"a\",1]" },
                "hash": { "Type": "Binary", "Value": "/wA=" },
            },
        })
    );
    for (name, value) in [
        ("content-type", "text/plain; charset=UTF-8"),
        ("fanfare-content-type", "text/plain"),
        ("x-amz-sns-message-type", "Notification"),
        ("x-amz-sns-message-id", &ID.to_string()),
        ("x-amz-sns-topic-arn", "projects/default/topics/orders"),
        ("x-amz-sns-subscription-arn", "projects/default/subscriptions/billing"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
}

#[test]
fn what_a_message_does_not_have_is_not_in_the_envelope() {
    let (headers, body) = sent(settings(ContentMode::SnsEnvelope), &message(b"x", "", &[]));
    let envelope = json_of(&body);
    let members: Vec<_> = envelope.as_object().unwrap().keys().collect();
    assert_eq!(members, ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]);
    assert!(!headers.contains_key("fanfare-content-type"));
}

#[test]
fn data_that_is_no_text_is_in_base64_and_the_envelope_says_so() {
    let (_, body) = sent(settings(ContentMode::SnsEnvelope), &message(b"\xff\0", "", &[]));
    let envelope = json_of(&body);
    assert_eq!((&envelope["Message"], &envelope["MessageEncoding"]), (&json!("/wA="), &json!("base64")));
}
