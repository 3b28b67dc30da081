//! Wildcard patterns.

use memchr::memmem;

/// A wildcard pattern: literals with any text between two of them. At least two literals; those at the ends may be empty, which is how a
/// star at the beginning or the end is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pattern {
    pub(crate) literals: Box<[Box<str>]>,
}

impl Pattern {
    /// Linear in the value. The first literal and the last are tied to the ends; each one between them is taken where it comes first,
    /// which leaves the most for the rest, so that no other place for it need ever be tried.
    pub(crate) fn matches(&self, value: &str) -> bool {
        let [first, between @ .., last] = &*self.literals else { return false };
        let Some(mut rest) = value.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last)) else {
            return false;
        };
        for literal in between {
            let Some(at) = memmem::find(rest.as_bytes(), literal.as_bytes()) else { return false };
            // A literal is whole characters, so it is found at their borders and nowhere else.
            rest = rest.get(at + literal.len()..).unwrap_or_default();
        }
        true
    }
}
