use fanfare_proto::v1;
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::{
    Message, ServerError, clock,
    publisher::{PublishError, batch::Delay, held::Reply, ids::CorrelationIds, inbox::Future, wire::Offer},
};

const DELAY: Duration = Duration::from_secs(1);

/// A publisher's state and the futures of its messages, under a clock of its own.
struct Case {
    state: State,
    now: Instant,
    futures: Vec<Future>,
}

impl Case {
    fn new(messages: usize, bytes: usize) -> Self {
        let limits = BatchLimits { messages, bytes, delay: Delay::Fixed(DELAY) };
        Self { state: State::new(limits, Duration::from_secs(60)), now: clock::now(), futures: Vec::new() }
    }

    /// One with a message a key; an empty key is none.
    fn with(messages: usize, keys: &[&str]) -> Self {
        let mut case = Self::new(messages, 1 << 20);
        keys.iter().for_each(|key| case.take(Message::new("x").ordering_key(*key)));
        case
    }

    fn take(&mut self, message: Message) {
        let (sender, future) = tokio::sync::oneshot::channel();
        let offer = Offer::new(message, &CorrelationIds::random(), false);
        let number = self.futures.len() as u64;
        let bytes = offer.bytes();
        let (body, key) = offer.finish(None);
        let held = Held { number, taken_at: self.now, body, key, bytes, reply: Reply::new(sender) };
        self.futures.push(future);
        self.collect(vec![held], 0);
    }

    fn collect(&mut self, messages: Vec<Held>, urgent_below: u64) {
        let below = self.futures.len() as u64;
        self.state.take(Collected { messages, below, urgent_below, closed: false });
    }

    /// Sends what is due; the sizes of the requests.
    fn send(&mut self) -> Vec<usize> {
        let mut sizes = Vec::new();
        while self.state.due(self.now) == Due::Now {
            sizes.push(self.state.next_request().len());
        }
        sizes
    }

    fn end(&mut self, code: tonic::Code, reason: &str, field: &str) -> Settled {
        self.end_of(true, code, reason, field)
    }

    fn end_of(&mut self, was_open: bool, code: tonic::Code, reason: &str, field: &str) -> Settled {
        let error = v1::RequestError {
            code: code.into(),
            reason: reason.into(),
            field: field.into(),
            ..v1::RequestError::default()
        };
        let end = End { error: ServerError::from(error), was_open };
        let mut settled = self.state.ended(&end, self.now);
        for (reply, outcome) in settled.outcomes.drain(..) {
            reply.resolve(outcome);
        }
        settled
    }

    /// One letter a message: `.` has no outcome yet.
    fn outcomes(&mut self) -> String {
        let letter = |future: &mut Future| match future.try_recv() {
            Err(TryRecvError::Empty) => '.',
            Ok(Ok(_)) => 'o',
            Ok(Err(PublishError::Refused(_))) => 'R',
            Ok(Err(PublishError::GivenUp(_))) => 'G',
            Ok(Err(PublishError::Unconfirmed(_))) => 'U',
            Ok(Err(PublishError::KeyPaused { .. })) => 'P',
            other => panic!("{other:?}"),
        };
        self.futures.iter_mut().map(letter).collect()
    }

    fn later(&mut self, by: Duration) {
        self.now += by;
    }
}

const INVALID: (tonic::Code, &str) = (tonic::Code::InvalidArgument, "INVALID_FIELD");

#[test]
fn a_batch_that_is_not_full_waits_for_its_delay_and_a_full_one_does_not() {
    let mut case = Case::with(3, &["", ""]);
    assert_eq!(case.state.due(case.now), Due::At(case.now + DELAY));
    case.take(Message::new("c"));
    case.take(Message::new("d"));
    assert_eq!(case.send(), [3]);
    case.later(DELAY);
    assert_eq!(case.send(), [1]);
}

