//! What handles and the task have in common: what was taken and not collected yet, what waits for room, which keys are paused.
//!
//! # Invariants
//!
//! - Messages are numbered in the order in which they are taken, and so are the deduplication IDs they get.
//! - Who waits is taken in the order in which they began to wait, and nobody is taken past them.
//! - A key that is paused has no message here: what was taken with it fails in the same breath.
//! - No I/O, no clock but the argument's.

use std::collections::{BTreeMap, HashSet};

use tokio::{sync::oneshot, time::Instant};

use super::{
    PublishError,
    held::{Held, Outcome, Reply},
    ids::DeduplicationIds,
    keys::Keys,
    room::Room,
    wire::{LARGEST, Offer},
};
use crate::ServerError;

/// Names one who waits for room.
pub(super) type Ticket = u64;

/// Where an outcome is to be had.
pub(super) type Future = oneshot::Receiver<Outcome>;

/// What is to be told once no lock is held.
#[derive(Debug, Default)]
#[must_use = "futures wait for it"]
pub(super) struct News {
    pub(super) outcomes: Outcomes,
    taken: Vec<oneshot::Sender<()>>,
    not_taken: Vec<(Waiter, PublishError)>,
}

/// Messages and what has become of them.
pub(super) type Outcomes = Vec<(Reply, Outcome)>;

impl News {
    pub(super) fn tell(self) {
        for (reply, outcome) in self.outcomes {
            reply.resolve(outcome);
        }
        // Who has given up waiting, or does not look any more, misses nothing.
        self.taken.into_iter().for_each(|waiter| _ = waiter.send(()));
        self.not_taken.into_iter().for_each(|(waiter, error)| _ = waiter.future.send(Err(error)));
    }
}

/// Why a message is not taken now.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// There is no room, or others wait for it.
    NoRoom(Offer),
    /// It never will be.
    Fails(PublishError),
}

/// One who waits for room.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    /// Gets a word when the message is taken; closed without one if it fails, which `future` then tells.
    pub(super) taken: oneshot::Receiver<()>,
    pub(super) future: Future,
}

#[derive(Debug)]
struct Waiter {
    offer: Offer,
    taken: oneshot::Sender<()>,
    future: oneshot::Sender<Outcome>,
}

/// What the task collects.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) messages: Vec<Held>,
    /// Messages with lower numbers have been collected.
    pub(super) below: u64,
    /// Messages with lower numbers do not wait for others to fill their batch.
    pub(super) urgent_below: u64,
    /// Nothing comes any more.
    pub(super) closed: bool,
}

/// What has become of messages that were collected.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) outcomes: Outcomes,
    /// Room that became free.
    pub(super) messages: usize,
    pub(super) bytes: usize,
    /// Keys to pause, and why.
    pub(super) failed: Option<(HashSet<Box<str>>, ServerError)>,
}

/// At how much the task wants to be woken.
#[derive(Debug, Clone, Copy)]
pub(super) struct WakeAt {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl WakeAt {
    pub(super) const NEVER: Self = Self { messages: usize::MAX, bytes: usize::MAX };
    pub(super) const FIRST: Self = Self { messages: 1, bytes: usize::MAX };
}

#[derive(Debug)]
pub(super) struct Inbox {
    room: Room,
    keys: Keys,
    /// None if no IDs are made.
    ids: Option<DeduplicationIds>,
    taken: Vec<Held>,
    taken_bytes: usize,
    next_number: u64,
    waiting: BTreeMap<Ticket, Waiter>,
    next_ticket: Ticket,
    urgent_below: u64,
    closed: bool,
    wake_at: WakeAt,
}

impl Inbox {
    pub(super) fn new(room: Room, ids: Option<DeduplicationIds>) -> Self {
        Self {
            room,
            keys: Keys::default(),
            ids,
            taken: Vec::new(),
            taken_bytes: 0,
            next_number: 0,
            waiting: BTreeMap::new(),
            next_ticket: 0,
            urgent_below: 0,
            closed: false,
            wake_at: WakeAt::FIRST,
        }
    }

    /// Takes a message if it can be taken now.
    pub(super) fn offer(&mut self, offer: Offer, now: Instant) -> Result<Future, NotTaken> {
        self.check(&offer).map_err(NotTaken::Fails)?;
        if !self.waiting.is_empty() || !self.room.fits(offer.bytes()) {
            return Err(NotTaken::NoRoom(offer));
        }
        let (reply, future) = oneshot::channel();
        self.take(offer, reply, now);
        Ok(future)
    }

    /// Lets a message for which there is no room wait for it.
    pub(super) fn wait(&mut self, offer: Offer) -> Waiting {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (taken, is_taken) = oneshot::channel();
        let (reply, future) = oneshot::channel();
        self.waiting.insert(ticket, Waiter { offer, taken, future: reply });
        Waiting { ticket, taken: is_taken, future }
    }

