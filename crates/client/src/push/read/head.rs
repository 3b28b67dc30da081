//! What the headers of every content mode say.

use std::{borrow::Cow, str::FromStr};

use data_encoding::HEXLOWER_PERMISSIVE;
use fanfare_proto::v1;
use http::HeaderMap;

use super::Unreadable;

/// The headers of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a>(pub(super) &'a HeaderMap);

impl<'a> Head<'a> {
    pub(super) fn has(self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// As good as absent if it is no text.
    pub(super) fn text(self, name: &str) -> &'a str {
        self.0.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn required(self, name: &'static str) -> Result<&'a str, Unreadable> {
        Some(self.text(name)).filter(|text| !text.is_empty()).ok_or(Unreadable::Header(name))
    }

    fn parsed<T: FromStr>(self, name: &'static str) -> Result<T, Unreadable> {
        self.required(name)?.parse().map_err(|_| Unreadable::Header(name))
    }

    fn unescaped(self, name: &str) -> String {
        unescape(self.text(name)).into_owned()
    }

    /// What is said of the delivery.
    pub(super) fn delivery(self) -> Result<v1::ReceivedMessage, Unreadable> {
        Ok(v1::ReceivedMessage {
            message_id: self.required("webhook-id")?.to_owned(),
            delivery_attempt: self.parsed("fanfare-delivery-attempt")?,
            sequence: self.parsed("fanfare-sequence")?,
            publish_time: Some(self.parsed("fanfare-publish-time")?),
            ..v1::ReceivedMessage::default()
        })
    }

    /// What is said of the message, whatever its content.
    pub(super) fn message(self) -> v1::Message {
        v1::Message {
            ordering_key: self.unescaped("fanfare-ordering-key"),
            group_id: self.unescaped("fanfare-group-id"),
            correlation_id: self.text("x-correlation-id").to_owned(),
            traceparent: self.text("traceparent").to_owned(),
            tracestate: self.text("tracestate").to_owned(),
            ..v1::Message::default()
        }
    }
}

/// A value in a header as the text that it was. What cannot be one stays as it is: the broker sends nothing of that kind.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let digits = part.as_bytes().get(..2).and_then(|digits| HEXLOWER_PERMISSIVE.decode(digits).ok());
        let Some(byte) = digits else { return text.into() };
        bytes.extend_from_slice(&byte);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_or_else(|_| text.into(), Into::into)
}
