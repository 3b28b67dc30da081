//! What the handles of one block of deliveries share with the session: who is acknowledged, and what came of it.
//!
//! A few allocations a block and none a delivery, and no lock for an acknowledgement: it sets a bit, and the first one since the session looked puts the block into the
//! [outbox](super::outbox). The session takes the bits in runs, and says what came of them in runs.
//!
//! # Invariants
//!
//! - A result is given once, and is there for whoever asks later.
//! - Who asks before is woken by it: asking looks again once its waker can be seen.
//! - Once the outbox is closed every result is [`AckError::Unconfirmed`] that was not given before.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::{
    AckError, Verdict,
    outbox::{Outbox, Post},
};

/// What came of a settlement.
pub(super) type Outcome = Result<(), AckError>;

const PENDING: u8 = 0;
const OUTCOMES: [Outcome; 5] = [
    Ok(()),
    Err(AckError::LeaseExpired),
    Err(AckError::FencedBySeek),
    Err(AckError::AlreadySettled),
    Err(AckError::Unconfirmed),
];

fn code(outcome: &Outcome) -> u8 {
    match outcome {
        Ok(()) => 1,
        Err(AckError::LeaseExpired) => 2,
        Err(AckError::FencedBySeek) => 3,
        Err(AckError::AlreadySettled) => 4,
        Err(AckError::Unconfirmed) => 5,
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Block {
    outbox: Arc<Outbox>,
    first: u64,
    outcomes: Box<[AtomicU8]>,
    acks: Box<[AtomicU64]>,
    is_posted: AtomicBool,
    /// One a delivery, from the first one on that somebody waits for.
    wakers: Mutex<Vec<Option<Waker>>>,
}

impl Block {
    /// Of so many deliveries; the first has this ticket.
    pub(super) fn new(outbox: Arc<Outbox>, first: u64, len: usize) -> Arc<Self> {
        Arc::new(Self {
            outbox,
            first,
            outcomes: (0..len).map(|_| AtomicU8::new(PENDING)).collect(),
            acks: (0..len.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            is_posted: AtomicBool::new(false),
            wakers: Mutex::default(),
        })
    }

    /// The ticket of its first delivery.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Settles one.
    pub(super) fn settle(self: &Arc<Self>, index: u32, verdict: Verdict) {
        let is_taken = match verdict {
            Verdict::Ack => self.ack(index),
            _ => self.outbox.post(Post { block: self.clone(), index, verdict }),
        };
        if !is_taken {
            self.abandon();
        }
    }

    fn ack(self: &Arc<Self>, index: u32) -> bool {
        self.acks[index as usize / 64].fetch_or(1 << (index % 64), Ordering::AcqRel);
        self.is_posted.swap(true, Ordering::AcqRel) || self.outbox.post_acks(self.clone())
    }

    /// Which were acknowledged since the last call, in runs.
    pub(super) fn take_acks(&self) -> Vec<Range<u32>> {
        // First: who sets a bit from now on posts the block again.
        self.is_posted.swap(false, Ordering::AcqRel);
        let mut runs: Vec<Range<u32>> = Vec::new();
        for (word, start) in self.acks.iter().zip((0..).step_by(64)) {
            if word.load(Ordering::Relaxed) != 0 {
                add_runs(&mut runs, start, word.swap(0, Ordering::AcqRel));
            }
        }
        runs
    }

    /// Gives the results of some, to whom they were not given.
    pub(super) fn conclude(&self, indices: Range<u32>, outcome: &Outcome) {
        let mut is_news = false;
        for slot in &self.outcomes[indices.start as usize..indices.end as usize] {
            // The session alone gives results. Once it is over all that are given are the same.
            if slot.load(Ordering::Relaxed) == PENDING {
                slot.store(code(outcome), Ordering::Release);
                is_news = true;
            }
        }
        if !is_news {
            return;
        }
        let waiting = self.waiting(indices);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn waiting(&self, indices: Range<u32>) -> Vec<Waker> {
        let wakers = &mut *self.wakers.lock();
        let waiting = wakers.iter_mut().take(indices.end as usize).skip(indices.start as usize);
        waiting.filter_map(Option::take).collect()
    }

    /// Nobody will ever know what comes of those that have no result.
    pub(super) fn abandon(&self) {
        let all = u32::try_from(self.outcomes.len()).unwrap_or(u32::MAX);
        self.conclude(0..all, &Err(AckError::Unconfirmed));
    }

    fn outcome(&self, index: u32) -> Option<Outcome> {
        let code = self.outcomes[index as usize].load(Ordering::Acquire);
        OUTCOMES.get(usize::from(code).checked_sub(1)?).cloned()
    }

    /// The result of one, when it is there.
    pub(super) fn poll(&self, index: u32, context: &Context<'_>) -> Poll<Outcome> {
        if let Some(outcome) = self.outcome(index) {
            return Poll::Ready(outcome);
        }
        let wakers = &mut *self.wakers.lock();
        if let Some(outcome) = self.outcome(index) {
            return Poll::Ready(outcome);
        }
        if wakers.is_empty() {
            wakers.resize(self.outcomes.len(), None);
        }
        match &mut wakers[index as usize] {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// Adds the runs of ones, of which the lowest is this.
fn add_runs(runs: &mut Vec<Range<u32>>, mut start: u32, mut word: u64) {
    while word != 0 {
        let zeros = word.trailing_zeros();
        start += zeros;
        let ones = (!(word >> zeros)).trailing_zeros().min(64 - zeros);
        match runs.last_mut().filter(|last| last.end == start) {
            Some(last) => last.end += ones,
            None => runs.push(start..start + ones),
        }
        start += ones;
        word = word.checked_shr(zeros + ones).unwrap_or(0);
    }
}

/// Who is told what came of one settlement; dropped, that nobody knows.
#[derive(Debug)]
pub(super) struct Waiter {
    block: Arc<Block>,
    index: u32,
}

impl Waiter {
    pub(super) fn new(block: Arc<Block>, index: u32) -> Self {
        Self { block, index }
    }

    pub(super) fn tell(self, outcome: &Outcome) {
        self.block.conclude(self.index..self.index + 1, outcome);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.block.conclude(self.index..self.index + 1, &Err(AckError::Unconfirmed));
    }
}

#[cfg(test)]
mod tests;
