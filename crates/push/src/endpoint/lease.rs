//! Asking the queue for messages.
//!
//! Who asks for many does not wait, and who waits asks for one: so a request for many holds its part of the worker's bytes only for a
//! moment, and an endpoint with nothing to do holds none.

use broker::Delivery;
use futures_util::future::BoxFuture;
use types::limits;

use super::bytes::{Held, Share};
use crate::{BackendError, Leases, gates::Allowance};

/// Bytes of messages that one endpoint has in hand, or one message.
const ENDPOINT_BYTES: u64 = 16 << 20;
/// Bytes of messages that are leased together, or one message: they may be put into one request, and gRPC servers take 4 MiB unless told
/// otherwise.
const LEASE_BYTES: u64 = 3 << 20;
/// What a request for many is taken to bring, at least: the queue gives fewer messages if they are larger.
const LEAST_LEASE_BYTES: u64 = 64 << 10;
/// Messages that one endpoint has in hand: under way, or settled and not reported yet.
const IN_HAND: usize = 4_000;

/// A request to the queue.
pub(super) struct Lease<'a> {
    request: BoxFuture<'a, Result<Vec<Delivery>, BackendError>>,
    most: usize,
    is_probe: bool,
    /// It waits for a message.
    waits: bool,
    /// The part of the worker's bytes that it may need.
    reserved: Option<Held>,
}

/// What it came to.
pub(super) struct Leased {
    pub(super) result: Result<Vec<Delivery>, BackendError>,
    pub(super) is_probe: bool,
    pub(super) waited: bool,
    /// To be kept until the messages are counted themselves.
    pub(super) _reserved: Option<Held>,
}

/// What an endpoint has in hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct InHand {
    pub(super) messages: usize,
    pub(super) bytes: u64,
    /// Of a message, about.
    pub(super) mean: u64,
}

impl<'a> Lease<'a> {
    /// Asks for what is allowed; nothing if there is no room for it.
    pub(super) fn begin<L: Leases>(
        leases: &'a L,
        allowance: Allowance,
        in_hand: InHand,
        share: &Share,
        waits: bool,
    ) -> Option<Self> {
        let most = match allowance {
            Allowance::Probe => return Some(Self::wait(leases, true)),
            Allowance::Messages(most) => most,
            Allowance::NotBefore(_) | Allowance::Full => return None,
        };
        let most = most.min(limits::PULL_MESSAGES).min(IN_HAND.saturating_sub(in_hand.messages));
        if most == 0 {
            return None;
        }
        let room = ENDPOINT_BYTES.saturating_sub(in_hand.bytes).min(LEASE_BYTES);
        if waits {
            return (room > 0).then(|| Self::wait(leases, false));
        }
        // No more than it will need: others lease at the same time, and an answer can take long.
        let needed = in_hand.mean.saturating_mul(2 * most as u64).max(LEAST_LEASE_BYTES);
        let reserved = share.reserve(room.min(needed), in_hand.bytes);
        match reserved.count() {
            // There is no room, for this endpoint or at all: one message at a time.
            0 if in_hand.bytes > 0 => None,
            0 => Some(Self::wait(leases, false)),
            bytes => Some(Self {
                request: Box::pin(leases.try_next(most, bytes)),
                most,
                is_probe: false,
                waits: false,
                reserved: Some(reserved),
            }),
        }
    }

    /// Waits for one message.
    fn wait<L: Leases>(leases: &'a L, is_probe: bool) -> Self {
        Self { request: Box::pin(leases.next(1, 1)), most: 1, is_probe, waits: true, reserved: None }
    }

    /// Whether it asks for no more than is allowed by now.
    pub(super) fn fits(&self, allowance: Allowance) -> bool {
        match allowance {
            Allowance::Messages(most) => !self.is_probe && self.most <= most,
            Allowance::Probe => self.is_probe,
            Allowance::NotBefore(_) | Allowance::Full => false,
        }
    }
}

/// What a request comes to, and then there is none; for ever if there is none.
pub(super) async fn done(lease: &mut Option<Lease<'_>>) -> Leased {
    let Some(asked) = lease else { return std::future::pending().await };
    let result = (&mut asked.request).await;
    let leased =
        Leased { result, is_probe: asked.is_probe, waited: asked.waits, _reserved: asked.reserved.take() };
    *lease = None;
    leased
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use broker::Outcome;
    use types::{AckId, push::AttemptReport};

    use super::{super::ByteBudget, *};

    /// A broker that does not answer.
    struct Silent;

    impl Leases for Silent {
        async fn next(&self, _: usize, _: u64) -> Result<Vec<Delivery>, BackendError> {
            std::future::pending().await
        }

        async fn try_next(&self, _: usize, _: u64) -> Result<Vec<Delivery>, BackendError> {
            std::future::pending().await
        }

        async fn extend(&self, _: &[AckId], _: Duration) -> Result<(), BackendError> {
            std::future::pending().await
        }

        async fn report(&self, _: Vec<AttemptReport>) -> Result<Vec<Outcome>, BackendError> {
            std::future::pending().await
        }
    }

    #[test]
    fn a_request_for_small_messages_keeps_little_room_from_others_while_it_lasts() {
        let budget = ByteBudget::new(256 << 20);
        let share = Share::new(budget.clone());
        for (mean, room) in [(0, 64 << 10), (1_000, 128_000), (1 << 20, LEASE_BYTES)] {
            let in_hand = InHand { messages: 0, bytes: 0, mean };
            let lease = Lease::begin(&Silent, Allowance::Messages(64), in_hand, &share, false);
            assert_eq!(budget.held(), room, "{mean}");
            drop(lease);
            assert_eq!(budget.held(), 0);
        }
    }
}
