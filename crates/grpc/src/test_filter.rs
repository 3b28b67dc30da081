//! `TestFilter`: what a policy makes of messages, and why.

use std::time::Duration;

use broker::{Broker, ReadContent as _};
use bytes::Bytes;
use fanfare_proto::v1::{
    self,
    test_filter_request::{Policy as Whose, Subject},
};
use filter::{Mismatch, Policy};
use tokio::{runtime::Handle, sync::Semaphore};
use types::{MessageId, Position, TopicName, limits};

use crate::{
    check,
    convert::{filter_policy, message, verdict},
    origin::{CorrelationIds, Origin},
    reason::Reason,
    refusal::Refusal,
    stored::StoredMessages,
};

/// How long one request may ask policies. It has at most a thousand messages, and a policy may have as many patterns.
const TIME: Duration = Duration::from_secs(10);

/// Tests that are under way: one at a time, so that they leave processors to those who publish and consume.
static UNDER_WAY: Semaphore = Semaphore::const_new(1);

/// Answers one request, on a thread that may take its time.
pub(crate) async fn test(
    broker: &Broker,
    request: v1::TestFilterRequest,
) -> Result<v1::TestFilterResponse, Refusal> {
    let turn = UNDER_WAY.acquire().await.map_err(|_| timed_out())?;
    let (broker, runtime) = (broker.clone(), Handle::current());
    let answer = tokio::task::spawn_blocking(move || {
        // Held until the work ends, also if the client does not wait for it.
        let _turn = turn;
        runtime.block_on(tokio::time::timeout(TIME, answer(&broker, request)))
    });
    match answer.await {
        Ok(answer) => answer.map_err(|_| timed_out())?,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

fn timed_out() -> Refusal {
    Refusal::new(Reason::RequestTimeout, format_args!("the policy could not be tried out within {TIME:?}"))
}

async fn answer(broker: &Broker, request: v1::TestFilterRequest) -> Result<v1::TestFilterResponse, Refusal> {
    let v1::TestFilterRequest { policy, subject, topic } = request;
    let tried = Tried::find(broker, policy)?;
    let on = On::read(broker, subject, &topic, &tried)?;
    let policy = tried.policy.as_ref();
    let verdicts = match on {
        On::Sample(payload) => vec![verdict::unpublished(explain(policy, &payload))],
        On::Stored(id) => vec![verdict::stored(broker.test_filter_on(policy, id).await?)],
        On::Last(topic, messages) => {
            let verdicts = broker.test_filter_on_last(policy, &topic, messages).await?;
            verdicts.into_iter().map(verdict::stored).collect()
        }
    };
    Ok(verdict::answer(verdicts, tried.since))
}

/// The policy that is tried out.
struct Tried {
    /// None: everything matches.
    policy: Option<Policy>,
    /// Of a subscription: the topic it reads, and from where on the policy decides.
    topic: Option<TopicName>,
    since: Position,
}

impl Tried {
    fn find(broker: &Broker, whose: Option<Whose>) -> Result<Self, Refusal> {
        match whose {
            None => Err(Refusal::field("filter_policy", "is required, or a subscription")),
            Some(Whose::FilterPolicy(given)) => {
                let (_, policy) = filter_policy::read(given)?;
                Ok(Self { policy: Some(policy), topic: None, since: 0 })
            }
            Some(Whose::Subscription(name)) => {
                let found = broker.policy_of(&check::subscription("subscription", &name)?)?;
                Ok(Self { policy: found.policy, topic: Some(found.topic), since: found.position })
            }
        }
    }
}

/// What it is tried on.
enum On {
    /// The payload of a message that is not published.
    Sample(Bytes),
    Stored(MessageId),
    Last(TopicName, usize),
}

impl On {
    fn read(broker: &Broker, subject: Option<Subject>, topic: &str, tried: &Tried) -> Result<Self, Refusal> {
        if !topic.is_empty() && !matches!(subject, Some(Subject::Last(_))) {
            return Err(Refusal::field("topic", "is given, which it may be with last only"));
        }
        match subject {
            None => Err(Refusal::field("message", "is required, or a message_id, or last")),
            Some(Subject::Message(given)) => sample(broker, given).map(Self::Sample),
            Some(Subject::MessageId(id)) => {
                let refused = |_| Refusal::field("message_id", "is no message ID that this broker gave out");
                id.parse().map(Self::Stored).map_err(refused)
            }
            Some(Subject::Last(messages)) => Ok(Self::Last(topic_of_last(topic, tried)?, last(messages)?)),
        }
    }
}

fn topic_of_last(given: &str, tried: &Tried) -> Result<TopicName, Refusal> {
    match &tried.topic {
        Some(topic) if given.is_empty() => Ok(topic.clone()),
        _ if given.is_empty() => Err(Refusal::field("topic", "is required with last, or a subscription")),
        _ => check::topic("topic", given),
    }
}

fn last(given: u32) -> Result<usize, Refusal> {
    let messages = usize::try_from(given).unwrap_or(usize::MAX);
    if (1..=limits::FILTER_TEST_MESSAGES).contains(&messages) {
        return Ok(messages);
    }
    let limit = limits::FILTER_TEST_MESSAGES;
    Err(Refusal::field("last", format_args!("is {given}, must be 1 to {limit}")))
}

/// The message as it would be stored.
fn sample(broker: &Broker, given: v1::NewMessage) -> Result<Bytes, Refusal> {
    // It is never stored, so nothing has to tell it from others.
    let ids = CorrelationIds::from_fn(|bits| bits.fill(0));
    let stamp = message::Stamp {
        now: broker.now(),
        origin: &Origin::default(),
        ids: &ids,
        max_message_bytes: broker.config().max_message_bytes,
    };
    message::sample(given, &stamp).map_err(|refusal| refusal.within("message"))
}

fn explain(policy: Option<&Policy>, payload: &[u8]) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    if let Some(policy) = policy {
        mismatches.push(Mismatch::unreadable());
        StoredMessages.read(payload, &mut |content| mismatches = policy.explain(content));
    }
    mismatches
}
