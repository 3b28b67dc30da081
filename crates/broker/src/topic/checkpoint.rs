//! Checkpoints: the topic's state, so that recovery reads only the end of the log.
//!
//! Each part is taken under its own lock and carries its own `as_of`: the part reflects every record of its own below that
//! position and none from there on. So no checkpoint stops the world.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use bytes::Bytes;
use journal::{Checkpoint, JournalError};
use serde::{Deserialize, Serialize};
use types::{
    FilterPolicy, Position, Sequence, SubscriptionName, SubscriptionSettings, SubscriptionUid, Timestamp,
    TopicSettings, push::EndpointStatus,
};

use super::{Checked, Topic};
use crate::{
    deduplication::{Seen, SeenRun},
    subscription::{Era, State, Subscription},
};

/// Version 1 ends where the filters begin, version 2 where the endpoints begin.
const VERSION: u8 = 4;

/// What upkeep remembers between its rounds.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Nothing gets too old before.
    pub(super) next_age_check: Timestamp,
    /// Segments wait for a newer checkpoint before they can go.
    pub(super) wants_checkpoint: bool,
    /// The oldest segment, by its first position, when this many of its messages were too much to carry forward.
    pub(super) too_much: Option<(Position, usize)>,
    /// The lowest cursor in each of the two latest checkpoints, the older one first, or to which a subscription was moved since.
    /// Unknown is 0.
    cursors: [Position; 2],
}

impl Progress {
    /// A recovery may begin to read here, whichever checkpoint it finds. Of what is before, it knows only what a checkpoint's windows hold:
    /// a message that was carried forward is found by that, and by nothing else.
    pub(super) fn read_from(&self) -> Position {
        self.cursors[0].min(self.cursors[1])
    }

    /// A subscription starts to read at `cursor`, and recovery will too.
    pub(crate) fn reads_from(&mut self, cursor: Position) {
        self.cursors = self.cursors.map(|before| before.min(cursor));
    }

    /// Not worth another look: it was too much before, and has not become much less.
    pub(super) fn is_too_much(&self, first: Position, messages: usize) -> bool {
        self.too_much.is_some_and(|(segment, before)| segment == first && messages > before / 2)
    }
}

/// A topic's state in a checkpoint. Settings are JSON, so that they can grow fields.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TopicPart {
    pub(super) as_of: Position,
    /// When it was taken: the broker's time does not run back before it.
    pub(super) at: Timestamp,
    pub(super) settings: String,
    pub(super) position: Position,
    pub(super) published: u64,
    pub(super) end: Position,
    pub(super) deduplication: Vec<Seen>,
    pub(super) carried: BTreeMap<Sequence, Position>,
    pub(super) subscriptions: Vec<SubscriptionPart>,
    /// Of the subscriptions that have a filter policy, or had one when what they have not read was accepted.
    #[serde(skip)]
    pub(super) filters: Vec<FilterPart>,
    /// Of the subscriptions that have a push endpoint.
    #[serde(skip)]
    pub(super) endpoints: Vec<EndpointPart>,
    /// Of the deduplication IDs that have a number.
    #[serde(skip)]
    pub(super) deduplication_runs: Vec<SeenRun>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SubscriptionPart {
    pub(super) as_of: Position,
    pub(super) uid: SubscriptionUid,
    pub(super) name: SubscriptionName,
    pub(super) settings: String,
    pub(super) created_at: Timestamp,
    pub(super) position: Position,
    pub(super) ordinal: u64,
    pub(super) queue: queue::Snapshot,
}

/// What a subscription's queue does not know of a filter. As of the same moment as its [`SubscriptionPart`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FilterPart {
    pub(super) uid: SubscriptionUid,
    /// The record that brought the policy in the settings.
    pub(super) policy_position: Position,
    /// It decides from here on, and below the eras do.
    pub(super) since: Position,
    /// Messages below `counted_to` that it let in and that are not read.
    pub(super) unread: u64,
    pub(super) counted_to: Position,
    pub(super) eras: Vec<EraPart>,
}

/// Whether a subscription's endpoint gets messages. As of the same moment as its [`SubscriptionPart`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EndpointPart {
    pub(super) uid: SubscriptionUid,
    /// As JSON, so that it can grow.
    status: String,
}

/// See [`Era`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EraPart {
    from: Position,
    until: Position,
    /// Each as JSON.
    policies: Vec<String>,
    unread: Option<u64>,
}

