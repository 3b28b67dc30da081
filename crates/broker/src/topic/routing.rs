//! Who gets which message: the topic's filter policies, and what each has matched. A message is matched once, when it is published.
//!
//! # Invariants
//!
//! - The policies change under the topic's lock, so that each change has a position: what is accepted before it was matched without
//!   it, what is accepted after it with it.
//! - Publishers match before they take that lock, and do it again under it in the rare case that the policies changed in between.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use filter::{ClassId, Content, Index, Matches, Policy};
use parking_lot::{Mutex, RwLock};
use types::{FilterPolicy, Invalid, Position, Sequence, SubscriptionSettings};

use crate::{
    ReadContent,
    route::{Route, capacity},
    shared::count,
};

/// A topic's filter policies.
#[derive(Debug)]
pub(crate) struct Routing {
    policies: RwLock<Policies>,
    /// Memory for matching, one a publisher at work.
    scratch: Mutex<Vec<Matches>>,
    /// Routes with matches that nobody was told of.
    news: Mutex<Vec<Arc<Route>>>,
    /// Matches in all lists of the broker.
    listed: Arc<AtomicUsize>,
    /// New messages without attributes, since the process started.
    without_attributes: AtomicU64,
    /// New messages with a body that some policy asked for and that is no JSON object, since the process started.
    unreadable_bodies: AtomicU64,
}

#[derive(Debug)]
struct Policies {
    index: Index,
    /// By class.
    routes: Vec<Option<Arc<Route>>>,
    count: usize,
    /// Counts the policies that ever joined.
    version: u64,
}

/// A policy, and the text that says it.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) text: FilterPolicy,
    pub(crate) policy: Policy,
    /// Made when the policy is first asked about a message by itself.
    alone: Arc<OnceLock<Alone>>,
}

/// An index of one policy: what is slow in one policy (many patterns, many values) is what an index makes fast.
#[derive(Debug)]
struct Alone {
    index: Index,
    scratch: Mutex<Matches>,
}

/// What a subscription's policy is within its topic.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) checked: Checked,
    pub(crate) route: Arc<Route>,
    class: ClassId,
}

/// Which policies match the messages of one publish.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    version: u64,
    /// The classes of all messages, one message after the other.
    classes: Vec<ClassId>,
    /// Where each message's classes end.
    ends: Vec<usize>,
    without_attributes: Vec<bool>,
    unreadable_body: Vec<bool>,
}

/// Messages that no policy of a kind can match.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unmatchable {
    /// No policy on attributes.
    pub(crate) without_attributes: u64,
    /// No policy on bodies.
    pub(crate) unreadable_bodies: u64,
}

/// Figures of a topic and a policy that only grow.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Figures {
    /// Messages that the topic accepted.
    pub(crate) published: u64,
    /// Messages that the policy matched.
    pub(crate) matched: u64,
    pub(crate) unmatchable: Unmatchable,
}

impl Routing {
    pub(crate) fn new(seed: u64, listed: Arc<AtomicUsize>) -> Self {
        let policies = Policies { index: Index::new(seed), routes: Vec::new(), count: 0, version: 0 };
        Self {
            policies: RwLock::new(policies),
            scratch: Mutex::default(),
            news: Mutex::default(),
            listed,
            without_attributes: AtomicU64::new(0),
            unreadable_bodies: AtomicU64::new(0),
        }
    }

    /// A subscription with this policy joins: messages from `from` on, the next position, are matched for it. Under the topic's lock.
    pub(crate) fn join(&self, checked: Checked, from: Position) -> Filter {
        let mut policies = self.policies.write();
        let class = policies.index.add(&checked.policy);
        let at = class.0 as usize;
        if policies.routes.len() <= at {
            policies.routes.resize(at + 1, None);
        }
        if policies.routes[at].is_none() {
            policies.routes[at] = Some(Route::new(from, &self.listed));
            policies.count += 1;
            policies.version += 1;
        }
        let route = policies.routes[at].clone().expect("it was just put there");
        route.join();
        Filter { checked, route, class }
    }

    /// It leaves. Under the topic's lock.
    pub(crate) fn leave(&self, filter: &Filter) {
        let mut policies = self.policies.write();
        policies.index.remove(filter.class);
        filter.route.leave();
        if filter.route.subscriptions() == 0 {
            // Who has asked already finds no route and passes over it; so this is no new version.
            policies.routes[filter.class.0 as usize] = None;
            policies.count -= 1;
        }
    }

