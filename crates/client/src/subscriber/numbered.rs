//! The deliveries of the open connection as long as all goes well with them: each is held, acknowledged by its number, and confirmed. Pure; time
//! comes in as an argument.
//!
//! All else is the matter of [`Leases`](super::leases::Leases) and [`Settling`](super::settling::Settling), which know messages by their
//! sequence and leases by their ack ID: what is held for longer than half of its lease, given back, refused, delivered again, or of an earlier
//! connection moves to them, and is a [`Moved`] on its way.
//!
//! # Invariants
//!
//! - Every delivery of the session has a ticket, in the order in which they came. Those of one connection follow each other, so a delivery's
//!   number on it is its ticket less those that were given before.
//! - A message is here once, and not while it is held or settled there.
//!
//! # Limits
//!
//! A block is kept as long as one of its deliveries is here. Once there are [`MOST`] deliveries in the blocks that are kept, and as many as four
//! times what may be held, those that are held in the oldest ones move.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use fanfare_proto::v1;
use tokio::time::Instant;

use super::{
    block::Block,
    row::{Moved, Row, Slot, Stage, narrow},
    settling::OutOfStep,
    spans::Spans,
    wire,
};

/// See the module.
const MOST: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Numbered {
    /// By their first tickets.
    rows: BTreeMap<u64, Row>,
    spans: Spans,
    /// Tickets that were given.
    given: u64,
    /// Of them before this connection.
    before: u64,
    /// Slots of all rows.
    slots: usize,
    most: usize,
    held: usize,
    bytes: u64,
    /// The highest sequence that has ever been here.
    highest: u64,
    /// First and last tickets.
    waiting: Vec<(u64, u64)>,
    /// Those that wait or are sent.
    unsettled: usize,
}

impl Numbered {
    /// For so many that are held, at most.
    pub(super) fn new(held: usize) -> Self {
        Self {
            rows: BTreeMap::new(),
            spans: Spans::default(),
            given: 0,
            before: 0,
            slots: 0,
            most: MOST.max(held.saturating_mul(4)),
            held: 0,
            bytes: 0,
            highest: 0,
            waiting: Vec::new(),
            unsettled: 0,
        }
    }

    /// How many are held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Bytes of what is held: of its encoded messages.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing waits for its confirmation.
    pub(super) fn is_settled(&self) -> bool {
        self.unsettled == 0
    }

    /// Whether there is something to send.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Tickets for so many; the first of them.
    pub(super) fn give(&mut self, count: usize) -> u64 {
        let first = self.given;
        self.given += count as u64;
        first
    }

    /// Takes in a block whose first delivery has this block's first ticket. Those that are not held are gone already.
    pub(super) fn add(
        &mut self,
        now: Instant,
        block: Arc<Block>,
        delivered: &wire::DeliveryBlock,
        is_held: &[bool],
    ) {
        let Some(row) = Row::new(now, block, delivered, is_held) else { return };
        let (first, last) = row.span();
        self.highest = self.highest.max(last);
        self.held += row.held;
        self.bytes += row.held_bytes();
        self.slots += row.slots.len();
        self.spans.add(first, last, row.block.first());
        self.rows.insert(row.block.first(), row);
    }

    /// The user acknowledges some of a block; answers which of them are not held here.
    pub(super) fn ack(&mut self, first: u64, run: Range<u32>) -> Vec<u32> {
        let Some(row) = self.rows.get_mut(&first) else { return run.collect() };
        let mut elsewhere = Vec::new();
        for index in run {
            let slot = &mut row.slots[index as usize];
            if slot.stage != Stage::Held {
                elsewhere.push(index);
                continue;
            }
            slot.stage = Stage::Waiting;
            row.held -= 1;
            self.held -= 1;
            self.bytes -= u64::from(slot.bytes);
            self.unsettled += 1;
            let ticket = first + u64::from(index);
            match self.waiting.last_mut().filter(|(_, last)| last + 1 == ticket) {
                Some((_, last)) => *last = ticket,
                None => self.waiting.push((ticket, ticket)),
            }
        }
        elsewhere
    }

