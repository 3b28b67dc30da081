//! The filter policies of one subscription, and from where on each decides.
//!
//! A change takes effect at a position of the log. One that was answered is *fixed* there. One that was not may or may not have taken
//! effect, at any position since it was asked for: it *floats*, until a look after a crash tells. It may have been in effect until the
//! crash, and have been *undone* by it.

mod verdict;

pub(crate) use verdict::Verdict;
use verdict::{Case, State};

use crate::history::{Call, Kind, Kinds, Sequence};

/// See the module.
#[derive(Debug)]
pub(crate) struct Policies {
    first: Kinds,
    /// Where the subscription begins to exist.
    pub(crate) created: Sequence,
    /// In the order of the log.
    fixed: Vec<Step>,
    floating: Vec<Step>,
    /// Not all of its policies let in the same.
    mixed: bool,
}

/// Something that moves the subscription's position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    call: Call,
    /// The lines between which it took effect, if it did.
    begun: u64,
    ended: u64,
    /// The positions between which it took effect: behind the first, not behind the second.
    after: Sequence,
    until: Sequence,
    what: What,
    /// The crash before `ended` undid it.
    undone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Another policy.
    Policy { lets_in: Kinds, reevaluates: bool },
    /// The policy in force decides anew from there on.
    Seek { to: Sequence },
    /// Nothing that concerns policies.
    Other,
    /// This policy was seen to be in force.
    Seen(Kinds),
}

impl Policies {
    pub(crate) fn new(first: Kinds, created: Sequence) -> Self {
        Self { first, created, fixed: Vec::new(), floating: Vec::new(), mixed: false }
    }

    /// A change is asked for, when `after` was the last sequence known.
    pub(crate) fn begin(&mut self, call: Call, what: What, after: Sequence, line: u64) {
        self.mixed |= matches!(what, What::Policy { lets_in, .. } if lets_in != self.first);
        let (ended, until) = (u64::MAX, Sequence::MAX);
        self.floating.push(Step { call, begun: line, ended, after, until, what, undone: false });
    }

    /// It did not happen.
    pub(crate) fn failed(&mut self, call: Call) {
        self.floating.retain(|step| step.call != call);
    }

    /// It took effect at `position`; `to` is where a seek went.
    pub(crate) fn answered(
        &mut self,
        call: Call,
        position: Option<Sequence>,
        to: Option<Sequence>,
        line: u64,
    ) {
        let Some(index) = self.floating.iter().position(|step| step.call == call) else { return };
        let Some(position) = position else { return };
        let mut step = self.floating.remove(index);
        if let (What::Seek { to: target }, Some(to)) = (&mut step.what, to) {
            *target = to;
        }
        step.ended = line;
        self.fix(step, position);
    }

    fn fix(&mut self, step: Step, position: Sequence) {
        let index = self.fixed.partition_point(|other| other.until <= position);
        self.fixed.insert(index, Step { after: position, until: position, ..step });
    }

    /// After a crash this policy is in force, and `position` is where the latest change took effect. False if that cannot be.
    pub(crate) fn seen(&mut self, lets_in: Kinds, position: Sequence, line: u64) -> bool {
        let known = self.fixed.last().map_or((self.created, 0), |last| (last.until, last.ended));
        let (open, closed): (Vec<_>, _) =
            self.floating.drain(..).partition(|step: &Step| step.ended == u64::MAX);
        self.floating = closed;
        match open[..] {
            [one] if position > known.0 => self.fix(Step { ended: line, ..one }, position),
            _ => {
                // What was asked for after the latest change known was answered would have come behind it.
                let may_be = |step: &&Step| position > known.0 || step.begun < known.1;
                let lasting =
                    open.iter().filter(may_be).map(|step| Step { ended: line, until: position, ..*step });
                self.floating.extend(lasting);
                self.floating.extend(open.iter().map(|step| step.undone(line)));
            }
        }
        let possible = self.fold(Case { kind: 0, sequence: Sequence::MAX, line });
        let seen = Step {
            call: 0,
            begun: line,
            ended: line,
            after: position,
            until: position,
            what: What::Seen(lets_in),
            undone: false,
        };
        self.fix(seen, position);
        position >= known.0 && possible.iter().any(|state| state.in_force == lets_in)
    }

    /// Something is not known yet that may be known later.
    pub(crate) fn is_open(&self) -> bool {
        self.floating.iter().any(|step| step.ended == u64::MAX)
    }

    /// Whether a message is let in, for all that had been asked for before `line`. The kind is not known of every message.
    pub(crate) fn verdict(&self, kind: Option<Kind>, sequence: Sequence, line: u64) -> Verdict {
        match kind {
            Some(kind) if !self.mixed => Verdict::certain(self.first.has(kind)),
            Some(kind) => Verdict::of(&self.fold(Case { kind, sequence, line })),
            None if !self.mixed && self.first == Kinds::ALL => Verdict::certain(true),
            None => Verdict::UNKNOWN,
        }
    }

    /// One of the policies that it has or had, or was to have, does.
    pub(crate) fn may_ever_let_in(&self, kind: Kind) -> bool {
        let lets = |step: &Step| matches!(step.what, What::Policy { lets_in, .. } if lets_in.has(kind));
        self.first.has(kind) || self.fixed.iter().chain(&self.floating).any(lets)
    }

    /// Everything that may be the case after the last change.
    fn fold(&self, case: Case) -> Vec<State> {
        let mut states = vec![State::new(self.first)];
        let asked = |step: &&Step| step.begun < case.line && !(step.undone && step.ended <= case.line);
        let mut since = 0;
        for step in self.fixed.iter().filter(asked) {
            let floating = self.floating.iter().filter(asked);
            let meanwhile = floating.filter(|other| other.begun < step.ended && other.ended > since);
            case.drift(&mut states, meanwhile);
            case.pass(&mut states, step);
            since = step.begun;
        }
        case.drift(&mut states, self.floating.iter().filter(asked).filter(|other| other.ended > since));
        states.iter_mut().for_each(|state| state.accept(case.kind));
        states
    }
}

impl Step {
    /// It may have been in effect until a crash before `line`. Nothing that was accepted after it has outlived that.
    fn undone(self, line: u64) -> Self {
        Self { ended: line, after: Sequence::MAX, undone: true, ..self }
    }
}
