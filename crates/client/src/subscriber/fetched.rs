//! Messages of one block on their way to the user.

use std::{sync::Arc, vec};

use prost::{DecodeError, Message as _};
use prost_types::Timestamp;

use super::{
    block::Block,
    delivery::{AckHandle, Delivery},
    wire::{Content, DeliveryBlock},
};
use crate::received::{Head, ReceivedMessage};

/// Those that are to be handed out. Dropped, it gives back the rest of them.
#[derive(Debug)]
pub(super) struct Fetched {
    block: Arc<Block>,
    head: Head,
    messages: vec::IntoIter<Message>,
}

#[derive(Debug)]
struct Message {
    index: u32,
    sequence: u64,
    publish_time: Option<Timestamp>,
    bytes: bytes::Bytes,
    content: Content,
}

impl Fetched {
    /// Those of a block that are held.
    pub(super) fn new(
        block: Arc<Block>,
        delivered: DeliveryBlock,
        is_held: &[bool],
    ) -> Result<Self, DecodeError> {
        let head = Head {
            delivery_attempt: delivered.delivery_attempt,
            first_delivery: delivered.first_delivery,
            lease_deadline: delivered.lease_deadline,
            lease: delivered.first_lease,
            subscription_uid: delivered.subscription_uid,
            log: delivered.log,
        };
        let mut messages = Vec::with_capacity(is_held.len());
        for ((index, stored), _) in
            (0..).zip(delivered.messages).zip(is_held).filter(|(_, is_held)| **is_held)
        {
            // Not when it is looked at: then nobody could be told that it is none.
            let content = Content::decode(stored.message.clone())?;
            let (sequence, publish_time, bytes) = (stored.sequence, stored.publish_time, stored.message);
            messages.push(Message { index, sequence, publish_time, bytes, content });
        }
        Ok(Self { block, head, messages: messages.into_iter() })
    }

    pub(super) fn has_messages(&self) -> bool {
        self.messages.len() > 0
    }
}

impl Iterator for Fetched {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        let Message { index, sequence, publish_time, bytes, content } = self.messages.next()?;
        let head = Head { lease: self.head.lease.wrapping_add(index.into()), ..self.head };
        let message = ReceivedMessage::stored(head, sequence, publish_time, bytes, content.data);
        Some(Delivery::new(message, AckHandle::new(self.block.clone(), index)))
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
