//! All policies of a topic, matched at once.

use crate::{Content, Policy};

/// A policy in an index. Equal policies have the same one; it is given out again once nobody has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// The policies of a topic.
#[derive(Debug)]
pub struct Index {}

/// What one message came to. Reused from message to message, so that matching allocates nothing.
#[derive(Debug, Default)]
pub struct Matches {
    /// Classes that match, ascending.
    pub classes: Vec<ClassId>,
    /// Why the body matched no policy, if some policy asked for it and it could not be read.
    pub body: Option<UnreadableBody>,
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
    pub fn new(_seed: u64) -> Self {
        todo!()
    }

    /// Adds a policy, or one more holder of an equal one.
    pub fn add(&mut self, _policy: &Policy) -> ClassId {
        todo!()
    }

    /// Takes one holder away, and the policy with the last.
    pub fn remove(&mut self, _class: ClassId) {
        todo!()
    }

    /// Finds every class that matches.
    pub fn find(&self, _content: &Content<'_>, _matches: &mut Matches) {
        todo!()
    }

    /// Some policy looks at the body.
    pub fn reads_bodies(&self) -> bool {
        todo!()
    }
}
