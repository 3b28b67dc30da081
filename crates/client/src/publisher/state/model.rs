//! A publisher's decisions against a model of the broker, under random failures: streams that break and are worked on all the same, answers that
//! are lost, refusals that are certain and others that are not.

use std::collections::{BTreeMap, HashMap};

use fanfare_proto::v1;
use proptest::{collection::vec, prelude::*};
use prost::Message as _;

use super::*;
use crate::{
    Message, ServerError, clock,
    publisher::{
        MessageFate, PublishError,
        batch::Delay,
        held::Outcome,
        ids::{CorrelationIds, DeduplicationIds},
        inbox::{Future, Inbox, NotTaken, Waiting},
        room::Room,
        wire::Offer,
    },
};

const MAX_MESSAGES: usize = 12;
const KEYS: [&str; 4] = ["", "a", "b", "c"];

#[derive(Debug, Clone, Copy)]
enum Refusal {
    Full,
    Draining,
    /// The messages may be stored nevertheless.
    Poisoned {
        stored: bool,
    },
    Gone,
    Unreadable {
        stored: bool,
    },
    TooLarge,
    Invalid {
        index: usize,
    },
}

impl Refusal {
    fn error(self) -> ServerError {
        let (code, reason) = match self {
            Self::Full => (tonic::Code::ResourceExhausted, "TOPIC_FULL"),
            Self::Draining => (tonic::Code::Unavailable, "BROKER_DRAINING"),
            Self::Poisoned { .. } => (tonic::Code::Unavailable, "JOURNAL_POISONED"),
            Self::Gone => (tonic::Code::NotFound, "TOPIC_NOT_FOUND"),
            Self::Unreadable { .. } => (tonic::Code::Internal, "LOG_UNREADABLE"),
            Self::TooLarge => (tonic::Code::InvalidArgument, "REQUEST_TOO_LARGE"),
            Self::Invalid { .. } => (tonic::Code::InvalidArgument, "INVALID_FIELD"),
        };
        let field = match self {
            Self::Invalid { index } => format!("messages[{index}].data"),
            _ => String::new(),
        };
        let retry_delay = (code == tonic::Code::ResourceExhausted).then(prost_types::Duration::default);
        let (reason, message) = (reason.to_owned(), String::new());
        v1::RequestError { code: code.into(), reason, message, field, retry_delay }.into()
    }

    /// Whether its messages are stored nevertheless, and what is behind them may be. A log never keeps what is behind without what is before.
    fn is_stored(self) -> bool {
        matches!(self, Self::Poisoned { stored: true } | Self::Unreadable { stored: true })
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Publish {
        key: usize,
        bad: bool,
    },
    Cancel,
    Send,
    Work,
    Refuse(Refusal),
    Answer,
    Break,
    CannotOpen(Option<Refusal>),
    /// The broker works on what came over a stream that broke, or refuses it.
    Haunt {
        stream: usize,
        refuse: bool,
    },
    Later(u64),
    Resume(usize),
    ResumeAll,
}

fn refusals() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::Full),
        Just(Refusal::Draining),
        any::<bool>().prop_map(|stored| Refusal::Poisoned { stored }),
        Just(Refusal::Gone),
        any::<bool>().prop_map(|stored| Refusal::Unreadable { stored }),
        Just(Refusal::TooLarge),
        (0..3_usize).prop_map(|index| Refusal::Invalid { index }),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..KEYS.len(), prop::bool::weighted(0.03)).prop_map(|(key, bad)| Step::Publish { key, bad }),
        1 => Just(Step::Cancel),
        8 => Just(Step::Send),
        8 => Just(Step::Work),
        8 => Just(Step::Answer),
        2 => refusals().prop_map(Step::Refuse),
        2 => Just(Step::Break),
        1 => prop::option::of(refusals()).prop_map(Step::CannotOpen),
        4 => (0..4_usize, prop::bool::weighted(0.1)).prop_map(|(stream, refuse)| Step::Haunt { stream, refuse }),
        2 => (0..40_u64).prop_map(Step::Later),
        2 => (0..KEYS.len()).prop_map(Step::Resume),
        1 => Just(Step::ResumeAll),
    ]
}

type Requests = VecDeque<Vec<v1::NewMessage>>;

/// What a broker stores, in its order.
#[derive(Debug, Default)]
struct Broker {
    stored: Vec<v1::NewMessage>,
    seen: HashMap<String, u64>,
}

impl Broker {
    fn accept(&mut self, request: Vec<v1::NewMessage>) -> Result<Vec<PublishResult>, Refusal> {
        match request.iter().position(|message| message.content_type == "bad") {
            Some(index) => Err(Refusal::Invalid { index }),
            None => Ok(request.into_iter().map(|message| self.store(message)).collect()),
        }
    }

