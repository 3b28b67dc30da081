//! Deliveries, around the bytes that are stored.

use broker::{Delivery, DeliveryBlock};
use fanfare_proto::{encoded, v1};
use prost::Message as _;
use types::{LogId, SubscriptionUid};

use super::time;

/// The wrapper of one delivery. The message is neither read nor copied.
pub(crate) fn to_proto(delivery: Delivery) -> encoded::ReceivedMessage {
    encoded::ReceivedMessage {
        ack_id: delivery.ack_id.to_string(),
        delivery_attempt: delivery.attempt,
        first_delivery: delivery.first_delivery,
        message_id: delivery.message_id.to_string(),
        sequence: delivery.message_id.sequence,
        publish_time: Some(time::to_proto_timestamp(delivery.published_at)),
        lease_deadline: Some(time::to_proto_timestamp(delivery.deadline)),
        message: delivery.payload,
    }
}

pub(crate) fn block(block: DeliveryBlock, uid: SubscriptionUid, log: LogId) -> v1::DeliveryBlock {
    let mut decoded = v1::DeliveryBlock {
        delivery_attempt: block.attempt,
        first_delivery: block.first_delivery,
        lease_deadline: Some(time::to_proto_timestamp(block.deadline)),
        first_lease: block.first_lease.0,
        subscription_uid: uid.0,
        log: log.0,
        messages: Vec::new(),
    };
    for piece in block.wrapped {
        decoded.merge(piece).expect("the broker wraps what can be read");
    }
    decoded
}
