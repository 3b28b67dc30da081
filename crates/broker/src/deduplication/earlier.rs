use std::collections::{HashMap, hash_map::Entry};

use super::Id;

/// The IDs that a publish has had so far.
#[derive(Default)]
pub(crate) struct Earlier {
    latest: Option<(Id, usize)>,
    /// Empty as long as each followed the one before: then none is twice.
    indexes: HashMap<Id, usize>,
    followed: Vec<(Id, usize)>,
}

impl Earlier {
    /// The first message of the publish with this ID, if this is not it.
    pub(crate) fn find_or_add(&mut self, id: Id, index: usize) -> Option<usize> {
        let follows = self.latest.is_none_or(|(latest, _)| latest.is_followed_by(&id));
        self.latest = Some((id, index));
        if follows && self.indexes.is_empty() {
            self.followed.push((id, index));
            return None;
        }
        self.indexes.extend(self.followed.drain(..));
        match self.indexes.entry(id) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(index);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ids: &[&str]) -> Vec<Option<usize>> {
        let mut earlier = Earlier::default();
        ids.iter().enumerate().map(|(index, id)| earlier.find_or_add(Id::of(id.as_bytes()), index)).collect()
    }

    #[test]
    fn an_id_that_comes_twice_is_found_where_it_came_first() {
        assert_eq!(found(&["a-1", "a-2", "a-3"]), [None; 3]);
        assert_eq!(found(&["a-1", "a-2", "a-1", "a-2", "a-3"]), [None, None, Some(0), Some(1), None]);
        assert_eq!(found(&["x", "x", "y", "x"]), [None, Some(0), None, Some(0)]);
        assert_eq!(found(&["a-1", "b-1", "a-1"]), [None, None, Some(0)]);
    }
}
