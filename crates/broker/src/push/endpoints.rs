//! Which subscriptions have an endpoint, and who works on them. Behind locks that are taken last and held for no wait.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Weak},
};

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use types::{SubscriptionUid, TopicName, limits, push::PushSettings};

use super::{CheckEndpoint, PushRole};
use crate::subscription::Subscription;

/// A worker's number, never used twice in a process.
pub(super) type WorkerId = u64;

/// All endpoints of a broker.
#[derive(Debug)]
pub(crate) struct Endpoints {
    listed: Mutex<BTreeMap<SubscriptionUid, Listed>>,
    workers: Mutex<Workers>,
    /// Counts the changes of either of them.
    changes: watch::Sender<u64>,
    pub(super) guard: RwLock<Option<Arc<dyn CheckEndpoint>>>,
    /// Held from a look at who forwards to whom until the forward that was looked at is listed.
    pub(super) forwarding: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Listed {
    subscription: Weak<Subscription>,
    topic: TopicName,
    /// The topic that it forwards to; none if it delivers.
    to: Option<TopicName>,
}

#[derive(Debug, Default)]
struct Workers {
    joined: BTreeMap<WorkerId, PushRole>,
    next: WorkerId,
}

impl Listed {
    fn role(&self) -> PushRole {
        if self.to.is_some() { PushRole::Forwarder } else { PushRole::Deliverer }
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            listed: Mutex::default(),
            workers: Mutex::default(),
            changes: watch::Sender::new(0),
            guard: RwLock::default(),
            forwarding: tokio::sync::Mutex::default(),
        }
    }
}

impl Endpoints {
    /// The subscription has this endpoint, or none, from now on; or something about it has changed. Under the subscription's lock.
    pub(crate) fn set(
        &self,
        subscription: &Arc<Subscription>,
        topic: &TopicName,
        push: Option<&PushSettings>,
    ) {
        let changed = match push {
            Some(push) => {
                let to = push.topic().ok().flatten();
                let listed = Listed { subscription: Arc::downgrade(subscription), topic: topic.clone(), to };
                self.listed.lock().insert(subscription.uid, listed);
                true
            }
            None => self.listed.lock().remove(&subscription.uid).is_some(),
        };
        if changed {
            self.tell();
        }
    }

    /// The subscription is deleted.
    pub(crate) fn remove(&self, uid: SubscriptionUid) {
        let removed = self.listed.lock().remove(&uid);
        if removed.is_some() {
            self.tell();
        }
    }

    /// Every worker looks again.
    pub(crate) fn tell(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Somebody works on endpoints of this role. Every one of them is somebody's then.
    pub(crate) fn has_worker(&self, role: PushRole) -> bool {
        self.workers.lock().joined.values().any(|joined| *joined == role)
    }

    /// None if there are as many as there can be.
    pub(super) fn join(&self, role: PushRole) -> Option<WorkerId> {
        let mut workers = self.workers.lock();
        if workers.joined.len() >= limits::PUSH_WORKERS {
            return None;
        }
        let id = workers.next;
        workers.next += 1;
        workers.joined.insert(id, role);
        drop(workers);
        self.tell();
        Some(id)
    }

    pub(super) fn leave(&self, id: WorkerId) {
        self.workers.lock().joined.remove(&id);
        self.tell();
    }

    /// Follows the changes; it counts as changed at first.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        let mut changes = self.changes.subscribe();
        changes.mark_changed();
        changes
    }

    /// The subscriptions that fall to a worker.
    pub(super) fn share_of(&self, worker: WorkerId) -> Vec<Arc<Subscription>> {
        let workers = self.workers.lock();
        let Some(role) = workers.joined.get(&worker).copied() else { return Vec::new() };
        let of_role = workers.joined.iter().filter(|(_, other)| **other == role);
        let candidates: Vec<_> = of_role.map(|(id, _)| *id).collect();
        drop(workers);
        let listed = self.listed.lock();
        let own = listed
            .iter()
            .filter(|(uid, entry)| entry.role() == role && owner(&candidates, **uid) == Some(worker));
        own.filter_map(|(_, entry)| entry.subscription.upgrade()).collect()
    }

    /// The topics on the way along the forwards that there are, both ends included; none if there is no way.
    pub(super) fn way(&self, from: &TopicName, to: &TopicName) -> Option<Vec<TopicName>> {
        let forwards = self.forwards();
        let mut came_from: BTreeMap<TopicName, Option<TopicName>> = BTreeMap::from([(from.clone(), None)]);
        let mut next = VecDeque::from([from.clone()]);
        while let Some(topic) = next.pop_front() {
            if topic == *to {
                return Some(way_to(topic, &came_from));
            }
            for target in forwards.get(&topic).into_iter().flatten() {
                if !came_from.contains_key(target) {
                    came_from.insert(target.clone(), Some(topic.clone()));
                    next.push_back(target.clone());
                }
            }
        }
        None
    }

    fn forwards(&self) -> BTreeMap<TopicName, Vec<TopicName>> {
        let mut forwards: BTreeMap<TopicName, Vec<TopicName>> = BTreeMap::new();
        for entry in self.listed.lock().values() {
            if let Some(to) = &entry.to {
                forwards.entry(entry.topic.clone()).or_default().push(to.clone());
            }
        }
        forwards
    }
}

fn way_to(end: TopicName, came_from: &BTreeMap<TopicName, Option<TopicName>>) -> Vec<TopicName> {
    let mut way = vec![end];
    while let Some(Some(before)) = way.last().and_then(|topic| came_from.get(topic)) {
        way.push(before.clone());
    }
    way.reverse();
    way
}

/// Whose an endpoint is: the worker with the highest hash (rendezvous hashing), so that one that comes or goes moves no more than its
/// own share.
fn owner(workers: &[WorkerId], uid: SubscriptionUid) -> Option<WorkerId> {
    let weight = |worker: &WorkerId| {
        let mut hasher = DefaultHasher::new();
        (worker, uid).hash(&mut hasher);
        (hasher.finish(), *worker)
    };
    workers.iter().copied().max_by_key(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_joins_takes_about_its_share_and_moves_nothing_else() {
        let uids = || (0..3_000).map(SubscriptionUid);
        let before: Vec<_> = uids().map(|uid| owner(&[1, 2, 3], uid).unwrap()).collect();
        let after: Vec<_> = uids().map(|uid| owner(&[1, 2, 3, 4], uid).unwrap()).collect();
        let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert!(moved.iter().all(|(_, after)| **after == 4));
        assert!((600..900).contains(&moved.len()), "{} moved", moved.len());
    }
}
