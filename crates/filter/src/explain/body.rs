//! Mismatches of a message's body.

use super::words::{cut, list as list_of};
use super::{Mismatch, clause, nearest};
use crate::document::{Document, NodeId, Tree};
use crate::evaluate::{Goal, any_holds};
use crate::paths::{Hashes, PathId, Paths, ROOT};
use crate::policy::{Alternative, Leaf};
use crate::{Policy, Scalar};

pub(super) fn explain(policy: &Policy, body: &[u8]) -> Vec<Mismatch> {
    let mut paths = Paths::new(Hashes::new(0));
    for leaf in policy.alternatives.iter().flat_map(|alternative| &alternative.leaves) {
        paths.hold(&leaf.path);
    }
    let mut document = Document::default();
    let Ok(tree) = document.read(&paths, body) else { return vec![Mismatch::whole(unreadable(body))] };
    let found = |leaf: &Leaf| tree.values(path(&tree, leaf)).filter_map(|node| tree.scalar(node));
    let holds = |leaf: &Leaf| {
        let mut values = found(leaf).peekable();
        if values.peek().is_none() {
            leaf.or_absent
        } else {
            values.any(|value| any_holds(&leaf.conditions, &value))
        }
    };
    let Some(nearest) = nearest(policy, holds) else { return Vec::new() };
    if nearest.failed.is_empty() {
        return vec![apart(&tree, nearest.alternative)];
    }
    let reason =
        |leaf: &Leaf| clause::reason(leaf, absence(&tree, leaf), &found(leaf).collect::<Vec<Scalar<'_>>>());
    nearest.failed.iter().map(|leaf| Mismatch::at(&leaf.path, reason(leaf))).collect()
}

/// How it is that a leaf's path has no value.
fn absence(tree: &Tree<'_>, leaf: &Leaf) -> &'static str {
    let (mut node, mut path) = (tree.top(), ROOT);
    for step in &leaf.path {
        let object = tree.elements(node).find(|element| tree.is_object(*element));
        let next = tree.paths().child(path, step);
        let Some((next, child)) = next.and_then(|next| Some((next, tree.child(object?, next)?))) else {
            return "is absent";
        };
        (node, path) = (child, next);
    }
    if tree.is_object(node) {
        "is an object, which is as good as absent"
    } else {
        "is a list without values, which is as good as absent"
    }
}

/// Read once more, for `serde_json`'s words about it.
fn unreadable(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        Ok(json) => format!("the body is {}, must be an object", kind(&json)),
        Err(error) => format!("the body is no JSON: {error}"),
    }
}

fn kind(json: &serde_json::Value) -> &'static str {
    match json {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "true or false",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "a string",
        serde_json::Value::Array(_) => "a list",
        serde_json::Value::Object(_) => "an object that cannot be read",
    }
}

/// Each leaf holds by itself, but those that go through one list do not hold for one of its elements.
fn apart(tree: &Tree<'_>, alternative: &Alternative) -> Mismatch {
    let mut leaves: Vec<(PathId, &Leaf)> = alternative
        .leaves
        .iter()
        .map(|leaf| (path(tree, leaf), &**leaf))
        .filter(|(path, _)| tree.values(*path).next().is_some())
        .collect();
    leaves.sort_by(|(one, _), (other, _)| tree.paths().compare(*one, *other));
    let goals: Vec<Goal<'_>> = (0..)
        .zip(&leaves)
        .map(|(number, (path, leaf))| Goal { path: *path, conditions: &leaf.conditions, leaf: number })
        .collect();
    let (list, torn) = parting(tree, &goals, ROOT, tree.top());
    let depth = tree.paths().depth(list) as usize;
    let keys = torn.iter().filter_map(|goal| leaves.get(goal.leaf as usize));
    let mut keys: Vec<&[Box<str>]> = keys.map(|(_, leaf)| &*leaf.path).collect();
    keys.sort_unstable();
    keys.dedup();
    let at = keys.first().and_then(|key| key.get(..depth)).unwrap_or_default();
    let count = keys.len();
    let keys = list_of(keys.into_iter().map(|key| cut(&key.join("."))), count, "and");
    let reason = "has elements that each of these holds for, but none that all of them hold for:";
    Mismatch::at(at, format!("{reason} {keys}"))
}

/// The list whose elements the goals do not find together, and those goals.
fn parting<'g>(
    tree: &Tree<'_>,
    goals: &'g [Goal<'g>],
    path: PathId,
    node: NodeId,
) -> (PathId, &'g [Goal<'g>]) {
    let (_, below) = goals.split_at(goals.partition_point(|goal| goal.path == path));
    let mut objects = tree.elements(node).filter(|element| tree.is_object(*element));
    if let (Some(only), None) = (objects.next(), objects.next()) {
        for (step, goals) in tree.branches(below, only) {
            match tree.child(only, step) {
                Some(child) if !tree.reaches(goals, step, child) => return parting(tree, goals, step, child),
                _ => {}
            }
        }
    }
    (path, below)
}

fn path(tree: &Tree<'_>, leaf: &Leaf) -> PathId {
    leaf.path.iter().fold(ROOT, |path, step| tree.paths().child(path, step).unwrap_or(ROOT))
}
