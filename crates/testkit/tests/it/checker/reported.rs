//! A small good history of what push workers report, and faults planted in it.
//!
//! Subscription 10 is ordered and has three attempts. Sequences 5 and 6 have one key: 5 fails and is acknowledged late, 6 is returned, then
//! acknowledged; 7 fails, is leased again and acknowledged; 8 is rejected; 9 is returned, and a crash forgets the wait.

use fanfare_testkit::{
    checker::Rule,
    history::{Entry, Event, FinalCounts, Invoked, Message, Receipt, SettleKind, Settlement},
};

use super::{
    good::{Writer, message, rules},
    mutations::{History, Mutation, counts, delivery, edit, repeat, settle},
};

pub(crate) fn history() -> Vec<Entry> {
    let mut writer = Writer::default();
    writer.start_reporting();
    writer.succeed_late();
    writer.come_back();
    writer.fail_for_good();
    let counts = FinalCounts { acked: 4, dead_letters: 1, ..FinalCounts::default() };
    writer.record(Event::DrainDone { subscription: 10, counts });
    writer.recorder.into_entries()
}

impl Writer {
    fn start_reporting(&mut self) {
        self.record(Event::Run { seed: 0 });
        self.record(Event::Restart);
        self.record(Event::TopicCreated { log: 1, deduplication_window: 0, max_age: 1_000_000_000 });
        let call = self.invoke(Invoked::Subscribe);
        self.record(Event::SubscribeOk { call, rules: rules(10, 3) });
        let of_key = |uid| Message { key: Some(1), ..message(uid) };
        let messages = vec![of_key(5), of_key(6), message(7), message(8), message(9)];
        let receipt = |sequence| Receipt { log: 1, sequence, deduplicated: false, matched: 1 };
        self.publish(messages, (5..=9).map(receipt).collect());
    }

    fn succeed_late(&mut self) {
        let five = self.deliver(10, 5, 5, 1, true);
        self.settle(10, SettleKind::Retry, (5, five), None);
        let seven = self.deliver(10, 7, 7, 1, true);
        self.settle(10, SettleKind::Retry, (7, seven), Some(2_000));
        self.settle(10, SettleKind::AckLate, (5, five), None);
        self.pass(2_000);
        let again = self.deliver(10, 7, 7, 2, false);
        let call = self.begin_settle(10, SettleKind::AckLate, (7, seven), None);
        self.record(Event::SettleOk { call, outcomes: vec![Settlement { held: false, until: None }] });
        self.settle(10, SettleKind::Ack, (7, again), None);
    }

    fn come_back(&mut self) {
        let six = self.deliver(10, 6, 6, 1, true);
        self.settle(10, SettleKind::Return, (6, six), Some(5_000));
        self.pass(5_000);
        let again = self.deliver(10, 6, 6, 1, false);
        self.settle(10, SettleKind::Ack, (6, again), None);
        let nine = self.deliver(10, 9, 9, 1, true);
        self.settle(10, SettleKind::Return, (9, nine), Some(5_000));
        self.record(Event::Crash);
        self.record(Event::Restart);
        self.record(Event::Found { rules: rules(10, 3), paused: false, position: 4 });
        self.record(Event::FoundAll);
        let again = self.deliver(10, 9, 9, 1, false);
        self.settle(10, SettleKind::Ack, (9, again), None);
    }

    fn fail_for_good(&mut self) {
        let eight = self.deliver(10, 8, 8, 1, true);
        self.settle(10, SettleKind::Reject, (8, eight), None);
        self.record(Event::DeadLetter { subscription: 10, sequence: 8 });
    }
}

/// The answer to the `n`-th settlement of this kind.
fn answer(history: &mut History, kind: SettleKind, n: usize) -> &mut Settlement {
    let of_kind = |entry: &Entry| match &entry.event {
        Event::Invoked { call, request: Invoked::Settle { kind: found, .. } } => {
            (*found == kind).then_some(*call)
        }
        _ => None,
    };
    let call = history.iter().filter_map(of_kind).nth(n).expect("the good history has it");
    let answers = history.iter_mut().filter_map(|entry| match &mut entry.event {
        Event::SettleOk { call: answered, outcomes } if *answered == call => outcomes.first_mut(),
        _ => None,
    });
    answers.into_iter().next().expect("it is answered")
}

pub(crate) fn faults() -> Vec<Mutation> {
    vec![
        ("delivered after its late ack was confirmed", Rule::AckHolds, |h| {
            repeat(h, delivery(h, 10, 5, 1), h.len(), |d| d.attempt = 2);
        }),
        ("the next of a key before the late ack", Rule::KeyOrder, |h| {
            let at = settle(h, 10, 5);
            repeat(h, delivery(h, 10, 6, 1), at, |_| {});
        }),
        ("a late ack of what was leased again", Rule::Lease, |h| {
            answer(h, SettleKind::AckLate, 1).held = true;
        }),
        ("a late ack of what is under lease", Rule::Lease, |h| {
            let failed = delivery(h, 10, 5, 1) + 1;
            h.drain(failed..failed + 2);
        }),
        ("a late ack is not counted", Rule::Conservation, |h| counts(h, 10).acked = 3),
        ("an attempt too few after a failure that was reported", Rule::Attempts, |h| {
            edit(h, 10, 7, 2, |d| d.attempt = 1);
        }),
        ("tried again before the wait that was asked for", Rule::Timing, |h| {
            let index = delivery(h, 10, 7, 2);
            h[index].at -= 1_000_001;
        }),
        ("a returned message comes too early", Rule::Timing, |h| {
            let index = delivery(h, 10, 6, 2);
            h[index].at -= 1;
        }),
        ("delivered after it was rejected", Rule::DeadLetter, |h| {
            repeat(h, delivery(h, 10, 8, 1), h.len(), |d| d.attempt = 2);
        }),
        ("a rejected message is neither dropped nor a dead letter", Rule::DeadLetter, |h| {
            counts(h, 10).dead_letters = 0;
        }),
    ]
}
