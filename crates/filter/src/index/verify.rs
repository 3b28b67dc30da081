//! Decides about candidates, with the predicates of the specification. A leaf is decided once a message.

use super::ClassId;
use super::half::{Alternative, AlternativeId, Half, Posted};
use super::leaves::LeafId;
use super::scratch::{State, Verdict};
use crate::condition::Condition;
use crate::paths::PathId;

/// The values of a message.
pub(super) trait Values {
    /// Whether no value is at this path.
    fn is_absent(&self, state: &State, path: PathId) -> bool;
    /// Whether a condition holds for one of the values at this path.
    fn any(&self, state: &State, path: PathId, conditions: &[Condition]) -> bool;
}

/// Candidates that are looked at together.
const CHUNK: usize = 64;

/// One message's candidates.
pub(super) struct Verify<'v, V> {
    pub(super) half: &'v Half,
    pub(super) values: &'v V,
    pub(super) state: &'v mut State,
}

impl<V: Values> Verify<'_, V> {
    /// Adds the classes of the candidates that match, if each leaf may be satisfied by any value at its path.
    pub(super) fn all(&mut self, classes: &mut Vec<ClassId>) {
        let half = self.half;
        for at in 0..self.state.found.len() {
            let leaf = self.state.found[at];
            if !self.holds(leaf) {
                continue;
            }
            for some in half.leaves[leaf].posted.chunks(CHUNK) {
                self.chunk(some, classes);
            }
        }
        for posted in &half.always {
            if half.alternatives.get(posted.alternative).is_some_and(|candidate| self.all_hold(candidate)) {
                classes.push(posted.class);
            }
        }
    }

    fn chunk(&mut self, some: &[Posted], classes: &mut Vec<ClassId>) {
        // Which of them fail is as good as random, so those are passed over without a branch.
        let mut left = [0_u8; CHUNK];
        let mut count = 0;
        for (at, posted) in (0..).zip(some) {
            left[count % CHUNK] = at;
            let [first, second] = posted.needs;
            count += usize::from(!(self.state.is_known_to_fail(first) | self.state.is_known_to_fail(second)));
        }
        for at in &left[..count] {
            let posted = &some[usize::from(*at)];
            if self.rest_holds(posted) {
                classes.push(posted.class);
            }
        }
    }

    /// Whether a candidate's leaves hold, the one aside that it was found by.
    fn rest_holds(&mut self, posted: &Posted) -> bool {
        let [first, second] = posted.needs;
        self.holds(first) && self.holds(second) && (!posted.has_more || self.more_holds(posted.alternative))
    }

    fn more_holds(&mut self, alternative: AlternativeId) -> bool {
        let candidate = self.half.alternatives.get(alternative);
        candidate.is_some_and(|candidate| candidate.leaves[3..].iter().all(|leaf| self.holds(*leaf)))
    }

    pub(super) fn all_hold(&mut self, candidate: &Alternative) -> bool {
        candidate.leaves.iter().all(|leaf| self.holds(*leaf))
    }

    /// Whether a leaf holds, by whichever value.
    #[inline(always)]
    pub(super) fn holds(&mut self, leaf: LeafId) -> bool {
        match self.state.verdict(leaf) {
            Verdict::Holds => true,
            Verdict::Fails => false,
            Verdict::Unknown | Verdict::Found => self.decide(leaf),
        }
    }

    #[inline(never)]
    fn decide(&mut self, id: LeafId) -> bool {
        let entry = &self.half.leaves[id];
        let holds = (entry.or_absent && self.values.is_absent(self.state, entry.path))
            || self.values.any(self.state, entry.path, entry.conditions());
        self.state.set(id, if holds { Verdict::Holds } else { Verdict::Fails });
        holds
    }
}
