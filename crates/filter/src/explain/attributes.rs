//! Mismatches of a message's attributes.

use super::{Mismatch, clause, nearest};
use crate::evaluate::any_holds;
use crate::policy::Leaf;
use crate::{Attribute, Policy, Scalar};

pub(super) fn explain(policy: &Policy, attributes: &[(&str, Attribute<'_>)]) -> Vec<Mismatch> {
    if attributes.is_empty() {
        return vec![Mismatch::whole("the message has no attributes, which matches no policy")];
    }
    if attributes.iter().all(|(_, attribute)| *attribute == Attribute::Binary) {
        let reason = "the message has only binary attributes, which filters do not see: it matches no policy";
        return vec![Mismatch::whole(reason)];
    }
    let holds = |leaf: &Leaf| {
        let values = values(attributes, leaf);
        if values.is_empty() {
            leaf.or_absent
        } else {
            values.iter().any(|value| any_holds(&leaf.conditions, value))
        }
    };
    let failed = nearest(policy, holds).map(|nearest| nearest.failed).unwrap_or_default();
    failed.into_iter().map(|leaf| mismatch(leaf, attributes)).collect()
}

fn mismatch(leaf: &Leaf, attributes: &[(&str, Attribute<'_>)]) -> Mismatch {
    let absence = match attribute(attributes, leaf) {
        None => "is absent",
        Some(Attribute::Binary) => "is binary, which is as good as absent",
        Some(_) => "is an empty list, which is as good as absent",
    };
    Mismatch::at(&leaf.path, clause::reason(leaf, absence, values(attributes, leaf)))
}

fn attribute<'a>(attributes: &'a [(&str, Attribute<'a>)], leaf: &Leaf) -> Option<&'a Attribute<'a>> {
    let name = leaf.path.first()?;
    attributes.iter().find(|(other, _)| *other == &**name).map(|(_, attribute)| attribute)
}

fn values<'a>(attributes: &'a [(&str, Attribute<'a>)], leaf: &Leaf) -> &'a [Scalar<'a>] {
    attribute(attributes, leaf).map_or(&[], Attribute::values)
}
