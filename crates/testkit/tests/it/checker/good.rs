//! A small history in which everything happens once and rightly. Times are in milliseconds here.
//!
//! Topic 1 keeps deduplication IDs for 10 s. Subscriptions: 10 ordered, 11 gives up after two attempts, 12 is sought back and deleted,
//! 13 dead-letters after one. Sequences: 5 and 6 of key 1, 7 with deduplication ID 7, 9 of an unanswered publish, 12 with ID 7 again, 13 delayed,
//! 14 expired.

use fanfare_testkit::history::{
    Delivered, Entry, Event, FinalCounts, Invoked, Kinds, Message, Receipt, Recorder, SettleKind, Settlement,
    Sought, SubscriptionRules,
};

#[derive(Default)]
pub(super) struct Writer {
    pub(super) recorder: Recorder,
    at: u64,
    lease: u64,
}

pub(crate) fn history() -> Vec<Entry> {
    let mut writer = Writer::default();
    writer.begin();
    writer.publish_and_consume();
    writer.crash_and_go_on();
    writer.late_messages();
    writer.others();
    writer.end();
    writer.recorder.into_entries()
}

/// Lines are places.
pub(crate) fn renumber(history: &mut [Entry]) {
    for (index, entry) in history.iter_mut().enumerate() {
        entry.line = index as u64 + 1;
    }
}

pub(crate) fn rules(subscription: u64, max_attempts: u32) -> SubscriptionRules {
    SubscriptionRules {
        subscription,
        log: 1,
        required_from: 5,
        allowed_from: 5,
        ordered: subscription == 10,
        max_attempts,
        drops: subscription == 11,
        min_backoff: 1_000_000,
        lets_in: Kinds::ALL,
    }
}

pub(crate) fn message(uid: u64) -> Message {
    Message { uid, hash: uid * 1_000, kind: 0, key: None, dedup: None, deliver_at: 0, expire_at: None }
}

fn receipt(sequence: u64) -> Receipt {
    Receipt { log: 1, sequence, deduplicated: false, matched: 4 }
}

impl Writer {
    pub(super) fn record(&mut self, event: Event) {
        self.recorder.record(self.at * 1_000, event);
    }

    pub(super) fn invoke(&mut self, request: Invoked) -> u64 {
        self.recorder.invoke(self.at * 1_000, request)
    }

    fn change(&mut self, request: Invoked, sought: Option<Sought>) {
        let call = self.invoke(request);
        self.record(Event::ChangeOk { call, position: None, sought });
    }

    pub(super) fn publish(&mut self, messages: Vec<Message>, receipts: Vec<Receipt>) {
        let call = self.invoke(Invoked::Publish { messages });
        self.record(Event::PublishOk { call, receipts });
    }

    /// The lease.
    pub(super) fn deliver(
        &mut self,
        subscription: u64,
        sequence: u64,
        uid: u64,
        attempt: u32,
        first_delivery: bool,
    ) -> u64 {
        self.lease += 1;
        self.record(Event::Delivered(Delivered {
            subscription,
            log: 1,
            sequence,
            uid,
            hash: uid * 1_000,
            lease: self.lease,
            deadline: (self.at + 30_000) * 1_000,
            attempt,
            first_delivery,
        }));
        self.lease
    }

    pub(super) fn pass(&mut self, millis: u64) {
        self.at += millis;
    }

    pub(super) fn begin_settle(
        &mut self,
        subscription: u64,
        kind: SettleKind,
        claim: (u64, u64),
        delay: Option<u64>,
    ) -> u64 {
        let delay = delay.map(|delay| delay * 1_000);
        self.invoke(Invoked::Settle { subscription, kind, claims: vec![claim], delay })
    }

    pub(super) fn settle(
        &mut self,
        subscription: u64,
        kind: SettleKind,
        claim: (u64, u64),
        delay: Option<u64>,
    ) {
        let call = self.begin_settle(subscription, kind, claim, delay);
        self.record(Event::SettleOk { call, outcomes: vec![Settlement { held: true, until: None }] });
    }

    pub(super) fn deliver_and_ack(&mut self, subscription: u64, sequence: u64, uid: u64) {
        let lease = self.deliver(subscription, sequence, uid, 1, true);
        self.settle(subscription, SettleKind::Ack, (sequence, lease), None);
    }

