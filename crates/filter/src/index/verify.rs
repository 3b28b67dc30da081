//! Decides about candidates, with the predicates of the specification. A leaf is decided once a message.

use super::ClassId;
use super::half::{Alternative, Half};
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
            for id in &half.leaves[leaf].posted {
                // The first leaf is the one that it was found by.
                if let Some(candidate) = half.alternatives.get(*id)
                    && candidate.leaves[1..].iter().all(|leaf| self.holds(*leaf))
                {
                    classes.push(candidate.class);
                }
            }
        }
        for id in &half.always {
            if let Some(candidate) = half.alternatives.get(*id).filter(|candidate| self.all_hold(candidate)) {
                classes.push(candidate.class);
            }
        }
    }

    pub(super) fn all_hold(&mut self, candidate: &Alternative) -> bool {
        candidate.leaves.iter().all(|leaf| self.holds(*leaf))
    }

    /// Whether a leaf holds, by whichever value.
    pub(super) fn holds(&mut self, leaf: LeafId) -> bool {
        match self.state.verdict(leaf) {
            Verdict::Holds => true,
            Verdict::Fails => false,
            Verdict::Unknown | Verdict::Found => self.decide(leaf),
        }
    }

    fn decide(&mut self, id: LeafId) -> bool {
        let entry = &self.half.leaves[id];
        let holds = (entry.leaf.or_absent && self.values.is_absent(self.state, entry.path))
            || self.values.any(self.state, entry.path, &entry.leaf.conditions);
        self.state.set(id, if holds { Verdict::Holds } else { Verdict::Fails });
        holds
    }
}
