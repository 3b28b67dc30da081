//! Owners of the topic and of subscriptions. At most one change of a subscription is under way, so that the history says which
//! incarnation it concerned.

use std::time::Duration;

use broker::{
    BacklogAction, CreateSubscriptionError, DeleteTopicError, SeekError, StartPosition, SubscriptionInfo,
    UpdateSubscriptionError,
};
use types::{
    Position, RetentionPolicy, SubscriptionName, SubscriptionSettings, SubscriptionUid, Timestamp,
    TopicSettings,
};

use super::{
    consume::micros,
    contents::some_action,
    publish::may_have_happened,
    settings::rules,
    world::{Done, World, topic},
};
use crate::history::{Call, Event, Invoked, Sought};

/// A name that a subscription can have, and the subscription that has it, for all that is known.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) name: SubscriptionName,
    pub(crate) uid: Option<SubscriptionUid>,
    /// A change is under way.
    pub(crate) busy: bool,
    /// What was asked for and not answered: it may exist, and only a restart or asking again tells.
    pub(crate) asked: Option<(SubscriptionSettings, StartPosition)>,
}

/// What the owner of a whole topic asks for concerns this "name".
const TOPIC: usize = usize::MAX;

impl Name {
    pub(crate) fn new(index: usize) -> Self {
        let name = format!("sub-{index}").parse().expect("it is a name");
        Self { name, uid: None, busy: false, asked: None }
    }
}

impl World {
    /// Begins some change.
    pub(crate) fn change(&mut self) {
        let index = self.random.index(self.names.len());
        if self.topic_busy || self.names[index].busy {
            return;
        }
        match (self.log, self.names[index].uid) {
            (None, _) => self.create_topic(),
            (Some(log), _) if self.random.percent(2) => self.delete_topic(log),
            (Some(_), None) => self.subscribe(index),
            (Some(_), Some(uid)) => self.change_subscription(index, uid),
        }
    }

    fn change_subscription(&mut self, index: usize, uid: SubscriptionUid) {
        match self.random.weighted(&[2, 3, 5, 3, 4]) {
            0 => self.unsubscribe(index, uid),
            1 => self.set_paused(index, uid, true),
            2 => self.set_paused(index, uid, false),
            3 => self.seek(index, uid),
            _ => self.update(index, uid),
        }
    }

    /// Creates the topic and waits for it: the call has no part in the history before it is answered.
    fn create_topic(&mut self) {
        if self.names.iter().any(|name| name.busy) {
            return;
        }
        let settings = TopicSettings {
            deduplication_window: Duration::from_secs(self.random.of(&[0, 10, 300])),
            retention: RetentionPolicy {
                max_age: Duration::from_secs(self.random.of(&[60, 600, 604_800])),
                ..RetentionPolicy::default()
            },
            keep_settled: self.random.percent(20),
            ..TopicSettings::default()
        };
        let broker = self.broker().clone();
        self.topic_busy = true;
        let creating = async move {
            let created = broker.create_topic(topic(), settings).await;
            let done: Done = Box::new(move |world| {
                // Whoever gave up on a creation before may find it done, with the settings of then.
                let exists = created.or_else(|_| world.broker().topic(&topic()));
                if let Ok(info) = exists {
                    world.topic_is_there(&info);
                }
            });
            done
        };
        self.ops.push(super::world::Op {
            call: None,
            name: Some(TOPIC),
            future: Box::pin(creating),
            silent: false,
        });
    }

    pub(crate) fn topic_is_there(&mut self, info: &broker::TopicInfo) {
        self.log = Some(info.log.0);
        self.record(Event::TopicCreated {
            log: info.log.0,
            deduplication_window: micros(info.settings.deduplication_window),
            max_age: micros(info.settings.retention.max_age),
        });
    }

    fn delete_topic(&mut self, log: u64) {
        if self.names.iter().any(|name| name.busy) {
            return;
        }
        self.topic_busy = true;
        self.log = None;
        let (broker, call) = (self.broker().clone(), self.next_call());
        self.begin(Invoked::DeleteTopic { log }, Some(TOPIC), async move {
            let answer = broker.delete_topic(&topic(), true).await;
            let done: Done = Box::new(move |world| {
                world.names.iter_mut().for_each(|name| name.uid = None);
                let unknown = matches!(&answer, Err(DeleteTopicError::Unavailable(reason)) if may_have_happened(reason));
                match answer {
                    Ok(()) => world.record(Event::ChangeOk { call, position: None, sought: None }),
                    Err(_) => world.refused(call, unknown),
                }
            });
            done
        });
    }

    fn subscribe(&mut self, index: usize) {
        // Somebody who does not know whether it worked asks for the same again.
        let (settings, start) = self.names[index].asked.clone().unwrap_or_else(|| {
            let starts = [StartPosition::Latest, StartPosition::Latest, StartPosition::Earliest];
            (self.settings(), self.random.of(&starts))
        });
        let name = &mut self.names[index];
        (name.busy, name.asked) = (true, Some((settings.clone(), start)));
        let (name, broker, call) = (name.name.clone(), self.broker().clone(), self.next_call());
        self.begin(Invoked::Subscribe, Some(index), async move {
            let answer = broker.create_subscription(name, &topic(), settings, start).await;
            let done: Done = Box::new(move |world| world.subscribed(call, index, start, answer));
            done
        });
    }

