//! From a message of one topic to one of another.

use std::time::Duration;

use broker::{Delivery, NewMessage};
use fanfare_proto::v1;
use prost::Message as _;
use types::{LogId, MessageId, MessageMeta, SubscriptionUid, Timestamp};

pub(super) fn decode(delivery: &Delivery) -> Option<v1::Message> {
    v1::Message::decode(delivery.payload.clone()).ok()
}

/// Whether one of the messages that it was forwarded from was of this topic.
pub(super) fn has_been_in(message: &v1::Message, log: LogId) -> bool {
    message.forwarded_from.iter().filter_map(|id| id.parse::<MessageId>().ok()).any(|id| id.log == log)
}

/// Begins the deduplication IDs of forwards. A publisher's has no control character, so nobody can take a forward's place beforehand.
const FORWARD: char = '\u{1}';

/// Ready for the other topic. The publisher's deduplication ID was for the topic before; that of the forward is the broker's own affair.
pub(super) fn publishable(
    mut message: v1::Message,
    subscription: SubscriptionUid,
    was: MessageId,
) -> NewMessage {
    message.deliver_at = None;
    message.deduplication_id = String::new();
    let meta = MessageMeta {
        ordering_key: optional(&message.ordering_key),
        deduplication_id: Some(format!("{FORWARD}{:016x}-{was}", subscription.0).into()),
        correlation_id: message.correlation_id.as_str().into(),
        deliver_at: Timestamp::EPOCH,
        expire_at: message.expire_at.as_ref().and_then(time),
    };
    NewMessage { meta, payload: message.encode_to_vec().into() }
}

fn optional(text: &str) -> Option<Box<str>> {
    (!text.is_empty()).then(|| text.into())
}

/// Stored times are from 1970 on.
fn time(at: &prost_types::Timestamp) -> Option<Timestamp> {
    let seconds = u64::try_from(at.seconds).ok()?;
    let nanos = u32::try_from(at.nanos).ok()?;
    Some(
        Timestamp::EPOCH
            .plus(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into()))),
    )
}
