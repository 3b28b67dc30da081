//! The inbox under its lock, and the bell of the task.

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    inbox::{Future, Inbox, NotTaken, Settled, Ticket, Waiting},
    wire::Offer,
};
use crate::clock;

/// Handles and task meet here. The lock is held for moments, and no future is woken under it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) inbox: Mutex<Inbox>,
    pub(super) bell: Notify,
}

impl Shared {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self { inbox: Mutex::new(inbox), bell: Notify::new() }
    }

    pub(super) fn offer(&self, offer: Offer) -> Result<Future, NotTaken> {
        self.with(|inbox| inbox.offer(offer, clock::now()))
    }

    /// Takes a message, or lets it wait.
    pub(super) fn offer_or_wait(&self, offer: Offer) -> Result<Future, OrWait> {
        self.with(|inbox| match inbox.offer(offer, clock::now()) {
            Ok(future) => Ok(future),
            Err(NotTaken::NoRoom(offer)) => Err(OrWait::Waits(inbox.wait(offer))),
            Err(NotTaken::Fails(error)) => Err(OrWait::Fails(error)),
        })
    }

    pub(super) fn cancel(&self, ticket: Ticket) {
        self.with(|inbox| inbox.cancel(ticket, clock::now())).tell();
    }

    pub(super) fn settle(&self, settled: Settled) {
        self.with(|inbox| inbox.settle(settled, clock::now())).tell();
    }

    /// See [`Inbox::urge`].
    pub(super) fn urge(&self) -> u64 {
        let below = self.inbox.lock().urge();
        self.bell.notify_one();
        below
    }

    pub(super) fn close(&self) {
        let news = self.inbox.lock().close();
        self.bell.notify_one();
        news.tell();
    }

    /// Does something to the inbox and rings the bell if the task waits for that.
    fn with<T>(&self, act: impl FnOnce(&mut Inbox) -> T) -> T {
        let mut inbox = self.inbox.lock();
        let done = act(&mut inbox);
        let is_due = inbox.is_wake_due();
        drop(inbox);
        if is_due {
            self.bell.notify_one();
        }
        done
    }
}

/// A message that was not taken at once.
#[derive(Debug)]
pub(super) enum OrWait {
    Waits(Waiting),
    Fails(super::PublishError),
}
