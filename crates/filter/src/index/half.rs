//! One half of the index: the alternatives over attributes, or those over bodies.

use smallvec::SmallVec;

use super::ClassId;
use super::cost::{cost, share};
use super::leaves::{LeafId, Leaves};
use super::lookup::Lookup;
use super::scratch::State;
use super::slab::Slab;
use crate::evaluate::any_holds;
use crate::paths::{Hashes, Paths};
use crate::{Scalar, policy};

/// An alternative's number.
pub(super) type AlternativeId = u32;

/// The hashes of an alternative's leaves, in their order.
pub(super) type LeafHashes = SmallVec<[u64; 4]>;

/// Alternatives of one scope.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) paths: Paths,
    pub(super) leaves: Leaves,
    pub(super) lookup: Lookup,
    pub(super) alternatives: Slab<Alternative>,
    /// Those that a message may match which has none of the paths: they are found by no leaf.
    pub(super) always: Vec<Posted>,
}

/// An alternative in the index.
#[derive(Debug)]
pub(super) struct Alternative {
    pub(super) class: ClassId,
    /// It is found by the first, unless that one is content with absence. Those that fewer messages satisfy come first.
    pub(super) leaves: SmallVec<[LeafId; 4]>,
    /// Where it stands in that leaf's list, or among those that are found by none.
    position: u32,
}

/// An alternative in a list, with what is first asked about it: most candidates fail there, and need not be gone to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posted {
    pub(super) alternative: AlternativeId,
    pub(super) class: ClassId,
    /// What it needs besides the leaf that it was found by; if it needs less, a leaf that it needs anyway.
    pub(super) needs: [LeafId; 2],
    /// It has yet more leaves.
    pub(super) has_more: bool,
}

impl Alternative {
    fn posted(&self, alternative: AlternativeId) -> Posted {
        // There is at least one leaf.
        let need = |at: usize| self.leaves[at.min(self.leaves.len() - 1)];
        Posted { alternative, class: self.class, needs: [need(1), need(2)], has_more: self.leaves.len() > 3 }
    }
}

impl Half {
    pub(super) fn new(hashes: &Hashes) -> Self {
        Self {
            paths: Paths::new(hashes.clone()),
            leaves: Leaves::new(),
            lookup: Lookup::new(hashes.clone()),
            alternatives: Slab::new(),
            always: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.alternatives.len() == 0
    }

    /// What a value was looked up to: whether it satisfies that leaf.
    pub(super) fn satisfies(&self, state: &mut State, leaf: LeafId, value: &Scalar<'_>) -> bool {
        let conditions = self.leaves[leaf].conditions();
        // A value may lead to one leaf in many ways, and what came of the first need not be asked again.
        if conditions.len() > 1 && !state.is_first_try(leaf) {
            return false;
        }
        let satisfies = any_holds(conditions, value);
        if satisfies {
            state.hold(leaf);
        }
        satisfies
    }

    /// With the hashes of its leaves.
    pub(super) fn add(
        &mut self,
        class: ClassId,
        alternative: &policy::Alternative,
        hashes: &LeafHashes,
    ) -> AlternativeId {
        let mut leaves: SmallVec<[(f64, LeafId); 8]> = SmallVec::new();
        for (leaf, hash) in alternative.leaves.iter().zip(hashes) {
            leaves.push((0.0, self.leaves.hold(&mut self.paths, leaf, *hash)));
        }
        for (share_of, leaf) in &mut leaves {
            *share_of = share(&self.leaves, &self.leaves[*leaf]);
        }
        leaves.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let costs = (0..leaves.len()).filter(|at| !self.leaves[leaves[*at].1].or_absent);
        let access = costs
            .min_by(|one, other| {
                let cost = |at: usize| cost(&self.leaves, &self.leaves[leaves[at].1]);
                cost(*one).total_cmp(&cost(*other))
            })
            .unwrap_or(0);
        leaves.swap(0, access);
        let leaves = leaves.into_iter().map(|(_, leaf)| leaf).collect();
        let id = self.alternatives.insert(Alternative { class, leaves, position: 0 });
        self.post(id);
        id
    }

    pub(super) fn remove(&mut self, id: AlternativeId) {
        self.withdraw(id);
        if let Some(alternative) = self.alternatives.remove(id) {
            for leaf in alternative.leaves {
                self.leaves.release(&mut self.paths, leaf);
            }
        }
    }

    /// The list that an alternative is in.
    fn list(&mut self, id: AlternativeId) -> Option<LeafId> {
        let access = *self.alternatives.get(id)?.leaves.first()?;
        (!self.leaves[access].or_absent).then_some(access)
    }

    fn post(&mut self, id: AlternativeId) {
        let Some(posted) = self.alternatives.get(id).map(|alternative| alternative.posted(id)) else {
            return;
        };
        let position = match self.list(id) {
            None => {
                self.always.push(posted);
                self.always.len()
            }
            Some(access) => {
                let entry = &mut self.leaves[access];
                entry.posted.push(posted);
                if entry.posted.len() == 1 {
                    self.lookup.insert(access, entry.path, entry.conditions());
                }
                entry.posted.len()
            }
        };
        self.place(id, position - 1);
    }

    fn withdraw(&mut self, id: AlternativeId) {
        let Some(position) = self.alternatives.get(id).map(|alternative| alternative.position as usize)
        else {
            return;
        };
        let moved = match self.list(id) {
            None => {
                self.always.swap_remove(position);
                self.always.get(position).copied()
            }
            Some(access) => {
                let entry = &mut self.leaves[access];
                entry.posted.swap_remove(position);
                if entry.posted.is_empty() {
                    self.lookup.remove(access, entry.path, entry.conditions());
                }
                entry.posted.get(position).copied()
            }
        };
        if let Some(moved) = moved {
            self.place(moved.alternative, position);
        }
    }

    fn place(&mut self, id: AlternativeId, position: usize) {
        if let Some(alternative) = self.alternatives.get_mut(id) {
            alternative.position = u32::try_from(position).unwrap_or(u32::MAX);
        }
    }

    /// Everything that is in it. Zero once all is removed.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.alternatives.len() + self.leaves.len() + self.paths.len() + self.lookup.len() + self.always.len()
    }
}
