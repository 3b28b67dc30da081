//! How far a subscription has come in what it gets, and which filter policy decides on what it reads next.
//!
//! A change of policy has a position. What was accepted before it and is not read yet stays under the rule of its time, an *era*, unless
//! the owner had it re-evaluated: then that rule and the new policy must both let it in.
//!
//! # Invariants
//!
//! - Eras are in the order of the log, do not overlap and end at or before `since`. Between two of them, and between the last and
//!   `since`, there is nothing for this subscription.
//! - Unread messages of the rule in force are what it has let in so far less what was read: no message is looked at to count them. Of an
//!   era the number is known, or is to be counted (see `counting`). What is known to be settled ahead of the cursor is among both.
//!
//! # Limits
//!
//! [`types::limits::FILTER_ERAS`] eras, with [`types::limits::FILTER_ERA_POLICIES`] policies in all.

use std::collections::VecDeque;

use types::{Position, limits};

use crate::{
    BacklogAction,
    topic::{Checked, Filter},
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Decides from `since` on; none lets everything in.
    filter: Option<Filter>,
    /// The record that brought the policy in force, or that took the one before away; 0 if there never was one.
    policy_position: Position,
    /// Below, the eras decide.
    since: Position,
    /// How many messages the rule in force had let in before the cursor, or before `since` if the cursor is not there yet.
    seen: u64,
    eras: VecDeque<Era>,
}

/// A stretch of log that an earlier rule decides on.
#[derive(Debug, Clone)]
pub(crate) struct Era {
    pub(crate) from: Position,
    pub(crate) until: Position,
    /// All of them must match; none lets everything in.
    pub(crate) policies: Vec<Checked>,
    /// Messages not read yet; none: not counted yet.
    pub(crate) unread: Option<u64>,
    /// Messages read, for whoever counts meanwhile.
    pub(crate) passed: u64,
}

/// What decides on the next messages.
#[derive(Debug)]
pub(crate) enum Rule {
    /// There is nothing before this position.
    Nothing(Position),
    /// All of these policies together, below this position. No policy lets everything in.
    Era(Vec<Checked>, Position),
    /// Everything is let in.
    Everything,
    /// The policy in force.
    Filtered(Filter),
}

/// The subscription has as many eras, or policies in them, as it can have.
#[derive(Debug)]
pub(crate) struct TooManyPolicies;

impl Reading {
    /// Starts at `cursor`, before which the topic had accepted `ordinal` messages. `position`: the record that created it.
    pub(crate) fn new(filter: Option<Filter>, cursor: Position, ordinal: u64, position: Position) -> Self {
        let policy_position = if filter.is_some() { position } else { 0 };
        let mut reading = Self { filter, policy_position, since: 0, seen: ordinal, eras: VecDeque::new() };
        reading.uncount(cursor, position + 1);
        reading
    }

    /// As a checkpoint says it. With a filter, `seen` is to be set by [`Self::set_unread`].
    pub(crate) fn restored(
        filter: Option<Filter>,
        policy_position: Position,
        since: Position,
        seen: u64,
        eras: impl IntoIterator<Item = Era>,
    ) -> Self {
        Self { filter, policy_position, since, seen, eras: eras.into_iter().collect() }
    }

    pub(crate) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// See the field.
    pub(crate) fn policy_position(&self) -> Position {
        self.policy_position
    }

    /// See the field.
    pub(crate) fn since(&self) -> Position {
        self.since
    }

