use broker::{Broker, Consumer, Subscriber};
use fanfare_proto::{undecoded, v1};
use types::{SubscriptionUid, limits};

use super::{flow::Outstanding, requests::Settlements};
use crate::{bounds, check, refusal::Refusal};

/// Messages outstanding of a stream that does not say how many.
const OUTSTANDING_MESSAGES: usize = 1_000;
/// Bytes outstanding of a stream that does not say how many.
const OUTSTANDING_BYTES: u64 = 64 << 20;

/// What the first request of a stream asked for.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) subscriber: Subscriber,
    pub(crate) consumer: Consumer,
    /// Whose ack IDs the stream takes.
    pub(crate) uid: SubscriptionUid,
    pub(crate) outstanding: Outstanding,
    /// Whether it delivers in blocks, and takes the numbers of deliveries.
    pub(crate) blocks: bool,
    pub(crate) confirm: bool,
    /// A first request may settle too: a client that comes back acknowledges what it held.
    pub(crate) settlements: Settlements,
}

impl Opening {
    pub(crate) fn read(
        broker: &Broker,
        first: Option<undecoded::StreamingPullRequest>,
    ) -> Result<Self, Refusal> {
        let first = bounds::open(check::present("subscription", first)?)?;
        let name = check::subscription("subscription", &first.subscription)?;
        let outstanding = outstanding(&first)?;
        let (confirm, blocks) = (first.confirm, first.blocks);
        let subscriber = broker.subscriber(&name)?;
        let uid = subscriber.uid();
        let settlements = Settlements::read(first, uid, blocks.then_some(0))?;
        let consumer = subscriber.consumer()?;
        Ok(Self { subscriber, consumer, uid, outstanding, blocks, confirm, settlements })
    }
}

fn outstanding(first: &v1::StreamingPullRequest) -> Result<Outstanding, Refusal> {
    let messages = usize::try_from(first.max_outstanding_messages).unwrap_or(usize::MAX);
    let messages = check::count(
        "max_outstanding_messages",
        messages,
        OUTSTANDING_MESSAGES,
        limits::STREAM_OUTSTANDING_MESSAGES,
    )?;
    let bytes = check::count(
        "max_outstanding_bytes",
        first.max_outstanding_bytes,
        OUTSTANDING_BYTES,
        limits::STREAM_OUTSTANDING_BYTES as u64,
    )?;
    Ok(Outstanding::new(messages, bytes, first.blocks))
}
