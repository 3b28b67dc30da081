//! From a message as published to a message as stored.
//!
//! Each message is checked, completed (correlation ID, trace, times) and encoded, once, into one buffer that the whole
//! request shares. From here on it is bytes.

use std::time::Duration;

use broker::NewMessage;
use bytes::{Bytes, BytesMut};
use fanfare_proto::v1;
use prost::Message as _;
use telemetry::TraceContext;
use types::{MessageMeta, Timestamp, limits};

use super::{attributes, time};
use crate::{
    check::{self, Charset},
    origin::{CorrelationIds, Origin},
    refusal::Refusal,
};

/// What encoding needs besides the messages.
#[derive(Debug)]
pub(crate) struct Stamp<'a> {
    pub(crate) now: Timestamp,
    pub(crate) origin: &'a Origin,
    pub(crate) ids: &'a CorrelationIds,
    /// Bytes of one message as encoded.
    pub(crate) max_message_bytes: usize,
}

/// The messages of one request, ready to be accepted, and the correlation ID of each.
pub(crate) fn accept(
    messages: Vec<v1::NewMessage>,
    stamp: &Stamp<'_>,
) -> Result<(Vec<NewMessage>, Vec<String>), Refusal> {
    check::length("messages", messages.len(), 1..=limits::PUBLISH_MESSAGES)?;
    let complete = |(index, message)| {
        one(message, stamp).map_err(|refusal: Refusal| refusal.within(format_args!("messages[{index}]")))
    };
    let messages = messages.into_iter().enumerate().map(complete).collect::<Result<Vec<_>, _>>()?;
    Ok(encode(messages))
}

/// A message and what the broker itself reads of it.
type Complete = (MessageMeta, v1::Message, usize);

fn one(given: v1::NewMessage, stamp: &Stamp<'_>) -> Result<Complete, Refusal> {
    check_content(&given)?;
    check_names(&given)?;
    let (deliver_after, expire_after) = delays(&given)?;
    let meta = MessageMeta {
        ordering_key: optional(&given.ordering_key),
        deduplication_id: optional(&given.deduplication_id),
        correlation_id: correlation_id(&given, stamp),
        deliver_at: deliver_after.map_or(Timestamp::EPOCH, |delay| stamp.now.plus(delay)),
        expire_at: expire_after.map(|life| stamp.now.plus(life)),
    };
    let message = stored(given, &meta, stamp.origin);
    let bytes = message.encoded_len();
    if bytes > stamp.max_message_bytes {
        let why = format!(
            "has {bytes} bytes with everything in the message, the limit is {}",
            stamp.max_message_bytes
        );
        return Err(Refusal::field("data", why));
    }
    Ok((meta, message, bytes))
}

fn check_content(given: &v1::NewMessage) -> Result<(), Refusal> {
    if given.data.is_empty() && given.attributes.is_empty() && given.typed_attributes.is_empty() {
        return Err(Refusal::field("data", "is empty, which only a message with attributes may be"));
    }
    attributes::check(&given.attributes, &given.typed_attributes)
}

fn check_names(given: &v1::NewMessage) -> Result<(), Refusal> {
    use Charset::{NoControl, PrintableAscii, VisibleAscii};
    check::text("ordering_key", &given.ordering_key, limits::ORDERING_KEY_BYTES, NoControl)?;
    check::text("deduplication_id", &given.deduplication_id, limits::DEDUPLICATION_ID_BYTES, NoControl)?;
    check::text("correlation_id", &given.correlation_id, limits::CORRELATION_ID_BYTES, VisibleAscii)?;
    check::text("content_type", &given.content_type, limits::CONTENT_TYPE_BYTES, PrintableAscii)?;
    check::text("group_id", &given.group_id, limits::GROUP_ID_BYTES, NoControl)
}

/// The delay before the first delivery, if there is one, and the life, if it is limited.
fn delays(given: &v1::NewMessage) -> Result<(Option<Duration>, Option<Duration>), Refusal> {
    let delay =
        time::within("deliver_after", given.deliver_after, Duration::ZERO..=limits::DELIVER_AFTER_MAX)?;
    let life = time::within("expire_after", given.expire_after, Duration::ZERO..=limits::EXPIRE_AFTER_MAX)?;
    let delay = delay.filter(|delay| !delay.is_zero());
    if let Some(life) = life.filter(|life| *life <= delay.unwrap_or_default()) {
        let why = format!("is {life:?}, must be more than deliver_after ({:?})", delay.unwrap_or_default());
        return Err(Refusal::field("expire_after", why));
    }
    Ok((delay, life))
}

/// The publisher's, else the request's, else a new one.
fn correlation_id(given: &v1::NewMessage, stamp: &Stamp<'_>) -> Box<str> {
    optional(&given.correlation_id)
        .or_else(|| stamp.origin.correlation_id.clone())
        .unwrap_or_else(|| stamp.ids.next())
}

fn optional(text: &str) -> Option<Box<str>> {
    (!text.is_empty()).then(|| text.into())
}

