//! The memory that finding uses. It is the caller's, so that many can find at a time, and is used again for the next message, of whatever
//! index. Nothing is cleared between messages: what is stamped with an earlier generation is as good as not there.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::half::Half;
use super::leaves::LeafId;
use super::lookup::Forms;
use crate::document::{Document, NodeId};
use crate::paths::PathId;

/// The memory of one find.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) state: State,
    pub(super) document: Document,
    pub(super) forms: Forms,
    /// One bit a class.
    pub(super) bits: Vec<u64>,
}

/// What is known about a message.
#[derive(Debug, Default)]
pub(super) struct State {
    generation: u32,
    /// By leaf: a generation and a [`Verdict`].
    leaves: Vec<u32>,
    /// By leaf: the value that it was last tried with. Values are numbered over all messages.
    tried: Vec<u64>,
    value: u64,
    /// Access leaves that a value was looked up to, each once.
    pub(super) found: Vec<LeafId>,
    /// By path: a generation and the number of the attribute there.
    attributes: Vec<(u32, u32)>,
    pub(super) elements: Elements,
    pub(super) branches: Branches,
}

/// What is known about a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Unknown,
    /// Among the found.
    Found,
    Holds,
    Fails,
}

impl State {
    /// Begins a message.
    pub(super) fn begin(&mut self, half: &Half) {
        self.found.clear();
        self.elements.clear();
        self.branches.clear();
        if self.leaves.len() < half.leaves.bound() {
            self.leaves.resize(half.leaves.bound(), 0);
            self.tried.resize(half.leaves.bound(), 0);
        }
        if self.attributes.len() < half.paths.bound() {
            self.attributes.resize(half.paths.bound(), (0, 0));
        }
        self.generation += 1;
        if self.generation == u32::MAX / 4 {
            self.generation = 1;
            self.leaves.fill(0);
            self.attributes.fill((0, 0));
            self.elements.of.fill((0, 0, 0));
        }
        self.elements.generation = self.generation;
    }

    /// What is tried from now on is another value.
    pub(super) fn next_value(&mut self) {
        self.value += 1;
    }

    /// Whether this value was not tried with a leaf before.
    pub(super) fn is_first_try(&mut self, leaf: LeafId) -> bool {
        std::mem::replace(&mut self.tried[leaf as usize], self.value) != self.value
    }

    pub(super) fn verdict(&self, leaf: LeafId) -> Verdict {
        let stamp = self.leaves[leaf as usize];
        match (stamp / 4 == self.generation, stamp % 4) {
            (false, _) => Verdict::Unknown,
            (true, 1) => Verdict::Found,
            (true, 2) => Verdict::Holds,
            (true, _) => Verdict::Fails,
        }
    }

    pub(super) fn is_known_to_fail(&self, leaf: LeafId) -> bool {
        self.leaves[leaf as usize] == self.generation * 4 + Verdict::Fails as u32
    }

    pub(super) fn set(&mut self, leaf: LeafId, verdict: Verdict) {
        self.leaves[leaf as usize] = self.generation * 4 + verdict as u32;
    }

    /// Notes an access leaf that may hold.
    pub(super) fn find(&mut self, leaf: LeafId) {
        if self.verdict(leaf) == Verdict::Unknown {
            self.set(leaf, Verdict::Found);
            self.found.push(leaf);
        }
    }

    /// Notes an access leaf that holds.
    pub(super) fn hold(&mut self, leaf: LeafId) {
        match self.verdict(leaf) {
            Verdict::Unknown => self.found.push(leaf),
            Verdict::Found | Verdict::Fails => {}
            Verdict::Holds => return,
        }
        self.set(leaf, Verdict::Holds);
    }

    pub(super) fn is_known_to_hold(&self, leaf: LeafId) -> bool {
        self.verdict(leaf) == Verdict::Holds
    }

    pub(super) fn set_attribute(&mut self, path: PathId, number: usize) {
        self.attributes[path.index()] = (self.generation, u32::try_from(number).unwrap_or(u32::MAX));
    }

    pub(super) fn attribute(&self, path: PathId) -> Option<usize> {
        let (generation, number) = self.attributes[path.index()];
        (generation == self.generation).then_some(number as usize)
    }
}

/// For each access leaf the objects that a value which may satisfy it was found in, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Elements {
    generation: u32,
    /// By leaf: a generation, and the first and the last of its objects in `all`.
    of: Vec<(u32, u32, u32)>,
    /// With where the leaf's next one is.
    all: Vec<(NodeId, u32)>,
}

const NONE: u32 = u32::MAX;
/// Objects noted for one message at most, and so many are kept memory for. Leaves that come too late are looked for everywhere.
const OBJECTS: usize = 1 << 16;

impl Elements {
    fn clear(&mut self) {
        self.all.clear();
    }

    pub(super) fn make_room(&mut self, half: &Half) {
        if self.of.len() < half.leaves.bound() {
            self.of.resize(half.leaves.bound(), (0, 0, 0));
        }
    }

    pub(super) fn note(&mut self, leaf: LeafId, object: NodeId) {
        let (generation, first, last) = self.of[leaf as usize];
        let known = generation == self.generation;
        if known && (first == NONE || self.all[last as usize].0 == object) {
            return;
        }
        let at = u32::try_from(self.all.len()).unwrap_or(NONE);
        if self.all.len() >= OBJECTS {
            return self.everywhere(leaf);
        }
        self.all.push((object, NONE));
        if known {
            self.all[last as usize].1 = at;
        }
        self.of[leaf as usize] = (self.generation, if known { first } else { at }, at);
    }

    /// Gives up on noting a leaf's objects.
    pub(super) fn everywhere(&mut self, leaf: LeafId) {
        self.of[leaf as usize] = (self.generation, NONE, NONE);
    }

    /// [`None`] if they were not noted.
    pub(super) fn of(&self, leaf: LeafId) -> Option<impl Iterator<Item = NodeId>> {
        let (generation, first, _) = self.of[leaf as usize];
        let noted = generation == self.generation && first != NONE;
        noted.then(|| {
            let next = |at: &u32| Some(self.all[*at as usize].1).filter(|next| *next != NONE);
            std::iter::successors(Some(first), next).map(|at| self.all[at as usize].0)
        })
    }
}

/// Whether a few leaves are reached together in one place. Many policies may ask for the same beside what they are found by.
#[derive(Debug, Default)]
pub(super) struct Branches {
    /// By the place and the leaves.
    known: HashMap<(NodeId, [LeafId; LEAVES]), bool, FixedState>,
}

/// Leaves that are remembered together at most.
const LEAVES: usize = 4;

impl Branches {
    fn clear(&mut self) {
        self.known.clear();
        self.known.shrink_to(OBJECTS);
    }

    /// Remembers what `decide` says; with too many leaves it is asked every time.
    pub(super) fn decide(
        &mut self,
        place: NodeId,
        leaves: impl ExactSizeIterator<Item = LeafId>,
        decide: impl FnOnce() -> bool,
    ) -> bool {
        if leaves.len() > LEAVES {
            return decide();
        }
        let mut key = [LeafId::MAX; LEAVES];
        key.iter_mut().zip(leaves).for_each(|(slot, leaf)| *slot = leaf);
        if let Some(known) = self.known.get(&(place, key)) {
            return *known;
        }
        let reached = decide();
        if self.known.len() < OBJECTS {
            self.known.insert((place, key), reached);
        }
        reached
    }
}
