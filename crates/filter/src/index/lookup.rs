//! Which leaves a value may satisfy, path by path.
//!
//! Only access leaves are in here. What it finds is a superset: a value's own leaves are always among it, and others may be.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::key::{END, Key, Kind, Shape, bucket, ends, hash, network_127, number, word};
use super::leaves::LeafId;
use crate::Scalar;
use crate::condition::{Condition, Number, address, masked};
use crate::paths::{Hashes, PathId};

/// All lookups of one half of the index.
#[derive(Debug)]
pub(super) struct Lookup {
    hashes: Hashes,
    postings: HashTable<Posting>,
    /// By path.
    places: Vec<Place>,
}

/// The leaves under one hash.
#[derive(Debug)]
struct Posting {
    hash: u64,
    leaves: SmallVec<[LeafId; 2]>,
}

/// What there is to look up at one path.
#[derive(Debug, Default)]
struct Place {
    /// How to look up a value, and how many postings there are for it. In order.
    shapes: SmallVec<[(Shape, u32); 2]>,
    /// Leaves that hold for numbers above one, or below one.
    above: BTreeMap<Number, SmallVec<[LeafId; 1]>>,
    below: BTreeMap<Number, SmallVec<[LeafId; 1]>>,
    /// Leaves with a condition that nothing can be looked up for.
    list: Vec<LeafId>,
}

/// A value's other forms, made when the first lookup needs them. Its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Forms {
    folded: String,
}

impl Lookup {
    pub(super) fn new(hashes: Hashes) -> Self {
        Self { hashes, postings: HashTable::new(), places: Vec::new() }
    }

    pub(super) fn insert(&mut self, leaf: LeafId, path: PathId, conditions: &[Condition]) {
        if self.places.len() <= path.index() {
            self.places.resize_with(path.index() + 1, Place::default);
        }
        for key in Key::all(&self.hashes, path, conditions) {
            let place = &mut self.places[path.index()];
            match key {
                Key::Hash(shape, hash) => {
                    place.count(shape);
                    let entry = self.postings.entry(hash, |other| other.hash == hash, |other| other.hash);
                    entry
                        .or_insert_with(|| Posting { hash, leaves: SmallVec::new() })
                        .get_mut()
                        .leaves
                        .push(leaf);
                }
                Key::Above(number) => place.above.entry(number).or_default().push(leaf),
                Key::Below(number) => place.below.entry(number).or_default().push(leaf),
                Key::List => place.list.push(leaf),
            }
        }
    }

    /// Takes out what `insert` put in for the same leaf.
    pub(super) fn remove(&mut self, leaf: LeafId, path: PathId, conditions: &[Condition]) {
        let Some(place) = self.places.get_mut(path.index()) else { return };
        for key in Key::all(&self.hashes, path, conditions) {
            match key {
                Key::Hash(shape, hash) => {
                    place.discount(shape);
                    if let Ok(mut entry) = self.postings.find_entry(hash, |other| other.hash == hash) {
                        take(&mut entry.get_mut().leaves, leaf);
                        if entry.get().leaves.is_empty() {
                            entry.remove();
                        }
                    }
                }
                Key::Above(number) => take_ordered(&mut place.above, number, leaf),
                Key::Below(number) => take_ordered(&mut place.below, number, leaf),
                Key::List => {
                    let at = place.list.iter().position(|other| *other == leaf);
                    at.map(|at| place.list.swap_remove(at));
                }
            }
        }
    }

    /// Calls `found` for every leaf that a path's value may satisfy, whatever value that is.
    pub(super) fn find_any(&self, path: PathId, found: impl FnMut(LeafId)) {
        if let Some(place) = self.places.get(path.index()) {
            place.list.iter().copied().for_each(found);
        }
    }

    /// Whether [`find_ordered`](Self::find_ordered) can find something.
    pub(super) fn has_order(&self, path: PathId) -> bool {
        self.places.get(path.index()).is_some_and(|place| !(place.above.is_empty() && place.below.is_empty()))
    }

    /// Calls `found` for every leaf that a number between these two may satisfy by being above or below one.
    pub(super) fn find_ordered(
        &self,
        path: PathId,
        least: Number,
        most: Number,
        mut found: impl FnMut(LeafId),
    ) {
        let Some(place) = self.places.get(path.index()) else { return };
        place.above.range(..=most).flat_map(|(_, leaves)| leaves).for_each(|leaf| found(*leaf));
        place.below.range(least..).flat_map(|(_, leaves)| leaves).for_each(|leaf| found(*leaf));
    }

    /// Calls `found` for every leaf that this value may satisfy in another way.
    pub(super) fn find(
        &self,
        path: PathId,
        value: &Scalar<'_>,
        forms: &mut Forms,
        mut found: impl FnMut(LeafId),
    ) {
        let Some(place) = self.places.get(path.index()) else { return };
        let mut probe = |shape: Shape, bytes: &[u8]| {
            let hash = hash(&self.hashes, path, shape, bytes);
            if let Some(posting) = self.postings.find(hash, |other| other.hash == hash) {
                posting.leaves.iter().for_each(|leaf| found(*leaf));
            }
        };
        match value {
            Scalar::String(text) => place.probe_text(text, forms, probe),
            Scalar::Number(value) => place.probe_number(*value, probe),
            Scalar::Bool(value) => place.probe_word(word(Some(*value)), &mut probe),
            Scalar::Null => place.probe_word(word(None), &mut probe),
        }
    }

