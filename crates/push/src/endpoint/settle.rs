//! What becomes of messages whose requests have ended.

use broker::Delivery;
use types::push::{AttemptClass, AttemptReport, AttemptVerdict, BreakerState, DisabledReason, ErrorAction};

use super::{
    Carrier, End, Task,
    attempt::{Back, Outcome, Sent, in_words, no_answer},
    late::LateAnswer,
    outbox::Reported,
};
use crate::{
    Answer, Backend, BackendError, Failure,
    classify::{Meaning, classify},
    gates::{Health, Turn},
};

use std::time::Duration;

/// What the messages of one request say together.
#[derive(Debug, Default)]
struct Tally {
    taken: u32,
    refused: u32,
    failed: u32,
}

impl<'a, B: Backend, C: Carrier> Task<'a, B, C> {
    /// A request is back.
    pub(super) fn back(&mut self, back: Back<'a>) {
        let now = self.time.now();
        let Back { sent, outcome } = back;
        self.in_hand.messages -= sent.messages.len();
        self.in_hand.bytes -= sent.held.count();
        match outcome {
            Outcome::Answered(answers) => {
                self.judge(now, &sent, &answers);
            }
            Outcome::TimedOut(request) => {
                let answer = no_answer(Failure::Timeout, "no answer in time");
                let again = self.judge(now, &sent, &vec![answer; sent.messages.len()]);
                let patience = self.given.endpoint.push.request_timeout;
                self.late.add(sent, request, &again, patience);
            }
            Outcome::Cut => {
                for delivery in sent.messages.iter() {
                    self.release(delivery, Duration::ZERO);
                }
            }
        }
    }

    /// Reports its messages and tells the gates. Those that get another attempt are the answer.
    fn judge(&mut self, now: Duration, sent: &Sent, answers: &[Answer]) -> Vec<types::AckId> {
        let mut tally = Tally::default();
        let mut again = Vec::new();
        for (delivery, answer) in sent.messages.iter().zip(answers) {
            let meaning = classify(&self.given.endpoint.push, answer);
            tally.count(meaning);
            self.report(now, sent, delivery, answer, meaning);
            self.pause(now, meaning);
            match meaning.action {
                ErrorAction::Retry => again.push(delivery.ack_id),
                ErrorAction::Disable => self.disable(DisabledReason::Gone),
                ErrorAction::Acknowledge | ErrorAction::Reject => {}
            }
        }
        match self.gates.settle(sent.trip(now), tally.health(), tally.taken, sent.is_probe) {
            Turn::Opened => self.opened(),
            Turn::Closed => {
                tracing::info!(subscription = %self.given.endpoint.subscription, "the endpoint is back");
            }
            Turn::None => {}
        }
        again
    }

    fn report(&mut self, now: Duration, sent: &Sent, delivery: &Delivery, answer: &Answer, meaning: Meaning) {
        let verdict = match meaning.action {
            ErrorAction::Acknowledge => AttemptVerdict::Acknowledge,
            ErrorAction::Retry => AttemptVerdict::Retry { at_least: meaning.retry_after },
            ErrorAction::Reject => AttemptVerdict::Reject,
            ErrorAction::Disable => AttemptVerdict::Release { after: Duration::ZERO },
        };
        let latency = now.saturating_sub(sent.started);
        self.given.figures.count(meaning.class, meaning.action, latency);
        if meaning.action != ErrorAction::Acknowledge {
            self.given.figures.failed(&in_words(answer, meaning.class), self.given.clock.now());
        }
        let attempt = Some(sent.record(delivery.attempt, now, meaning.class, answer));
        self.outbox.push(AttemptReport { ack_id: delivery.ack_id, verdict, attempt });
    }

    /// Who asks to come later is left alone as a whole.
    fn pause(&mut self, now: Duration, meaning: Meaning) {
        if let (AttemptClass::Throttled, Some(after)) = (meaning.class, meaning.retry_after) {
            self.gates.pause(now + after);
        }
    }