    /// Of the topic's messages, if nothing is filtered.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    pub(crate) fn eras(&self) -> impl ExactSizeIterator<Item = &Era> {
        self.eras.iter()
    }

    pub(crate) fn eras_mut(&mut self) -> impl Iterator<Item = &mut Era> {
        self.eras.iter_mut()
    }

    /// It gets everything from the cursor on.
    pub(crate) fn is_plain(&self, cursor: Position) -> bool {
        self.filter.is_none() && cursor >= self.since
    }

    /// What decides on messages from the cursor on. Forgets the eras that are behind it.
    pub(crate) fn rule(&mut self, cursor: Position) -> Rule {
        while self.eras.front().is_some_and(|era| era.until <= cursor) {
            self.eras.pop_front();
        }
        self.rule_at(cursor)
    }

    /// What decides on messages from a position on that the cursor has not passed.
    pub(crate) fn rule_at(&self, position: Position) -> Rule {
        let era = self.eras.iter().find(|era| era.until > position);
        match (era, &self.filter) {
            (Some(era), _) if position < era.from => Rule::Nothing(era.from),
            (Some(era), _) => Rule::Era(era.policies.clone(), era.until),
            (None, _) if position < self.since => Rule::Nothing(self.since),
            (None, None) => Rule::Everything,
            (None, Some(filter)) => Rule::Filtered(filter.clone()),
        }
    }

    /// So many messages of the era that decides at the cursor were read.
    pub(crate) fn passed_in_era(&mut self, messages: u64) {
        if let Some(era) = self.eras.front_mut() {
            era.passed += messages;
            era.unread = era.unread.map(|unread| unread.saturating_sub(messages));
        }
    }

    /// So many messages that the policy in force lets in were read.
    pub(crate) fn passed(&mut self, messages: u64) {
        self.seen = self.seen.wrapping_add(messages);
    }

    /// The rule in force has let in so many before the cursor.
    pub(crate) fn set_seen(&mut self, seen: u64) {
        self.seen = seen;
    }

    /// So many messages that the policy in force lets in are unread. (The count may have started anew since, so `seen` wraps.)
    pub(crate) fn set_unread(&mut self, unread: u64) {
        if let Some(filter) = &self.filter {
            self.seen = filter.route.matched().wrapping_sub(unread);
        }
    }

    /// Messages that the rule in force has let in and that are not read; `published`: that the topic has accepted.
    pub(crate) fn unread_in_force(&self, published: u64) -> u64 {
        match &self.filter {
            Some(filter) => filter.route.matched().wrapping_sub(self.seen),
            None => published.saturating_sub(self.seen),
        }
    }

    /// Messages that are not read; none if they are not counted yet.
    pub(crate) fn unread(&self, published: u64) -> Option<u64> {
        let eras: Option<u64> = self.eras.iter().map(|era| era.unread).sum();
        Some(eras? + self.unread_in_force(published))
    }

    /// The cursor was moved to `to` by a record at `position`: from there on the rule in force decides.
    pub(crate) fn sought(&mut self, to: Position, ordinal: u64, position: Position) {
        self.eras.clear();
        self.seen = ordinal;
        self.since = 0;
        self.uncount(to, position);
    }

    /// Retention moved the cursor to `below` by a record at `position`.
    pub(crate) fn trimmed(&mut self, below: Position, ordinal: u64, position: Position) {
        self.eras.retain(|era| era.until > below);
        for era in self.eras.iter_mut().filter(|era| era.from < below) {
            era.unread = None;
        }
        if below < self.since {
            return;
        }
        self.seen = if self.filter.is_none() { ordinal } else { self.seen };
        self.uncount(below, position);
    }

    /// What the policy in force lets in from `from` on and below `position` has to be counted.
    fn uncount(&mut self, from: Position, position: Position) {
        let Some(filter) = &self.filter else { return };
        self.since = position;
        self.seen = filter.route.matched();
        if from < position {
            let policies = vec![filter.checked.clone()];
            self.eras.push_back(Era { from, until: position, policies, unread: None, passed: 0 });
        }
    }

    /// Another rule is in force from `position` on, before which the topic had accepted `published` messages. The filter before it.
    pub(crate) fn change(
        &mut self,
        filter: Option<Filter>,
        position: Position,
        published: u64,
        backlog: BacklogAction,
    ) -> Option<Filter> {
        let unread = self.unread_in_force(published);
        let before = self.filter.take();
        self.eras.retain(|era| era.unread != Some(0));
        if unread > 0 {
            let policies = before.iter().map(|filter| filter.checked.clone()).collect();
            let (from, until) = (self.since, position);
            self.eras.push_back(Era { from, until, policies, unread: Some(unread), passed: 0 });
        }
        if let (BacklogAction::Reevaluate, Some(filter)) = (backlog, &filter) {
            self.eras.iter_mut().for_each(|era| era.narrow(&filter.checked));
        }
        self.since = position;
        self.policy_position = position;
        self.seen = filter.as_ref().map_or(published, |filter| filter.route.matched());
        self.filter = filter;
        before
    }

    /// Whether the rule can change once more, and narrow the eras if `narrows`.
    pub(crate) fn check_change(&self, published: u64, narrows: bool) -> Result<(), TooManyPolicies> {
        let new = usize::from(self.unread_in_force(published) > 0);
        let eras = self.eras.iter().filter(|era| era.unread != Some(0));
        let (eras, policies) = eras.fold((new, new), |(n, sum), era| (n + 1, sum + era.policies.len()));
        let policies = policies + if narrows { eras } else { 0 };
        if eras > limits::FILTER_ERAS || policies > limits::FILTER_ERA_POLICIES {
            return Err(TooManyPolicies);
        }
        Ok(())
    }

    /// The end of the era at the cursor if nothing is left of it but what is known to be settled; `settled_below` says how much is from
    /// the cursor on.
    pub(crate) fn spent_era(&self, settled_below: impl Fn(Position) -> u64) -> Option<Position> {
        let era = self.eras.front()?;
        (era.unread? == settled_below(era.until)).then_some(era.until)
    }
}

impl Era {
    /// A policy more has to match.
    fn narrow(&mut self, checked: &Checked) {
        if self.policies.iter().all(|other| other.policy != checked.policy) {
            self.policies.push(checked.clone());
            self.unread = None;
        }
    }
}