    /// Does not take what still waits. Whoever waited behind it and fits is taken.
    pub(super) fn cancel(&mut self, ticket: Ticket, now: Instant) -> News {
        let mut news = News::default();
        if self.waiting.remove(&ticket).is_some() {
            self.admit(now, &mut news);
        }
        news
    }

    /// Whether the task is to be woken; true only once for what it has asked for.
    pub(super) fn is_wake_due(&mut self) -> bool {
        let due = self.taken.len() >= self.wake_at.messages || self.taken_bytes >= self.wake_at.bytes;
        if due {
            self.wake_at = WakeAt::NEVER;
        }
        due
    }

    /// What the task waits for, and whether it is there already.
    pub(super) fn wake_at(&mut self, wake_at: WakeAt) -> bool {
        self.wake_at = wake_at;
        self.is_wake_due()
    }

    pub(super) fn collect(&mut self) -> Collected {
        self.taken_bytes = 0;
        Collected {
            messages: std::mem::take(&mut self.taken),
            below: self.next_number,
            urgent_below: if self.closed { u64::MAX } else { self.urgent_below },
            closed: self.closed,
        }
    }

    /// Gives room back, pauses the keys of what failed, and takes who waits as far as there is room now.
    pub(super) fn settle(&mut self, settled: Settled, now: Instant) -> News {
        let Settled { outcomes, messages, bytes, failed } = settled;
        let mut news = News { outcomes, ..News::default() };
        self.room.give_back(messages, bytes);
        if let Some((keys, error)) = failed {
            self.fail_taken(&keys, &error, &mut news);
            keys.into_iter().for_each(|key| self.keys.pause(key));
        }
        self.admit(now, &mut news);
        news
    }

    pub(super) fn resume(&mut self, key: &str) {
        self.keys.resume(key);
    }

    pub(super) fn resume_all(&mut self) {
        self.keys.resume_all();
    }

    /// What was taken so far goes without waiting for its batch to fill. The number below which that is.
    pub(super) fn urge(&mut self) -> u64 {
        self.urgent_below = self.next_number;
        self.urgent_below
    }

    /// Takes nothing more, also of who waits.
    pub(super) fn close(&mut self) -> News {
        self.closed = true;
        let waiting = std::mem::take(&mut self.waiting).into_values();
        let not_taken = waiting.map(|waiter| (waiter, PublishError::ShutDown)).collect();
        News { not_taken, ..News::default() }
    }

    fn check(&mut self, offer: &Offer) -> Result<(), PublishError> {
        if self.closed {
            return Err(PublishError::ShutDown);
        }
        if let Some(key) = offer.key().filter(|key| self.keys.refuse(key)) {
            return Err(PublishError::KeyPaused { ordering_key: key.to_owned() });
        }
        if offer.bytes() <= LARGEST {
            return Ok(());
        }
        // The key's next message must not be stored in its place.
        offer.key().into_iter().for_each(|key| self.keys.pause(key.into()));
        let text = format!("messages[0]: has {} bytes, no broker takes more than {LARGEST}", offer.bytes());
        Err(PublishError::Refused(ServerError::local(tonic::Code::InvalidArgument, text)))
    }

    fn take(&mut self, offer: Offer, reply: oneshot::Sender<Outcome>, now: Instant) {
        let bytes = offer.bytes();
        let (body, key) = offer.finish(self.ids.as_mut());
        let reply = Reply::new(reply);
        self.taken.push(Held { number: self.next_number, taken_at: now, body, key, bytes, reply });
        self.next_number += 1;
        self.taken_bytes += bytes;
        self.room.take(bytes);
    }

    /// Takes who waits, as far as there is room.
    fn admit(&mut self, now: Instant, news: &mut News) {
        while let Some(first) = self.waiting.first_entry() {
            let offer = &first.get().offer;
            if let Some(key) = offer.key().filter(|key| self.keys.refuse(key)) {
                let error = PublishError::KeyPaused { ordering_key: key.to_owned() };
                news.not_taken.push((first.remove(), error));
            } else if self.room.fits(offer.bytes()) {
                let waiter = first.remove();
                news.taken.push(waiter.taken);
                self.take(waiter.offer, waiter.future, now);
            } else {
                break;
            }
        }
    }

    /// Fails what was taken and not collected with these keys.
    fn fail_taken(&mut self, keys: &HashSet<Box<str>>, error: &ServerError, news: &mut News) {
        let is_hit = |held: &mut Held| held.key.as_ref().is_some_and(|key| keys.contains(key));
        for held in self.taken.extract_if(.., is_hit) {
            self.room.give_back(1, held.bytes);
            self.taken_bytes -= held.bytes;
            let outcome = held.reply.key_paused(held.key.as_deref().unwrap_or_default(), error);
            news.outcomes.push((held.reply, Err(outcome)));
        }
    }
}

#[cfg(test)]
mod tests;
