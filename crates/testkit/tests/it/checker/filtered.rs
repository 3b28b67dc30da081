//! A small good history of filter policies.
//!
//! Subscription 20 lets in kind 0, from position 7 on kinds 1 and 3, from 13 on (re-evaluated) kinds 0 and 3, and is sought back to 8 by 17.
//! 21 gets everything. 22 lets in kind 0, from position 18 on kind 1: that change is cut off by a crash, and a later one does not happen.
//! Sequences, with their kinds: 5 (0), 6 (1), 8 (0), 9 (1), 10 (2), 11 (1), 12 (3), 15 (1), 16 (0), 19 (0), 20 (1), 22 (2), 23 (1).

use fanfare_testkit::history::{
    Entry, Event, FinalCounts, Invoked, Kind, Kinds, Message, Receipt, SettleKind, Sought, SubscriptionRules,
};

use super::good::{Writer, message, rules};

const FIRST: Kinds = Kinds::of(&[0]);
const SECOND: Kinds = Kinds::of(&[1, 3]);
const THIRD: Kinds = Kinds::of(&[0, 3]);
pub(super) const ONE: Kinds = Kinds::of(&[1]);

/// The history. Whether the change that is cut off takes effect makes two of it.
pub(crate) fn history(takes_effect: bool) -> Vec<Entry> {
    let mut writer = Writer::default();
    writer.start();
    writer.keep();
    writer.reevaluate();
    writer.seek_back();
    writer.cut_off(takes_effect);
    writer.does_not_happen(takes_effect);
    writer.finish(takes_effect);
    writer.recorder.into_entries()
}

/// A seek that a crash undoes, and what it brought before that. The change that is kept before it has position 7.
pub(crate) fn undone_seek() -> Vec<Entry> {
    let mut writer = Writer::default();
    writer.start();
    writer.accept(5, 0, 3);
    writer.accept(6, 1, 1);
    writer.change_policy(ONE, false, 7);
    writer.consume(20, &[5]);
    let call = writer.invoke(Invoked::Seek { subscription: 20 });
    writer.deliver(20, 6, 6, 1, true);
    writer.record(Event::Unknown { call });
    writer.find(&[(20, ONE, 7), (21, Kinds::ALL, 3), (22, FIRST, 4)]);
    writer.recorder.into_entries()
}

fn of(subscription: u64, lets_in: Kinds) -> SubscriptionRules {
    let created = subscription - 18;
    SubscriptionRules { required_from: created + 1, allowed_from: created, lets_in, ..rules(subscription, 3) }
}

impl Writer {
    fn start(&mut self) {
        self.record(Event::Run { seed: 0 });
        self.record(Event::Restart);
        self.record(Event::TopicCreated { log: 1, deduplication_window: 0, max_age: 1_000_000_000 });
        for (subscription, lets_in) in [(20, FIRST), (21, Kinds::ALL), (22, FIRST)] {
            let call = self.invoke(Invoked::Subscribe);
            self.record(Event::SubscribeOk { call, rules: of(subscription, lets_in) });
        }
    }

    /// The message's name is its sequence.
    fn accept(&mut self, sequence: u64, kind: Kind, matched: u32) {
        let receipt = Receipt { log: 1, sequence, deduplicated: false, matched };
        self.publish(vec![Message { kind, ..message(sequence) }], vec![receipt]);
    }

    fn consume(&mut self, subscription: u64, sequences: &[u64]) {
        for sequence in sequences {
            self.deliver_and_ack(subscription, *sequence, *sequence);
        }
    }

    fn ask(&mut self, subscription: u64, lets_in: Kinds, reevaluates: bool) -> u64 {
        self.invoke(Invoked::Update { rules: of(subscription, lets_in), reevaluates })
    }

    fn change_policy(&mut self, lets_in: Kinds, reevaluates: bool, position: u64) {
        let call = self.ask(20, lets_in, reevaluates);
        self.record(Event::ChangeOk { call, position: Some(position), sought: None });
    }

    fn keep(&mut self) {
        self.accept(5, 0, 3);
        self.accept(6, 1, 1);
        self.change_policy(SECOND, false, 7);
        self.accept(8, 0, 2);
        self.accept(9, 1, 2);
        self.accept(10, 2, 1);
        self.consume(20, &[5]);
        self.deliver(20, 9, 9, 1, true);
    }

    fn reevaluate(&mut self) {
        self.accept(11, 1, 2);
        self.accept(12, 3, 2);
        self.change_policy(THIRD, true, 13);
        self.accept(15, 1, 1);
        self.accept(16, 0, 3);
        self.ask_for_figures(2);
        self.consume(20, &[12, 16]);
    }

    fn ask_for_figures(&mut self, backlog: u64) {
        let call = self.invoke(Invoked::Figures { subscription: 20 });
        self.record(Event::FiguresOk { call, backlog });
    }

    fn seek_back(&mut self) {
        let call = self.invoke(Invoked::Seek { subscription: 20 });
        let sought = Some(Sought { allowed_from: 8, required_from: 8 });
        self.record(Event::ChangeOk { call, position: Some(17), sought });
        self.ask_for_figures(3);
        self.consume(20, &[8]);
        for sequence in [12, 16] {
            let lease = self.deliver(20, sequence, sequence, 1, false);
            self.settle(20, SettleKind::Ack, (sequence, lease), None);
        }
    }

    fn cut_off(&mut self, takes_effect: bool) {
        let call = self.ask(22, ONE, false);
        let without = u32::from(!takes_effect);
        self.accept(19, 0, 2 + without);
        self.accept(20, 1, 2 - without);
        self.record(Event::Unknown { call });
        if !takes_effect {
            self.consume(22, &[19]);
        }
        self.crash(takes_effect);
        self.consume(22, &[5, 8, 16]);
        if takes_effect {
            self.consume(22, &[20]);
        }
    }

    fn crash(&mut self, took_effect: bool) {
        let (lets_in, position) = if took_effect { (ONE, 18) } else { (FIRST, 4) };
        self.find(&[(20, THIRD, 17), (21, Kinds::ALL, 3), (22, lets_in, position)]);
    }

    /// A crash, and what is there after it.
    fn find(&mut self, there: &[(u64, Kinds, u64)]) {
        self.record(Event::Crash);
        self.record(Event::Restart);
        for &(subscription, lets_in, position) in there {
            self.record(Event::Found { rules: of(subscription, lets_in), paused: false, position });
        }
        self.record(Event::FoundAll);
    }

    fn does_not_happen(&mut self, took_effect: bool) {
        let call = self.ask(22, Kinds::of(&[2]), true);
        self.accept(22, 2, 1);
        self.record(Event::Unknown { call });
        self.crash(took_effect);
        self.accept(23, 1, 1 + u32::from(took_effect));
    }

    fn finish(&mut self, took_effect: bool) {
        self.consume(20, &[19]);
        self.consume(21, &[5, 6, 8, 9, 10, 11, 12, 15, 16, 19, 20, 22, 23]);
        if took_effect {
            self.consume(22, &[23]);
        }
        for (subscription, acked) in [(20, 7), (21, 13), (22, 4 + u64::from(took_effect))] {
            let counts = FinalCounts { acked, ..FinalCounts::default() };
            self.record(Event::DrainDone { subscription, counts });
        }
    }
}
