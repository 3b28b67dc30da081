//! All policies of a topic, matched at once.

use crate::{Content, Policy};

/// A policy in an index. Equal policies have the same one; it is given out again once nobody has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// The policies of a topic.
#[derive(Debug)]
pub struct Index {
    policies: Vec<Option<(Policy, usize)>>,
}

/// What one message came to. Reused from message to message, so that matching allocates nothing.
#[derive(Debug, Default)]
pub struct Matches {
    /// Classes that match, ascending.
    pub classes: Vec<ClassId>,
    /// Why the body matched no policy, if some policy asked for it and it could not be read.
    pub body: Option<UnreadableBody>,
    /// There are no attributes that filters see, so that no policy on attributes can match.
    pub no_attributes: bool,
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
        Self { policies: Vec::new() }
    }

    /// Adds a policy, or one more holder of an equal one.
    pub fn add(&mut self, policy: &Policy) -> ClassId {
        let same = |p: &Option<(Policy, usize)>| {
            p.as_ref().is_some_and(|(p, _)| p.alternatives == policy.alternatives && p.scope == policy.scope)
        };
        let at = self.policies.iter().position(same).unwrap_or_else(|| {
            self.policies.push(Some((policy.clone(), 0)));
            self.policies.len() - 1
        });
        self.policies[at].as_mut().expect("there").1 += 1;
        ClassId(at as u32)
    }

    /// Takes one holder away, and the policy with the last.
    pub fn remove(&mut self, class: ClassId) {
        let entry = &mut self.policies[class.0 as usize];
        let (_, holders) = entry.as_mut().expect("there");
        *holders -= 1;
        if *holders == 0 {
            *entry = None;
        }
    }

    /// Finds every class that matches.
    pub fn find(&self, content: &Content<'_>, matches: &mut Matches) {
        matches.classes.clear();
        matches.body = None;
        for (at, entry) in self.policies.iter().enumerate() {
            if entry.as_ref().is_some_and(|(policy, _)| policy.matches(content)) {
                matches.classes.push(ClassId(at as u32));
            }
        }
        matches.no_attributes = content.attributes.is_empty();
        if self.reads_bodies() {
            matches.body = match serde_json::from_slice::<serde_json::Value>(content.body) {
                Err(_) => Some(UnreadableBody::Invalid),
                Ok(serde_json::Value::Object(_)) => None,
                Ok(_) => Some(UnreadableBody::NotAnObject),
            };
        }
    }

    /// Some policy looks at the body.
    pub fn reads_bodies(&self) -> bool {
        self.policies.iter().flatten().any(|(policy, _)| policy.scope == types::FilterScope::Body)
    }
}