#[test]
fn by_default_messages_gather_only_while_two_requests_have_no_answer() {
    let mut case = Case::new(3, 1 << 20);
    case.state.limits.delay = Delay::ByNeed;
    for sent in [&[1][..], &[1], &[]] {
        case.take(Message::new("x"));
        assert_eq!(case.send(), sent);
    }
    let Due::At(time) = case.state.due(case.now) else { panic!("nothing is due for ever") };
    assert_eq!(time - case.now, Duration::from_millis(1));
    case.take(Message::new("x"));
    case.state.answered(vec![PublishResult::default()]).unwrap();
    assert_eq!(case.send(), [2], "one of the two was answered");
    (0..7).for_each(|_| case.take(Message::new("x")));
    assert_eq!(case.send(), [3, 3], "full ones do not wait");
    case.later(Duration::from_millis(1));
    assert_eq!(case.send(), [1]);
}

#[test]
fn bytes_fill_a_batch_too() {
    let mut case = Case::new(10, 250);
    case.take(Message::new(vec![0; 100]));
    assert!(case.send().is_empty());
    case.take(Message::new(vec![0; 100]));
    assert_eq!(case.send(), [1]);
    case.later(DELAY);
    assert_eq!(case.send(), [1]);
}

#[test]
fn what_was_flushed_does_not_wait() {
    let mut case = Case::with(10, &["", ""]);
    case.collect(Vec::new(), 2);
    assert_eq!(case.send(), [2]);
}

#[test]
fn at_most_64_requests_are_on_the_stream() {
    let mut case = Case::with(1, &[""; 70]);
    assert_eq!(case.send().len(), 64);
    case.state.answered(vec![PublishResult::default()]).unwrap();
    assert_eq!(case.send().len(), 1);
}

#[test]
fn after_a_refusal_requests_are_sent_one_by_one_until_they_are_accepted_again() {
    let mut case = Case::with(1, &[""; 80]);
    assert_eq!(case.send().len(), 64);
    case.end(INVALID.0, INVALID.1, "messages[0]");
    assert_eq!(case.send().len(), 1, "what is behind another refused one would be sent in vain");
    for accepted in [2, 2, 2] {
        case.state.answered(vec![PublishResult::default()]).unwrap();
        assert_eq!(case.send().len(), accepted);
    }
    case.end(tonic::Code::ResourceExhausted, "TOPIC_FULL", "");
    assert_eq!(case.send().len(), 1, "without a time to wait it is a refusal");
    case.end(tonic::Code::Unavailable, "BROKER_DRAINING", "");
    assert_eq!(case.send().len(), 64, "what passes is no word on those behind, whose time runs");
}

#[test]
fn an_answer_is_that_of_the_oldest_request_and_must_fit_it() {
    let mut case = Case::with(2, &["", "", ""]);
    case.collect(Vec::new(), 3);
    assert_eq!(case.send(), [2, 1]);
    assert_eq!(case.state.answered(vec![PublishResult::default()]).unwrap_err(), Mismatch);
    let settled = case.state.answered(vec![PublishResult::default(); 2]).unwrap();
    assert_eq!((settled.messages, case.state.settled_below()), (2, 2));
    case.state.answered(vec![PublishResult::default()]).unwrap();
    assert_eq!(case.state.answered(Vec::new()).unwrap_err(), Mismatch, "nothing is on the stream");
    assert_eq!(case.state.settled_below(), 3);
}

#[test]
fn a_refused_message_fails_alone_and_the_others_are_sent_again() {
    let mut case = Case::with(2, &["", "", "", ""]);
    assert_eq!(case.send(), [2, 2]);
    let settled = case.end(INVALID.0, INVALID.1, "messages[1].data");
    assert_eq!((settled.messages, case.outcomes().as_str()), (1, ".R.."));
    case.later(DELAY);
    assert_eq!(case.send(), [2]);
    case.state.answered(vec![PublishResult::default(); 2]).unwrap();
    assert_eq!(case.send(), [1]);
}

#[test]
fn behind_a_refused_message_its_key_fails_and_before_it_it_goes_on() {
    let mut case = Case::with(3, &["k", "k", "k", "other", "k"]);
    case.collect(Vec::new(), 5);
    assert_eq!(case.send(), [3, 2]);
    let settled = case.end(INVALID.0, INVALID.1, "messages[1]");
    assert_eq!(case.outcomes(), ".RP.P");
    assert_eq!(settled.failed.unwrap().0, HashSet::from(["k".into()]));
    assert_eq!(case.send(), [2], "what was sent is urgent as it was");
}

