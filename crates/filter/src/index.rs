//! All policies of a topic, matched at once.
//!
//! # How
//!
//! - Equal policies are one *class*. Equal leaves are one leaf, whichever policies have them.
//! - Each alternative is found by one of its leaves, its *access leaf*: the one that fewest messages satisfy, as far as the policies
//!   tell ([`cost`]). A message's values are looked up path by path ([`lookup`]): by hash, where a condition has something to hash
//!   (a text, the first bytes of one, the first bits of an address, the bucket of a range); by order, for numbers above or below
//!   one; else a list is gone through.
//! - What is found are candidates. Each is decided by the predicates of [`Policy::matches`], a leaf once a message ([`verify`]).
//!
//! # Invariants
//!
//! - The lookup gives a superset of the access leaves that hold, so no match is lost; every leaf of a candidate is decided, the access leaf
//!   too, so none is made up.
//! - Attributes and bodies have each a half of the index, which know nothing of each other. A body is read only if there is a policy over
//!   bodies.
//! - Finding changes nothing: any number can find at a time, each with its own [`Matches`]. It allocates nothing once that has grown.
//! - What is removed leaves nothing behind but free numbers.

mod attributes;
mod body;
mod cost;
mod half;
mod key;
mod leaves;
mod lookup;
mod scratch;
mod slab;
mod verify;

use std::sync::Arc;

use hashbrown::{HashMap, HashTable};
use smallvec::SmallVec;
use types::FilterScope;

use crate::paths::Hashes;
use crate::policy::Leaf;
use crate::{Attribute, Content, Policy};
use half::{AlternativeId, Half, LeafHashes};
use scratch::Scratch;
use slab::Slab;

/// A policy in an index. Equal policies have the same one; it is given out again once nobody has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// The policies of a topic.
#[derive(Debug)]
pub struct Index {
    hashes: Hashes,
    classes: Slab<Class>,
    /// With their hashes, so that growing does not hash policies again.
    by_hash: HashTable<(u64, ClassId)>,
    attributes: Half,
    body: Half,
}

#[derive(Debug)]
struct Class {
    policy: Policy,
    holders: u32,
    alternatives: SmallVec<[AlternativeId; 2]>,
}

/// What one message came to. Reused from message to message, so that matching allocates nothing.
#[derive(Debug, Default)]
pub struct Matches {
    /// Classes that match, ascending.
    pub classes: Vec<ClassId>,
    /// There are no attributes that filters see, so that no policy on attributes can match.
    pub no_attributes: bool,
    /// Why the body matched no policy, if some policy asked for it and it could not be read.
    pub body: Option<UnreadableBody>,
    scratch: Scratch,
}

/// Why a body is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnreadableBody {
    /// No JSON, or nested deeper than [`types::limits::FILTER_BODY_DEPTH`].
    Invalid,
    /// JSON, but no object.
    NotAnObject,
}

impl Index {
    /// Empty. `seed` keys its hashes, so that clients cannot choose values that collide.
    pub fn new(seed: u64) -> Self {
        let hashes = Hashes::new(seed);
        let (attributes, body) = (Half::new(&hashes), Half::new(&hashes));
        Self { hashes, classes: Slab::new(), by_hash: HashTable::new(), attributes, body }
    }

    /// Adds a policy, or one more holder of an equal one.
    pub fn add(&mut self, policy: &Policy) -> ClassId {
        let leaves = leaf_hashes(&self.hashes, policy);
        let hash = self.hashes.of(&(policy.scope, &leaves));
        let same = |(other, class): &(u64, ClassId)| {
            *other == hash && self.classes.get(class.0).is_some_and(|class| class.policy == *policy)
        };
        if let Some((_, class)) = self.by_hash.find(hash, same).copied() {
            if let Some(entry) = self.classes.get_mut(class.0) {
                entry.holders += 1;
            }
            return class;
        }
        let entry = Class { policy: policy.clone(), holders: 1, alternatives: SmallVec::new() };
        let class = ClassId(self.classes.insert(entry));
        self.by_hash.insert_unique(hash, (hash, class), |(hash, _)| *hash);
        let half = half(&mut self.attributes, &mut self.body, policy.scope);
        let alternatives = policy.alternatives.iter().zip(&leaves);
        let alternatives =
            alternatives.map(|(alternative, leaves)| half.add(class, alternative, leaves)).collect();
        if let Some(entry) = self.classes.get_mut(class.0) {
            entry.alternatives = alternatives;
        }
        class
    }

