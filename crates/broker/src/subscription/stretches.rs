//! Where in memory leased messages lie: found once for all messages of a frame that follow each other, while the locks are held. What
//! becomes of their bytes is done without them.

use std::{ops::Range, sync::Arc};

use queue::LeasedRun;
use types::Sequence;

use super::State;
use crate::{cache::Frames, decoded::Decoded};

/// Messages that follow each other in a frame.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) frame: Arc<Decoded>,
    /// Their indexes. Not empty.
    pub(super) messages: Range<usize>,
}

impl State {
    /// Where the messages of a run are; none if one of them is not in memory.
    pub(super) fn stretches(&self, run: &LeasedRun, cached: &Frames) -> Option<Vec<Stretch>> {
        let mut found = Vec::new();
        let mut rest = &run.messages[..];
        while let Some((first, _)) = rest.first() {
            let frame = cached.holding(*first).or_else(|| self.block.as_ref()?.holding(*first))?;
            while let Some(start) = rest.first().and_then(|(sequence, _)| frame.find(*sequence)) {
                let count = common(rest, frame, start);
                found.push(Stretch { frame: frame.clone(), messages: start..start + count });
                rest = &rest[count..];
            }
            // The frame ought to hold it and does not.
            if rest.first().is_some_and(|(sequence, _)| *sequence < frame.end) {
                return None;
            }
        }
        Some(found)
    }
}

/// How many messages the two have in common from their beginnings on.
fn common(messages: &[(Sequence, u32)], frame: &Decoded, start: usize) -> usize {
    let both = messages.iter().zip(&frame.messages[start..]);
    both.take_while(|((sequence, _), kept)| *sequence == kept.sequence).count()
}
