//! The property. The broker is a small model with leases, attempts and a clock; the connection loses what is on its way when it breaks.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::subscriber::Settled;

const MESSAGES: u64 = 6;

#[derive(Debug, Clone)]
enum Step {
    /// The broker delivers up to so many.
    Deliver(usize),
    /// The client reads an answer.
    Receive,
    /// The client sends a request.
    Send,
    /// The broker takes a request.
    Process,
    /// The user settles one of what is held.
    Settle(usize, Choice),
    /// The connection breaks, and is there again.
    Cut,
    /// The broker loses its leases, and with them the connection.
    Restart,
    /// Seconds go by.
    Wait(u32),
}

#[derive(Debug, Clone, Copy)]
enum Choice {
    Ack,
    Nack,
    Drop,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Ready,
    Leased { lease: u64, ends: Instant },
    Acked,
}

#[derive(Debug)]
struct Message {
    state: State,
    attempt: u32,
    nacks: u32,
    was_delivered: bool,
}

/// What a future has said, if it has.
type Known = Option<Result<(), AckError>>;

struct World {
    now: Instant,
    book: Book,
    messages: HashMap<u64, Message>,
    next_lease: u64,
    requests: VecDeque<v1::StreamingPullRequest>,
    answers: VecDeque<Answer>,
    /// What was delivered on this connection: messages and leases.
    delivered: Vec<(u64, u64)>,
    held: Vec<Delivery>,
    /// Acks, and what has become of them.
    acks: Vec<(u64, Settled, Known)>,
    nacks: Vec<(Settled, Known)>,
    nacked: HashMap<u64, u32>,
}

impl World {
    fn new() -> Self {
        let ready = |sequence| {
            (sequence, Message { state: State::Ready, attempt: 1, nacks: 0, was_delivered: false })
        };
        Self {
            now: clock::now(),
            book: book(100),
            messages: (1..=MESSAGES).map(ready).collect(),
            next_lease: 0,
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            delivered: Vec::new(),
            held: Vec::new(),
            acks: Vec::new(),
            nacks: Vec::new(),
            nacked: HashMap::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Deliver(most) => self.deliver(most),
            Step::Receive => self.receive(),
            Step::Send => self.send(),
            Step::Process => self.process(),
            Step::Settle(which, choice) => self.settle(which, choice),
            Step::Cut => self.cut(),
            Step::Restart => {
                self.messages
                    .values_mut()
                    .filter(|message| message.state != State::Acked)
                    .for_each(|message| message.state = State::Ready);
                self.cut();
            }
            Step::Wait(seconds) => self.wait(SECOND * seconds),
        }
        self.look();
    }

    /// Those that have the same attempt go together, in blocks.
    fn deliver(&mut self, most: usize) {
        let mut blocks: Vec<DeliveryBlock> = Vec::new();
        let is_ready = |message: &&Message| message.state == State::Ready;
        let mut ready: Vec<_> =
            (1..=MESSAGES).filter(|of| self.messages.get(of).as_ref().is_some_and(is_ready)).collect();
        ready.truncate(most);
        for sequence in ready {
            let Some(message) = self.messages.get_mut(&sequence) else { continue };
            self.next_lease += 1;
            message.state = State::Leased { lease: self.next_lease, ends: self.now + SECOND * 10 };
            self.delivered.push((sequence, self.next_lease));
            let first_delivery = !std::mem::replace(&mut message.was_delivered, true);
            let (stored, delivery_attempt) = (super::stored(sequence), message.attempt);
            let is_like = |block: &&mut DeliveryBlock| {
                (block.delivery_attempt, block.first_delivery) == (delivery_attempt, first_delivery)
            };
            match blocks.last_mut().filter(is_like) {
                Some(block) => block.messages.push(stored),
                None => blocks.push(DeliveryBlock {
                    delivery_attempt,
                    first_delivery,
                    first_lease: self.next_lease,
                    messages: vec![stored],
                    ..Default::default()
                }),
            }
        }
        if !blocks.is_empty() {
            self.answers.push_back(Answer { blocks, ..Default::default() });
        }
    }