    /// Takes one holder away, and the policy with the last.
    pub fn remove(&mut self, class: ClassId) {
        let Some(entry) = self.classes.get_mut(class.0) else { return };
        entry.holders -= 1;
        if entry.holders > 0 {
            return;
        }
        let Some(entry) = self.classes.remove(class.0) else { return };
        let leaves = leaf_hashes(&self.hashes, &entry.policy);
        let hash = self.hashes.of(&(entry.policy.scope, &leaves));
        if let Ok(found) = self.by_hash.find_entry(hash, |(_, other)| *other == class) {
            found.remove();
        }
        let half = half(&mut self.attributes, &mut self.body, entry.policy.scope);
        for alternative in entry.alternatives {
            half.remove(alternative);
        }
    }

    /// Finds every class that matches.
    pub fn find(&self, content: &Content<'_>, matches: &mut Matches) {
        let Matches { classes, no_attributes, body, scratch } = matches;
        let Scratch { state, document, forms, bits } = scratch;
        classes.clear();
        *no_attributes =
            content.attributes.iter().all(|(_, attribute)| matches!(attribute, Attribute::Binary));
        *body = None;
        if !(self.attributes.is_empty() || *no_attributes) {
            self.attributes.find_by_attributes(content.attributes, state, forms, classes);
        }
        if !self.body.is_empty() {
            match document.read(&self.body.paths, content.body) {
                Ok(tree) => self.body.find_by_body(&tree, state, forms, classes),
                Err(unreadable) => *body = Some(unreadable),
            }
        }
        sort(classes, self.classes.bound(), bits);
    }

    /// Some policy looks at the body.
    pub fn reads_bodies(&self) -> bool {
        !self.body.is_empty()
    }

    /// Distinct policies.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// No policy is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn half<'h>(attributes: &'h mut Half, body: &'h mut Half, scope: FilterScope) -> &'h mut Half {
    match scope {
        FilterScope::Attributes => attributes,
        FilterScope::Body => body,
    }
}

/// Puts classes, of which there are `bound` at most, in order, each once.
fn sort(classes: &mut Vec<ClassId>, bound: usize, bits: &mut Vec<u64>) {
    let words = bound.div_ceil(64);
    // With many of them, going through one bit for each class that there is takes less than sorting.
    if classes.len() < 16 || classes.len() * 16 < words {
        classes.sort_unstable();
        classes.dedup();
        return;
    }
    bits.clear();
    bits.resize(words, 0);
    for class in classes.drain(..) {
        bits[class.0 as usize / 64] |= 1 << (class.0 % 64);
    }
    for (word, base) in bits.iter_mut().zip((0..).step_by(64)) {
        while *word != 0 {
            classes.push(ClassId(base + word.trailing_zeros()));
            *word &= *word - 1;
        }
    }
}

/// The hashes of each alternative's leaves. A leaf can be long and in many alternatives: it is looked at once.
fn leaf_hashes(hashes: &Hashes, policy: &Policy) -> Vec<LeafHashes> {
    let mut seen: HashMap<*const Leaf, u64> = HashMap::new();
    let mut hash_of = |leaf: &Arc<Leaf>| {
        if policy.alternatives.len() == 1 {
            return hashes.of(&**leaf);
        }
        *seen.entry(Arc::as_ptr(leaf)).or_insert_with(|| hashes.of(&**leaf))
    };
    policy
        .alternatives
        .iter()
        .map(|alternative| alternative.leaves.iter().map(&mut hash_of).collect())
        .collect()
}

#[cfg(test)]
mod tests;
