//! What can be asked of a document.

use std::borrow::Cow;
use std::iter::successors;

use super::{Content, Document, NONE, Node, NodeId, Place, SMALL, TOP, WIDE};
use crate::Scalar;
use crate::paths::{PathId, Paths};

/// A document with the text that it was read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree<'a> {
    pub(super) document: &'a Document,
    pub(super) text: &'a str,
    pub(super) paths: &'a Paths,
}

impl<'a> Tree<'a> {
    pub(crate) fn paths(&self) -> &'a Paths {
        self.paths
    }

    /// The object that the body is.
    pub(crate) fn top(&self) -> NodeId {
        TOP
    }

    /// Whether some path has more than one object.
    pub(crate) fn repeated(&self) -> bool {
        self.document.repeated
    }

    /// Whether a path has one object at most.
    pub(crate) fn is_single(&self, path: PathId) -> bool {
        self.place(path).is_none_or(|place| place.objects <= 1)
    }

    pub(crate) fn path(&self, node: NodeId) -> PathId {
        self.node(node).path
    }

    /// The object that a value, a list or an element belongs to, and [`None`] for the body itself.
    pub(crate) fn object_around(&self, node: NodeId) -> Option<NodeId> {
        let mut owner = self.node(node).owner;
        while owner != NONE && !matches!(self.node(owner).content, Content::Object) {
            owner = self.node(owner).owner;
        }
        (owner != NONE).then_some(owner)
    }

    /// The paths with a value.
    pub(crate) fn present(&self) -> impl Iterator<Item = PathId> {
        self.document.present.iter().copied()
    }

    /// The values at a path, wherever they are, in the order of the text.
    pub(crate) fn values(&self, path: PathId) -> impl Iterator<Item = NodeId> {
        let first = self.place(path).map_or(NONE, |place| place.first);
        self.chain(first, |node| node.next_value)
    }

    /// The value, or what a list holds.
    pub(crate) fn elements(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let list = matches!(self.node(node).content, Content::List);
        let first = if list { self.node(node).first } else { node };
        self.chain(first, move |node| if list { node.next } else { NONE })
    }

    /// Whether going through a part of it takes no longer than remembering what came of it.
    pub(crate) fn is_small(&self) -> bool {
        self.document.nodes.len() <= SMALL
    }

    pub(crate) fn is_object(&self, node: NodeId) -> bool {
        matches!(self.node(node).content, Content::Object)
    }

    /// What an object has at a path one step longer than its own.
    pub(crate) fn child(&self, object: NodeId, path: PathId) -> Option<NodeId> {
        if self.is_single(self.path(object)) {
            let latest = self.place(path)?.latest;
            let node = self.document.nodes.get(latest as usize)?;
            let alive = node.owner == object && node.owner_version == self.node(object).version;
            return alive.then_some(latest);
        }
        if self.node(object).children > WIDE {
            return self.document.wide.get(&(object, path)).copied();
        }
        self.chain(self.node(object).first, |node| node.next).find(|child| self.path(*child) == path)
    }

    /// A value; [`None`] for what is none.
    pub(crate) fn scalar(&self, node: NodeId) -> Option<Scalar<'a>> {
        let part = |text: &'a str, at: u32, bytes: u32| {
            let (from, to) = (at as usize, at as usize + bytes as usize);
            Scalar::String(Cow::Borrowed(text.get(from..to).unwrap_or_default()))
        };
        match self.node(node).content {
            Content::Null => Some(Scalar::Null),
            Content::Bool(value) => Some(Scalar::Bool(value)),
            Content::Number(value) => Some(Scalar::Number(value)),
            Content::Plain { at, bytes } => Some(part(self.text, at, bytes)),
            Content::Unescaped { at, bytes } => Some(part(&self.document.unescaped, at, bytes)),
            Content::Nothing | Content::Object | Content::List => None,
        }
    }

    fn node(&self, node: NodeId) -> &'a Node {
        &self.document.nodes[node as usize]
    }

    fn place(&self, path: PathId) -> Option<&'a Place> {
        self.document.places.get(path.index()).filter(|place| place.generation == self.document.generation)
    }

    fn chain(&self, first: NodeId, next: impl Fn(&Node) -> NodeId) -> impl Iterator<Item = NodeId> {
        let there = |node: NodeId| (node != NONE).then_some(node);
        successors(there(first), move |node| there(next(self.node(*node))))
    }
}