    fn receive(&mut self) {
        let Some(answer) = self.answers.pop_front() else { return };
        for delivery in self.book.answer(self.now, answer).expect("in step").into_iter().flatten() {
            let sequence = delivery.sequence();
            let is_held = self.held.iter().any(|held| held.sequence() == sequence);
            assert!(!is_held, "{sequence} is handed out while it is held");
            let is_acked = |(of, _, result): &(u64, Settled, Option<_>)| {
                *of == sequence && !matches!(result, Some(Err(_)))
            };
            assert!(!self.acks.iter().any(is_acked), "{sequence} is handed out after its ack");
            self.held.push(delivery.hand_out());
        }
    }

    fn send(&mut self) {
        self.book.collect();
        self.book.tick(self.now);
        if self.book.wants_to_send(self.now) {
            self.requests.extend(self.book.request(self.now));
        }
    }

    fn process(&mut self) {
        let Some(request) = self.requests.pop_front() else { return };
        let mut answer = Answer::default();
        for number in request.ack_deliveries.iter().flat_map(|range| range.first..=range.last) {
            self.ack_number(number, &mut answer);
        }
        for ack_id in request.acks {
            answer.ack_results.push(self.settle_lease(ack_id, true));
        }
        for ack_id in request.nacks.into_iter().flat_map(|nack| nack.ack_ids) {
            answer.nack_results.push(self.settle_lease(ack_id, false));
        }
        for ack_id in request.extensions.into_iter().flat_map(|extension| extension.ack_ids) {
            answer.extend_results.push(self.extend_lease(ack_id));
        }
        self.answers.push_back(answer);
    }

    fn ack_number(&mut self, number: u64, answer: &mut Answer) {
        let (sequence, lease) = self.delivered[usize::try_from(number - 1).unwrap()];
        let outcome = self.settle_one(sequence, lease, true);
        let range = v1::DeliveryRange { first: number, last: number };
        if outcome != v1::LeaseOutcome::Ok {
            let deliveries = Some(range);
            let refused = v1::RangeResult { deliveries, outcome: outcome.into(), ..Default::default() };
            answer.range_results.push(refused);
        } else if let Some(last) = answer.acked.last_mut().filter(|range| range.last + 1 == number) {
            last.last = number;
        } else {
            answer.acked.push(range);
        }
    }

    /// Sequence and lease.
    fn read(ack_id: &str) -> (u64, u64) {
        let raw = data_encoding::BASE64URL_NOPAD.decode(ack_id.as_bytes()).unwrap();
        let number = |at: usize| u64::from_be_bytes(raw[at..at + 8].try_into().unwrap());
        (number(8), number(16))
    }

    fn outcome(message: &Message, of: u64) -> v1::LeaseOutcome {
        match message.state {
            State::Acked => v1::LeaseOutcome::AlreadySettled,
            State::Leased { lease, .. } if lease == of => v1::LeaseOutcome::Ok,
            State::Leased { .. } => v1::LeaseOutcome::Superseded,
            State::Ready => v1::LeaseOutcome::Expired,
        }
    }

    fn settle_one(&mut self, sequence: u64, lease: u64, is_ack: bool) -> v1::LeaseOutcome {
        let message = self.messages.get_mut(&sequence).unwrap();
        let outcome = Self::outcome(message, lease);
        match (outcome, is_ack) {
            (v1::LeaseOutcome::Ok, true) => message.state = State::Acked,
            (v1::LeaseOutcome::Ok, false) => {
                message.state = State::Ready;
                message.attempt += 1;
                message.nacks += 1;
            }
            _ => {}
        }
        outcome
    }

    fn settle_lease(&mut self, ack_id: String, is_ack: bool) -> v1::SettleResult {
        let (sequence, lease) = Self::read(&ack_id);
        let outcome = self.settle_one(sequence, lease, is_ack);
        v1::SettleResult { ack_id, outcome: outcome.into(), ..Default::default() }
    }

    fn extend_lease(&mut self, ack_id: String) -> v1::ExtendResult {
        let until = self.now + SECOND * 10;
        let (sequence, lease) = Self::read(&ack_id);
        let message = self.messages.get_mut(&sequence).unwrap();
        let outcome = Self::outcome(message, lease);
        if let (v1::LeaseOutcome::Ok, State::Leased { ends, .. }) = (outcome, &mut message.state) {
            *ends = until;
        }
        v1::ExtendResult { ack_id, outcome: outcome.into(), ..Default::default() }
    }

