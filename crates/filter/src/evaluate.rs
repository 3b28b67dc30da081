//! The specification: a policy and a message, one at a time.
//!
//! # Attributes
//!
//! - A name is one step, dots and all. A value is a scalar or a list, of which any element may satisfy a leaf; two leaves that ask for
//!   the same attribute may be satisfied by different elements.
//! - Binary attributes are not seen. A message with no other attributes matches no policy, not even one that only asks for something to
//!   be absent. An attribute with an empty list is absent for every leaf, but it is an attribute: such a message has some.
//!
//! # Bodies
//!
//! What a body says is told in [`document`](crate::document). On it:
//!
//! - A list at the end of a leaf's path is a choice of values for each leaf, like an attribute's.
//! - A list on the way is a choice of one element, which all leaves that go on beyond it share. So policies do not mix the fields of
//!   different elements.
//! - A leaf that is content with absence holds if nothing in the whole body has a value at its path, in whichever element. Otherwise it
//!   needs a value like any other leaf, in the elements that the others share.
//! - An empty object is a body as any other, of which everything is absent.
//!
//! # Limits
//!
//! One policy's time is linear in the body times its own size. The stack grows by a policy's depth, which
//! [`types::limits::FILTER_DEPTH`] bounds.

use std::cmp::Ordering;

use types::FilterScope;

use crate::condition::{Condition, Number};
use crate::document::{Document, NodeId, Tree};
use crate::paths::{Hashes, PathId, Paths, ROOT};
use crate::policy::{Alternative, Leaf};
use crate::{Attribute, Content, Policy, Scalar};

impl Policy {
    /// Whether the message matches.
    pub fn matches(&self, content: &Content<'_>) -> bool {
        match self.scope {
            FilterScope::Attributes => self.matches_attributes(content.attributes),
            FilterScope::Body => self.matches_body(content.body),
        }
    }