    /// Leaves that are found, each once for every way to find it.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let ordered =
            |place: &Place| place.above.len() + place.below.len() + place.list.len() + place.shapes.len();
        let posted = self.postings.iter().map(|posting| posting.leaves.len()).sum::<usize>();
        posted + self.places.iter().map(ordered).sum::<usize>()
    }
}

impl Place {
    fn count(&mut self, shape: Shape) {
        match self.shapes.binary_search_by_key(&shape, |(shape, _)| *shape) {
            Ok(at) => self.shapes[at].1 += 1,
            Err(at) => self.shapes.insert(at, (shape, 1)),
        }
    }

    fn discount(&mut self, shape: Shape) {
        if let Ok(at) = self.shapes.binary_search_by_key(&shape, |(shape, _)| *shape) {
            self.shapes[at].1 -= 1;
            if self.shapes[at].1 == 0 {
                self.shapes.remove(at);
            }
        }
    }

    fn probe_word(&self, word: &[u8], probe: &mut impl FnMut(Shape, &[u8])) {
        if self.shapes.first().is_some_and(|(shape, _)| shape.kind == Kind::Word) {
            probe(Kind::Word.shape(), word);
        }
    }

    fn probe_number(&self, value: f64, mut probe: impl FnMut(Shape, &[u8])) {
        for (shape, _) in &self.shapes {
            match shape.kind {
                Kind::Number => probe(*shape, &number(value)),
                Kind::Range => {
                    // It began in this value's bucket or in the one before.
                    let bucket = bucket(value, shape.parameter);
                    probe(*shape, &number(bucket));
                    probe(*shape, &number(bucket - 1.0));
                }
                _ => {}
            }
        }
    }

    fn probe_text(&self, text: &str, forms: &mut Forms, mut probe: impl FnMut(Shape, &[u8])) {
        let (mut folded, mut parsed) = (false, None);
        for (shape, _) in &self.shapes {
            if matches!(shape.kind, Kind::Folded | Kind::FoldedPrefix | Kind::FoldedSuffix) && !folded {
                forms.fold(text);
                folded = true;
            }
            let parameter = usize::from(shape.parameter.unsigned_abs());
            let head = |text: &'_ str| text.len() >= parameter;
            match shape.kind {
                Kind::Text => probe(*shape, text.as_bytes()),
                Kind::Folded => probe(*shape, forms.folded.as_bytes()),
                Kind::Prefix if head(text) => probe(*shape, &text.as_bytes()[..parameter]),
                Kind::Suffix if head(text) => probe(*shape, &text.as_bytes()[text.len() - parameter..]),
                Kind::FoldedPrefix if head(&forms.folded) => {
                    probe(*shape, &forms.folded.as_bytes()[..parameter]);
                }
                Kind::FoldedSuffix if head(&forms.folded) => {
                    probe(*shape, &forms.folded.as_bytes()[forms.folded.len() - parameter..]);
                }
                Kind::Ends => {
                    let (of_head, of_tail) = (parameter / (END + 1), parameter % (END + 1));
                    if text.len() >= of_head + of_tail {
                        let (shape, ends) = ends(text.as_bytes(), text.as_bytes(), of_head, of_tail);
                        probe(shape, &ends);
                    }
                }
                Kind::V4 | Kind::V6 => match *parsed.get_or_insert_with(|| address(text)) {
                    Some(value @ std::net::IpAddr::V4(_)) if shape.kind == Kind::V4 => {
                        if let Some(std::net::IpAddr::V4(network)) =
                            masked(value, shape.parameter.unsigned_abs())
                        {
                            probe(*shape, &network.octets());
                        }
                    }
                    Some(value @ std::net::IpAddr::V6(_)) if shape.kind == Kind::V6 => {
                        if let Some(std::net::IpAddr::V6(network)) =
                            masked(value, shape.parameter.unsigned_abs())
                        {
                            probe(*shape, &network_127(network));
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
}

impl Forms {
    /// [`fold`](crate::condition::fold) into memory that is there already.
    fn fold(&mut self, text: &str) {
        self.folded.clear();
        if text.is_ascii() {
            self.folded.push_str(text);
            self.folded.make_ascii_lowercase();
        } else {
            self.folded.extend(text.chars().flat_map(char::to_lowercase));
        }
    }
}

fn take<A: smallvec::Array<Item = LeafId>>(leaves: &mut SmallVec<A>, leaf: LeafId) {
    if let Some(at) = leaves.iter().position(|other| *other == leaf) {
        leaves.swap_remove(at);
    }
}

fn take_ordered(ordered: &mut BTreeMap<Number, SmallVec<[LeafId; 1]>>, number: Number, leaf: LeafId) {
    if let Some(leaves) = ordered.get_mut(&number) {
        take(leaves, leaf);
        if leaves.is_empty() {
            ordered.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::fold;

    #[test]
    fn folding_in_place_is_folding() {
        let mut forms = Forms::default();
        for text in ["", "AbC", "ÄÖÜ Éa Ж Σ", "\u{212a}", "İx", "ΟΔΟΣ"] {
            forms.fold(text);
            assert_eq!(forms.folded, fold(text));
        }
    }
}
