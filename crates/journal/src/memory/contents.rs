//! What one log holds, without a thought for who may see it.

use std::collections::VecDeque;

use tokio::sync::{oneshot, watch};
use types::{Position, Timestamp};

use super::FRAME_OVERHEAD;
use crate::{Batch, Checkpoint, Frame, Poisoned, ReadError, Segment};

type Waiter = oneshot::Sender<Result<(), Poisoned>>;

/// Frames in pseudo-segments, the last of which is being written.
#[derive(Debug)]
pub(super) struct Contents {
    segments: VecDeque<Frames>,
    /// The position that the next record takes.
    end: Position,
    newest: Timestamp,
    checkpoints: VecDeque<Checkpoint>,
    waiters: Vec<Waiter>,
    /// Dropped when the log closes or is opened again, which ends those who follow it.
    tail: Option<watch::Sender<Position>>,
    durable: Position,
    owner: u64,
}

#[derive(Debug)]
struct Frames {
    first: Position,
    bytes: usize,
    frames: Vec<Frame>,
}

impl Frames {
    fn starting_at(first: Position) -> Self {
        Self { first, bytes: 0, frames: Vec::new() }
    }
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            segments: VecDeque::from([Frames::starting_at(1)]),
            end: 1,
            newest: Timestamp::EPOCH,
            checkpoints: VecDeque::new(),
            waiters: Vec::new(),
            tail: None,
            durable: 1,
            owner: 0,
        }
    }
}

impl Contents {
    /// Makes a new handle the owner and fences the one before it.
    pub(super) fn take_over(&mut self) -> (u64, watch::Receiver<Position>) {
        self.owner += 1;
        let (sender, tail) = watch::channel(self.durable);
        self.tail = Some(sender);
        (self.owner, tail)
    }

    /// Fences the owner; returns the bytes held.
    pub(super) fn close(&mut self) -> usize {
        self.owner += 1;
        self.tail = None;
        self.waiters.clear();
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    pub(super) fn owned_by(&self, handle: u64) -> bool {
        self.owner == handle
    }

    pub(super) fn end(&self) -> Position {
        self.end
    }

    pub(super) fn first(&self) -> Position {
        self.segments[0].first
    }

    /// Adds a frame; returns its position and what it costs.
    pub(super) fn append(
        &mut self,
        now: Timestamp,
        batch: Batch,
        waiter: Waiter,
        segment_bytes: usize,
    ) -> (Position, usize) {
        let bytes = batch.bytes().len() + FRAME_OVERHEAD;
        if self.segments.back().is_some_and(|last| last.bytes >= segment_bytes) {
            self.segments.push_back(Frames::starting_at(self.end));
        }
        self.newest = self.newest.max(now);
        let frame = Frame { first: self.end, at: self.newest, batch };
        let first = std::mem::replace(&mut self.end, frame.end());
        if let Some(last) = self.segments.back_mut() {
            last.frames.push(frame);
            last.bytes += bytes;
        }
        self.waiters.push(waiter);
        (first, bytes)
    }

    /// Begins a new segment, unless the last one is empty.
    pub(super) fn seal(&mut self) {
        if self.segments.back().is_some_and(|last| !last.frames.is_empty()) {
            self.segments.push_back(Frames::starting_at(self.end));
        }
    }

    /// Everything appended is durable from here on.
    pub(super) fn commit(&mut self) {
        self.durable = self.end;
        if let Some(tail) = &self.tail {
            tail.send_replace(self.end);
        }
        for waiter in self.waiters.drain(..) {
            let _ = waiter.send(Ok(()));
        }
    }

    pub(super) fn fail(&mut self, poisoned: &Poisoned) {
        for waiter in self.waiters.drain(..) {
            let _ = waiter.send(Err(poisoned.clone()));
        }
    }

    /// Forgets what is not durable and fences the owner; returns the bytes forgotten.
    pub(super) fn crash(&mut self) -> usize {
        let before = self.close();
        for segment in &mut self.segments {
            segment.frames.retain(|frame| frame.first < self.durable);
            segment.bytes = segment.frames.iter().map(|f| f.batch.bytes().len() + FRAME_OVERHEAD).sum();
        }
        self.segments.retain(|segment| segment.first == 1 || segment.first <= self.durable);
        if self.segments.is_empty() {
            self.segments.push_back(Frames::starting_at(self.durable));
        }
        self.end = self.durable;
        before - self.segments.iter().map(|segment| segment.bytes).sum::<usize>()
    }

    pub(super) fn read(&self, from: Position, max_bytes: usize) -> Result<Vec<Frame>, ReadError> {
        if from < self.first() {
            return Err(ReadError::Trimmed { first: self.first() });
        }
        let mut found = Vec::new();
        let mut bytes = 0;
        let start = self.segments.partition_point(|segment| segment.first <= from).saturating_sub(1);
        for frame in self.segments.iter().skip(start).flat_map(|segment| &segment.frames) {
            if bytes >= max_bytes && !found.is_empty() || frame.first >= self.durable {
                break;
            }
            if frame.end() > from {
                bytes += frame.batch.bytes().len();
                found.push(frame.clone());
            }
        }
        Ok(found)
    }

    pub(super) fn segments(&self) -> Vec<Segment> {
        let ends = self.segments.iter().skip(1).map(|next| next.first).chain([self.end]);
        let mut newest = Timestamp::EPOCH;
        self.segments
            .iter()
            .zip(ends)
            .map(|(segment, end)| {
                newest = segment.frames.last().map_or(newest, |frame| frame.at);
                Segment { first: segment.first, end, bytes: segment.bytes as u64, newest }
            })
            .collect()
    }

    pub(super) fn position_at(&self, at: Timestamp) -> Position {
        let frames = self.segments.iter().flat_map(|segment| &segment.frames);
        frames
            .take_while(|frame| frame.first < self.durable)
            .find(|frame| frame.at >= at)
            .map_or(self.durable, |frame| frame.first)
    }

    /// Drops whole segments; returns the bytes dropped.
    pub(super) fn trim(&mut self, below: Position) -> usize {
        // Until there are two checkpoints, the beginning of the log stands in for the missing one.
        let needed = match self.checkpoints.iter().collect::<Vec<_>>()[..] {
            [older, newer] => older.replay_from.min(newer.replay_from),
            _ => 1,
        };
        let mut dropped = 0;
        while self.segments.get(1).is_some_and(|next| next.first <= below.min(needed).min(self.durable)) {
            dropped += self.segments.pop_front().map_or(0, |segment| segment.bytes);
        }
        dropped
    }

    pub(super) fn keep(&mut self, checkpoint: Checkpoint) {
        if self.checkpoints.len() == 2 {
            self.checkpoints.pop_front();
        }
        self.checkpoints.push_back(checkpoint);
    }

    pub(super) fn latest_checkpoint(&self) -> Option<Checkpoint> {
        self.checkpoints.back().cloned()
    }
}
