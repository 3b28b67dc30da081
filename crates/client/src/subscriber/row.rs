//! One block of deliveries, as long as all goes well with them; see [`Numbered`](super::numbered::Numbered).

use std::{ops::Range, sync::Arc};

use fanfare_proto::ids;
use tokio::time::Instant;

use super::{
    block::{Block, Waiter},
    leases::{Lease, Ticket},
    wire,
};

/// Where one delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// By the user, or on its way there.
    Held,
    /// Acknowledged, not sent.
    Waiting,
    /// Sent.
    Sent,
    /// Confirmed, or moved.
    Gone,
}

/// One delivery.
#[derive(Debug)]
pub(super) struct Slot {
    sequence: u64,
    pub(super) bytes: u32,
    pub(super) stage: Stage,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) block: Arc<Block>,
    uid: u64,
    first_lease: u64,
    attempt: u32,
    pub(super) since: Instant,
    /// One at least.
    pub(super) slots: Vec<Slot>,
    pub(super) held: usize,
    /// Those that are not gone.
    pub(super) open: usize,
}

/// What is handed over to those who know messages by their sequence.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) lease: Lease,
    pub(super) bytes: u64,
    pub(super) since: Instant,
    pub(super) stage: Stage,
    /// None of one that is held.
    pub(super) waiter: Option<Waiter>,
}

impl Row {
    /// Those that are not held are gone already. None, if all are.
    pub(super) fn new(
        now: Instant,
        block: Arc<Block>,
        delivered: &wire::DeliveryBlock,
        is_held: &[bool],
    ) -> Option<Self> {
        let slot = |(message, is_held): (&wire::StoredMessage, &bool)| Slot {
            sequence: message.sequence,
            bytes: u32::try_from(message.message.len()).unwrap_or(u32::MAX),
            stage: if *is_held { Stage::Held } else { Stage::Gone },
        };
        let held = is_held.iter().filter(|is_held| **is_held).count();
        (held > 0).then(|| Self {
            uid: delivered.subscription_uid,
            first_lease: delivered.first_lease,
            attempt: delivered.delivery_attempt,
            since: now,
            held,
            open: held,
            slots: delivered.messages.iter().zip(is_held).map(slot).collect(),
            block,
        })
    }

    /// The first sequence and the last.
    pub(super) fn span(&self) -> (u64, u64) {
        let sequence = |slot: Option<&Slot>| slot.map_or(0, |slot| slot.sequence);
        (sequence(self.slots.first()), sequence(self.slots.last()))
    }

    /// Where a message is that is not gone.
    pub(super) fn find(&self, sequence: u64) -> Option<usize> {
        let index = self.slots.binary_search_by_key(&sequence, |slot| slot.sequence).ok()?;
        (self.slots[index].stage != Stage::Gone).then_some(index)
    }

    /// Bytes of those that are held.
    pub(super) fn held_bytes(&self) -> u64 {
        let held = self.slots.iter().filter(|slot| slot.stage == Stage::Held);
        held.map(|slot| u64::from(slot.bytes)).sum()
    }

    /// Those of some that are at this stage; they are gone.
    pub(super) fn take_out(&mut self, indices: Range<usize>, stage: Stage) -> Vec<Moved> {
        let mut moved = Vec::new();
        for index in indices {
            if self.slots[index].stage != stage {
                continue;
            }
            let waiter = (stage != Stage::Held).then(|| Waiter::new(self.block.clone(), narrow(index)));
            let bytes = u64::from(self.slots[index].bytes);
            moved.push(Moved { lease: self.lease(index), bytes, since: self.since, stage, waiter });
            self.slots[index].stage = Stage::Gone;
        }
        self.open -= moved.len();
        if stage == Stage::Held {
            self.held -= moved.len();
        }
        moved
    }

    fn lease(&self, index: usize) -> Lease {
        let (ticket, sequence) = (self.block.first() + index as u64, self.slots[index].sequence);
        let ack_id = ids::ack_id_text(self.uid, sequence, self.first_lease.wrapping_add(index as u64));
        Lease { ticket: Ticket { sequence, number: ticket }, ack_id, attempt: self.attempt }
    }
}

/// A block has fewer deliveries than an answer has bytes.
pub(super) fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