    /// What waits, as numbers; counts as sent. At most so many ranges and so many deliveries.
    pub(super) fn take(&mut self, ranges: usize, deliveries: u64) -> (Vec<v1::DeliveryRange>, usize) {
        let (mut taken, mut left) = (Vec::new(), deliveries);
        let mut waiting = std::mem::take(&mut self.waiting).into_iter();
        for (first, last) in waiting.by_ref() {
            let end = last.min(first.saturating_add(left - 1));
            self.sent(first, end);
            taken.push(v1::DeliveryRange { first: first - self.before + 1, last: end - self.before + 1 });
            left -= end - first + 1;
            if end < last {
                self.waiting.push((end + 1, last));
            }
            if left == 0 || taken.len() == ranges {
                break;
            }
        }
        self.waiting.extend(waiting);
        (taken, usize::try_from(deliveries - left).unwrap_or(usize::MAX))
    }

    /// The rows that some of these tickets are of, and which indices of them. Tickets between them are of rows that are gone.
    fn parts(&self, first: u64, last: u64) -> Vec<(u64, Range<usize>)> {
        let start = self.rows.range(..=first).next_back().map_or(first, |(start, _)| *start);
        let part = |(start, row): (&u64, &Row)| {
            let index = |ticket: u64| usize::try_from(ticket.saturating_sub(*start)).unwrap_or(usize::MAX);
            let len = row.slots.len();
            (*start, index(first).min(len)..index(last + 1).min(len))
        };
        self.rows.range(start..=last).map(part).collect()
    }

    fn sent(&mut self, first: u64, last: u64) {
        for (start, indices) in self.parts(first, last) {
            let Some(row) = self.rows.get_mut(&start) else { continue };
            row.slots[indices].iter_mut().for_each(|slot| slot.stage = Stage::Sent);
        }
    }

    /// The tickets of a range of numbers of this connection.
    fn tickets(&self, range: &v1::DeliveryRange) -> Result<(u64, u64), OutOfStep> {
        let delivered = self.given - self.before;
        match 1 <= range.first && range.first <= range.last && range.last <= delivered {
            true => Ok((self.before + range.first - 1, self.before + range.last - 1)),
            false => Err(OutOfStep),
        }
    }

    /// The broker has made these acknowledgements; how many they are.
    pub(super) fn acked(&mut self, range: &v1::DeliveryRange) -> Result<usize, OutOfStep> {
        let (first, last) = self.tickets(range)?;
        for (start, indices) in self.parts(first, last) {
            self.acked_of_row(start, indices)?;
        }
        Ok(count(range))
    }

    fn acked_of_row(&mut self, start: u64, indices: Range<usize>) -> Result<(), OutOfStep> {
        let Some(row) = self.rows.get_mut(&start) else { return Ok(()) };
        let mut from = indices.start;
        for run in row.slots[indices].chunk_by_mut(|one, other| one.stage == other.stage) {
            let to = from + run.len();
            match run[0].stage {
                Stage::Sent => {
                    run.iter_mut().for_each(|slot| slot.stage = Stage::Gone);
                    row.block.conclude(narrow(from)..narrow(to), &Ok(()));
                    row.open -= to - from;
                    self.unsettled -= to - from;
                }
                // It was delivered again since, and is settled under its new lease.
                Stage::Gone => {}
                Stage::Held | Stage::Waiting => return Err(OutOfStep),
            }
            from = to;
        }
        self.drop_if_done(start);
        Ok(())
    }

    /// The broker has refused these acknowledgements: they move.
    pub(super) fn refused(&mut self, range: &v1::DeliveryRange) -> Result<Vec<Moved>, OutOfStep> {
        let (first, last) = self.tickets(range)?;
        let parts = self.parts(first, last);
        let is_asked = |slot: &Slot| matches!(slot.stage, Stage::Sent | Stage::Gone);
        let all = |(start, indices): &(u64, Range<usize>)| {
            self.rows.get(start).is_none_or(|row| row.slots[indices.clone()].iter().all(is_asked))
        };
        if !parts.iter().all(all) {
            return Err(OutOfStep);
        }
        Ok(parts
            .into_iter()
            .flat_map(|(start, indices)| self.take_out(start, indices, Stage::Sent))
            .collect())
    }

    /// Where a message is, if it is here.
    pub(super) fn find(&mut self, sequence: u64) -> Option<Moved> {
        if sequence > self.highest {
            return None;
        }
        let in_row = |start| Some((start, self.rows.get(&start)?.find(sequence)?));
        let (start, index) = self.spans.around(sequence).find_map(in_row)?;
        let stage = self.rows.get(&start)?.slots[index].stage;
        self.take_out(start, index..index + 1, stage).pop()
    }

