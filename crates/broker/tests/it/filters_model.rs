//! Random histories of filtered subscriptions against a model that keeps a set of messages for each.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use broker::{BacklogAction, Config, SeekTo, StartPosition};
use journal::{MemoryJournal, memory};
use proptest::prelude::*;
use types::{MessageId, RetentionPolicy, SubscriptionSettings, TopicSettings};

use crate::{
    filters::only,
    fixture::{Fixture, no_backoff, sub, topic},
};

const SUBSCRIPTIONS: [&str; 3] = ["x", "y", "z"];
const ATTEMPTS: u32 = 2;
const AGE: Duration = Duration::from_secs(60);
/// A policy lets in messages of one type; none lets in all.
type Policy = Option<char>;

#[derive(Debug, Clone)]
enum Op {
    Publish(Vec<char>),
    Create {
        who: usize,
        policy: Policy,
        earliest: bool,
    },
    Delete(usize),
    Change {
        who: usize,
        policy: Policy,
        reevaluate: bool,
    },
    Take {
        who: usize,
        acks: usize,
        nacks: usize,
    },
    Seek {
        who: usize,
        back: usize,
    },
    Pause {
        who: usize,
        paused: bool,
    },
    Stats(usize),
    Upkeep,
    /// Everything is too old.
    Expire,
    Crash,
    /// With checkpoints.
    Restart,
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![1 => Just(None), 4 => proptest::char::range('a', 'c').prop_map(Some)]
}

fn op() -> impl Strategy<Value = Op> {
    let who = || 0..SUBSCRIPTIONS.len();
    prop_oneof![
        8 => prop::collection::vec(proptest::char::range('a', 'c'), 1..6).prop_map(Op::Publish),
        2 => (who(), policy(), any::<bool>())
            .prop_map(|(who, policy, earliest)| Op::Create { who, policy, earliest }),
        1 => who().prop_map(Op::Delete),
        4 => (who(), policy(), any::<bool>())
            .prop_map(|(who, policy, reevaluate)| Op::Change { who, policy, reevaluate }),
        5 => (who(), 0_usize..4, 0_usize..3).prop_map(|(who, acks, nacks)| Op::Take { who, acks, nacks }),
        2 => (who(), 0_usize..12).prop_map(|(who, back)| Op::Seek { who, back }),
        1 => (who(), any::<bool>()).prop_map(|(who, paused)| Op::Pause { who, paused }),
        3 => who().prop_map(Op::Stats),
        2 => Just(Op::Upkeep),
        1 => Just(Op::Expire),
        2 => Just(Op::Crash),
        2 => Just(Op::Restart),
    ]
}

#[derive(Debug, Default)]
struct Model {
    policy: Policy,
    paused: bool,
    unsettled: BTreeSet<MessageId>,
    failures: BTreeMap<MessageId, u32>,
    dead: BTreeSet<MessageId>,
    expired: u64,
}

struct Run {
    fixture: Fixture,
    keeps_settled: bool,
    published: Vec<(MessageId, char)>,
    /// The first message that did not expire.
    fresh: usize,
    subscriptions: BTreeMap<usize, Model>,
}

fn settings(policy: Policy) -> SubscriptionSettings {
    let settings = policy.map_or_else(no_backoff, |t| only(&t.to_string()));
    SubscriptionSettings { max_attempts: ATTEMPTS, ..settings }
}

fn lets_in(policy: Policy, t: char) -> bool {
    policy.is_none_or(|only| only == t)
}

impl Run {
    async fn new(keeps_settled: bool) -> Self {
        // Segments and blocks that end often, so that reading goes over their edges.
        let journal = memory::Config { segment_bytes: 10_000, ..memory::Config::default() };
        let config = Config { checkpoint_bytes: 1 << 16, ..Config::default() };
        let fixture = Fixture::with(MemoryJournal::new(journal), config).await;
        let retention = RetentionPolicy { max_age: AGE, ..RetentionPolicy::default() };
        let settings = TopicSettings { retention, keep_settled: keeps_settled, ..TopicSettings::default() };
        fixture.topic(settings).await;
        Self { fixture, keeps_settled, published: Vec::new(), fresh: 0, subscriptions: BTreeMap::new() }
    }

