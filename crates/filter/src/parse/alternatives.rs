//! `$or`s multiplied out.

use std::sync::Arc;

use types::limits;

use super::PolicyError;
use super::keys::Group;
use super::place::Place;
use crate::policy::{Alternative, Leaf};

/// The alternatives, in the one order that all policies have that say the same.
pub(super) fn expand(leaves: &[Leaf], group: &Group) -> Result<Arc<[Alternative]>, PolicyError> {
    // Before any of them is built: it may be 2 to the power of some thousands.
    let count = count(group);
    if count > limits::FILTER_ALTERNATIVES {
        let found = if count == usize::MAX { "more than 2^63".to_owned() } else { count.to_string() };
        let reason = format!(
            "has `$or`s that multiply out to {found} alternatives, the limit is {}",
            limits::FILTER_ALTERNATIVES
        );
        return Err(Place::Policy.refuse(reason));
    }
    let (leaves, ranks) = rank(leaves);
    let mut alternatives = multiply(group, &ranks);
    for alternative in &mut alternatives {
        normalise(alternative);
    }
    normalise(&mut alternatives);
    let share = |ranks: Vec<usize>| ranks.iter().filter_map(|rank| leaves.get(*rank)).cloned().collect();
    Ok(alternatives.into_iter().map(|ranks| Alternative { leaves: share(ranks) }).collect())
}

fn count(group: &Group) -> usize {
    group.either.iter().fold(1, |product, branches| {
        product
            .saturating_mul(branches.iter().fold(0, |sum: usize, branch| sum.saturating_add(count(branch))))
    })
}

/// The distinct leaves in order, and for each leaf as it was found its place among them: whole numbers to sort by from here on, however
/// long the leaves are.
fn rank(leaves: &[Leaf]) -> (Vec<Arc<Leaf>>, Vec<usize>) {
    let mut distinct = leaves.to_vec();
    normalise(&mut distinct);
    let ranks = leaves.iter().map(|leaf| distinct.binary_search(leaf).unwrap_or_else(|rank| rank)).collect();
    (distinct.into_iter().map(Arc::new).collect(), ranks)
}

/// Every choice of one branch for each `$or`.
fn multiply(group: &Group, ranks: &[usize]) -> Vec<Vec<usize>> {
    let own: Vec<usize> = group.leaves.iter().filter_map(|leaf| ranks.get(*leaf)).copied().collect();
    group.either.iter().fold(vec![own], |so_far, branches| {
        let choices: Vec<Vec<usize>> = branches.iter().flat_map(|branch| multiply(branch, ranks)).collect();
        so_far
            .iter()
            .flat_map(|chosen| choices.iter().map(move |choice| [chosen.as_slice(), choice].concat()))
            .collect()
    })
}

fn normalise<T: Ord>(items: &mut Vec<T>) {
    items.sort_unstable();
    items.dedup();
}