impl TopicPart {
    pub(super) fn encode(&self) -> Bytes {
        let out = postcard::to_extend(self, vec![VERSION]);
        let out = out.and_then(|out| postcard::to_extend(&self.filters, out));
        let out = out.and_then(|out| postcard::to_extend(&self.endpoints, out));
        let out = out.and_then(|out| postcard::to_extend(&self.deduplication_runs, out));
        out.expect("a checkpoint has no value that postcard cannot write").into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        match bytes.split_first() {
            Some((version @ 1..=VERSION, rest)) => {
                Self::decode_parts(*version, rest).map_err(|error| error.to_string())
            }
            Some((version, _)) => {
                Err(format!("the checkpoint has version {version}, this release reads {VERSION}"))
            }
            None => Err("the checkpoint is empty".into()),
        }
    }

    fn decode_parts(version: u8, bytes: &[u8]) -> Result<Self, postcard::Error> {
        let (mut part, mut rest): (Self, _) = postcard::take_from_bytes(bytes)?;
        if version >= 2 {
            (part.filters, rest) = postcard::take_from_bytes(rest)?;
        }
        if version >= 3 {
            (part.endpoints, rest) = postcard::take_from_bytes(rest)?;
        }
        if version >= 4 {
            part.deduplication_runs = postcard::from_bytes(rest)?;
        }
        Ok(part)
    }

    pub(super) fn topic_settings(&self) -> Result<TopicSettings, String> {
        serde_json::from_str(&self.settings).map_err(|error| error.to_string())
    }
}

impl SubscriptionPart {
    pub(super) fn subscription_settings(&self) -> Result<SubscriptionSettings, String> {
        serde_json::from_str(&self.settings).map_err(|error| error.to_string())
    }
}

impl FilterPart {
    /// Of a subscription whose lock is held; none if it reads plainly.
    fn of(topic: &Topic, subscription: &Subscription, state: &State) -> Option<Self> {
        let reading = &state.reading;
        if state.reads_plainly() && reading.policy_position() == 0 {
            return None;
        }
        // No message is on its way into the lists while this is held.
        let frames = topic.cache.lock();
        Some(Self {
            uid: subscription.uid,
            policy_position: reading.policy_position(),
            since: reading.since(),
            unread: reading.filter().map_or(0, |_| reading.unread_in_force(0)),
            counted_to: frames.end(),
            eras: reading.eras().map(EraPart::of).collect(),
        })
    }
}

impl EndpointPart {
    fn of(subscription: &Subscription, state: &State) -> Option<Self> {
        let status = to_json(state.endpoint_status()?);
        Some(Self { uid: subscription.uid, status })
    }

    pub(super) fn status(&self) -> Result<EndpointStatus, String> {
        serde_json::from_str(&self.status).map_err(|error| error.to_string())
    }
}

impl EraPart {
    fn of(era: &Era) -> Self {
        let policies = era.policies.iter().map(|checked| to_json(&checked.text)).collect();
        Self { from: era.from, until: era.until, policies, unread: era.unread }
    }

    pub(super) fn to_era(&self) -> Result<Era, String> {
        let policies = self.policies.iter().map(|json| {
            let text: FilterPolicy = serde_json::from_str(json).map_err(|error| error.to_string())?;
            Checked::of(&text).map_err(|invalid| invalid.to_string())
        });
        Ok(Era {
            from: self.from,
            until: self.until,
            policies: policies.collect::<Result<_, String>>()?,
            unread: self.unread,
            passed: 0,
        })
    }
}

impl Topic {
    /// Saves a checkpoint. The topic's upkeep lock is held.
    pub(crate) async fn checkpoint(&self, progress: &mut Progress) -> Result<(), JournalError> {
        let written = self.written.load(Ordering::Relaxed);
        let (part, subscriptions) = self.topic_part();
        // Before the parts are taken: cursors only rise meanwhile, because seeks take the upkeep lock.
        let cursor = subscriptions.iter().map(|s| s.peek().queue.cursor()).fold(part.as_of, Position::min);
        let mut part = part;
        for subscription in &subscriptions {
            part.add(self, subscription);
        }
        let positions = || part.subscriptions.iter().map(|s| s.as_of).chain([part.as_of]);
        let replay_from = positions().min().unwrap_or(part.as_of);
        let counted_to = part.filters.iter().map(|filter| filter.counted_to);
        let as_of = positions().chain(counted_to).max().unwrap_or(part.as_of);
        let state = part.encode();
        self.log.save_checkpoint(Checkpoint { replay_from, as_of, state }).await?;
        self.written.fetch_sub(written, Ordering::Relaxed);
        progress.wants_checkpoint = false;
        progress.cursors = [progress.cursors[1], cursor];
        Ok(())
    }

    /// Enough was written since the last one.
    pub(super) fn is_checkpoint_due(&self) -> bool {
        self.written.load(Ordering::Relaxed) >= self.shared.config.checkpoint_bytes
    }

