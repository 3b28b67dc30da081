//! Deliveries in blocks: what they have in common once, and their bytes in few pieces.

use bytes::Bytes;
use queue::LeasedRun;

use super::stretches::Stretch;
use crate::{Delivery, DeliveryBlock, ReadContent};

/// Pieces that are shorter are copied together. To hand one on costs about as much as to copy so much inside the processor's caches (a
/// reference count that cores share, an entry in every list of buffers on the way to the socket), and what is copied holds no frame in
/// memory.
const PIECE: usize = 4 << 10;

/// The messages of a run, whose bytes all subscriptions share.
pub(super) fn of_run(run: LeasedRun, stretches: &[Stretch], contents: &dyn ReadContent) -> DeliveryBlock {
    let mut pieces = Pieces::default();
    for stretch in stretches {
        pieces.push(stretch.frame.wrapped(stretch.messages.clone(), contents));
    }
    DeliveryBlock {
        first_lease: run.first_lease,
        deadline: run.deadline,
        attempt: run.attempt,
        first_delivery: run.first_delivery,
        messages: run.messages,
        wrapped: pieces.finish(),
    }
}

/// Few pieces, in their order.
#[derive(Debug, Default)]
struct Pieces {
    done: Vec<Bytes>,
    /// What is put together at the moment.
    small: Vec<u8>,
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        if piece.len() < PIECE {
            self.small.extend_from_slice(&piece);
        } else {
            self.flush();
            self.done.push(piece);
        }
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.done.push(std::mem::take(&mut self.small).into());
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.done
    }
}

/// Puts deliveries together that follow each other with everything in common. For those that had to be read one by one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_become_one_and_large_ones_stay_as_they_are() {
        let large = Bytes::from(vec![7; PIECE]);
        let mut pieces = Pieces::default();
        for piece in [&b"a"[..], b"b"].map(Bytes::from_static) {
            pieces.push(piece);
        }
        pieces.push(large.clone());
        pieces.push(Bytes::from_static(b"c"));
        let pieces = pieces.finish();
        assert_eq!(pieces, [Bytes::from_static(b"ab"), large.clone(), Bytes::from_static(b"c")]);
        assert_eq!(pieces[1].as_ptr(), large.as_ptr(), "not copied");
        assert!(Pieces::default().finish().is_empty());
    }
}
