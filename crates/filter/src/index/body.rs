//! Finds what a body matches.
//!
//! As long as no path has more than one object, every value is in the same elements as every other, and each leaf may be satisfied by any
//! value at its path. Otherwise candidates are decided by the specification's own walk over the document, but only from the elements in
//! which a value was found that may satisfy the access leaf, outwards.
//!
//! # Limits
//!
//! A candidate's time is at most linear in the body, and with few such elements linear in what is around them. Each object's other
//! branches are gone through once a candidate, however many elements in it are tried; and a long list once for all candidates that ask
//! for the same in it. What is left is a product: of the distinct leaves that nothing can be looked up for, or the distinct conjunctions
//! over one list, and the values or elements that they have to be compared with.

use smallvec::SmallVec;

use super::ClassId;
use super::half::{Alternative, Half};
use super::leaves::LeafId;
use super::lookup::Forms;
use super::scratch::{State, Verdict};
use super::verify::{Values, Verify};
use crate::Scalar;
use crate::condition::{Condition, Number};
use crate::document::{NodeId, Tree};
use crate::evaluate::{Goal, any_holds};
use crate::paths::PathId;

impl Values for Tree<'_> {
    fn is_absent(&self, _state: &State, path: PathId) -> bool {
        self.values(path).next().is_none()
    }

    fn any(&self, _state: &State, path: PathId, conditions: &[Condition]) -> bool {
        self.values(path).filter_map(|node| self.scalar(node)).any(|value| any_holds(conditions, &value))
    }
}

impl Half {
    /// Adds the classes that match.
    pub(super) fn find_by_body(
        &self,
        tree: &Tree<'_>,
        state: &mut State,
        forms: &mut Forms,
        classes: &mut Vec<ClassId>,
    ) {
        state.begin(self);
        state.elements.make_room(self);
        for path in tree.present() {
            self.look_up_all(tree, path, state, forms);
        }
        let mut verify = Verify { half: self, values: tree, state };
        if tree.repeated() { verify.by_element(classes) } else { verify.all(classes) }
    }

    fn look_up_all(&self, tree: &Tree<'_>, path: PathId, state: &mut State, forms: &mut Forms) {
        self.lookup.find_any(path, |leaf| {
            state.find(leaf);
            state.elements.everywhere(leaf);
        });
        let mut numbers: Option<(Number, Number)> = None;
        let mut before = None;
        for (node, value) in tree.values(path).filter_map(|node| Some((node, tree.scalar(node)?))) {
            if let Scalar::Number(value) = value {
                let (least, most) = numbers.unwrap_or((Number(value), Number(value)));
                numbers = Some((least.min(Number(value)), most.max(Number(value))));
            }
            let object = if tree.repeated() { tree.object_around(node) } else { None };
            if before.as_ref() != Some(&(object, value.clone())) {
                self.look_up_one(path, &value, object, state, forms);
                before = Some((object, value));
            }
        }
        if let Some((least, most)) = numbers {
            self.look_up_order(path, least, most, state);
        }
    }

    /// `object` is what the value is in, if that matters.
    fn look_up_one(
        &self,
        path: PathId,
        value: &Scalar<'_>,
        object: Option<NodeId>,
        state: &mut State,
        forms: &mut Forms,
    ) {
        state.next_value();
        self.lookup.find(path, value, forms, |leaf| match object {
            None if state.is_known_to_hold(leaf) => {}
            None => _ = self.satisfies(state, leaf, value),
            Some(object) => {
                if self.satisfies(state, leaf, value) {
                    state.elements.note(leaf, object);
                }
            }
        });
    }

    fn look_up_order(&self, path: PathId, least: Number, most: Number, state: &mut State) {
        self.lookup.find_ordered(path, least, most, |leaf| {
            // A number may be above many that one leaf names.
            if state.verdict(leaf) == Verdict::Unknown {
                let conditions = self.leaves[leaf].conditions();
                let holds = |end: Number| any_holds(conditions, &Scalar::Number(end.0));
                // What holds for neither end may hold for one between: a range too wide for a bucket.
                if holds(least) || holds(most) { state.hold(leaf) } else { state.find(leaf) }
            }
            state.elements.everywhere(leaf);
        });
    }
}

