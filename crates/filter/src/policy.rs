use std::sync::Arc;

use types::FilterScope;

use crate::condition::Condition;

/// A filter policy, checked. Cheap to clone. Equal if it was written differently but says the same: the order of keys, of list entries
/// and of `$or` branches does not count, nor do repetitions, nor how a number is spelled, nor `a.b` for a nested `b`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy {
    pub(crate) scope: FilterScope,
    /// What must hold, one of them: the policy's `$or`s multiplied out. At least one, each with at least one leaf. Sorted, no two alike.
    pub(crate) alternatives: Arc<[Alternative]>,
}

/// Leaves that must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Alternative {
    /// In the order of their paths; no path twice, except that one `$or` and its siblings may ask for the same path more than once, and
    /// that a nested key may be written both ways. Shared with the other alternatives: a long list beside a long `$or` is there once.
    pub(crate) leaves: Vec<Arc<Leaf>>,
}

/// What one key's value must be: one of the conditions. In SNS's words, a key and its list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Leaf {
    /// The key, from the outermost; no step is empty. With the body as scope a key `a.b` is the path `a`, `b`, in a policy and in a body
    /// alike; an attribute's name is one step, dots and all.
    pub(crate) path: Box<[Box<str>]>,
    /// One of them must hold for one of the values. Sorted, no two alike.
    pub(crate) conditions: Box<[Condition]>,
    /// It holds too if there is no value at this path anywhere in the message: `{"exists": false}` is in the list.
    pub(crate) or_absent: bool,
}

impl Policy {
    /// What of a message it is applied to.
    pub fn scope(&self) -> FilterScope {
        self.scope
    }
}