    fn store(&mut self, message: v1::NewMessage) -> PublishResult {
        let id = message.deduplication_id.clone();
        let known = self.seen.get(&id).copied();
        let sequence = known.unwrap_or_else(|| {
            self.stored.push(message);
            self.stored.len() as u64
        });
        self.seen.insert(id, sequence);
        PublishResult { sequence, deduplicated: known.is_some(), ..PublishResult::default() }
    }
}

/// One message as its publisher sees it.
#[derive(Debug)]
struct Seen {
    key: &'static str,
    future: Future,
    outcome: Option<Outcome>,
    /// While it is not known to be taken.
    waiting: Option<(u64, tokio::sync::oneshot::Receiver<()>)>,
    cancelled: bool,
}

#[derive(Debug)]
struct Sim {
    inbox: Inbox,
    state: State,
    now: Instant,
    correlation: CorrelationIds,
    broker: Broker,
    wire: Requests,
    answers: VecDeque<Vec<PublishResult>>,
    /// How the stream ends, behind the answers.
    end: Option<Refusal>,
    haunted: Vec<Requests>,
    seen: Vec<Seen>,
}

impl Sim {
    fn new() -> Self {
        let limits = BatchLimits { messages: 3, bytes: 1_000, delay: Delay::Fixed(Duration::ZERO) };
        Self {
            inbox: Inbox::new(Room::new(MAX_MESSAGES, 1 << 20), DeduplicationIds::random()),
            state: State::new(limits, Duration::from_secs(60)),
            now: clock::now(),
            correlation: CorrelationIds::random(),
            broker: Broker::default(),
            wire: Requests::new(),
            answers: VecDeque::new(),
            end: None,
            haunted: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish { key, bad } => self.publish(KEYS[key], bad),
            Step::Cancel => self.cancel(),
            Step::Send => self.send(),
            Step::Work => self.work(),
            Step::Refuse(refusal) => self.refuse(refusal),
            Step::Answer => self.answer(),
            Step::Break => self.broken(),
            Step::CannotOpen(refusal) => self.cannot_open(refusal),
            Step::Haunt { stream, refuse } => self.haunt(stream, refuse),
            Step::Later(seconds) => self.now += Duration::from_secs(seconds),
            Step::Resume(key) => self.inbox.resume(KEYS[key]),
            Step::ResumeAll => self.inbox.resume_all(),
        }
        self.look();
    }

    fn publish(&mut self, key: &'static str, bad: bool) {
        let message = Message::new(self.seen.len().to_string()).ordering_key(key);
        let message = if bad { message.content_type("bad") } else { message };
        let (future, waiting) = match self.inbox.offer(Offer::new(message, &self.correlation, true), self.now)
        {
            Ok(future) => (future, None),
            Err(NotTaken::NoRoom(offer)) => {
                let Waiting { ticket, taken, future } = self.inbox.wait(offer);
                (future, Some((ticket, taken)))
            }
            Err(NotTaken::Fails(error)) => {
                let (sender, future) = tokio::sync::oneshot::channel();
                sender.send(Err(error)).unwrap();
                (future, None)
            }
        };
        self.seen.push(Seen { key, future, outcome: None, waiting, cancelled: false });
    }

    /// Of those who wait, the first does not any more.
    fn cancel(&mut self) {
        if let Some(seen) = self.seen.iter_mut().find(|seen| seen.waiting.is_some()) {
            let (ticket, _) = seen.waiting.take().unwrap();
            seen.cancelled = true;
            self.inbox.cancel(ticket, self.now).tell();
        }
    }

    fn send(&mut self) {
        self.state.take(self.inbox.collect());
        while self.state.due(self.now) == Due::Now {
            let request = self.state.next_request();
            let request = request.into_iter().map(|body| v1::NewMessage::decode(body).unwrap()).collect();
            self.wire.push_back(request);
        }
    }

