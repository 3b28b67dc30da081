//! What the policies make of one message. All the cases that there may be are followed side by side.

use super::{Step, What};
use crate::history::{Kind, Kinds, Sequence};

/// A message, as it stood when the history had come to `line`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) kind: Kind,
    pub(super) sequence: Sequence,
    pub(super) line: u64,
}

/// What may be the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) in_force: Kinds,
    /// The policy in force let the message in when it was accepted; none: it is not accepted yet.
    accepted: Option<bool>,
    /// It is let in now.
    lets: bool,
}

/// Whether a message is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It may be.
    pub(crate) may: bool,
    /// It certainly is.
    pub(crate) must: bool,
    /// It may have been when it was accepted.
    pub(crate) might: bool,
    /// It certainly was when it was accepted.
    pub(crate) did: bool,
}

impl Verdict {
    pub(crate) const UNKNOWN: Self = Self { may: true, must: false, might: true, did: false };

    pub(super) const fn certain(lets: bool) -> Self {
        Self { may: lets, must: lets, might: lets, did: lets }
    }

    pub(super) fn of(states: &[State]) -> Self {
        if states.is_empty() {
            return Self::UNKNOWN;
        }
        Self {
            may: states.iter().any(|state| state.lets),
            must: states.iter().all(|state| state.lets),
            might: states.iter().any(|state| state.accepted == Some(true)),
            did: states.iter().all(|state| state.accepted == Some(true)),
        }
    }
}

impl State {
    pub(super) fn new(in_force: Kinds) -> Self {
        Self { in_force, accepted: None, lets: false }
    }

    /// The message is accepted by now.
    pub(super) fn accept(&mut self, kind: Kind) {
        if self.accepted.is_none() {
            self.lets = self.in_force.has(kind);
            self.accepted = Some(self.lets);
        }
    }
}

impl Case {
    /// A change takes effect at its position.
    pub(super) fn pass(&self, states: &mut Vec<State>, step: &Step) {
        let waits = step.until > self.sequence;
        // Its position says on which side of it the message is. Whether it had happened when the history had come so far is another thing.
        let before = (waits && step.ended > self.line).then(|| states.clone());
        states.iter_mut().for_each(|state| self.change(state, step.what, waits));
        if let What::Seen(lets_in) = step.what {
            states.retain(|state| state.in_force == lets_in);
        }
        states.extend(before.into_iter().flatten());
    }

    /// Changes may take effect, in any order.
    pub(super) fn drift<'a>(&self, states: &mut Vec<State>, steps: impl Iterator<Item = &'a Step>) {
        let steps: Vec<_> = steps.collect();
        let mut index = 0;
        while index < states.len() && !steps.is_empty() {
            let state = states[index];
            index += 1;
            for step in &steps {
                for waits in self.sides(&state, step) {
                    let mut changed = state;
                    self.change(&mut changed, step.what, waits);
                    if !states.contains(&changed) {
                        states.push(changed);
                    }
                }
            }
        }
    }

    /// On which sides of a change the message may be: true if it is accepted before.
    fn sides(&self, state: &State, step: &Step) -> impl Iterator<Item = bool> {
        let later = (self.sequence > step.after && state.accepted.is_none()).then_some(false);
        let earlier = (self.sequence < step.until).then_some(true);
        later.into_iter().chain(earlier)
    }

    fn change(&self, state: &mut State, what: What, accepted: bool) {
        if accepted {
            state.accept(self.kind);
        }
        match what {
            What::Policy { lets_in, reevaluates } => {
                if accepted && reevaluates {
                    state.lets &= lets_in.has(self.kind);
                }
                state.in_force = lets_in;
            }
            What::Seek { to } if accepted && self.sequence >= to => {
                state.lets = state.in_force.has(self.kind);
            }
            What::Seek { .. } | What::Other | What::Seen(_) => {}
        }
    }
}
