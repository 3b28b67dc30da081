//! What goes over the wire: requests whose messages are encoded already.
//!
//! A message is encoded once, by whoever publishes it, and these bytes are sent as often as it takes. The wire cannot tell `bytes` from a
//! message.

use bytes::Bytes;
use prost::Message as _;

use super::ids::{CorrelationIds, DEDUPLICATION_ID, DeduplicationIds};
use crate::{Message, correlation, trace};

/// The largest limit that an operator can choose for a request: no broker takes a message that is larger.
pub(super) const LARGEST: usize = 64 << 20;
/// Tag and length of a message in its request, at most.
const FRAME: usize = 6;
/// Of [`fanfare_proto::v1::NewMessage`].
const DEDUPLICATION_ID_TAG: u32 = 4;
/// Tag, length and text of a deduplication ID in its message, at most.
const ID_FIELD: usize = 2 + DEDUPLICATION_ID;

/// [`fanfare_proto::v1::PublishStreamRequest`], field for field.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {
    /// In the first request of a stream only.
    #[prost(string, tag = "1")]
    pub(super) topic: String,
    /// Each an encoded [`fanfare_proto::v1::NewMessage`].
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) messages: Vec<Bytes>,
    #[prost(bool, tag = "3")]
    pub(super) stop_at_error: bool,
}

/// A message that is ready to be taken: all of it but its deduplication ID, which says its place among those that were taken.
#[derive(Debug)]
pub(super) struct Offer {
    body: Vec<u8>,
    key: Option<Box<str>>,
    wants_id: bool,
}

impl Offer {
    /// Under the caller's span and correlation ID.
    pub(super) fn new(message: Message, ids: &CorrelationIds, deduplicate: bool) -> Self {
        let mut message = message.into_proto();
        if message.correlation_id.is_empty() {
            let current = correlation::current();
            message.correlation_id = current.map_or_else(|| ids.next(), |id| id.to_string());
        }
        trace::inject(&mut message);
        let mut body = Vec::with_capacity(message.encoded_len() + ID_FIELD);
        message.encode_raw(&mut body);
        let key = Some(message.ordering_key).filter(|key| !key.is_empty());
        let wants_id = deduplicate && message.deduplication_id.is_empty();
        Self { body, key: key.map(String::into_boxed_str), wants_id }
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What it adds to a request, at most.
    pub(super) fn bytes(&self) -> usize {
        self.body.len() + FRAME + if self.wants_id { ID_FIELD } else { 0 }
    }

    /// The encoded message, with an ID if it wants one, and its ordering key.
    pub(super) fn finish(mut self, ids: Option<&mut DeduplicationIds>) -> (Bytes, Option<Box<str>>) {
        if let Some(ids) = ids.filter(|_| self.wants_id) {
            // Encoded messages one after the other are their fields merged.
            prost::encoding::string::encode(DEDUPLICATION_ID_TAG, ids.next(), &mut self.body);
        }
        (self.body.into(), self.key)
    }
}

#[cfg(test)]
mod tests {
    use fanfare_proto::v1;

    use super::*;

    fn offer(message: Message, deduplicate: bool) -> Offer {
        Offer::new(message, &CorrelationIds::random(), deduplicate)
    }

    fn decoded(offer: Offer) -> v1::NewMessage {
        v1::NewMessage::decode(offer.finish(DeduplicationIds::random().as_mut()).0).unwrap()
    }

    #[test]
    fn a_request_has_the_bytes_of_the_generated_type() {
        let messages = [Message::new("a").attribute("k", "v"), Message::new("b").ordering_key("x")];
        let messages: Vec<_> = messages.map(Message::into_proto).to_vec();
        let bytes = messages.iter().map(|message| message.encode_to_vec().into()).collect();
        let ours = Request { topic: "t".into(), messages: bytes, stop_at_error: true };
        let theirs = v1::PublishStreamRequest { topic: "t".into(), messages, stop_at_error: true };
        assert_eq!(ours.encode_to_vec(), theirs.encode_to_vec());
    }

    #[test]
    fn a_message_keeps_its_own_ids_and_gets_those_it_has_not() {
        let own = decoded(offer(Message::new("a").deduplication_id("mine").correlation_id("c"), true));
        assert_eq!((own.deduplication_id.as_str(), own.correlation_id.as_str()), ("mine", "c"));
        let made = decoded(offer(Message::new("a"), true));
        assert!(made.deduplication_id.ends_with("-1"), "{made:?}");
        assert_eq!(made.correlation_id.len(), 32);
        assert_eq!(decoded(offer(Message::new("a"), false)).deduplication_id, "");
    }

    #[tokio::test]
    async fn a_message_gets_the_current_correlation_id() {
        let offered = correlation::scope("order-7", async { offer(Message::new("a"), true) }).await;
        assert_eq!(decoded(offered).correlation_id, "order-7");
    }

    #[test]
    fn the_bytes_of_a_message_are_never_less_than_what_it_adds_to_a_request() {
        for length in [0, 1, 100, 127, 128, 20_000, 3 << 20] {
            let offer = offer(Message::new(vec![7; length]), true);
            let bytes = offer.bytes();
            let mut ids = DeduplicationIds::before_the_last();
            let messages = vec![offer.finish(Some(&mut ids)).0];
            let added = Request { messages, ..Request::default() }.encoded_len();
            assert!(added <= bytes && bytes < added + 10, "{length}: {added}, {bytes}");
        }
    }
}