    fn opened(&mut self) {
        self.given.figures.update(|report| report.breaker_opened += 1);
        let error = self.given.figures.report().last_error;
        tracing::warn!(
            subscription = %self.given.endpoint.subscription,
            error = error.as_deref().unwrap_or_default(),
            "the endpoint seems dead; it gets one request from time to time"
        );
    }

    /// A request has ended after its time was over.
    pub(super) fn late(&mut self, late: LateAnswer) {
        let now = self.time.now();
        let (sent, counts) = self.late.close(late);
        for (delivery, answer) in counts {
            if classify(&self.given.endpoint.push, &answer).action != ErrorAction::Acknowledge {
                continue;
            }
            let verdict = AttemptVerdict::AcknowledgeLate { failed_attempts: delivery.attempt };
            let attempt = Some(sent.record(delivery.attempt, now, AttemptClass::OkLate, &answer));
            self.outbox.push(AttemptReport { ack_id: delivery.ack_id, verdict, attempt });
        }
    }

    /// The broker has answered reports, or has not.
    pub(super) fn reported(&mut self, reported: Reported) {
        let outcomes = match reported.result {
            Ok(outcomes) => outcomes,
            Err(BackendError::Unavailable(error)) => {
                let reports = reported.reports.len();
                // The leases are over by now, which counts as a failed attempt each.
                tracing::warn!(subscription = %self.given.endpoint.subscription, reports, %error, "reports were lost");
                return;
            }
            Err(error) => return self.end(End::Failed(error), Duration::MAX),
        };
        for (report, outcome) in reported.reports.iter().zip(outcomes) {
            match (outcome, report.verdict) {
                (Ok(()), AttemptVerdict::AcknowledgeLate { .. }) => self.given.figures.update(|figures| {
                    figures.delivered += 1;
                    figures.late += 1;
                }),
                (Ok(()), _) => {}
                (Err(error), _) => tracing::debug!(ack_id = %report.ack_id, %error, "a report was refused"),
            }
        }
    }

    /// Shows how it is.
    pub(super) fn show(&self, now: Duration) {
        let wall = |at| self.time.on_wall(self.given.clock, at);
        let not_before = self.gates.not_before();
        self.given.figures.update(|report| {
            report.breaker = self.gates.breaker(now);
            report.open_since = self.gates.open_since().map(wall);
            report.next_probe_at = (not_before > now).then(|| wall(not_before));
            report.concurrency = u32::try_from(self.concurrency(now)).unwrap_or(u32::MAX);
            report.in_flight = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
            report.rate_limit = self.gates.rate_limit(now);
        });
    }

    fn concurrency(&self, now: Duration) -> usize {
        match self.gates.breaker(now) {
            BreakerState::Closed => self.gates.concurrency(),
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 0,
        }
    }
}

impl Tally {
    fn count(&mut self, meaning: Meaning) {
        match (meaning.action, meaning.class) {
            (_, AttemptClass::Loop | AttemptClass::Unsendable) => {}
            (ErrorAction::Acknowledge, _) => self.taken += 1,
            // Whatever the owner makes of it, there was no answer.
            (_, AttemptClass::Timeout | AttemptClass::Connect | AttemptClass::Resolve) => self.failed += 1,
            (_, AttemptClass::Denied | AttemptClass::Tls | AttemptClass::Protocol) => self.failed += 1,
            (ErrorAction::Retry, _) => self.failed += 1,
            (ErrorAction::Reject | ErrorAction::Disable, _) => self.refused += 1,
        }
    }

    fn health(&self) -> Health {
        match self {
            Self { taken: 1.., .. } => Health::Good,
            Self { refused: 1.., .. } => Health::Picky,
            Self { failed: 1.., .. } => Health::Bad,
            Self { .. } => Health::Unknown,
        }
    }
}
