//! The objects of a policy: keys, nested keys and `$or`.

use std::collections::HashSet;

use types::{FilterScope, limits};

use super::PolicyError;
use super::json::Json;
use super::place::Place;
use crate::explain::words::{counted, cut};
use crate::policy::Leaf;

const OR: &str = "$or";

/// Words of the language that cannot be keys inside `$or`, where a condition might have been meant (event-ruler).
const RESERVED: [&str; 14] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
];

/// What one object asks for: every one of the leaves, and of each `$or` one branch.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Positions in [`Reader::leaves`].
    pub(super) leaves: Vec<usize>,
    pub(super) either: Vec<Vec<Group>>,
}

/// Reads one policy and counts what has a limit.
#[derive(Debug)]
pub(super) struct Reader {
    scope: FilterScope,
    pub(super) leaves: Vec<Leaf>,
    pub(super) conditions: usize,
    pub(super) patterns: usize,
    pub(super) stars: usize,
}

/// An object of keys, and where in the message its keys are.
#[derive(Debug)]
struct Level<'a> {
    place: Place<'a>,
    path: Vec<&'a str>,
    within_or: bool,
}

impl Reader {
    pub(super) fn new(scope: FilterScope) -> Self {
        Self { scope, leaves: Vec::new(), conditions: 0, patterns: 0, stars: 0 }
    }

    pub(super) fn policy(&mut self, json: &Json) -> Result<Group, PolicyError> {
        let mut group = Group::default();
        match json {
            Json::Object(members) if members.is_empty() => Err(Place::Policy.refuse(
                "is empty: Empty objects are not allowed; leave the policy out to get every message",
            )),
            Json::Object(members) => {
                let level = Level { place: Place::Policy, path: Vec::new(), within_or: false };
                self.object(members, &level, &mut group)?;
                Ok(group)
            }
            other => Err(Place::Policy.refuse(format!("is {other}, must be an object"))),
        }
    }

    fn object(
        &mut self,
        members: &[(String, Json)],
        level: &Level<'_>,
        group: &mut Group,
    ) -> Result<(), PolicyError> {
        if members.is_empty() {
            return Err(level.place.refuse("is empty: Empty objects are not allowed"));
        }
        let mut seen = HashSet::new();
        for (key, value) in members {
            let place = level.place.key(key);
            if !seen.insert(key.as_str()) {
                return Err(place.refuse("is there twice in one object"));
            }
            if key == OR {
                group.either.push(self.either(value, &place, level)?);
            } else {
                self.member(key, value, &place, level, group)?;
            }
        }
        Ok(())
    }

    fn member(
        &mut self,
        key: &str,
        value: &Json,
        place: &Place<'_>,
        level: &Level<'_>,
        group: &mut Group,
    ) -> Result<(), PolicyError> {
        let path = self.path(key, place, level)?;
        match value {
            Json::List(list) => {
                group.leaves.push(self.leaves.len());
                self.leaf(list, &path, place)
            }
            Json::Object(members) if self.scope == FilterScope::Body => {
                let level = Level { place: *place, path, within_or: level.within_or };
                self.object(members, &level, group)
            }
            Json::Object(_) => Err(place.refuse(
                "is an object: nested keys need the body as scope; attributes take a list of conditions",
            )),
            other => Err(place.refuse(format!("is {other}: {:?} must be an object or an array", cut(key)))),
        }
    }

    /// The path of a member: with the body as scope every dot begins a new step.
    fn path<'a>(
        &self,
        key: &'a str,
        place: &Place<'_>,
        level: &Level<'a>,
    ) -> Result<Vec<&'a str>, PolicyError> {
        let whole = self.scope == FilterScope::Attributes;
        let steps = || key.split(move |c| c == '.' && !whole);
        let depth = level.path.len() + steps().count();
        if depth > limits::FILTER_DEPTH {
            return Err(
                place.refuse(format!("is a key {depth} levels deep, the limit is {}", limits::FILTER_DEPTH))
            );
        }
        for step in steps() {
            if let Some(reason) = misnamed(step, level.within_or) {
                return Err(place.refuse(reason));
            }
        }
        Ok(level.path.iter().copied().chain(steps()).collect())
    }

    fn either(
        &mut self,
        value: &Json,
        place: &Place<'_>,
        level: &Level<'_>,
    ) -> Result<Vec<Group>, PolicyError> {
        let Json::List(branches) = value else {
            return Err(place.refuse(format!("is {value}, must be a list of at least 2 objects")));
        };
        if branches.len() < 2 {
            let found = counted(branches.len(), "element");
            return Err(place.refuse(format!("has {found}: There must be at least 2 objects in `$or`")));
        }
        let branches = branches.iter().enumerate();
        branches.map(|(index, branch)| self.branch(branch, place.index(index), level)).collect()
    }

    fn branch(&mut self, branch: &Json, place: Place<'_>, level: &Level<'_>) -> Result<Group, PolicyError> {
        let Json::Object(members) = branch else {
            return Err(place.refuse(format!("is {branch}: Only objects are allowed in `$or`")));
        };
        let mut group = Group::default();
        let level = Level { place, path: level.path.clone(), within_or: true };
        self.object(members, &level, &mut group)?;
        Ok(group)
    }
}

/// Why no key can have this step.
fn misnamed(step: &str, within_or: bool) -> Option<String> {
    if step.is_empty() {
        return Some("is a key with an empty step: every name must have at least one character".to_owned());
    }
    if step == OR {
        return Some("has `$or` as a step: it takes an object of its own".to_owned());
    }
    (within_or && RESERVED.contains(&step))
        .then(|| format!("has {step:?} as a key, which is reserved inside `$or`"))
}
