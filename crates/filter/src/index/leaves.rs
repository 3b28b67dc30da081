//! The distinct leaves of all policies.

use std::sync::Arc;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::half::Posted;
use super::slab::Slab;
use crate::condition::Condition;
use crate::paths::{PathId, Paths};
use crate::policy::Leaf;

/// A leaf's number.
pub(super) type LeafId = u32;

/// Leaves, each there once, counting the alternatives that have it.
#[derive(Debug)]
pub(super) struct Leaves {
    entries: Slab<Entry>,
    /// With their hashes, so that growing does not hash conditions again.
    by_hash: HashTable<(u64, LeafId)>,
    /// By path: the alternatives that ask for it.
    asked: Vec<u32>,
}

/// A leaf in the index.
#[derive(Debug)]
pub(super) struct Entry {
    leaf: Arc<Leaf>,
    hash: u64,
    /// If the leaf has one condition, that: deciding a leaf is waiting for memory, and this is nearer.
    only: Option<Condition>,
    pub(super) path: PathId,
    pub(super) or_absent: bool,
    /// Alternatives with this leaf.
    pub(super) holders: u32,
    /// Alternatives that are found by this leaf.
    pub(super) posted: SmallVec<[Posted; 1]>,
}

impl Entry {
    pub(super) fn conditions(&self) -> &[Condition] {
        self.only.as_ref().map_or(&self.leaf.conditions, std::slice::from_ref)
    }
}

impl Leaves {
    pub(super) fn new() -> Self {
        Self { entries: Slab::new(), by_hash: HashTable::new(), asked: Vec::new() }
    }

    /// Finds or makes a leaf with this hash, and holds it.
    pub(super) fn hold(&mut self, paths: &mut Paths, leaf: &Arc<Leaf>, hash: u64) -> LeafId {
        let same = |(other, id): &(u64, LeafId)| *other == hash && self[*id].leaf == *leaf;
        let id = self.by_hash.find(hash, same).map(|(_, id)| *id);
        let id = id.unwrap_or_else(|| {
            let path = paths.hold(&leaf.path);
            let only = if let [only] = &*leaf.conditions { Some(only.clone()) } else { None };
            let or_absent = leaf.or_absent;
            let posted = SmallVec::new();
            let entry = Entry { leaf: leaf.clone(), hash, only, path, or_absent, holders: 0, posted };
            let id = self.entries.insert(entry);
            self.by_hash.insert_unique(hash, (hash, id), |(hash, _)| *hash);
            id
        });
        self.count(id, 1);
        id
    }

    /// Gives up one hold, and drops the leaf with the last.
    pub(super) fn release(&mut self, paths: &mut Paths, id: LeafId) {
        self.count(id, -1);
        if self[id].holders > 0 {
            return;
        }
        let hash = self[id].hash;
        if let Ok(entry) = self.by_hash.find_entry(hash, |(_, other)| *other == id) {
            entry.remove();
        }
        if let Some(entry) = self.entries.remove(id) {
            paths.release(entry.path);
        }
    }

    fn count(&mut self, id: LeafId, change: i32) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.holders = entry.holders.saturating_add_signed(change);
        let path = entry.path.index();
        if self.asked.len() <= path {
            self.asked.resize(path + 1, 0);
        }
        self.asked[path] = self.asked[path].saturating_add_signed(change);
    }

    /// Alternatives that ask for a path.
    pub(super) fn asked(&self, path: PathId) -> u32 {
        self.asked.get(path.index()).copied().unwrap_or_default()
    }

    pub(super) fn bound(&self) -> usize {
        self.entries.bound()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl std::ops::Index<LeafId> for Leaves {
    type Output = Entry;

    fn index(&self, id: LeafId) -> &Entry {
        self.entries.get(id).expect("an alternative holds its leaves")
    }
}

impl std::ops::IndexMut<LeafId> for Leaves {
    fn index_mut(&mut self, id: LeafId) -> &mut Entry {
        self.entries.get_mut(id).expect("an alternative holds its leaves")
    }
}