#[test]
fn a_refusal_without_an_index_fails_the_request_and_no_other() {
    let mut case = Case::with(2, &["", "k", "", "k"]);
    case.send();
    case.end(tonic::Code::NotFound, "TOPIC_NOT_FOUND", "");
    assert_eq!(case.outcomes(), "RR.P");
}

#[test]
fn an_index_that_the_request_has_not_is_none() {
    let mut case = Case::with(2, &["", "", "", ""]);
    case.send();
    case.end(INVALID.0, INVALID.1, "messages[2]");
    assert_eq!(case.outcomes(), "RR..");
}

#[test]
fn a_request_that_is_too_large_is_cut_until_one_message_is_left() {
    let mut case = Case::new(4, 8 << 20);
    (0..4).for_each(|_| case.take(Message::new(vec![0; 1_000])));
    assert_eq!(case.send(), [4]);
    let too_large = (tonic::Code::InvalidArgument, "REQUEST_TOO_LARGE");
    case.end(too_large.0, too_large.1, "messages");
    assert_eq!((case.outcomes().as_str(), case.send()), ("....", vec![2, 2]));
    case.end(too_large.0, too_large.1, "messages");
    assert_eq!((case.outcomes().as_str(), case.send()), ("....", vec![1, 1, 1, 1]));
    case.end(too_large.0, too_large.1, "messages");
    assert_eq!(case.outcomes(), "R...");
}

#[test]
fn a_message_is_tried_until_its_time_is_over_and_what_came_later_is_tried_on() {
    let mut case = Case::with(1, &["", "k"]);
    case.later(Duration::from_secs(40));
    case.take(Message::new("x").ordering_key("k"));
    case.take(Message::new("x"));
    case.send();
    case.later(Duration::from_secs(20));
    case.end(tonic::Code::Unavailable, "BROKER_DRAINING", "");
    assert_eq!(case.outcomes(), "....", "not before it is over");
    case.later(Duration::from_secs(1));
    case.send();
    case.end(tonic::Code::Unavailable, "BROKER_DRAINING", "");
    assert_eq!(case.outcomes(), "GGP.");
}

#[test]
fn a_lost_answer_leaves_messages_in_doubt_whatever_comes_after() {
    let mut case = Case::with(1, &["", "k", "k"]);
    case.send();
    case.end(tonic::Code::Unavailable, "", "");
    assert_eq!(case.outcomes(), "...");
    case.later(Duration::from_secs(50));
    case.take(Message::new("x"));
    case.send();
    case.end(INVALID.0, INVALID.1, "messages[0]");
    assert_eq!(case.outcomes(), "U...");
}

#[test]
fn what_has_never_been_on_a_stream_is_tried_once_however_late() {
    let mut case = Case::with(1, &[""; 65]);
    case.later(Duration::from_secs(100));
    case.send();
    case.end(tonic::Code::Unavailable, "", "");
    assert_eq!(case.outcomes(), "U".repeat(64) + ".");
}

#[test]
fn without_a_connection_everything_has_been_tried_and_nothing_is_stored() {
    let mut case = Case::with(1, &["", "k", "k"]);
    case.later(Duration::from_secs(100));
    case.end_of(false, tonic::Code::Unavailable, "", "");
    assert_eq!(case.outcomes(), "GGG");
}

#[test]
fn a_stream_that_may_not_be_opened_fails_the_next_request() {
    let mut case = Case::with(2, &["", "", ""]);
    case.end_of(false, tonic::Code::Unauthenticated, "", "");
    assert_eq!(case.outcomes(), "RR.");
}

#[test]
fn the_end_of_a_stream_that_owes_nothing_hits_nobody() {
    let mut case = Case::with(2, &[""]);
    for code in [tonic::Code::Unavailable, tonic::Code::Unauthenticated] {
        case.later(Duration::from_secs(100));
        case.end(code, "", "");
        assert_eq!(case.outcomes(), ".");
    }
}