    async fn step(&mut self, op: &Op) {
        match *op {
            Op::Publish(ref types) => self.publish(types).await,
            Op::Create { who, policy, earliest } => self.create(who, policy, earliest).await,
            Op::Delete(who) => {
                if self.subscriptions.remove(&who).is_some() {
                    self.fixture.broker.delete_subscription(&sub(SUBSCRIPTIONS[who])).await.unwrap();
                }
            }
            Op::Change { who, policy, reevaluate } => self.change(who, policy, reevaluate).await,
            Op::Take { who, acks, nacks } => self.take(who, acks, nacks).await,
            Op::Seek { who, back } => self.seek(who, back).await,
            Op::Pause { who, paused } => self.pause(who, paused).await,
            Op::Stats(who) => self.check_figures(who).await,
            Op::Upkeep => self.fixture.broker.run_upkeep().await,
            Op::Expire => self.expire().await,
            Op::Crash => self.fixture.crash().await,
            Op::Restart => {
                self.fixture.broker.shutdown().await.unwrap();
                self.fixture.crash().await;
            }
        }
    }

    async fn publish(&mut self, types: &[char]) {
        let texts: Vec<_> =
            types.iter().map(|t| format!(r#"{{"t":"{t}","filler":"{:2000}"}}"#, "")).collect();
        let published = self.fixture.publish(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        for (published, t) in published.iter().zip(types) {
            let mut matched = 0;
            for model in self.subscriptions.values_mut().filter(|model| lets_in(model.policy, *t)) {
                model.unsettled.insert(published.id);
                matched += 1;
            }
            assert_eq!(published.matched, matched);
            self.published.push((published.id, *t));
        }
    }

    async fn expire(&mut self) {
        self.fixture.pass(AGE + Duration::from_secs(1)).await;
        self.fixture.broker.run_upkeep().await;
        self.fresh = self.published.len();
        for model in self.subscriptions.values_mut() {
            model.expired += model.unsettled.len() as u64;
            model.unsettled.clear();
        }
        for who in 0..SUBSCRIPTIONS.len() {
            self.check_figures(who).await;
        }
    }

    /// The first message that a start or a seek so far back finds. What is settled may be gone unless the topic keeps it.
    fn back(&self, back: usize) -> usize {
        let back = if self.keeps_settled { back } else { 0 };
        self.published.len().saturating_sub(back).max(self.fresh)
    }

    async fn create(&mut self, who: usize, policy: Policy, earliest: bool) {
        if self.subscriptions.contains_key(&who) {
            return;
        }
        let earliest = earliest && self.keeps_settled;
        let start = self.published.get(self.fresh).filter(|_| earliest);
        let start = start.map_or(StartPosition::Latest, |(id, _)| StartPosition::Sequence(id.sequence));
        let name = sub(SUBSCRIPTIONS[who]);
        self.fixture.broker.create_subscription(name, &topic(), settings(policy), start).await.unwrap();
        let unsettled = if earliest { self.from(policy, self.fresh) } else { BTreeSet::new() };
        self.subscriptions.insert(who, Model { policy, unsettled, ..Model::default() });
    }

    /// What a policy lets in of the messages from one on.
    fn from(&self, policy: Policy, index: usize) -> BTreeSet<MessageId> {
        let messages = self.published[index..].iter();
        messages.filter(|(_, t)| lets_in(policy, *t)).map(|(id, _)| *id).collect()
    }

    async fn change(&mut self, who: usize, policy: Policy, reevaluate: bool) {
        let all = self.from(policy, 0);
        let Some(model) = self.subscriptions.get_mut(&who) else { return };
        let backlog = if reevaluate { BacklogAction::Reevaluate } else { BacklogAction::Keep };
        let to = settings(policy);
        let name = sub(SUBSCRIPTIONS[who]);
        self.fixture.broker.update_subscription(&name, |s| *s = to.clone(), backlog).await.unwrap();
        if reevaluate {
            model.unsettled.retain(|id| all.contains(id));
        }
        model.policy = policy;
    }

    /// Takes everything, acks some, nacks some, and lets the rest go back.
    async fn take(&mut self, who: usize, acks: usize, nacks: usize) {
        let Some(model) = self.subscriptions.get_mut(&who) else { return };
        let name = SUBSCRIPTIONS[who];
        let taken = self.fixture.take(name).await;
        let ids: BTreeSet<_> = taken.iter().map(|delivery| delivery.message_id).collect();
        let expected = if model.paused { BTreeSet::new() } else { model.unsettled.clone() };
        assert_eq!(ids, expected, "{name} gets what is unsettled");
        let (acked, rest) = taken.split_at(acks.min(taken.len()));
        let (nacked, released) = rest.split_at(nacks.min(rest.len()));
        self.fixture.ack(name, acked).await;
        self.fixture.nack(name, nacked, None).await;
        self.fixture.consumer(name).release(&crate::fixture::ids(released));
        for delivery in acked {
            model.unsettled.remove(&delivery.message_id);
        }
        for delivery in nacked {
            let failures = model.failures.entry(delivery.message_id).or_default();
            *failures += 1;
            if *failures == ATTEMPTS {
                model.dead.insert(delivery.message_id);
                model.unsettled.remove(&delivery.message_id);
            }
        }
    }

    async fn seek(&mut self, who: usize, back: usize) {
        let index = self.back(back);
        let Some(policy) = self.subscriptions.get(&who).map(|model| model.policy) else { return };
        let place = self.published.get(index).map(|(id, _)| SeekTo::Sequence(id.sequence));
        let place = place.unwrap_or(SeekTo::Latest);
        self.fixture.broker.seek(&sub(SUBSCRIPTIONS[who]), place).await.unwrap();
        let unsettled = self.from(policy, index);
        let model = self.subscriptions.get_mut(&who).unwrap();
        model.unsettled = unsettled.difference(&model.dead).copied().collect();
        model.failures.clear();
    }

    async fn pause(&mut self, who: usize, paused: bool) {
        let Some(model) = self.subscriptions.get_mut(&who) else { return };
        let name = sub(SUBSCRIPTIONS[who]);
        let broker = &self.fixture.broker;
        let done = if paused { broker.pause(&name).await } else { broker.resume(&name).await };
        done.unwrap();
        model.paused = paused;
    }

    async fn check_figures(&self, who: usize) {
        let Some(model) = self.subscriptions.get(&who) else { return };
        let stats = self.fixture.broker.subscription_stats(&sub(SUBSCRIPTIONS[who])).await.unwrap();
        assert_eq!(stats.backlog, model.unsettled.len() as u64, "{}", SUBSCRIPTIONS[who]);
        assert_eq!(stats.oldest_unsettled_at.is_some(), !model.unsettled.is_empty());
        assert_eq!(stats.counts.expired_age, model.expired);
        assert_eq!(stats.counts.dead_letters, model.dead.len() as u64);
    }
}

async fn run(keeps_settled: bool, ops: Vec<Op>) {
    let mut run = Run::new(keeps_settled).await;
    for op in &ops {
        run.step(op).await;
    }
    for who in 0..SUBSCRIPTIONS.len() {
        run.check_figures(who).await;
        run.pause(who, false).await;
        run.take(who, usize::MAX, 0).await;
        run.check_figures(who).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var("FANFARE_LONG").is_ok_and(|long| long == "1") { 20_000 } else { 600 }))]

    #[test]
    fn each_subscription_gets_what_its_policies_let_in_and_its_backlog_is_exact(
        keeps_settled: bool,
        ops in prop::collection::vec(op(), 1..60),
    ) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(keeps_settled, ops));
    }
}
