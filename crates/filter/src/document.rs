//! A message's body in the form that is evaluated: a tree of the values at the paths that somebody asks for.
//!
//! # What a body says
//!
//! - A body is JSON in UTF-8, an object, at most [`types::limits::FILTER_BODY_DEPTH`] levels deep, and without numbers beyond `f64`. All
//!   of it is checked in full, also what nobody asks for: whether a body can be read never depends on the policies.
//! - Keys are split at their dots: `{"a.b": 1}` is `{"a": {"b": 1}}`.
//! - If an object has a path more than once, objects are merged, and of anything else the last counts: `{"a": {"b": 1}, "a.c": 2}` is
//!   `{"a": {"b": 1, "c": 2}}`, and `{"a": {"b": 1}, "a": 2}` is `{"a": 2}`.
//! - A list in a list is part of it: `[[1, 2], [3]]` is `[1, 2, 3]`.
//! - Texts, numbers, `true`, `false` and `null` are values; objects and empty lists are none.
//!
//! # Invariants
//!
//! - One pass over the text. What it costs in time and memory is linear in the text, whatever that is. No step allocates once the memory
//!   of earlier documents suffices.
//! - The memory is reused from one document to the next; after an unusually large one it is given back.
//! - Nodes are in the order of the text, owners before what they own. What a later key replaced stays in its place, dead.

mod read;
mod tree;

use crate::paths::{PathId, Paths, ROOT};

pub(crate) use tree::Tree;

/// Nodes that are kept for the next document.
const NODES_KEPT: usize = 1 << 14;
/// Bytes of unescaped text that are kept for the next document.
const TEXT_KEPT: usize = 1 << 16;
/// An object with more children that are asked for has them in a hash table, if there are other objects at its path.
const WIDE: u32 = 16;
/// A document with no more nodes is small.
const SMALL: usize = 64;

/// A value, a list or an object of a [`Document`].
pub(crate) type NodeId = u32;

const NONE: NodeId = NodeId::MAX;
const TOP: NodeId = 0;
/// The version of a node that a later key replaced.
const DEAD: u32 = 0;

/// The memory of a document.
#[derive(Debug, Default)]
pub(crate) struct Document {
    nodes: Vec<Node>,
    /// Texts that had escapes, without them.
    unescaped: String,
    /// By path.
    places: Vec<Place>,
    /// Tells this document's places from those of earlier ones.
    generation: u64,
    /// The last version that was given to a node.
    version: u32,
    /// Some path has more than one object: only then can two values that one policy asks for belong to different elements.
    repeated: bool,
    /// Paths with a value, each once.
    present: Vec<PathId>,
    /// The children of wide objects, by object and path.
    wide: hashbrown::HashMap<(NodeId, PathId), NodeId, foldhash::fast::FixedState>,
}

#[derive(Debug)]
struct Node {
    path: PathId,
    owner: NodeId,
    /// The owner's version when this became its own. If the owner has another now, this node is dead.
    owner_version: u32,
    /// Changes whenever another content replaces this one.
    version: u32,
    content: Content,
    children: u32,
    first: NodeId,
    last: NodeId,
    /// The next child of the same owner.
    next: NodeId,
    /// The next value at the same path.
    next_value: NodeId,
}

#[derive(Debug, Clone, Copy)]
enum Content {
    /// Not known yet, or a list in a list.
    Nothing,
    Null,
    Bool(bool),
    Number(f64),
    /// A part of the body.
    Plain {
        at: u32,
        bytes: u32,
    },
    /// A part of [`Document::unescaped`].
    Unescaped {
        at: u32,
        bytes: u32,
    },
    Object,
    List,
}

/// What one document has at one path.
#[derive(Debug, Clone, Copy)]
struct Place {
    generation: u64,
    /// The latest node with this path that an object owns.
    latest: NodeId,
    /// Objects with this path.
    objects: u32,
    /// The first and the last value.
    first: NodeId,
    last: NodeId,
}

impl Default for Place {
    fn default() -> Self {
        Self { generation: 0, latest: NONE, objects: 0, first: NONE, last: NONE }
    }
}

impl Content {
    fn is_value(self) -> bool {
        !matches!(self, Self::Nothing | Self::Object | Self::List)
    }
}

