//! What comes in, and what becomes of it.

use std::{ops::Deref, time::Duration};

use fanfare_proto::v1;

use crate::ReceivedMessage;

/// A message that was pushed.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    subscription: String,
    message: ReceivedMessage,
}

impl Pushed {
    pub(super) fn new(subscription: String, delivery: v1::ReceivedMessage) -> Self {
        Self { subscription, message: delivery.into() }
    }

    /// Full name of the subscription.
    pub fn subscription(&self) -> &str {
        &self.subscription
    }

    /// The delivery, without who it was for.
    pub fn into_received(self) -> ReceivedMessage {
        self.message
    }
}

impl Deref for Pushed {
    type Target = ReceivedMessage;

    fn deref(&self) -> &ReceivedMessage {
        &self.message
    }
}

/// What becomes of a message that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// It is done.
    Taken,
    /// The attempt failed; there is another, not before this if it is given (at most 1 h is taken into account). A webhook says it in whole
    /// seconds, rounded up.
    Retry(Option<Duration>),
    /// No attempt will ever succeed: it goes where exhausted messages go. The text is kept with the attempt.
    Reject(String),
    /// This endpoint wants nothing more of the subscription: it is disabled, and its backlog stays.
    Gone,
}

/// Asked for consent to the messages of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation {
    /// Full name of the subscription.
    pub subscription: String,
    /// Full name of its topic; empty where the request does not say it.
    pub topic: String,
}
