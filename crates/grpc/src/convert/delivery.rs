//! Deliveries, around the bytes that are stored.

use broker::Delivery;
use fanfare_proto::encoded;

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
