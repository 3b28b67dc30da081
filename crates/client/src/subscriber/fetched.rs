//! Messages of one block on their way to the user.

use std::{sync::Arc, vec};

use super::{
    block::Block,
    delivery::{AckHandle, Delivery},
    wire::{DeliveryBlock, StoredMessage},
};
use crate::received::{Head, ReceivedMessage};

/// Those that are to be handed out. Dropped, it gives back the rest of them.
#[derive(Debug)]
pub(super) struct Fetched {
    block: Arc<Block>,
    head: Head,
    messages: vec::IntoIter<(u32, StoredMessage)>,
}

impl Fetched {
    /// Those of a block that are held.
    pub(super) fn new(block: Arc<Block>, delivered: DeliveryBlock, is_held: &[bool]) -> Self {
        let head = Head {
            delivery_attempt: delivered.delivery_attempt,
            first_delivery: delivered.first_delivery,
            lease_deadline: delivered.lease_deadline,
            lease: delivered.first_lease,
            subscription_uid: delivered.subscription_uid,
            log: delivered.log,
        };
        let messages = (0..).zip(delivered.messages).zip(is_held);
        let held = messages.filter_map(|(message, is_held)| is_held.then_some(message));
        Self { block, head, messages: held.collect::<Vec<_>>().into_iter() }
    }

    pub(super) fn has_messages(&self) -> bool {
        self.messages.len() > 0
    }
}

impl Iterator for Fetched {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        let (index, stored) = self.messages.next()?;
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
