//! Deliveries in blocks: what they have in common once, and their bytes in few pieces.

use crate::{Delivery, DeliveryBlock, ReadContent};

/// Puts deliveries together that follow each other with everything in common.
pub(super) fn of(deliveries: &[Delivery], contents: &dyn ReadContent) -> Vec<DeliveryBlock> {
    deliveries.chunk_by(belong_together).map(|deliveries| block(deliveries, contents)).collect()
}

fn belong_together(one: &Delivery, next: &Delivery) -> bool {
    let common = |delivery: &Delivery| (delivery.deadline, delivery.attempt, delivery.first_delivery);
    common(one) == common(next) && one.ack_id.lease.0 + 1 == next.ack_id.lease.0
}

fn block(deliveries: &[Delivery], contents: &dyn ReadContent) -> DeliveryBlock {
    let (first, mut wrapped) = (&deliveries[0], Vec::new());
    for delivery in deliveries {
        contents.wrap(delivery.message_id.sequence, delivery.published_at, &delivery.payload, &mut wrapped);
    }
    let size = |delivery: &Delivery| u32::try_from(delivery.payload.len()).unwrap_or(u32::MAX);
    DeliveryBlock {
        first_lease: first.ack_id.lease,
        deadline: first.deadline,
        attempt: first.attempt,
        first_delivery: first.first_delivery,
        messages: deliveries.iter().map(|delivery| (delivery.message_id.sequence, size(delivery))).collect(),
        wrapped: vec![wrapped.into()],
    }
}
