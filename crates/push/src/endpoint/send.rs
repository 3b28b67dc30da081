//! What is leased goes out at once, or back.

use std::{sync::Arc, time::Duration};

use broker::Delivery;
use types::push::{AttemptReport, AttemptVerdict};

use super::{
    End, Task,
    attempt::{Sent, attempt},
    lease::Leased,
};
use crate::{Backend, BackendError, Carrier, Leases};

/// A lease lasts this much longer than a request may take.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// One that lasts this much longer anyway is left as it is.
const LEASE_MARGIN_LEAST: Duration = Duration::from_secs(20);

impl<B: Backend, C: Carrier> Task<'_, B, C> {
    /// The queue has answered.
    pub(super) fn leased(&mut self, leased: Leased) {
        let now = self.time.now();
        let deliveries = match leased.result {
            Ok(deliveries) => deliveries,
            Err(BackendError::Unavailable(error)) => {
                tracing::debug!(subscription = %self.given.endpoint.subscription, %error, "no messages from the broker");
                self.not_before = now + self.backoff.next();
                return;
            }
            Err(error) => return self.end(End::Failed(error), Duration::MAX),
        };
        self.backoff.reset();
        self.is_empty = deliveries.is_empty() && !leased.waited;
        if deliveries.is_empty() {
            self.gates.drained();
            return;
        }
        let bytes: u64 = deliveries.iter().map(|delivery| delivery.payload.len() as u64).sum();
        self.in_hand.mean = self.in_hand.mean.midpoint(bytes / deliveries.len() as u64);
        self.extend(&deliveries);
        let deliveries = self.admit(now, deliveries, leased.is_probe);
        if deliveries.is_empty() {
            return;
        }
        self.gates.take(now, deliveries.len(), leased.is_probe);
        let batch = usize::try_from(self.given.endpoint.push.max_batch).unwrap_or(1).max(1);
        let mut rest = deliveries.into_iter().peekable();
        while rest.peek().is_some() {
            self.send(now, rest.by_ref().take(batch).collect(), leased.is_probe);
        }
    }

    /// Gives back retries that there is no budget for.
    fn admit(&mut self, now: Duration, deliveries: Vec<Delivery>, is_probe: bool) -> Vec<Delivery> {
        let mut admitted = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let sequence = delivery.ack_id.sequence;
            self.late.supersede(sequence);
            let leave =
                if delivery.attempt > 1 && !is_probe { self.gates.retry(now, sequence) } else { Ok(()) };
            match leave {
                Ok(()) => admitted.push(delivery),
                Err(after) => {
                    self.given.figures.update(|report| report.postponed += 1);
                    self.release(&delivery, after);
                }
            }
        }
        admitted
    }

    /// So that the subscription's deadline need not be longer than a request may take.
    fn extend(&mut self, deliveries: &[Delivery]) {
        let timeout = self.given.endpoint.push.request_timeout;
        let enough = self.given.clock.now().plus(timeout + LEASE_MARGIN_LEAST);
        if deliveries.iter().all(|delivery| delivery.deadline >= enough) {
            return;
        }
        let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.ack_id).collect();
        let (leases, by) = (self.leases, timeout + LEASE_MARGIN);
        self.extensions.push(Box::pin(async move {
            // The leases run as long as they run, then.
            if let Err(error) = leases.extend(&ids, by).await {
                tracing::debug!(%error, "leases were not extended");
            }
        }));
    }

    fn send(&mut self, now: Duration, messages: Arc<[Delivery]>, is_probe: bool) {
        let bytes: u64 = messages.iter().map(|message| message.payload.len() as u64).sum();
        self.in_hand.messages += messages.len();
        self.in_hand.bytes += bytes;
        let sent = Sent {
            messages: messages.clone(),
            held: self.share.hold(bytes),
            started: now,
            started_at: self.given.clock.now(),
            in_flight: self.attempts.len() + 1,
            is_probe,
        };
        let carrier = self.given.carrier;
        let request = Box::pin(async move { carrier.deliver(&messages).await });
        let patience = self.given.endpoint.push.request_timeout;
        self.attempts.push(Box::pin(attempt(sent, request, patience, self.cut.clone())));
    }

    /// No attempt counts.
    pub(super) fn release(&mut self, delivery: &Delivery, after: Duration) {
        let verdict = AttemptVerdict::Release { after };
        self.outbox.push(AttemptReport { ack_id: delivery.ack_id, verdict, attempt: None });
    }
}