fn stored(given: v1::NewMessage, meta: &MessageMeta, origin: &Origin) -> v1::Message {
    let own = TraceContext::parse(&given.traceparent, &given.tracestate);
    let trace = own.as_ref().or(origin.trace.as_ref());
    v1::Message {
        data: given.data,
        attributes: given.attributes,
        ordering_key: given.ordering_key,
        deduplication_id: given.deduplication_id,
        correlation_id: meta.correlation_id.to_string(),
        content_type: given.content_type,
        group_id: given.group_id,
        traceparent: trace.map(|trace| trace.traceparent().to_owned()).unwrap_or_default(),
        tracestate: trace.map(|trace| trace.tracestate().to_owned()).unwrap_or_default(),
        deliver_at: (meta.deliver_at != Timestamp::EPOCH).then(|| time::to_proto_timestamp(meta.deliver_at)),
        expire_at: meta.expire_at.map(time::to_proto_timestamp),
        typed_attributes: given.typed_attributes,
        forwarded_from: Vec::new(),
    }
}

/// The payload of a message that is not published, checked as if it were.
pub(crate) fn sample(given: v1::NewMessage, stamp: &Stamp<'_>) -> Result<Bytes, Refusal> {
    let (_, message, _) = one(given, stamp)?;
    Ok(message.encode_to_vec().into())
}

/// All into one buffer, of which each message gets its part. Correlation IDs are taken out of what was encoded: a copy less.
fn encode(messages: Vec<Complete>) -> (Vec<NewMessage>, Vec<String>) {
    let mut buffer = BytesMut::with_capacity(messages.iter().map(|(.., bytes)| bytes).sum());
    let into_buffer = |(meta, message, _): Complete| {
        message.encode_raw(&mut buffer);
        (NewMessage { meta, payload: buffer.split().freeze() }, message.correlation_id)
    };
    messages.into_iter().map(into_buffer).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn accept_all(messages: Vec<v1::NewMessage>, origin: &Origin) -> Result<Vec<NewMessage>, Refusal> {
        let ids = CorrelationIds::from_fn(|buffer| buffer.fill(7));
        let (messages, correlation_ids) =
            accept(messages, &Stamp { now: NOW, origin, ids: &ids, max_message_bytes: 1_000 })?;
        let of_messages = messages.iter().map(|message| &*message.meta.correlation_id);
        assert!(of_messages.eq(correlation_ids.iter().map(String::as_str)));
        Ok(messages)
    }

    fn message(data: &'static str) -> v1::NewMessage {
        v1::NewMessage { data: Bytes::from_static(data.as_bytes()), ..v1::NewMessage::default() }
    }

    fn seconds(seconds: i64) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds, nanos: 0 })
    }

    #[test]
    fn the_payload_is_the_message_as_subscribers_see_it() {
        let given = v1::NewMessage {
            attributes: [("kind".into(), "order".into())].into(),
            ordering_key: "k".into(),
            deliver_after: seconds(5),
            expire_after: seconds(60),
            ..message("hello")
        };
        let accepted = accept_all(vec![given, message("second")], &Origin::default()).unwrap();
        let stored = v1::Message::decode(accepted[0].payload.clone()).unwrap();
        assert_eq!((&stored.data[..], &*stored.ordering_key), (&b"hello"[..], "k"));
        assert_eq!(stored.deliver_at, Some(time::to_proto_timestamp(NOW.plus(Duration::from_secs(5)))));
        assert_eq!(accepted[0].meta.expire_at, Some(NOW.plus(Duration::from_secs(60))));
        assert_eq!(v1::Message::decode(accepted[1].payload.clone()).unwrap().data, "second");
    }

    #[test]
    fn the_messages_own_correlation_id_goes_before_the_headers_and_that_before_a_new_one() {
        let own = v1::NewMessage { correlation_id: "own".into(), ..message("a") };
        let header = Origin { correlation_id: Some("header".into()), trace: None };
        let ids = |origin: &Origin| {
            let accepted = accept_all(vec![own.clone(), message("b")], origin).unwrap();
            accepted.into_iter().map(|message| message.meta.correlation_id.into_string()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&header), ["own", "header"]);
        assert_eq!(ids(&Origin::default()), ["own", &"07".repeat(16)]);
    }

    #[test]
    fn a_message_must_outlive_its_delay() {
        for (delay, life, good) in [(5, 6, true), (5, 5, false), (0, 0, false), (0, 1, true), (0, -1, false)]
        {
            let given =
                v1::NewMessage { deliver_after: seconds(delay), expire_after: seconds(life), ..message("a") };
            assert_eq!(accept_all(vec![given], &Origin::default()).is_ok(), good, "{delay} {life}");
        }
    }

    #[test]
    fn the_size_limit_counts_the_whole_message() {
        let attributes = [("n".to_owned(), "v".repeat(900))].into();
        assert!(accept_all(vec![v1::NewMessage { attributes, ..message("a") }], &Origin::default()).is_ok());
        let attributes = [("n".to_owned(), "v".repeat(990))].into();
        let refusal =
            accept_all(vec![message("a"), v1::NewMessage { attributes, ..message("a") }], &Origin::default());
        assert_eq!(v1::RequestError::from(refusal.unwrap_err()).field, "messages[1].data");
    }
}