    fn begin(&mut self) {
        self.record(Event::Run { seed: 0 });
        self.record(Event::Restart);
        self.record(Event::TopicCreated { log: 1, deduplication_window: 10_000_000, max_age: 1_000_000_000 });
        for (subscription, attempts) in [(10, 3), (11, 2), (12, 3), (13, 1)] {
            let call = self.invoke(Invoked::Subscribe);
            self.record(Event::SubscribeOk { call, rules: rules(subscription, attempts) });
        }
    }

    fn publish_and_consume(&mut self) {
        let [one, two] = [1, 2].map(|uid| Message { key: Some(1), ..message(uid) });
        let three = Message { dedup: Some(7), ..message(3) };
        self.publish(vec![one, two, three], vec![receipt(5), receipt(6), receipt(7)]);
        self.at = 5_000;
        let four = Message { dedup: Some(7), ..message(4) };
        self.publish(vec![four], vec![Receipt { deduplicated: true, matched: 0, ..receipt(7) }]);
        let refused = self.invoke(Invoked::Publish { messages: vec![message(9)] });
        self.record(Event::Failed { call: refused });
        self.invoke(Invoked::Publish { messages: vec![message(8)] });
        let lease = self.deliver(10, 5, 1, 1, true);
        self.settle(10, SettleKind::Nack, (5, lease), Some(2_000));
        self.at = 8_000;
        let lease = self.deliver(10, 5, 1, 2, false);
        self.settle(10, SettleKind::Ack, (5, lease), None);
        self.deliver_and_ack(10, 6, 2);
        self.deliver_and_ack(10, 7, 3);
    }

    fn crash_and_go_on(&mut self) {
        let lease = self.deliver(10, 9, 8, 1, true);
        let ack = self.begin_settle(10, SettleKind::Ack, (9, lease), None);
        self.record(Event::Unknown { call: ack });
        self.record(Event::Crash);
        self.record(Event::Restart);
        for (subscription, attempts) in [(10, 3), (11, 2), (12, 3), (13, 1)] {
            self.record(Event::Found { rules: rules(subscription, attempts), paused: false, position: 4 });
        }
        self.record(Event::FoundAll);
        let lease = self.deliver(10, 9, 8, 1, false);
        self.settle(10, SettleKind::Ack, (9, lease), None);
    }

    fn late_messages(&mut self) {
        self.at = 20_000;
        let five = Message { dedup: Some(7), ..message(5) };
        let six = Message { deliver_at: 25_000_000, ..message(6) };
        let seven = Message { expire_at: Some(21_000_000), ..message(7) };
        self.publish(vec![five, six, seven], vec![receipt(12), receipt(13), receipt(14)]);
        self.deliver(10, 12, 5, 1, true);
        self.at = 60_000;
        let lease = self.deliver(10, 12, 5, 2, false);
        self.settle(10, SettleKind::Ack, (12, lease), None);
        self.change(Invoked::SetPaused { subscription: 10, paused: true }, None);
        self.change(Invoked::SetPaused { subscription: 10, paused: false }, None);
        self.deliver_and_ack(10, 13, 6);
    }

    fn others(&mut self) {
        for (sequence, uid) in [(5, 1), (6, 2), (7, 3), (12, 5), (13, 6)] {
            self.deliver_and_ack(11, sequence, uid);
        }
        for attempt in [1, 2] {
            let lease = self.deliver(11, 9, 8, attempt, attempt == 1);
            self.settle(11, SettleKind::Nack, (9, lease), None);
            self.at += 1_000;
        }
        self.deliver_and_ack(12, 5, 1);
        self.change(Invoked::Seek { subscription: 12 }, Some(Sought { allowed_from: 5, required_from: 5 }));
        let lease = self.deliver(12, 5, 1, 1, false);
        self.settle(12, SettleKind::Ack, (5, lease), None);
        self.change(Invoked::Unsubscribe { subscription: 12 }, None);
        let lease = self.deliver(13, 5, 1, 1, true);
        self.settle(13, SettleKind::Nack, (5, lease), None);
        self.record(Event::DeadLetter { subscription: 13, sequence: 5 });
    }

    fn end(&mut self) {
        let counts = FinalCounts { acked: 6, expired: 1, ..FinalCounts::default() };
        self.record(Event::DrainDone { subscription: 10, counts });
        let counts = FinalCounts { acked: 5, dropped: 1, expired: 1, ..FinalCounts::default() };
        self.record(Event::DrainDone { subscription: 11, counts });
    }
}
