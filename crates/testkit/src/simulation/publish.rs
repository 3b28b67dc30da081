//! Publishers.

use broker::{NewMessage, PublishError, Published, Unavailable};
use types::{MessageMeta, Timestamp};

use super::{
    contents::{payload_of, some_kind},
    world::{Done, World, topic},
};
use crate::history::{Call, Event, Invoked, Message, Receipt, hash_of};

impl World {
    /// Begins to publish one to four messages.
    pub(crate) fn publish(&mut self) {
        let count = 1 + self.random.below(4);
        let (messages, new): (Vec<_>, Vec<_>) = (0..count).map(|_| self.message()).unzip();
        let (broker, call) = (self.broker().clone(), self.next_call());
        self.begin(Invoked::Publish { messages }, None, async move {
            let answer = broker.publish(&topic(), new).await;
            let done: Done = Box::new(move |world| world.published(call, answer));
            done
        });
    }

    fn message(&mut self) -> (Message, NewMessage) {
        self.uids += 1;
        let (uid, now) = (self.uids, self.now());
        let random = &mut self.random;
        let mut some = |chance, bound| random.percent(chance).then(|| random.below(bound));
        let key = some(60, 3);
        let dedup = some(25, 6);
        let deliver_at = some(10, 20_000_000).map_or(0, |wait| now + wait);
        let expire_at = some(8, 60_000_000).map(|life| now + life);
        let bytes = usize::try_from(self.random.below(self.payload_bytes)).unwrap_or(0);
        let kind = some_kind(&mut self.random);
        let payload = payload_of(uid, kind, bytes);
        let meta = MessageMeta {
            ordering_key: key.map(|key| format!("key-{key}").into()),
            deduplication_id: dedup.map(|id| format!("id-{id}").into()),
            correlation_id: format!("c-{uid}").into(),
            deliver_at: Timestamp::from_micros(deliver_at),
            expire_at: expire_at.map(Timestamp::from_micros),
        };
        let message = Message { uid, hash: hash_of(&payload), kind, key, dedup, deliver_at, expire_at };
        (message, NewMessage { meta, payload })
    }

    fn published(&mut self, call: Call, answer: Result<Vec<Published>, PublishError>) {
        let receipt = |published: &Published| Receipt {
            log: published.id.log.0,
            sequence: published.id.sequence,
            deduplicated: published.deduplicated,
            matched: published.matched,
        };
        self.record(match answer {
            Ok(published) => Event::PublishOk { call, receipts: published.iter().map(receipt).collect() },
            Err(PublishError::Unavailable(reason)) if may_have_happened(&reason) => Event::Unknown { call },
            Err(_) => Event::Failed { call },
        });
    }
}

/// Whether an error leaves open what happened.
pub(crate) fn may_have_happened(reason: &Unavailable) -> bool {
    matches!(reason, Unavailable::Poisoned(_) | Unavailable::Draining)
}
