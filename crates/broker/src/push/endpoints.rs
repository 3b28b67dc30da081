//! Which subscriptions have an endpoint, and who works on them. Behind a lock that is taken last and held for no wait.

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
    table: Mutex<Table>,
    /// Counts its changes.
    changes: watch::Sender<u64>,
    pub(super) guard: RwLock<Option<Arc<dyn CheckEndpoint>>>,
    /// Held from a look at who forwards to whom until the forward that was looked at is listed.
    pub(super) forwarding: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Table {
    listed: BTreeMap<SubscriptionUid, Listed>,
    joined: BTreeMap<WorkerId, PushRole>,
    next: WorkerId,
}

#[derive(Debug)]
struct Listed {
    subscription: Weak<Subscription>,
    topic: TopicName,
    /// The topic that it forwards to; none if it delivers.
    to: Option<TopicName>,
    /// Whose it is, of those that have joined. Kept, because every worker asks for its share after every change.
    owner: Option<WorkerId>,
}

impl Listed {
    fn role(&self) -> PushRole {
        if self.to.is_some() { PushRole::Forwarder } else { PushRole::Deliverer }
    }
}

impl Table {
    /// Whose an endpoint is: the worker with the highest hash (rendezvous hashing), so that one that comes or goes moves no more than its
    /// own share.
    fn owner(&self, role: PushRole, uid: SubscriptionUid) -> Option<WorkerId> {
        let of_role = self.joined.iter().filter(|(_, joined)| **joined == role);
        of_role.map(|(id, _)| *id).max_by_key(|id| weight(*id, uid))
    }

    /// Gives endpoints their owners again, where `changes` says that these may be others.
    fn share_out(&mut self, changes: impl Fn(&Listed) -> bool) {
        let mut listed = std::mem::take(&mut self.listed);
        for (uid, entry) in listed.iter_mut().filter(|(_, entry)| changes(entry)) {
            entry.owner = self.owner(entry.role(), *uid);
        }
        self.listed = listed;
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            table: Mutex::default(),
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
        let Some(push) = push else { return self.remove(subscription.uid) };
        let to = push.topic().ok().flatten();
        let subscription_ref = Arc::downgrade(subscription);
        let mut listed = Listed { subscription: subscription_ref, topic: topic.clone(), to, owner: None };
        let mut table = self.table.lock();
        listed.owner = table.owner(listed.role(), subscription.uid);
        table.listed.insert(subscription.uid, listed);
        drop(table);
        self.tell();
    }

    /// The subscription is deleted, or has no endpoint any more.
    pub(crate) fn remove(&self, uid: SubscriptionUid) {
        let removed = self.table.lock().listed.remove(&uid);
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
        self.table.lock().joined.values().any(|joined| *joined == role)
    }

    /// None if there are as many as there can be.
    pub(super) fn join(&self, role: PushRole) -> Option<WorkerId> {
        let mut table = self.table.lock();
        if table.joined.len() >= limits::PUSH_WORKERS {
            return None;
        }
        let id = table.next;
        table.next += 1;
        table.joined.insert(id, role);
        table.share_out(|entry| entry.role() == role);
        drop(table);
        self.tell();
        Some(id)
    }

    pub(super) fn leave(&self, id: WorkerId) {
        let mut table = self.table.lock();
        table.joined.remove(&id);
        table.share_out(|entry| entry.owner == Some(id));
        drop(table);
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
        let table = self.table.lock();
        let own = table.listed.values().filter(|entry| entry.owner == Some(worker));
        own.filter_map(|entry| entry.subscription.upgrade()).collect()
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
        for entry in self.table.lock().listed.values() {
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

fn weight(worker: WorkerId, uid: SubscriptionUid) -> (u64, WorkerId) {
    let mut hasher = DefaultHasher::new();
    (worker, uid).hash(&mut hasher);
    (hasher.finish(), worker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_joins_takes_about_its_share_and_moves_nothing_else() {
        let uids = || (0..3_000).map(SubscriptionUid);
        let owners = |workers: std::ops::RangeInclusive<WorkerId>| -> Vec<_> {
            let joined = workers.map(|id| (id, PushRole::Deliverer)).collect();
            let table = Table { joined, ..Table::default() };
            uids().map(|uid| table.owner(PushRole::Deliverer, uid).unwrap()).collect()
        };
        let (before, after) = (owners(1..=3), owners(1..=4));
        let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert!(moved.iter().all(|(_, after)| **after == 4));
        assert!((600..900).contains(&moved.len()), "{} moved", moved.len());
    }
}