    fn subscribed(
        &mut self,
        call: Call,
        index: usize,
        start: StartPosition,
        answer: Result<SubscriptionInfo, CreateSubscriptionError>,
    ) {
        let event = match answer {
            Ok(info) => {
                (self.names[index].uid, self.names[index].asked) = (Some(info.uid), None);
                let allowed_from = if start == StartPosition::Latest { info.position } else { 0 };
                Event::SubscribeOk { call, rules: rules(&info, self.log, allowed_from) }
            }
            Err(CreateSubscriptionError::Unavailable(reason)) if may_have_happened(&reason) => {
                Event::Unknown { call }
            }
            Err(_) => {
                self.names[index].asked = None;
                Event::Failed { call }
            }
        };
        self.record(event);
    }

    fn unsubscribe(&mut self, index: usize, uid: SubscriptionUid) {
        self.names[index].uid = None;
        let name = self.names[index].name.clone();
        let (broker, call) = (self.broker().clone(), self.next_call());
        self.begin_change(index, Invoked::Unsubscribe { subscription: uid.0 }, async move {
            let answer = broker.delete_subscription(&name).await;
            let done: Done = Box::new(move |world| world.changed(call, &answer));
            done
        });
    }

    pub(crate) fn set_paused(&mut self, index: usize, uid: SubscriptionUid, paused: bool) {
        let name = self.names[index].name.clone();
        let (broker, call) = (self.broker().clone(), self.next_call());
        self.begin_change(index, Invoked::SetPaused { subscription: uid.0, paused }, async move {
            let answer = if paused { broker.pause(&name).await } else { broker.resume(&name).await };
            let done: Done = Box::new(move |world| world.changed(call, &answer.map(|info| info.position)));
            done
        });
    }

    fn update(&mut self, index: usize, uid: SubscriptionUid) {
        let Ok(info) = self.broker().subscription(&self.names[index].name) else { return };
        let changed = self.changed_settings(&info.settings);
        let backlog = some_action(&mut self.random);
        let rules = rules(&SubscriptionInfo { settings: changed.clone(), ..info }, self.log, 0);
        debug_assert_eq!(rules.subscription, uid.0);
        let name = self.names[index].name.clone();
        let (broker, call) = (self.broker().clone(), self.next_call());
        let request = Invoked::Update { rules, reevaluates: backlog == BacklogAction::Reevaluate };
        self.begin_change(index, request, async move {
            let change = |settings: &mut SubscriptionSettings| *settings = changed.clone();
            let answer = broker.update_subscription(&name, change, backlog).await;
            let done: Done =
                Box::new(move |world| world.changed(call, &answer.map(|updated| updated.info.position)));
            done
        });
    }

    fn seek(&mut self, index: usize, uid: SubscriptionUid) {
        let back = Duration::from_millis(self.random.below(60_000));
        let to = match self.random.below(4) {
            0 => StartPosition::Latest,
            1 => StartPosition::Earliest,
            2 => StartPosition::Sequence(self.random.below(500)),
            _ => StartPosition::Time(Timestamp::from_micros(self.now()).minus(back)),
        };
        let name = self.names[index].name.clone();
        let (broker, call) = (self.broker().clone(), self.next_call());
        self.begin_change(index, Invoked::Seek { subscription: uid.0 }, async move {
            let answer = broker.seek(&name, to).await;
            let done: Done = Box::new(move |world| {
                let unknown =
                    matches!(&answer, Err(SeekError::Unavailable(reason)) if may_have_happened(reason));
                match answer {
                    Ok((info, from)) => world.sought(call, info.position, from),
                    Err(_) => world.refused(call, unknown),
                }
            });
            done
        });
    }

    fn sought(&mut self, call: Call, position: Position, allowed_from: u64) {
        // Of what the log does not keep any more, only that is there which some subscription needed.
        let kept_from = self.broker().topic_stats(&topic()).map_or(u64::MAX, |stats| stats.first_position);
        let sought = Sought { allowed_from, required_from: allowed_from.max(kept_from) };
        self.record(Event::ChangeOk { call, position: Some(position), sought: Some(sought) });
    }

    fn begin_change(&mut self, index: usize, request: Invoked, work: impl Future<Output = Done> + 'static) {
        self.names[index].busy = true;
        self.begin(request, Some(index), work);
    }

    fn changed(&mut self, call: Call, answer: &Result<Position, UpdateSubscriptionError>) {
        let unknown =
            matches!(answer, Err(UpdateSubscriptionError::Unavailable(reason)) if may_have_happened(reason));
        match answer {
            Ok(position) => self.record(Event::ChangeOk { call, position: Some(*position), sought: None }),
            Err(_) => self.refused(call, unknown),
        }
    }

    fn refused(&mut self, call: Call, unknown: bool) {
        self.record(if unknown { Event::Unknown { call } } else { Event::Failed { call } });
    }
}
