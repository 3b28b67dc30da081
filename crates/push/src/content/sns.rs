//! The JSON envelope of Amazon SNS, without the members that belong to its certificate signature.

use bytes::Bytes;
use data_encoding::BASE64;
use serde_json::{Map, Value as Json, json};

use super::{Event, Unsendable, attribute, headers::Headers, text};

pub(super) const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";

pub(super) fn write(event: &Event<'_>, headers: &mut Headers) -> Result<Bytes, Unsendable> {
    headers.set("content-type", CONTENT_TYPE)?;
    headers.set("x-amz-sns-message-type", "Notification")?;
    headers.set("x-amz-sns-message-id", event.id)?;
    headers.set("x-amz-sns-topic-arn", &event.content.topic)?;
    headers.set("x-amz-sns-subscription-arn", &event.content.subscription)?;
    if !event.message.content_type.is_empty() {
        headers.set("fanfare-content-type", event.content_type())?;
    }
    Ok(envelope(event).to_string().into())
}

fn envelope(event: &Event<'_>) -> Json {
    let mut envelope = Map::from_iter([
        ("Type".to_owned(), "Notification".into()),
        ("MessageId".to_owned(), event.id.into()),
        ("TopicArn".to_owned(), event.content.topic.as_str().into()),
        ("Timestamp".to_owned(), text::millis(event.delivery.published_at).into()),
    ]);
    match std::str::from_utf8(&event.message.data) {
        Ok(text) => _ = envelope.insert("Message".into(), text.into()),
        // SNS takes nothing but text; here the receiver is told what it got instead.
        Err(_) => {
            envelope.insert("Message".into(), BASE64.encode(&event.message.data).into());
            envelope.insert("MessageEncoding".into(), "base64".into());
        }
    }
    if let Some(subject) = attribute::text_of(event.message, "subject") {
        envelope.insert("Subject".into(), subject.into());
    }
    let attributes: Map<_, _> = attribute::all(event.message)
        .map(|(name, value)| (name.to_owned(), json!({ "Type": value.sns_type(), "Value": value.text() })))
        .collect();
    if !attributes.is_empty() {
        envelope.insert("MessageAttributes".into(), attributes.into());
    }
    envelope.into()
}
