use std::{sync::Arc, time::Duration};

use broker::Delivery;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{now, pass};
use crate::{Answer, Carrier, Consent, Failure, Response};

/// What an endpoint does with a message.
#[derive(Clone)]
pub(in crate::tests) struct Reply {
    pub(in crate::tests) after: Duration,
    pub(in crate::tests) answer: Answer,
}

/// An HTTP status after some milliseconds.
pub(in crate::tests) fn reply(status: u16, after_ms: u64) -> Reply {
    let response = Response::Http(status);
    let answer = Answer { response, retry_after: None, body: Bytes::new(), error: String::new() };
    Reply { after: Duration::from_millis(after_ms), answer }
}

impl Reply {
    /// Never.
    pub(in crate::tests) fn never() -> Self {
        Self { after: Duration::from_secs(1 << 30), ..reply(200, 0) }
    }

    /// No connection.
    pub(in crate::tests) fn refused() -> Self {
        let mut reply = reply(0, 1);
        reply.answer.response = Response::Failed(Failure::Connect);
        reply
    }

    /// The same, with a wish to be left alone.
    pub(in crate::tests) fn retry_after(mut self, seconds: u64) -> Self {
        self.answer.retry_after = Some(Duration::from_secs(seconds));
        self
    }
}

/// One message that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tests) struct Arrival {
    pub(in crate::tests) at: Instant,
    pub(in crate::tests) sequence: u64,
    pub(in crate::tests) attempt: u32,
}

/// An endpoint. Cheap to clone.
#[derive(Clone)]
pub(in crate::tests) struct Carry(Arc<Inner>);

struct Inner {
    reply: Box<dyn Fn(u64, u32) -> Reply + Send + Sync>,
    consent: Mutex<Consent>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    arrivals: Vec<Arrival>,
    batches: Vec<usize>,
    confirmations: Vec<String>,
    under_way: usize,
    most_under_way: usize,
}

impl Carry {
    /// Does what the closure says of sequence and attempt.
    pub(in crate::tests) fn new(reply: impl Fn(u64, u32) -> Reply + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            reply: Box::new(reply),
            consent: Mutex::new(Consent::Given),
            seen: Mutex::default(),
        }))
    }

    pub(in crate::tests) fn consent(&self, consent: Consent) {
        *self.0.consent.lock() = consent;
    }

    /// All messages that came, in order.
    pub(in crate::tests) fn arrivals(&self) -> Vec<Arrival> {
        self.0.seen.lock().arrivals.clone()
    }

    pub(in crate::tests) fn count(&self) -> usize {
        self.0.seen.lock().arrivals.len()
    }

    /// Messages of each request.
    pub(in crate::tests) fn batches(&self) -> Vec<usize> {
        self.0.seen.lock().batches.clone()
    }

    /// Tokens that it was asked with.
    pub(in crate::tests) fn confirmations(&self) -> Vec<String> {
        self.0.seen.lock().confirmations.clone()
    }

    /// Requests at a time, at most; and forgets it.
    pub(in crate::tests) fn most_under_way(&self) -> usize {
        let seen = &mut *self.0.seen.lock();
        std::mem::replace(&mut seen.most_under_way, seen.under_way)
    }

    pub(in crate::tests) fn under_way(&self) -> usize {
        self.0.seen.lock().under_way
    }
}

/// Counts a request as under way until it ends or is dropped.
struct UnderWay<'a>(&'a Mutex<Seen>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.lock().under_way -= 1;
    }
}

impl Carrier for Carry {
    async fn deliver(&self, messages: &[Delivery]) -> Vec<Answer> {
        {
            let seen = &mut *self.0.seen.lock();
            seen.batches.push(messages.len());
            seen.under_way += 1;
            seen.most_under_way = seen.most_under_way.max(seen.under_way);
            seen.arrivals.extend(messages.iter().map(|message| Arrival {
                at: now(),
                sequence: message.message_id.sequence,
                attempt: message.attempt,
            }));
        }
        let _under_way = UnderWay(&self.0.seen);
        let replies: Vec<_> = messages
            .iter()
            .map(|message| (self.0.reply)(message.message_id.sequence, message.attempt))
            .collect();
        pass(replies.iter().map(|reply| reply.after).max().unwrap_or_default()).await;
        replies.into_iter().map(|reply| reply.answer).collect()
    }

    async fn confirm(&self, token: &str) -> Consent {
        self.0.seen.lock().confirmations.push(token.to_owned());
        self.0.consent.lock().clone()
    }
}