    fn matches_attributes(&self, attributes: &[(&str, Attribute<'_>)]) -> bool {
        let holds = |leaf: &Leaf| {
            let values = leaf.path.first().map_or(&[][..], |name| values(attributes, name));
            if values.is_empty() {
                leaf.or_absent
            } else {
                values.iter().any(|value| any_holds(&leaf.conditions, value))
            }
        };
        attributes.iter().any(|(_, attribute)| !matches!(attribute, Attribute::Binary))
            && self.alternatives.iter().any(|alternative| alternative.leaves.iter().all(|leaf| holds(leaf)))
    }

    fn matches_body(&self, body: &[u8]) -> bool {
        let mut paths = Paths::new(Hashes::new(0));
        let ids: Vec<Vec<PathId>> = self
            .alternatives
            .iter()
            .map(|alternative| alternative.leaves.iter().map(|leaf| paths.hold(&leaf.path)).collect())
            .collect();
        let mut document = Document::default();
        let Ok(tree) = document.read(&paths, body) else { return false };
        self.alternatives.iter().zip(&ids).any(|(alternative, ids)| tree.has(alternative, ids))
    }
}

/// The values of an attribute; none if it is not there or is not seen.
fn values<'a>(attributes: &'a [(&str, Attribute<'a>)], name: &str) -> &'a [Scalar<'a>] {
    attributes.iter().find(|(other, _)| *other == name).map_or(&[], |(_, attribute)| attribute.values())
}

/// Conditions that are as well tried one by one.
const FEW: usize = 8;

/// Whether one of a leaf's conditions holds. They are in order, so that the values of a long list are searched and not gone through.
pub(crate) fn any_holds(conditions: &[Condition], value: &Scalar<'_>) -> bool {
    if conditions.len() <= FEW {
        return conditions.iter().any(|condition| condition.holds(value));
    }
    let listed = conditions.partition_point(|condition| {
        use Condition::{Bool, Exact, Exists, Null, Number};
        matches!(condition, Exists | Null | Bool(_) | Number(_) | Exact(_))
    });
    let (listed, others) = conditions.split_at(listed);
    let equal = listed.binary_search_by(|condition| order(condition, value)).is_ok();
    equal
        || listed.first() == Some(&Condition::Exists)
        || others.iter().any(|condition| condition.holds(value))
}

/// How a condition that names a value lies to a value, in the order of conditions.
fn order(condition: &Condition, value: &Scalar<'_>) -> Ordering {
    let kind = |of: u8, than: u8| of.cmp(&than);
    let than = match value {
        Scalar::Null => 1,
        Scalar::Bool(_) => 2,
        Scalar::Number(_) => 3,
        Scalar::String(_) => 4,
    };
    match (condition, value) {
        (Condition::Bool(this), Scalar::Bool(value)) => this.cmp(value),
        (Condition::Number(this), Scalar::Number(value)) => this.cmp(&Number(*value)),
        (Condition::Exact(this), Scalar::String(value)) => (**this).cmp(value),
        (Condition::Exists, _) => Ordering::Less,
        (Condition::Null, _) => kind(1, than),
        (Condition::Bool(_), _) => kind(2, than),
        (Condition::Number(_), _) => kind(3, than),
        _ => kind(4, than),
    }
}

impl<'a> Attribute<'a> {
    /// What leaves choose from.
    pub(crate) fn values(&self) -> &[Scalar<'a>] {
        match self {
            Self::Scalar(value) => std::slice::from_ref(value),
            Self::Array(values) => values,
            Self::Binary => &[],
        }
    }
}

/// A leaf that needs a value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal<'g> {
    pub(crate) path: PathId,
    pub(crate) conditions: &'g [Condition],
    /// For the index, which knows it by this number.
    pub(crate) leaf: u32,
}

impl Tree<'_> {
    fn has(&self, alternative: &Alternative, paths: &[PathId]) -> bool {
        let mut goals: Vec<Goal<'_>> = std::iter::zip(&alternative.leaves, paths)
            .filter(|(leaf, path)| !leaf.or_absent || self.values(**path).next().is_some())
            .map(|(leaf, path)| Goal { path: *path, conditions: &leaf.conditions, leaf: 0 })
            .collect();
        goals.sort_by(|one, other| self.paths().compare(one.path, other.path));
        self.reaches(&goals, ROOT, self.top())
    }

    /// Whether all goals are reached in what one object has at `path`. All begin with that path; what is below a path comes right after.
    pub(crate) fn reaches(&self, goals: &[Goal<'_>], path: PathId, node: NodeId) -> bool {
        let (here, below) = goals.split_at(goals.partition_point(|goal| goal.path == path));
        here.iter().all(|goal| self.elements(node).any(|element| self.holds(goal, element)))
            && (below.is_empty()
                || self
                    .elements(node)
                    .any(|element| self.is_object(element) && self.reaches_in(below, element)))
    }

    /// Whether all goals are reached in an object, which they all go through.
    fn reaches_in(&self, goals: &[Goal<'_>], object: NodeId) -> bool {
        self.branches(goals, object).all(|(path, goals)| {
            self.child(object, path).is_some_and(|child| self.reaches(goals, path, child))
        })
    }

    /// The goals by the next step that they take from an object.
    pub(crate) fn branches<'g>(
        &self,
        goals: &'g [Goal<'g>],
        object: NodeId,
    ) -> impl Iterator<Item = (PathId, &'g [Goal<'g>])> {
        let paths = self.paths();
        let depth = paths.depth(self.path(object)) + 1;
        goals
            .chunk_by(move |one, other| paths.ancestor(one.path, depth) == paths.ancestor(other.path, depth))
            .map(move |goals| (paths.ancestor(goals[0].path, depth), goals))
    }

    pub(crate) fn holds(&self, goal: &Goal<'_>, node: NodeId) -> bool {
        self.scalar(node).is_some_and(|value| any_holds(goal.conditions, &value))
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
