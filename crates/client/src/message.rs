//! A message as it is published.

use std::time::Duration;

use bytes::Bytes;
use fanfare_proto::v1;
use prost_types::value::Kind;

/// A message to publish. What the limits are, the broker says; docs and `proto/fanfare/v1/message.proto` list them.
///
/// ```
/// use std::time::Duration;
/// use fanfare_client::Message;
///
/// let message = Message::new(r#"{"order": 4711}"#)
///     .content_type("application/json")
///     .attribute("type", "order.created")
///     .number("total", 99.5)
///     .ordering_key("customer-7")
///     .deliver_after(Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a message does nothing until it is published"]
pub struct Message(v1::NewMessage);

impl Message {
    /// With this data, opaque to the broker.
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self(v1::NewMessage { data: data.into(), ..v1::NewMessage::default() })
    }

    /// With a text attribute, which filter policies can look at.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.attributes.insert(name.into(), value.into());
        self
    }

    /// With an attribute that is a number.
    pub fn number(self, name: impl Into<String>, value: f64) -> Self {
        self.typed(name, v1::attribute_value::Value::Number(value))
    }

    /// With an attribute that is bytes, which filter policies do not see.
    pub fn binary(self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.typed(name, v1::attribute_value::Value::Binary(value.into()))
    }

    /// With an attribute that is several texts, of which a filter policy may match any.
    pub fn texts<T: Into<String>>(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let value = |text: T| prost_types::Value { kind: Some(Kind::StringValue(text.into())) };
        let values = values.into_iter().map(value).collect();
        self.typed(name, v1::attribute_value::Value::Array(prost_types::ListValue { values }))
    }

    fn typed(mut self, name: impl Into<String>, value: v1::attribute_value::Value) -> Self {
        self.0.typed_attributes.insert(name.into(), v1::AttributeValue { value: Some(value) });
        self
    }

    /// Messages with the same key are delivered one after the other, to subscriptions with `ordered`.
    pub fn ordering_key(mut self, key: impl Into<String>) -> Self {
        self.0.ordering_key = key.into();
        self
    }

    /// A second message with the same ID inside the topic's window is not stored. Default: one that the publisher makes.
    pub fn deduplication_id(mut self, id: impl Into<String>) -> Self {
        self.0.deduplication_id = id.into();
        self
    }

    /// Follows the message through every hop. Default: [the current one](crate::correlation), else one that the publisher makes.
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.0.correlation_id = id.into();
        self
    }

    /// Media type of the data.
    pub fn content_type(mut self, media_type: impl Into<String>) -> Self {
        self.0.content_type = media_type.into();
        self
    }

    /// Whom the message belongs to, for fairness between groups in one queue.
    pub fn group_id(mut self, id: impl Into<String>) -> Self {
        self.0.group_id = id.into();
        self
    }

    /// Delay before the first delivery, from acceptance. At most 30 days.
    pub fn deliver_after(mut self, delay: Duration) -> Self {
        self.0.deliver_after = Some(duration(delay));
        self
    }

    /// Life of the message, from acceptance. At most 365 days.
    pub fn expire_after(mut self, life: Duration) -> Self {
        self.0.expire_after = Some(duration(life));
        self
    }

    /// The message on the wire.
    pub fn into_proto(self) -> v1::NewMessage {
        self.0
    }
}

/// One that does not fit counts as the longest, which the broker refuses with the limit.
pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    duration.try_into().unwrap_or(prost_types::Duration { seconds: 315_576_000_000, nanos: 0 })
}

impl From<v1::NewMessage> for Message {
    fn from(message: v1::NewMessage) -> Self {
        Self(message)
    }
}

/// From what data is made of.
macro_rules! from_data {
    ($($data:ty),*) => {
        $(impl From<$data> for Message {
            fn from(data: $data) -> Self {
                Self::new(data)
            }
        })*
    };
}

from_data!(Bytes, Vec<u8>, String, &'static str, &'static [u8]);
