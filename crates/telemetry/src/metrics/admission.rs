use std::collections::HashMap;

/// The label of everything that has no series of its own.
pub const OTHER: &str = "other";

/// Who has series of their own: the first so many, for as long as they exist.
///
/// Whoever is in stays in, so that a counter does not move between its own label and `other` from one scrape to the
/// next. A place becomes free when its owner is gone; the next newcomer then takes its values out of `other`, which
/// Prometheus sees as a counter that began anew.
#[derive(Debug)]
pub(super) struct Admission {
    limit: usize,
    /// Each with the scrape at which it was last seen.
    members: HashMap<String, u64>,
    scrape: u64,
}

impl Admission {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, members: HashMap::new(), scrape: 0 }
    }

    /// A new scrape begins: whoever was not seen in the last one is gone.
    pub(super) fn begin(&mut self) {
        let last = self.scrape;
        self.members.retain(|_, seen| *seen == last);
        self.scrape += 1;
    }

    /// Whether `name` has series of its own.
    pub(super) fn admit(&mut self, name: &str) -> bool {
        if let Some(seen) = self.members.get_mut(name) {
            *seen = self.scrape;
            return true;
        }
        let room = self.members.len() < self.limit;
        if room {
            self.members.insert(name.to_owned(), self.scrape);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_keeps_its_place_and_a_newcomer_takes_one_that_became_free() {
        let mut admission = Admission::new(2);
        admission.begin();
        assert!(admission.admit("b") && admission.admit("c") && !admission.admit("a"));
        admission.begin();
        assert!(!admission.admit("a") && admission.admit("b"), "c is gone, but only the next scrape knows");
        admission.begin();
        assert!(admission.admit("a") && admission.admit("b") && !admission.admit("c"));
    }
}