    fn topic_part(&self) -> (TopicPart, Vec<std::sync::Arc<Subscription>>) {
        let state = self.state.lock();
        let (deduplication, deduplication_runs) = state.deduplication.snapshot();
        let part = TopicPart {
            // What is durable is below; of what is not, all that was appended under this lock is below `end`.
            as_of: state.end.max(self.visible()),
            at: self.shared.time.now(),
            settings: to_json(&state.settings),
            position: state.position,
            published: state.published,
            end: state.end,
            deduplication,
            carried: state.carried.clone(),
            subscriptions: Vec::new(),
            filters: Vec::new(),
            endpoints: Vec::new(),
            deduplication_runs,
        };
        (part, state.subscriptions.values().cloned().collect())
    }
}

impl TopicPart {
    fn add(&mut self, topic: &Topic, subscription: &Subscription) {
        let state = subscription.peek();
        self.subscriptions.push(SubscriptionPart {
            as_of: state.end.max(topic.visible()),
            uid: subscription.uid,
            name: subscription.name.clone(),
            settings: to_json(state.queue.settings()),
            created_at: subscription.created_at,
            position: state.position,
            ordinal: state.reading.seen(),
            queue: state.queue.snapshot(),
        });
        self.filters.extend(FilterPart::of(topic, subscription, &state));
        self.endpoints.extend(EndpointPart::of(subscription, &state));
    }
}

fn to_json(settings: &impl Serialize) -> String {
    serde_json::to_string(settings).expect("settings have no value that JSON cannot hold")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> TopicPart {
        TopicPart {
            as_of: 7,
            at: Timestamp::from_micros(5),
            settings: to_json(&TopicSettings::default()),
            position: 3,
            published: 2,
            end: 7,
            deduplication: Vec::new(),
            carried: BTreeMap::from([(1, 5)]),
            subscriptions: Vec::new(),
            filters: Vec::new(),
            endpoints: Vec::new(),
            deduplication_runs: Vec::new(),
        }
    }

    #[test]
    fn a_checkpoint_of_version_1_is_read_as_one_without_filters() {
        let bytes = postcard::to_extend(&part(), vec![1]).unwrap();
        let read = TopicPart::decode(&bytes).unwrap();
        assert_eq!((read.as_of, read.published, read.carried.len(), read.filters.len()), (7, 2, 1, 0));
    }

    #[test]
    fn a_checkpoint_of_version_2_is_read_as_one_without_endpoints() {
        let filter = FilterPart {
            uid: SubscriptionUid(9),
            policy_position: 4,
            since: 5,
            unread: 6,
            counted_to: 7,
            eras: vec![],
        };
        let bytes = postcard::to_extend(&part(), vec![2]).unwrap();
        let bytes = postcard::to_extend(&vec![filter], bytes).unwrap();
        let read = TopicPart::decode(&bytes).unwrap();
        assert_eq!((read.as_of, read.filters[0].unread, read.endpoints.len()), (7, 6, 0));
    }

    #[test]
    fn the_status_of_an_endpoint_comes_back() {
        let reason = types::push::DisabledReason::Gone;
        let status = EndpointStatus::Disabled { reason, at: Timestamp::from_micros(9) };
        let endpoint = EndpointPart { uid: SubscriptionUid(9), status: to_json(&status) };
        let read = TopicPart::decode(&TopicPart { endpoints: vec![endpoint], ..part() }.encode()).unwrap();
        assert_eq!((read.endpoints[0].uid, read.endpoints[0].status()), (SubscriptionUid(9), Ok(status)));
    }

    #[test]
    fn a_checkpoint_of_a_later_version_is_refused() {
        let error = TopicPart::decode(&[VERSION + 1, 0]).unwrap_err();
        assert!(error.contains("version 5"), "{error}");
    }

    #[test]
    fn what_is_known_of_filters_comes_back() {
        let text = FilterPolicy { json: r#"{"t":["a"]}"#.into(), scope: types::FilterScope::Body };
        let policies = vec![Checked::of(&text).unwrap()];
        let era = Era { from: 1, until: 5, policies, unread: Some(4), passed: 0 };
        let filter = FilterPart {
            uid: SubscriptionUid(9),
            policy_position: 4,
            since: 5,
            unread: 6,
            counted_to: 7,
            eras: vec![EraPart::of(&era)],
        };
        let read = TopicPart::decode(&TopicPart { filters: vec![filter], ..part() }.encode()).unwrap();
        let filter = &read.filters[0];
        assert_eq!((filter.policy_position, filter.since, filter.unread, filter.counted_to), (4, 5, 6, 7));
        let era = filter.eras[0].to_era().unwrap();
        assert_eq!((era.from, era.until, era.unread, era.policies[0].text.clone()), (1, 5, Some(4), text));
    }
}
