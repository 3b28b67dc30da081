//! Why a message does not match, for people.
//!
//! Whether it matches is [`Policy::matches`]'s decision alone; this only finds words for it. What is shown of a message is cut, so that
//! an answer stays short whatever was published.

mod attributes;
mod body;
mod clause;
pub(crate) mod words;

use std::collections::HashMap;

use types::FilterScope;

use crate::policy::{Alternative, Leaf};
use crate::{Content, Policy};

/// A clause that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The key as the policy has it: `store.city`. Empty: the message as a whole.
    pub path: String,
    /// What was found and what would have matched, for people.
    pub reason: String,
}

impl Policy {
    /// Empty if the message matches; else the clauses that failed, of the alternative that came nearest.
    pub fn explain(&self, content: &Content<'_>) -> Vec<Mismatch> {
        if self.matches(content) {
            return Vec::new();
        }
        match self.scope {
            FilterScope::Attributes => attributes::explain(self, content.attributes),
            FilterScope::Body => body::explain(self, content.body),
        }
    }
}

/// Characters of a path that are shown: attributes' names and sane keys are found again by theirs.
const PATH_CHARACTERS: usize = 1_000;

impl Mismatch {
    /// Of a message that cannot be read, which matches no policy.
    pub fn unreadable() -> Self {
        Self::whole("the message cannot be read")
    }

    fn whole(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    fn at(path: &[Box<str>], reason: String) -> Self {
        Self { path: words::cut_at(PATH_CHARACTERS, &path.join(".")), reason }
    }
}

/// An alternative and those of its leaves that do not hold.
struct Nearest<'p> {
    alternative: &'p Alternative,
    failed: Vec<&'p Leaf>,
}

/// The alternative with the fewest leaves that fail, the first of several. If none of its leaves fails by itself, they fail together,
/// which counts as one.
fn nearest(policy: &Policy, mut holds: impl FnMut(&Leaf) -> bool) -> Option<Nearest<'_>> {
    // Alternatives share their leaves, and a leaf may be about a large part of the message.
    let mut known = HashMap::new();
    let mut fails = |leaf: &Leaf| !*known.entry(std::ptr::from_ref(leaf)).or_insert_with(|| holds(leaf));
    let judged = policy.alternatives.iter().map(|alternative| Nearest {
        alternative,
        failed: alternative.leaves.iter().map(|leaf| &**leaf).filter(|leaf| fails(leaf)).collect(),
    });
    judged.min_by_key(|judged| judged.failed.len().max(1))
}