    fn work(&mut self) {
        if self.end.is_some() {
            return;
        }
        if let Some(request) = self.wire.pop_front() {
            match self.broker.accept(request) {
                Ok(results) => self.answers.push_back(results),
                Err(refusal) => self.end = Some(refusal),
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        if self.end.is_some() {
            return;
        }
        let Some(request) = self.wire.pop_front() else { return };
        // What the broker refuses of itself is not stored whatever else happens.
        let refused = refusal.is_stored().then(|| self.broker.accept(request).err()).flatten();
        self.end = Some(refused.unwrap_or(refusal));
    }

    fn answer(&mut self) {
        if let Some(results) = self.answers.pop_front() {
            let settled = self.state.answered(results).unwrap();
            self.inbox.settle(settled, self.now).tell();
        } else if let Some(refusal) = self.end.take() {
            let wire = std::mem::take(&mut self.wire);
            if refusal.is_stored() {
                self.haunted.push(wire);
            }
            self.ended(&End { error: refusal.error(), was_open: true });
        }
    }

    /// Answers are lost, and what came over the stream is worked on all the same.
    fn broken(&mut self) {
        self.answers.clear();
        let wire = std::mem::take(&mut self.wire);
        if self.end.take().is_none_or(Refusal::is_stored) {
            self.haunted.push(wire);
        }
        let error = ServerError::local(tonic::Code::Unavailable, "broken");
        self.ended(&End { error, was_open: true });
    }

    fn cannot_open(&mut self, refusal: Option<Refusal>) {
        if !self.state.is_in_flight() {
            let error = refusal.map(Refusal::error);
            let error = error.unwrap_or_else(|| ServerError::local(tonic::Code::Unavailable, "refused"));
            self.ended(&End { error, was_open: false });
        }
    }

    fn ended(&mut self, end: &End) {
        let settled = self.state.ended(end, self.now);
        self.inbox.settle(settled, self.now).tell();
    }

    fn haunt(&mut self, stream: usize, refuse: bool) {
        let count = self.haunted.len();
        if count == 0 {
            return;
        }
        let requests = &mut self.haunted[stream % count];
        let Some(request) = requests.pop_front() else { return };
        if refuse || self.broker.accept(request).is_err() {
            requests.clear();
        }
    }

    /// Looks at the futures, and at what must hold at any time.
    fn look(&mut self) {
        let mut failed: BTreeMap<&str, usize> = BTreeMap::new();
        for (number, seen) in self.seen.iter_mut().enumerate() {
            if seen.outcome.is_none()
                && let Ok(outcome) = seen.future.try_recv()
            {
                let was_taken = seen.waiting.as_mut().is_none_or(|(_, taken)| taken.try_recv().is_ok());
                seen.outcome = Some(outcome);
                if was_taken && seen.outcome.as_ref().is_some_and(Result::is_err) && !seen.key.is_empty() {
                    failed.entry(seen.key).or_insert(number);
                }
            }
            if seen.waiting.as_mut().is_some_and(|(_, taken)| taken.try_recv().is_ok()) {
                seen.waiting = None;
            }
        }
        for (key, first) in failed {
            let behind = self.seen[first..].iter().filter(|seen| seen.key == key && seen.waiting.is_none());
            for seen in behind.filter(|seen| !seen.cancelled) {
                assert!(matches!(seen.outcome, Some(Err(_))), "behind {first} with its key: {seen:?}");
            }
        }
        let is_open = |seen: &&Seen| seen.outcome.is_none() && seen.waiting.is_none() && !seen.cancelled;
        assert!(self.seen.iter().filter(is_open).count() <= MAX_MESSAGES);
    }

    /// From here on nothing fails any more.
    fn finish(&mut self) {
        for _ in 0..self.seen.len() * 4 + 10 {
            self.send();
            self.work();
            self.answer();
            self.look();
        }
        for stream in 0..self.haunted.len() {
            while !self.haunted[stream].is_empty() {
                self.haunt(stream, false);
            }
        }
        assert!(self.state.held.is_empty() && self.inbox.collect().messages.is_empty());
    }

    fn judge(&self) {
        let number = |message: &v1::NewMessage| -> usize {
            std::str::from_utf8(&message.data).unwrap().parse().unwrap()
        };
        let mut places: BTreeMap<usize, u64> = BTreeMap::new();
        for (place, message) in (1..).zip(&self.broker.stored) {
            let twice = places.insert(number(message), place);
            assert!(twice.is_none(), "{message:?} is stored twice");
        }
        let mut last: HashMap<&str, u64> = HashMap::new();
        for (number, seen) in self.seen.iter().enumerate() {
            let place = places.get(&number).copied();
            match &seen.outcome {
                None => assert!(seen.cancelled, "{number} has no outcome"),
                Some(Ok(published)) => {
                    assert_eq!(Some(published.sequence), place, "{number} is not where it was said to be");
                    let before = last.insert(seen.key, published.sequence).unwrap_or_default();
                    let ordered = seen.key.is_empty() || before < published.sequence;
                    assert!(ordered, "{number} is stored before one of its key that was taken before it");
                }
                Some(Err(error)) if error.fate() == MessageFate::NotStored => {
                    assert_eq!(place, None, "{number} is stored, in spite of {error:?}");
                }
                Some(Err(error)) => assert!(matches!(error, PublishError::Unconfirmed(_)), "{error:?}"),
            }
        }
        self.judge_ids();
    }

    /// Deduplication IDs count up in the order in which messages were taken, which is that of their numbers here.
    fn judge_ids(&self) {
        let id = |message: &v1::NewMessage| -> (usize, u64) {
            let number = std::str::from_utf8(&message.data).unwrap().parse().unwrap();
            (number, message.deduplication_id.rsplit_once('-').unwrap().1.parse().unwrap())
        };
        let mut ids: Vec<_> = self.broker.stored.iter().map(id).collect();
        ids.sort_unstable();
        assert!(ids.is_sorted_by(|a, b| a.1 < b.1), "{ids:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_holds_nothing_is_stored_twice_and_every_outcome_is_true_whatever_fails(steps in vec(steps(), 1..150)) {
        let mut sim = Sim::new();
        steps.into_iter().for_each(|step| sim.step(step));
        sim.finish();
        sim.judge();
    }
}