impl Verify<'_, Tree<'_>> {
    /// Adds the classes of the candidates that match.
    fn by_element(&mut self, classes: &mut Vec<ClassId>) {
        let half = self.half;
        for at in 0..self.state.found.len() {
            let leaf = self.state.found[at];
            if !self.holds(leaf) {
                continue;
            }
            for posted in &half.leaves[leaf].posted {
                if let Some(candidate) = half.alternatives.get(posted.alternative)
                    && self.matches(candidate, Some(leaf))
                {
                    classes.push(candidate.class);
                }
            }
        }
        for posted in &half.always {
            if let Some(candidate) = half.alternatives.get(posted.alternative)
                && self.matches(candidate, None)
            {
                classes.push(candidate.class);
            }
        }
    }

    fn matches(&mut self, candidate: &Alternative, access: Option<LeafId>) -> bool {
        let half = self.half;
        let mut goals: Goals<'_> = SmallVec::new();
        for id in &candidate.leaves {
            let entry = &half.leaves[*id];
            if !entry.or_absent || !self.values.is_absent(self.state, entry.path) {
                goals.push(Goal { path: entry.path, conditions: entry.conditions(), leaf: *id });
            }
        }
        match &*goals {
            [] => return true,
            [goal] => return self.holds(goal.leaf),
            _ => goals.sort_by(|one, other| half.paths.compare(one.path, other.path)),
        }
        let noted: Option<SmallVec<[NodeId; 8]>> =
            access.and_then(|leaf| Some(self.state.elements.of(leaf)?.collect()));
        match noted {
            Some(objects) => self.matches_in(&goals, &objects),
            None => self.all_hold(candidate) && self.branches_reach(&goals, self.values.top(), None),
        }
    }

    /// Whether all goals are reached from one of the objects outwards.
    fn matches_in(&mut self, goals: &[Goal<'_>], objects: &[NodeId]) -> bool {
        let mut failed = Failed::new();
        objects.iter().any(|object| self.reaches_outwards(goals, *object, &mut failed))
    }

    fn reaches_outwards(&mut self, goals: &[Goal<'_>], innermost: NodeId, failed: &mut Failed) -> bool {
        let tree = self.values;
        let outwards = || std::iter::successors(Some(innermost), |object| tree.object_around(*object));
        // An object's elements come one after the other, so that its failure need only be known until another of its depth fails.
        if outwards().any(|object| failed.get(self.depth(object)) == Some(&object)) {
            return false;
        }
        let mut inner = None;
        for object in outwards() {
            if !self.branches_reach(goals, object, inner) {
                let depth = self.depth(object);
                failed.resize(failed.len().max(depth + 1), NodeId::MAX);
                failed[depth] = object;
                return false;
            }
            inner = Some(tree.path(object));
        }
        true
    }

    fn depth(&self, object: NodeId) -> usize {
        self.half.paths.depth(self.values.path(object)) as usize
    }

    /// Whether the goals below an object's path are reached in it; those below `inner` have been already.
    fn branches_reach(&mut self, goals: &[Goal<'_>], object: NodeId, inner: Option<PathId>) -> bool {
        let tree = self.values;
        let single = tree.is_single(tree.path(object));
        tree.branches(self.below(goals, object), object).all(|(path, goals)| match goals {
            _ if inner == Some(path) => {
                let here = &goals[..goals.partition_point(|goal| goal.path == path)];
                here.is_empty()
                    || tree.child(object, path).is_some_and(|child| tree.reaches(here, path, child))
            }
            // Whatever satisfies it is in this object.
            [goal] if single => self.holds(goal.leaf),
            _ => tree.child(object, path).is_some_and(|child| self.reaches(goals, path, child)),
        })
    }

    fn reaches(&mut self, goals: &[Goal<'_>], path: PathId, child: NodeId) -> bool {
        let tree = self.values;
        let decide = || tree.reaches(goals, path, child);
        if goals.len() < 2 || tree.is_small() {
            return decide();
        }
        self.state.branches.decide(child, goals.iter().map(|goal| goal.leaf), decide)
    }

    /// The goals that go through an object's path and on.
    fn below<'g>(&self, goals: &'g [Goal<'g>], object: NodeId) -> &'g [Goal<'g>] {
        let paths = &self.half.paths;
        let (path, depth) = (self.values.path(object), self.depth(object));
        let is_below = |goal: &Goal<'_>| {
            paths.depth(goal.path) as usize > depth && paths.ancestor(goal.path, paths.depth(path)) == path
        };
        let first = goals.iter().position(is_below).unwrap_or(goals.len());
        let rest = &goals[first..];
        &rest[..rest.iter().take_while(|goal| is_below(goal)).count()]
    }
}

type Goals<'g> = SmallVec<[Goal<'g>; 8]>;
/// By depth: the object that failed last.
type Failed = SmallVec<[NodeId; 8]>;
