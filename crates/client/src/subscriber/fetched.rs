//! Messages of one block on their way to the user.

use std::{
    iter::{Enumerate, Zip},
    sync::Arc,
    vec,
};

use super::{
    block::Block,
    delivery::{AckHandle, Delivery},
    row::narrow,
    wire::{DeliveryBlock, StoredMessage},
};
use crate::received::{Head, ReceivedMessage};

/// Those that are to be handed out. Dropped, it gives back the rest of them.
#[derive(Debug)]
pub(super) struct Fetched {
    block: Arc<Block>,
    head: Head,
    /// Those of the block, and whether each is to be handed out.
    messages: Enumerate<Zip<vec::IntoIter<StoredMessage>, vec::IntoIter<bool>>>,
}

impl Fetched {
    /// Those of a block that are held.
    pub(super) fn new(block: Arc<Block>, delivered: DeliveryBlock, is_held: Vec<bool>) -> Self {
        let head = Head {
            delivery_attempt: delivered.delivery_attempt,
            first_delivery: delivered.first_delivery,
            lease_deadline: delivered.lease_deadline,
            lease: delivered.first_lease,
            subscription_uid: delivered.subscription_uid,
            log: delivered.log,
        };
        let messages = delivered.messages.into_iter().zip(is_held).enumerate();
        Self { block, head, messages }
    }
}

impl Iterator for Fetched {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        let (index, (stored, _)) = self.messages.find(|(_, (_, is_held))| *is_held)?;
        let index = narrow(index);
        let head = Head { lease: self.head.lease.wrapping_add(index.into()), ..self.head };
        let StoredMessage { sequence, publish_time, message, data } = stored;
        let message = ReceivedMessage::stored(head, sequence, publish_time, message, data);
        Some(Delivery::new(message, AckHandle::new(self.block.clone(), index)))
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
