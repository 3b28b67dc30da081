//! Consumers: they pull, ack, nack, extend, give back, forget, and come too late. What they report as push workers do is in `report`.

use std::time::Duration;

use broker::{Ask, ConsumeError, Delivery, LeaseError, SettleError, Settling, Subscriber};
use types::{AckId, Timestamp};

use super::{
    contents::uid_of,
    publish::may_have_happened,
    world::{Done, Op, World},
};
use crate::history::{Call, Delivered, Event, Invoked, SettleKind, Settlement, hash_of};

/// A delivery in a client's hands.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(super) subscriber: Subscriber,
    pub(super) ack_id: AckId,
    pub(super) attempt: u32,
}

impl Held {
    /// The same under another broker's handle.
    pub(crate) fn through(&self, subscriber: &Subscriber) -> Self {
        Self { subscriber: subscriber.clone(), ..self.clone() }
    }

    pub(crate) fn subscription(&self) -> u64 {
        self.ack_id.subscription.0
    }
}

/// How a settlement is answered.
pub(super) type Answer = Result<Vec<Settlement>, SettleError>;

impl World {
    /// Begins to wait for messages of some subscription.
    pub(crate) fn pull(&mut self) {
        let index = self.random.index(self.names.len());
        let ask =
            Ask { max_messages: 1 + self.random.index(6), max_bytes: self.random.of(&[1_000, 1 << 20]) };
        self.pull_from(index, ask);
    }

    /// The same of one subscription, if it is known to exist.
    pub(crate) fn pull_from(&mut self, index: usize, ask: Ask) {
        if self.names[index].uid.is_none() {
            return;
        }
        let Ok(subscriber) = self.broker().subscriber(&self.names[index].name) else { return };
        let pulling = async move {
            let pulled = match subscriber.consumer() {
                Ok(mut consumer) => consumer.next(ask).await,
                Err(error) => Err(error),
            };
            let done: Done = Box::new(move |world| world.pulled(&subscriber, pulled));
            done
        };
        self.ops.push(Op { call: None, name: None, future: Box::pin(pulling), silent: false });
    }

    fn pulled(&mut self, subscriber: &Subscriber, pulled: Result<Vec<Delivery>, ConsumeError>) {
        for delivery in pulled.unwrap_or_default() {
            self.record(Event::Delivered(delivered(&delivery)));
            let Delivery { ack_id, attempt, .. } = delivery;
            self.hands.push(Held { subscriber: subscriber.clone(), ack_id, attempt });
        }
    }

    /// Does something about some of the deliveries in hand.
    pub(crate) fn settle(&mut self) {
        if self.hands.is_empty() {
            return;
        }
        let taken = self.take_in_hand();
        let millis = self.random.of(&[0, 1_000, 5_000]);
        let delay = Duration::from_millis(self.random.below(millis + 1));
        match self.random.weighted(&[35, 10, 8, 10, 4, 8, 25]) {
            0 => self.acknowledge(&taken),
            1 => self.nack(&taken, Some(delay)),
            2 => self.nack(&taken, None),
            3 => self.extend(taken, delay + Duration::from_secs(1)),
            4 => self.release(&taken),
            5 => self.keep_late(taken), // Forgotten: the leases run out.
            _ => self.report(taken),
        }
    }

    /// One to four deliveries of one subscription. Sometimes they stay in hand, to be settled again.
    fn take_in_hand(&mut self) -> Vec<Held> {
        let index = self.random.index(self.hands.len());
        let first = self.hands[index].ack_id.subscription;
        let most = 1 + self.random.index(4);
        let keeps = self.random.percent(6);
        let mut taken = Vec::new();
        self.hands.retain(|held| {
            let takes = held.ack_id.subscription == first && taken.len() < most;
            if takes {
                taken.push(held.clone());
            }
            !takes || keeps
        });
        taken
    }

    pub(crate) fn acknowledge(&mut self, held: &[Held]) {
        let Some((subscriber, ids)) = claims(held) else { return };
        let call = self.next_call();
        self.begin(settle(SettleKind::Ack, &ids, None), None, async move {
            let answer = durable(subscriber.acknowledge(&ids).await).await;
            let done: Done = Box::new(move |world| world.settled(call, answer));
            done
        });
    }

    fn nack(&mut self, held: &[Held], delay: Option<Duration>) {
        let Some((subscriber, ids)) = claims(held) else { return };
        let call = self.next_call();
        self.begin(settle(SettleKind::Nack, &ids, delay), None, async move {
            let ids: Vec<_> = ids.into_iter().map(|id| (id, delay)).collect();
            let answer = durable(subscriber.nack(&ids).await).await;
            let done: Done = Box::new(move |world| world.settled(call, answer));
            done
        });
    }

    /// They stay in hand.
    fn extend(&mut self, held: Vec<Held>, by: Duration) {
        let Some((subscriber, ids)) = claims(&held) else { return };
        let call = self.recorder.invoke(self.now(), settle(SettleKind::Extend, &ids, Some(by)));
        let settlement = |end: Result<Timestamp, LeaseError>| Settlement {
            held: end.is_ok(),
            until: end.ok().map(Timestamp::as_micros),
        };
        let answer = subscriber.extend(&ids, by).map(|ends| ends.into_iter().map(settlement).collect());
        self.settled(call, answer);
        self.hands.extend(held);
    }

    fn release(&mut self, held: &[Held]) {
        let Some((subscriber, ids)) = claims(held) else { return };
        let Ok(consumer) = subscriber.consumer() else { return };
        self.given_back.extend(&ids);
        let call = self.recorder.invoke(self.now(), settle(SettleKind::Release, &ids, None));
        consumer.release(&ids);
        // It has no answer, so whether the leases were still held is not known.
        let outcomes = ids.iter().map(|_| Settlement { held: false, until: None }).collect();
        self.settled(call, Ok(outcomes));
    }

    pub(super) fn settled(&mut self, call: Call, answer: Answer) {
        self.record(match answer {
            Ok(outcomes) => Event::SettleOk { call, outcomes },
            Err(SettleError::Unavailable(reason)) if may_have_happened(&reason) => Event::Unknown { call },
            Err(_) => Event::Failed { call },
        });
    }
}

pub(super) fn claims(held: &[Held]) -> Option<(Subscriber, Vec<AckId>)> {
    Some((held.first()?.subscriber.clone(), held.iter().map(|held| held.ack_id).collect()))
}

pub(super) fn settle(kind: SettleKind, ids: &[AckId], delay: Option<Duration>) -> Invoked {
    Invoked::Settle {
        subscription: ids.first().map_or(0, |id| id.subscription.0),
        kind,
        claims: ids.iter().map(|id| (id.sequence, id.lease.0)).collect(),
        delay: delay.map(micros),
    }
}

pub(super) async fn durable(settling: Result<Settling, SettleError>) -> Answer {
    let outcomes = settling?.durable().await?;
    Ok(outcomes.iter().map(|outcome| Settlement { held: outcome.is_ok(), until: None }).collect())
}

fn delivered(delivery: &Delivery) -> Delivered {
    Delivered {
        subscription: delivery.ack_id.subscription.0,
        log: delivery.message_id.log.0,
        sequence: delivery.message_id.sequence,
        uid: uid_of(&delivery.payload),
        hash: hash_of(&delivery.payload),
        lease: delivery.ack_id.lease.0,
        deadline: delivery.deadline.as_micros(),
        attempt: delivery.attempt,
        first_delivery: delivery.first_delivery,
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
