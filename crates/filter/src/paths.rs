//! The keys that policies ask for, as a tree: `a`, `a.b`, `a.c`. A message is read only along these.
//!
//! # Invariants
//!
//! - Every path but the root has a holder or a child; what has neither is taken out, and its number is given out again.
//! - A path's parent is there as long as the path is.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use hashbrown::HashTable;

/// A path in a [`Paths`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PathId(u32);

/// The empty path.
pub(crate) const ROOT: PathId = PathId(0);

/// Hashes under a seed that clients do not know: keys and values come from them.
#[derive(Debug, Clone)]
pub(crate) struct Hashes {
    shared: SharedSeed,
    own: u64,
}

/// A tree of paths, each counting its holders.
#[derive(Debug)]
pub(crate) struct Paths {
    hashes: Hashes,
    nodes: Vec<Node>,
    free: Vec<PathId>,
    by_step: HashTable<PathId>,
}

#[derive(Debug)]
struct Node {
    parent: PathId,
    depth: u32,
    children: u32,
    holders: u32,
    step: Box<str>,
}

impl Hashes {
    pub(crate) fn new(seed: u64) -> Self {
        // Two seeds of one, so that a hash table's seed is not the one that the values are mixed with.
        Self { shared: SharedSeed::from_u64(seed), own: seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15 }
    }

    pub(crate) fn hasher(&self) -> FoldHasher {
        FoldHasher::with_seed(self.own, &self.shared)
    }

    pub(crate) fn of(&self, value: &impl Hash) -> u64 {
        let mut hasher = self.hasher();
        value.hash(&mut hasher);
        hasher.finish()
    }
}

impl PathId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl Paths {
    pub(crate) fn new(hashes: Hashes) -> Self {
        let root = Node { parent: ROOT, depth: 0, children: 0, holders: 1, step: Box::default() };
        Self { hashes, nodes: vec![root], free: Vec::new(), by_step: HashTable::new() }
    }

    /// One more than the largest number of a path.
    pub(crate) fn bound(&self) -> usize {
        self.nodes.len()
    }

    /// Paths in the tree, without the root.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_step.len()
    }

    pub(crate) fn has_children(&self, path: PathId) -> bool {
        self.nodes[path.index()].children > 0
    }

    pub(crate) fn depth(&self, path: PathId) -> u32 {
        self.nodes[path.index()].depth
    }

    pub(crate) fn child(&self, parent: PathId, step: &str) -> Option<PathId> {
        let same = |path: &PathId| {
            let node = &self.nodes[path.index()];
            node.parent == parent && *node.step == *step
        };
        self.by_step.find(hash(&self.hashes, parent, step), same).copied()
    }

    /// The beginning of a path, `depth` steps long.
    pub(crate) fn ancestor(&self, mut path: PathId, depth: u32) -> PathId {
        while self.depth(path) > depth {
            path = self.nodes[path.index()].parent;
        }
        path
    }

    /// An order in which everything below a path comes right after it.
    pub(crate) fn compare(&self, one: PathId, other: PathId) -> Ordering {
        let depth = self.depth(one).min(self.depth(other));
        let (mut a, mut b) = (self.ancestor(one, depth), self.ancestor(other, depth));
        if a == b {
            return self.depth(one).cmp(&self.depth(other));
        }
        while self.nodes[a.index()].parent != self.nodes[b.index()].parent {
            (a, b) = (self.nodes[a.index()].parent, self.nodes[b.index()].parent);
        }
        a.cmp(&b)
    }

    /// Finds or makes a path, and holds it.
    pub(crate) fn hold<S: AsRef<str>>(&mut self, steps: &[S]) -> PathId {
        let mut path = ROOT;
        for step in steps {
            let step = step.as_ref();
            path = self.child(path, step).unwrap_or_else(|| self.insert(path, step));
        }
        self.nodes[path.index()].holders += 1;
        path
    }

    fn insert(&mut self, parent: PathId, step: &str) -> PathId {
        let depth = self.depth(parent) + 1;
        let node = Node { parent, depth, children: 0, holders: 0, step: step.into() };
        let path = match self.free.pop() {
            Some(path) => {
                self.nodes[path.index()] = node;
                path
            }
            None => {
                self.nodes.push(node);
                PathId(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
            }
        };
        self.nodes[parent.index()].children += 1;
        let (nodes, hashes) = (&self.nodes, &self.hashes);
        let rehash = |path: &PathId| hash(hashes, nodes[path.index()].parent, &nodes[path.index()].step);
        self.by_step.insert_unique(hash(hashes, parent, step), path, rehash);
        path
    }

    /// Gives up one hold, and takes out what nobody holds any more.
    pub(crate) fn release(&mut self, mut path: PathId) {
        self.nodes[path.index()].holders -= 1;
        while path != ROOT && self.nodes[path.index()].holders + self.nodes[path.index()].children == 0 {
            let Node { parent, ref mut step, .. } = self.nodes[path.index()];
            let step = std::mem::take(step);
            if let Ok(entry) =
                self.by_step.find_entry(hash(&self.hashes, parent, &step), |other| *other == path)
            {
                entry.remove();
            }
            self.free.push(path);
            self.nodes[parent.index()].children -= 1;
            path = parent;
        }
    }
}

fn hash(hashes: &Hashes, parent: PathId, step: &str) -> u64 {
    let mut hasher = hashes.hasher();
    hasher.write_u32(parent.0);
    hasher.write(step.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_with_its_last_holder_and_its_number_is_used_again() {
        let mut paths = Paths::new(Hashes::new(1));
        let ab = paths.hold(&["a", "b"]);
        let again = paths.hold(&["a", "b"]);
        let ac = paths.hold(&["a", "c"]);
        assert_eq!((ab, paths.len()), (again, 3));
        let a = paths.child(ROOT, "a").unwrap();
        assert_eq!((paths.ancestor(ac, 1), paths.ancestor(ac, 0)), (a, ROOT));
        assert_eq!(paths.child(ROOT, "b"), None);
        paths.release(ab);
        assert_eq!(paths.child(a, "b"), Some(ab));
        paths.release(ab);
        assert_eq!(paths.child(a, "b"), None);
        paths.release(ac);
        assert_eq!((paths.len(), paths.bound()), (0, 4));
        assert!(paths.hold(&["x"]).index() < 4);
    }

    #[test]
    fn what_is_below_a_path_comes_right_after_it() {
        let mut paths = Paths::new(Hashes::new(1));
        let mut all =
            [vec!["b"], vec!["a", "c"], vec!["a"], vec!["b", "c"], vec!["a", "d", "e"], vec!["a", "c", "x"]]
                .map(|steps| paths.hold(&steps));
        all.sort_by(|one, other| paths.compare(*one, *other));
        let a = paths.child(ROOT, "a").unwrap();
        let below_a: Vec<bool> = all.iter().map(|path| paths.ancestor(*path, 1) == a).collect();
        assert!(
            below_a == [true, true, true, true, false, false]
                || below_a == [false, false, true, true, true, true]
        );
        assert!(paths.compare(a, all[0]).is_le() || all[0] != a);
    }
}
