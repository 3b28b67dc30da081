//! Finds what attributes match.

use super::ClassId;
use super::half::Half;
use super::lookup::Forms;
use super::scratch::State;
use super::verify::{Values, Verify};
use crate::condition::{Condition, Number};
use crate::evaluate::any_holds;
use crate::paths::{PathId, ROOT};
use crate::{Attribute, Scalar};

/// Attributes of a message, by path.
struct Attributes<'a> {
    all: &'a [(&'a str, Attribute<'a>)],
}

impl Values for Attributes<'_> {
    fn is_absent(&self, state: &State, path: PathId) -> bool {
        state.attribute(path).is_none()
    }

    fn any(&self, state: &State, path: PathId, conditions: &[Condition]) -> bool {
        let Some((_, attribute)) = state.attribute(path).and_then(|number| self.all.get(number)) else {
            return false;
        };
        attribute.values().iter().any(|value| any_holds(conditions, value))
    }
}

impl Half {
    /// Adds the classes that match a message which has an attribute to see.
    pub(super) fn find_by_attributes(
        &self,
        all: &[(&str, Attribute<'_>)],
        state: &mut State,
        forms: &mut Forms,
        classes: &mut Vec<ClassId>,
    ) {
        state.begin(self);
        for (number, (name, attribute)) in all.iter().enumerate() {
            let values = attribute.values();
            if let Some(path) = self.paths.child(ROOT, name).filter(|_| !values.is_empty()) {
                state.set_attribute(path, number);
                self.look_up(path, values, state, forms);
            }
        }
        Verify { half: self, values: &Attributes { all }, state }.all(classes);
    }

    fn look_up(&self, path: PathId, values: &[Scalar<'_>], state: &mut State, forms: &mut Forms) {
        self.lookup.find_any(path, |leaf| state.find(leaf));
        for value in values {
            state.next_value();
            self.lookup.find(path, value, forms, |leaf| {
                if !state.is_known_to_hold(leaf) {
                    self.satisfies(state, leaf, value);
                }
            });
        }
        if self.lookup.has_order(path) {
            let numbers = values.iter().filter_map(|value| match value {
                Scalar::Number(value) => Some(Number(*value)),
                _ => None,
            });
            if let (Some(least), Some(most)) = (numbers.clone().min(), numbers.max()) {
                self.lookup.find_ordered(path, least, most, |leaf| state.find(leaf));
            }
        }
    }
}