    fn settle(&mut self, which: usize, choice: Choice) {
        if self.held.is_empty() {
            return;
        }
        let delivery = self.held.swap_remove(which % self.held.len());
        let sequence = delivery.sequence();
        match choice {
            Choice::Ack => self.acks.push((sequence, delivery.ack(), None)),
            Choice::Nack => {
                *self.nacked.entry(sequence).or_default() += 1;
                self.nacks.push((delivery.nack(), None));
            }
            Choice::Drop => {
                *self.nacked.entry(sequence).or_default() += 1;
                drop(delivery);
            }
        }
    }

    fn cut(&mut self) {
        self.requests.clear();
        self.answers.clear();
        self.delivered.clear();
        self.book.disconnected(self.now);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        for message in self.messages.values_mut() {
            if matches!(message.state, State::Leased { ends, .. } if ends <= self.now) {
                message.state = State::Ready;
                message.attempt += 1;
            }
        }
        self.book.tick(self.now);
    }

    /// What futures say, and whether it is true.
    fn look(&mut self) {
        for (sequence, settled, result) in &mut self.acks {
            if result.is_none() {
                *result = settled.now_or_never();
            }
            if *result == Some(Ok(())) {
                assert_eq!(self.messages[sequence].state, State::Acked, "{sequence}'s ack was confirmed");
            }
        }
        for (settled, result) in self.nacks.iter_mut().filter(|(_, result)| result.is_none()) {
            *result = settled.now_or_never();
        }
        for (sequence, message) in &self.messages {
            let nacked = self.nacked.get(sequence).copied().unwrap_or_default();
            assert!(message.nacks <= nacked, "{sequence} was given back more often than the user said");
            let acked = self.acks.iter().any(|(of, ..)| of == sequence);
            assert!(message.state != State::Acked || acked, "{sequence} is acked, which nobody said");
        }
    }

    /// All goes well until everything is acked and confirmed.
    fn end(&mut self) {
        for _ in 0..100 {
            for step in [Step::Send, Step::Process, Step::Deliver(10), Step::Receive, Step::Receive] {
                self.step(&step);
            }
            while !self.held.is_empty() {
                self.settle(0, Choice::Ack);
            }
            self.step(&Step::Wait(1));
        }
        assert!(self.book.is_empty(), "{:?}", self.book);
        assert!(self.messages.values().all(|message| message.state == State::Acked), "{:?}", self.messages);
        assert!(self.acks.iter().all(|(_, _, result)| result.is_some()), "a future never ends");
        assert!(self.nacks.iter().all(|(_, result)| result.is_some()), "a future never ends");
    }
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![3 => Just(Choice::Ack), 2 => Just(Choice::Nack), 1 => Just(Choice::Drop)]
}

/// What happens if nothing goes wrong.
fn calm() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..4_usize).prop_map(Step::Deliver),
        4 => Just(Step::Receive),
        4 => Just(Step::Send),
        4 => Just(Step::Process),
        4 => (any::<usize>(), choice()).prop_map(|(which, choice)| Step::Settle(which, choice)),
    ]
}

fn anything() -> impl Strategy<Value = Step> {
    prop_oneof![
        19 => calm(),
        2 => Just(Step::Cut),
        2 => Just(Step::Restart),
        2 => (1..8_u32).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_is_handed_out_twice_while_it_is_held_and_every_settlement_is_made_once_or_says_so(
        steps in prop::collection::vec(anything(), 0..120),
    ) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        world.end();
    }

    #[test]
    fn without_faults_every_settlement_is_made_and_nothing_comes_again_that_was_not_given_back(
        steps in prop::collection::vec(calm(), 0..120),
    ) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        world.end();
        prop_assert!(world.acks.iter().all(|(_, _, result)| *result == Some(Ok(()))));
        prop_assert!(world.nacks.iter().all(|(_, result)| *result == Some(Ok(()))));
        for (sequence, message) in &world.messages {
            let nacked = world.nacked.get(sequence).copied().unwrap_or_default();
            prop_assert_eq!((message.nacks, message.attempt), (nacked, nacked + 1));
        }
    }
}
