//! How a message looks in the terminal.

use std::collections::BTreeMap;

use fanfare_client::{
    ReceivedMessage,
    proto::{AttributeValue, Message, attribute_value::Value},
};
use prost_types::value::Kind;

use crate::{
    output::{data, fields, printable},
    value,
};

/// All of it, several lines.
pub(crate) fn whole(ack_id: &str, received: &ReceivedMessage) -> String {
    let message = received.message();
    let attempt = received.delivery_attempt();
    fields(&[
        ("message", received.message_id().to_owned()),
        ("sequence", received.sequence().to_string()),
        ("published", value::time(Some(received.publish_time().into()))),
        ("attempt", if attempt > 1 { attempt.to_string() } else { String::new() }),
        ("key", printable(&message.ordering_key)),
        ("correlation", printable(&message.correlation_id)),
        ("type", printable(&message.content_type)),
        ("group", printable(&message.group_id)),
        ("attributes", attributes(message)),
        ("data", data(&message.data)),
        ("ack ID", ack_id.to_owned()),
    ])
}

/// In one line.
pub(crate) fn line(received: &ReceivedMessage) -> String {
    let message = received.message();
    let named = |name: &str, value: &str| match value {
        "" => String::new(),
        value => format!("{name}={}", printable(value)),
    };
    let parts = [
        value::time(Some(received.publish_time().into())),
        received.sequence().to_string(),
        named("key", &message.ordering_key),
        attributes(message),
        data(&message.data),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

fn attributes(message: &Message) -> String {
    let plain = message.attributes.iter().map(|(name, value)| (name, value.clone()));
    let typed = message.typed_attributes.iter().map(|(name, value)| (name, typed(value)));
    let all: BTreeMap<&String, String> = plain.chain(typed).collect();
    let one = |(name, value): (&String, String)| format!("{}={}", printable(name), printable(&value));
    all.into_iter().map(one).collect::<Vec<_>>().join(" ")
}

fn typed(attribute: &AttributeValue) -> String {
    match &attribute.value {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Binary(bytes)) => format!("base64:{}", data_encoding::BASE64.encode(bytes)),
        Some(Value::Array(array)) => {
            let elements = array.values.iter().map(|value| element(value.kind.as_ref()));
            format!("[{}]", elements.collect::<Vec<_>>().join(","))
        }
        None => String::new(),
    }
}

fn element(kind: Option<&Kind>) -> String {
    match kind {
        Some(Kind::StringValue(text)) => text.clone(),
        Some(Kind::NumberValue(number)) => number.to_string(),
        Some(Kind::BoolValue(is)) => is.to_string(),
        _ => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use fanfare_client::proto;

    use super::*;

    #[test]
    fn a_message_cannot_write_to_the_terminal_what_the_terminal_would_obey() {
        let message = Message {
            data: "\u{1b}[31m".into(),
            ordering_key: "k".to_owned(),
            attributes: [("a\u{7}".to_owned(), "b\n".to_owned())].into(),
            typed_attributes: [("n".to_owned(), AttributeValue { value: Some(Value::Number(1.5)) })].into(),
            ..Message::default()
        };
        let received = proto::ReceivedMessage { message: Some(message), sequence: 7, ..Default::default() };
        let received = ReceivedMessage::from(received);
        let line = line(&received);
        assert_eq!(line, "1970-01-01T00:00:00.000Z  7  key=k  a\\u{7}=b\\n n=1.5  \\u{1b}[31m");
        assert!(whole("id", &received).lines().all(|line| !line.contains(char::is_control)));
    }
}
