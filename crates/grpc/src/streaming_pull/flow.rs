//! Flow control: what one stream has outstanding. Pure; time comes in as an argument.
//!
//! A message counts from its delivery until the stream settles it or its lease ends. What is settled elsewhere (a unary
//! call, another stream) is not seen here and counts until the lease ends.

use std::collections::HashMap;

use broker::{Ask, Delivery};
use types::{AckId, Timestamp};

use super::{FRAME_BYTES, FRAME_MESSAGES};

/// See the module.
#[derive(Debug)]
pub(crate) struct Outstanding {
    max_messages: usize,
    max_bytes: u64,
    bytes: u64,
    leases: HashMap<AckId, Lease>,
    /// No lease ends before: a lower bound, so that settling one costs no search for the next.
    earliest: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    bytes: u64,
    deadline: Timestamp,
}

impl Outstanding {
    pub(crate) fn new(max_messages: usize, max_bytes: u64) -> Self {
        Self { max_messages, max_bytes, bytes: 0, leases: HashMap::new(), earliest: Timestamp::MAX }
    }

    /// What the next frame may hold; none when there is no room.
    pub(crate) fn room(&self) -> Option<Ask> {
        let messages = self.max_messages.saturating_sub(self.leases.len()).min(FRAME_MESSAGES);
        let bytes = self.max_bytes.saturating_sub(self.bytes).min(FRAME_BYTES);
        (messages > 0 && bytes > 0).then_some(Ask { max_messages: messages, max_bytes: bytes })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// A time before which no lease ends.
    pub(crate) fn earliest_end(&self) -> Timestamp {
        self.earliest
    }

    pub(crate) fn delivered(&mut self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let lease = Lease { bytes: delivery.payload.len() as u64, deadline: delivery.deadline };
            self.earliest = self.earliest.min(lease.deadline);
            self.bytes += lease.bytes;
            self.leases.insert(delivery.ack_id, lease);
        }
    }

    /// Settled, or refused, which means that the lease is gone as well.
    pub(crate) fn settled(&mut self, id: &AckId) {
        if let Some(lease) = self.leases.remove(id) {
            self.bytes -= lease.bytes;
        }
    }

    pub(crate) fn extended(&mut self, id: &AckId, deadline: Timestamp) {
        if let Some(lease) = self.leases.get_mut(id) {
            lease.deadline = deadline;
            self.earliest = self.earliest.min(deadline);
        }
    }

    /// Forgets leases that have ended.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if now < self.earliest {
            return;
        }
        self.leases.retain(|_, lease| lease.deadline > now);
        self.bytes = self.leases.values().map(|lease| lease.bytes).sum();
        self.earliest = self.leases.values().map(|lease| lease.deadline).min().unwrap_or(Timestamp::MAX);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use types::{LeaseId, LogId, MessageId, SubscriptionUid};

    use super::*;

    fn delivery(sequence: u64, bytes: usize, deadline: u64) -> Delivery {
        Delivery {
            ack_id: AckId { subscription: SubscriptionUid(1), sequence, lease: LeaseId(sequence) },
            message_id: MessageId { log: LogId(1), sequence },
            published_at: Timestamp::EPOCH,
            deadline: Timestamp::from_millis(deadline),
            attempt: 1,
            first_delivery: true,
            payload: Bytes::from(vec![0; bytes]),
        }
    }

    fn messages(outstanding: &Outstanding) -> Option<usize> {
        outstanding.room().map(|ask| ask.max_messages)
    }

    #[test]
    fn there_is_room_until_the_messages_are_outstanding_and_again_when_one_is_settled() {
        let mut outstanding = Outstanding::new(2, 1_000);
        let deliveries = [delivery(1, 10, 100), delivery(2, 10, 100)];
        outstanding.delivered(&deliveries);
        assert_eq!(outstanding.room(), None);
        outstanding.settled(&deliveries[0].ack_id);
        outstanding.settled(&deliveries[0].ack_id);
        assert_eq!(outstanding.room(), Some(Ask { max_messages: 1, max_bytes: 990 }));
    }

    #[test]
    fn one_message_may_go_past_the_byte_limit_and_then_there_is_no_room() {
        let mut outstanding = Outstanding::new(100, 1_000);
        let large = delivery(1, 5_000, 100);
        outstanding.delivered(std::slice::from_ref(&large));
        assert_eq!(outstanding.room(), None);
        outstanding.settled(&large.ack_id);
        assert_eq!(messages(&outstanding), Some(100));
    }

    #[test]
    fn a_lease_that_ends_makes_room_and_an_extended_one_does_not() {
        let mut outstanding = Outstanding::new(2, 1_000);
        let deliveries = [delivery(1, 10, 100), delivery(2, 10, 100)];
        outstanding.delivered(&deliveries);
        outstanding.extended(&deliveries[1].ack_id, Timestamp::from_millis(500));
        outstanding.expire(Timestamp::from_millis(99));
        assert_eq!(messages(&outstanding), None);
        outstanding.expire(Timestamp::from_millis(100));
        assert_eq!(outstanding.room(), Some(Ask { max_messages: 1, max_bytes: 990 }));
        assert_eq!(outstanding.earliest_end(), Timestamp::from_millis(500));
        outstanding.expire(Timestamp::from_millis(500));
        assert!(outstanding.is_empty());
    }

    #[test]
    fn one_frame_is_bounded_whatever_the_client_asks_for() {
        let outstanding = Outstanding::new(100_000, 256 << 20);
        assert_eq!(outstanding.room(), Some(Ask { max_messages: FRAME_MESSAGES, max_bytes: FRAME_BYTES }));
    }
}