    /// Lets go of one that is held.
    pub(super) fn release(&mut self, first: u64, index: u32) -> Option<Moved> {
        let index = index as usize;
        self.take_out(first, index..index + 1, Stage::Held).pop()
    }

    /// When the next one has been held for so long.
    pub(super) fn next_due(&self, half: Duration) -> Option<Instant> {
        self.rows.values().find(|row| row.held > 0).map(|row| row.since + half)
    }

    /// Those that have been held for so long move.
    pub(super) fn due(&mut self, now: Instant, half: Duration) -> Vec<Moved> {
        self.held_of(|_, row| row.since + half <= now)
    }

    /// If too much is kept, those that are held longest move.
    pub(super) fn trim(&mut self) -> Vec<Moved> {
        let Some(mut over) = self.slots.checked_sub(self.most).filter(|over| *over > 0) else {
            return Vec::new();
        };
        self.held_of(|_, row| {
            let is_over = over > 0;
            over = over.saturating_sub(row.slots.len());
            is_over
        })
    }

    /// Those that are held in the oldest rows, as long as it is wanted.
    fn held_of(&mut self, mut wants: impl FnMut(&u64, &Row) -> bool) -> Vec<Moved> {
        let oldest = self.rows.iter().take_while(|(start, row)| wants(start, row));
        let rows: Vec<_> =
            oldest.filter(|(_, row)| row.held > 0).map(|(start, row)| (*start, row.slots.len())).collect();
        rows.into_iter().flat_map(|(start, len)| self.take_out(start, 0..len, Stage::Held)).collect()
    }

    /// The connection is gone: all move, and numbers begin anew.
    pub(super) fn disconnected(&mut self) -> Vec<Moved> {
        self.waiting.clear();
        self.before = self.given;
        let mut moved = Vec::new();
        for stage in [Stage::Held, Stage::Sent, Stage::Waiting] {
            let rows: Vec<_> = self.rows.iter().map(|(start, row)| (*start, row.slots.len())).collect();
            moved.extend(rows.into_iter().flat_map(|(start, len)| self.take_out(start, 0..len, stage)));
        }
        moved
    }

    /// Those of a row that are at this stage.
    fn take_out(&mut self, start: u64, indices: Range<usize>, stage: Stage) -> Vec<Moved> {
        let Some(row) = self.rows.get_mut(&start) else { return Vec::new() };
        let moved = row.take_out(indices, stage);
        match stage {
            Stage::Held => {
                self.held -= moved.len();
                self.bytes -= moved.iter().map(|moved| moved.bytes).sum::<u64>();
            }
            _ => self.unsettled -= moved.len(),
        }
        if stage == Stage::Waiting {
            moved.iter().for_each(|moved| self.forget_waiting(moved.lease.ticket.number));
        }
        self.drop_if_done(start);
        moved
    }

    /// One that waits is not to be sent by its number.
    fn forget_waiting(&mut self, ticket: u64) {
        let is_in = |(first, last): &(u64, u64)| (*first..=*last).contains(&ticket);
        let Some(place) = self.waiting.iter().position(is_in) else { return };
        let (first, last) = self.waiting[place];
        let parts = [(first, ticket), (ticket + 1, last + 1)].into_iter().filter(|(first, end)| first < end);
        let parts: Vec<_> = parts.map(|(first, end)| (first, end - 1)).collect();
        self.waiting.splice(place..=place, parts);
    }

    fn drop_if_done(&mut self, start: u64) {
        if self.rows.get(&start).is_some_and(|row| row.open == 0)
            && let Some(row) = self.rows.remove(&start)
        {
            self.slots -= row.slots.len();
            let (first, last) = row.span();
            self.spans.remove(first, last, start);
        }
    }

    /// The session is over: nobody will know what comes of what is here.
    pub(super) fn abandon(&self) {
        self.rows.values().for_each(|row| row.block.abandon());
    }
}

/// A range that was checked holds no more than is given.
pub(super) fn count(range: &v1::DeliveryRange) -> usize {
    usize::try_from(range.last - range.first + 1).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