    /// Finds the policies that match each message. The policies are free to change from one message to the next.
    pub(crate) fn ask<'a>(
        &self,
        contents: &dyn ReadContent,
        payloads: impl Iterator<Item = &'a [u8]>,
    ) -> Answers {
        let mut answers = Answers { version: self.policies.read().version, ..Answers::default() };
        if self.policies.read().count == 0 {
            return answers;
        }
        let mut matches = self.scratch.lock().pop().unwrap_or_default();
        for payload in payloads {
            let mut read = false;
            contents.read(payload, &mut |content| {
                self.policies.read().index.find(content, &mut matches);
                read = true;
            });
            answers.add(read.then_some(&matches));
        }
        self.scratch.lock().push(matches);
        answers
    }

    /// No policy has joined since. Under the topic's lock.
    pub(crate) fn is_current(&self, answers: &Answers) -> bool {
        self.policies.read().version == answers.version
    }

    /// Lists the new messages: which of the publish's they are, and their sequences. Under the topic's and the cache's lock.
    pub(crate) fn list(&self, answers: &Answers, new: impl Iterator<Item = (usize, Sequence)>) {
        if answers.ends.is_empty() {
            return;
        }
        let policies = self.policies.read();
        for (index, sequence) in new {
            count(&self.without_attributes, u64::from(answers.without_attributes[index]));
            count(&self.unreadable_bodies, u64::from(answers.unreadable_body[index]));
            self.push(&policies, answers.classes(index), sequence);
        }
    }

    fn push(&self, policies: &Policies, classes: &[ClassId], sequence: Sequence) {
        let capacity = capacity(policies.count, self.listed.load(Ordering::Relaxed));
        for route in classes.iter().filter_map(|class| policies.route_of(*class)) {
            if route.push(sequence, capacity) {
                self.news.lock().push(route.clone());
            }
        }
    }

    /// Lists a message that is read back from the log.
    pub(crate) fn list_again(&self, contents: &dyn ReadContent, payload: &[u8], sequence: Sequence) {
        let answers = self.ask(contents, std::iter::once(payload));
        if !answers.ends.is_empty() {
            self.push(&self.policies.read(), answers.classes(0), sequence);
        }
    }

    /// Subscriptions with a policy that matches the message. Under the topic's lock.
    pub(crate) fn subscriptions(&self, answers: &Answers, index: usize) -> u32 {
        if answers.ends.is_empty() {
            return 0;
        }
        let policies = self.policies.read();
        let routes = answers.classes(index).iter().filter_map(|class| policies.route_of(*class));
        routes.map(|route| route.subscriptions()).sum()
    }

    /// Somebody has come to wait for matches.
    pub(crate) fn awaits(&self, filter: &Filter) {
        if filter.route.awaited() {
            self.news.lock().push(filter.route.clone());
        }
    }

    /// Wakes whoever waits for a match that is readable by now.
    pub(crate) fn tell(&self, readable: Position) {
        self.news.lock().retain(|route| route.tell(readable));
    }

    /// What there is to compare with later, for one policy.
    pub(crate) fn figures(&self, filter: Option<&Filter>, published: u64) -> Figures {
        let unmatchable = Unmatchable {
            without_attributes: self.without_attributes.load(Ordering::Relaxed),
            unreadable_bodies: self.unreadable_bodies.load(Ordering::Relaxed),
        };
        let matched = filter.map_or(0, |filter| filter.route.matched());
        Figures { published, matched, unmatchable }
    }
}

impl Policies {
    fn route_of(&self, class: ClassId) -> Option<&Arc<Route>> {
        self.routes.get(class.0 as usize)?.as_ref()
    }
}

impl Answers {
    /// What was found for the next message; nothing if it cannot be read.
    fn add(&mut self, matches: Option<&Matches>) {
        if let Some(matches) = matches {
            self.classes.extend_from_slice(&matches.classes);
        }
        self.ends.push(self.classes.len());
        self.without_attributes.push(matches.is_none_or(|matches| matches.no_attributes));
        self.unreadable_body.push(matches.is_some_and(|matches| matches.body.is_some()));
    }

    fn classes(&self, index: usize) -> &[ClassId] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.classes[start..self.ends[index]]
    }
}

/// Whether one message matches all of these policies.
pub(crate) fn matches_all(contents: &dyn ReadContent, payload: &[u8], policies: &[Checked]) -> bool {
    let mut matches = policies.is_empty();
    if !matches {
        contents.read(payload, &mut |content| {
            matches = policies.iter().all(|checked| checked.matches(content));
        });
    }
    matches
}

impl Checked {
    /// Checks a policy's text.
    pub(crate) fn of(text: &FilterPolicy) -> Result<Self, Invalid> {
        let policy = Policy::parse(text.scope, &text.json)?;
        Ok(Self { text: text.clone(), policy, alone: Arc::default() })
    }

    fn matches(&self, content: &Content<'_>) -> bool {
        let alone = self.alone.get_or_init(|| {
            // Nobody can make values collide in one policy but its owner.
            let mut index = Index::new(0);
            index.add(&self.policy);
            Alone { index, scratch: Mutex::default() }
        });
        let mut matches = alone.scratch.lock();
        alone.index.find(content, &mut matches);
        !matches.classes.is_empty()
    }

    /// The policy of a subscription, if it has one.
    pub(crate) fn of_settings(settings: &SubscriptionSettings) -> Result<Option<Self>, Invalid> {
        settings.filter.as_ref().map(Self::of).transpose()
    }
}