impl Document {
    /// Forgets everything, but keeps memory of an ordinary size.
    fn clear(&mut self, paths: &Paths) {
        self.nodes.clear();
        self.nodes.shrink_to(NODES_KEPT);
        self.unescaped.clear();
        self.unescaped.shrink_to(TEXT_KEPT);
        self.present.clear();
        self.wide.clear();
        self.wide.shrink_to(NODES_KEPT);
        if self.places.len() < paths.bound() {
            self.places.resize(paths.bound(), Place::default());
        }
        self.generation += 1;
        self.version = DEAD;
        self.repeated = false;
        self.push(ROOT, NONE, DEAD);
    }

    fn push(&mut self, path: PathId, owner: NodeId, owner_version: u32) -> NodeId {
        self.version += 1;
        self.nodes.push(Node {
            path,
            owner,
            owner_version,
            version: self.version,
            content: Content::Nothing,
            children: 0,
            first: NONE,
            last: NONE,
            next: NONE,
            next_value: NONE,
        });
        // A body is shorter than `u32::MAX` bytes, and a node takes at least one of them.
        NodeId::try_from(self.nodes.len() - 1).unwrap_or(NONE)
    }

    fn place(&mut self, path: PathId) -> &mut Place {
        let place = &mut self.places[path.index()];
        if place.generation != self.generation {
            *place = Place { generation: self.generation, ..Place::default() };
        }
        place
    }

    /// A new child at the end.
    fn adopt(&mut self, owner: NodeId, path: PathId) -> NodeId {
        let version = self.nodes[owner as usize].version;
        let child = self.push(path, owner, version);
        let parent = &mut self.nodes[owner as usize];
        parent.children += 1;
        let last = std::mem::replace(&mut parent.last, child);
        match last {
            NONE => parent.first = child,
            last => self.nodes[last as usize].next = child,
        }
        child
    }

    /// The child of an object at a path, made if need be.
    fn child(&mut self, object: NodeId, path: PathId) -> NodeId {
        let version = self.nodes[object as usize].version;
        // Of two objects at one path the text finishes one before it begins the other, so the latest child is the only one to look at.
        let latest = self.place(path).latest;
        let known = self.nodes.get(latest as usize);
        if known.is_some_and(|node| node.owner == object && node.owner_version == version) {
            return latest;
        }
        let child = self.adopt(object, path);
        self.place(path).latest = child;
        child
    }

    /// Replaces what a node was. Its children die.
    fn become_content(&mut self, node: NodeId, content: Content) {
        self.version += 1;
        let version = self.version;
        let node = &mut self.nodes[node as usize];
        if matches!(node.content, Content::Object | Content::List) {
            (node.version, node.children, node.first, node.last) = (version, 0, NONE, NONE);
        }
        node.content = content;
    }

    /// An object stays what it is: two of them at one place are merged.
    fn become_object(&mut self, node: NodeId) {
        if !matches!(self.nodes[node as usize].content, Content::Object) {
            self.become_content(node, Content::Object);
        }
    }

    /// Once everything is read: chains up the values of each path, and counts its objects.
    fn settle(&mut self) {
        for id in 0..self.nodes.len() {
            let node = &self.nodes[id];
            let owner = self.nodes.get(node.owner as usize);
            if owner.is_some_and(|owner| owner.version != node.owner_version) {
                self.nodes[id].version = DEAD;
                continue;
            }
            let id = NodeId::try_from(id).unwrap_or(NONE);
            let (path, content) = (node.path, node.content);
            if content.is_value() {
                self.chain(path, id);
            } else if matches!(content, Content::Object) {
                let place = self.place(path);
                place.objects += 1;
                self.repeated |= place.objects > 1;
            }
        }
        if self.repeated {
            self.index_wide_objects();
        }
    }

    fn chain(&mut self, path: PathId, value: NodeId) {
        let place = self.place(path);
        let last = std::mem::replace(&mut place.last, value);
        match last {
            NONE => {
                place.first = value;
                self.present.push(path);
            }
            last => self.nodes[last as usize].next_value = value,
        }
    }

    fn index_wide_objects(&mut self) {
        for (id, node) in (0..).zip(&self.nodes) {
            let owner = self.nodes.get(node.owner as usize);
            let wide = |owner: &Node| owner.children > WIDE && matches!(owner.content, Content::Object);
            if node.version != DEAD && owner.is_some_and(wide) {
                self.wide.insert((node.owner, node.path), id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
