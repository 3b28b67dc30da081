//! Publishers.

use broker::{NewMessage, PublishError, Published, Unavailable};
use bytes::Bytes;
use types::{MessageMeta, Timestamp};

use super::world::{Done, World, topic};
use crate::history::{Call, Event, Invoked, Message, Receipt, Uid, hash_of};

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
        let payload = payload_of(uid, bytes);
        let meta = MessageMeta {
            ordering_key: key.map(|key| format!("key-{key}").into()),
            deduplication_id: dedup.map(|id| format!("id-{id}").into()),
            correlation_id: format!("c-{uid}").into(),
            deliver_at: Timestamp::from_micros(deliver_at),
            expire_at: expire_at.map(Timestamp::from_micros),
        };
        let message = Message { uid, hash: hash_of(&payload), key, dedup, deliver_at, expire_at };
        (message, NewMessage { meta, payload })
    }

    fn published(&mut self, call: Call, answer: Result<Vec<Published>, PublishError>) {
        let receipt = |published: &Published| Receipt {
            log: published.id.log.0,
            sequence: published.id.sequence,
            deduplicated: published.deduplicated,
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

/// The message's name, and bytes that differ from message to message.
fn payload_of(uid: Uid, bytes: usize) -> Bytes {
    let mut payload = uid.to_le_bytes().to_vec();
    payload.extend(uid.wrapping_mul(0x0101_0101_0101_0101).to_le_bytes().iter().cycle().take(bytes));
    payload.into()
}

/// The name in a payload; zero, which no message has, if there is none.
pub(crate) fn uid_of(payload: &[u8]) -> Uid {
    payload.first_chunk().map_or(0, |uid| u64::from_le_bytes(*uid))
}
