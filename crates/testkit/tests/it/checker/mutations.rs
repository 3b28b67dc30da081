//! The faults: each changes the good history in one place.

use fanfare_testkit::{
    checker::Rule,
    history::{Delivered, Entry, Event, FinalCounts, Invoked, Receipt, SettleKind, Settlement},
};

use super::good::rules;

pub(super) type History = Vec<Entry>;
pub(crate) type Mutation = (&'static str, Rule, fn(&mut History));

/// All of them, with the rule that finds each.
pub(crate) fn all() -> Vec<Mutation> {
    [
        losses(),
        phantoms(),
        sequences(),
        order(),
        acks(),
        attempts(),
        deduplication(),
        dead_letters(),
        membership(),
    ]
    .concat()
}

/// Where the `n`-th delivery of a message to a subscription is.
pub(super) fn delivery(history: &History, subscription: u64, sequence: u64, n: usize) -> usize {
    let is = |entry: &Entry| matches!(&entry.event, Event::Delivered(d) if d.subscription == subscription && d.sequence == sequence);
    let found = history.iter().enumerate().filter(|(_, entry)| is(entry)).nth(n - 1);
    found.expect("the good history has it").0
}

pub(super) fn edit(
    history: &mut History,
    subscription: u64,
    sequence: u64,
    n: usize,
    edit: impl FnOnce(&mut Delivered),
) {
    let index = delivery(history, subscription, sequence, n);
    if let Event::Delivered(delivered) = &mut history[index].event {
        edit(delivered);
    }
}

/// The same message once more at the end, or before the event at `to`.
pub(super) fn repeat(history: &mut History, from: usize, to: usize, change: impl FnOnce(&mut Delivered)) {
    let mut entry = history[from].clone();
    entry.at = history[to.min(history.len() - 1)].at;
    if let Event::Delivered(delivered) = &mut entry.event {
        delivered.lease += 1_000;
        delivered.first_delivery = false;
        change(delivered);
    }
    history.insert(to, entry);
}

fn remove_first(history: &mut History, is: impl Fn(&Event) -> bool) {
    let index = history.iter().position(|entry| is(&entry.event)).expect("the good history has it");
    history.remove(index);
}

/// Where the last settlement of a message begins.
pub(super) fn settle(history: &History, subscription: u64, sequence: u64) -> usize {
    let is = |entry: &Entry| {
        matches!(&entry.event, Event::Invoked { request: Invoked::Settle { subscription: s, claims, .. }, .. }
            if *s == subscription && claims[0].0 == sequence)
    };
    history.iter().rposition(is).expect("the good history has it")
}

fn claim(history: &mut History, index: usize) -> &mut (u64, u64) {
    match &mut history[index].event {
        Event::Invoked { request: Invoked::Settle { claims, .. }, .. } => &mut claims[0],
        other => panic!("{other:?} settles nothing"),
    }
}

fn drop_settle(history: &mut History, subscription: u64, sequence: u64) {
    let is = |entry: &Entry| match &entry.event {
        Event::Invoked { request: Invoked::Settle { subscription: s, claims, .. }, call } => {
            (*s == subscription && claims[0].0 == sequence).then_some(*call)
        }
        _ => None,
    };
    let call = history.iter().filter_map(is).next_back().expect("the good history has it");
    history.retain(|entry| match entry.event {
        Event::Invoked { call: c, .. } | Event::SettleOk { call: c, .. } => c != call,
        _ => true,
    });
}

pub(super) fn receipts(history: &mut History, n: usize) -> &mut Vec<Receipt> {
    let all = history.iter_mut().filter_map(|entry| match &mut entry.event {
        Event::PublishOk { receipts, .. } => Some(receipts),
        _ => None,
    });
    all.into_iter().nth(n).expect("the good history has it")
}

pub(super) fn counts(history: &mut History, subscription: u64) -> &mut FinalCounts {
    let all = history.iter_mut().find_map(|entry| match &mut entry.event {
        Event::DrainDone { subscription: s, counts } if *s == subscription => Some(counts),
        _ => None,
    });
    all.expect("the good history has it")
}

pub(super) fn place(history: &History, is: impl Fn(&Event) -> bool) -> usize {
    history.iter().position(|entry| is(&entry.event)).expect("the good history has it")
}

pub(super) fn change_ok(history: &History, nth: usize) -> usize {
    let all = history.iter().enumerate().filter(|(_, entry)| matches!(entry.event, Event::ChangeOk { .. }));
    all.map(|(index, _)| index).nth(nth).expect("the good history has it")
}

fn losses() -> Vec<Mutation> {
    vec![
        ("a message is never delivered", Rule::NoLoss, |h| {
            let index = delivery(h, 10, 7, 1);
            h.drain(index..index + 3);
        }),
        ("a message is delivered and never settled", Rule::NoLoss, |h| drop_settle(h, 10, 13)),
        ("messages could not be read", Rule::NoLoss, |h| counts(h, 10).damaged = 1),
        ("a publish has a receipt too few", Rule::NoLoss, |h| receipts(h, 0).truncate(2)),
        ("a backlog is left", Rule::Liveness, |h| counts(h, 10).backlog = 1),
        ("an ack is missing in the figures", Rule::Conservation, |h| counts(h, 10).acked = 5),
        ("an ack is counted twice", Rule::Conservation, |h| counts(h, 11).acked = 6),
        ("an expiry is not counted", Rule::Conservation, |h| counts(h, 10).expired = 0),
        ("an expiry is counted twice", Rule::Conservation, |h| counts(h, 11).expired = 2),
    ]
}

fn phantoms() -> Vec<Mutation> {
    vec![
        ("a message that nobody published", Rule::NoPhantom, |h| edit(h, 10, 7, 1, |d| d.uid = 77)),
        ("another payload", Rule::NoPhantom, |h| edit(h, 11, 6, 1, |d| d.hash += 1)),
        ("a message that was refused", Rule::NoPhantom, |h| {
            edit(h, 10, 7, 1, |d| (d.uid, d.hash) = (9, 9_000));
        }),
        ("a message is refused after it was delivered", Rule::NoPhantom, |h| {
            let index = place(h, |event| matches!(event, Event::Failed { .. }));
            let failed = h.remove(index);
            edit(h, 10, 7, 1, |d| (d.uid, d.hash) = (9, 9_000));
            h.push(failed);
        }),
    ]
}

fn sequences() -> Vec<Mutation> {
    vec![
        ("two messages of a batch share a sequence", Rule::Sequence, |h| receipts(h, 0)[1].sequence = 5),
        ("sequences of a batch fall", Rule::Sequence, |h| receipts(h, 0).swap(0, 2)),
        ("a sequence is used again later", Rule::Sequence, |h| receipts(h, 2)[0].sequence = 6),
        ("a sequence lies below one that was answered", Rule::Sequence, |h| receipts(h, 2)[0].sequence = 1),
        ("a message comes under two sequences", Rule::Sequence, |h| edit(h, 11, 6, 1, |d| d.sequence = 8)),
        ("a crash gives a sequence to another message", Rule::Sequence, |h| {
            edit(h, 10, 9, 2, |d| (d.uid, d.hash) = (3, 3_000));
        }),
    ]
}

fn order() -> Vec<Mutation> {
    vec![
        ("the second of a key before the first is settled", Rule::KeyOrder, |h| {
            let (from, to) = (delivery(h, 10, 6, 1), delivery(h, 10, 5, 2));
            let entry = h.remove(from);
            h.insert(to, entry);
        }),
        ("the second of a key before the first is delivered", Rule::KeyOrder, |h| {
            let (from, to) = (delivery(h, 10, 6, 1), delivery(h, 10, 5, 1));
            let entry = h.remove(from);
            h.insert(to, entry);
        }),
        ("the first of a key again after the second", Rule::KeyOrder, |h| {
            let (from, to) = (delivery(h, 10, 5, 2), delivery(h, 10, 6, 1) + 1);
            repeat(h, from, to, |_| {});
        }),
        (
            "the second of a key though the ack of the first was refused before it asked",
            Rule::KeyOrder,
            |h| {
                drop_settle(h, 10, 5);
            },
        ),
    ]
}

fn acks() -> Vec<Mutation> {
    vec![
        ("delivered again after its ack", Rule::AckHolds, |h| {
            repeat(h, delivery(h, 10, 7, 1), h.len(), |_| {});
        }),
        ("delivered again after its ack and a crash", Rule::AckHolds, |h| {
            let to = place(h, |event| matches!(event, Event::FoundAll)) + 1;
            repeat(h, delivery(h, 10, 6, 1), to, |_| {});
        }),
        ("delivered again after a seek back and another ack", Rule::AckHolds, |h| {
            let (from, to) = (delivery(h, 12, 5, 2), change_ok(h, 3));
            repeat(h, from, to, |_| {});
        }),
        ("first_delivery twice", Rule::FirstDelivery, |h| edit(h, 10, 5, 2, |d| d.first_delivery = true)),
        ("first_delivery again after a crash", Rule::FirstDelivery, |h| {
            edit(h, 10, 9, 2, |d| d.first_delivery = true);
        }),
        ("first_delivery again after a seek", Rule::FirstDelivery, |h| {
            edit(h, 12, 5, 2, |d| d.first_delivery = true);
        }),
    ]
}

fn attempts() -> Vec<Mutation> {
    vec![
        ("an attempt too many", Rule::Attempts, |h| edit(h, 10, 12, 2, |d| d.attempt = 4)),
        ("attempts skip one", Rule::Attempts, |h| edit(h, 10, 12, 2, |d| d.attempt = 3)),
        ("a nack is not counted", Rule::Attempts, |h| edit(h, 10, 5, 2, |d| d.attempt = 1)),
        ("the first attempt is the second", Rule::Attempts, |h| edit(h, 10, 6, 1, |d| d.attempt = 2)),
        ("attempt zero", Rule::Attempts, |h| edit(h, 10, 6, 1, |d| d.attempt = 0)),
        ("a nack's delay is cut short", Rule::Timing, |h| {
            let index = delivery(h, 10, 5, 2);
            h[index].at = 6_999_999;
        }),
        ("the backoff is cut short", Rule::Timing, |h| {
            let index = delivery(h, 11, 9, 2);
            h[index].at -= 1;
        }),
        ("a delayed message comes early", Rule::Timing, |h| {
            let index = delivery(h, 10, 13, 1);
            h[index].at = 24_999_999;
        }),
        ("an expired message is delivered", Rule::Timing, |h| {
            let (from, to) = (delivery(h, 10, 13, 1), h.len());
            repeat(h, from, to, |d| (d.sequence, d.uid, d.hash) = (14, 7, 7_000));
        }),
        ("two leases at a time", Rule::Lease, |h| {
            let index = delivery(h, 10, 12, 2);
            h[index].at = 20_500_000;
        }),
        ("a lease that is older than the one before", Rule::Lease, |h| edit(h, 10, 5, 2, |d| d.lease = 0)),
        ("an ack under a lease that has run out", Rule::Lease, |h| {
            let index = settle(h, 10, 7);
            h[index].at += 31_000_000;
        }),
        ("an ack under a lease of another", Rule::Lease, |h| {
            let (index, first) = (settle(h, 10, 12), delivery(h, 10, 12, 1));
            let Event::Delivered(Delivered { lease, .. }) = h[first].event else { return };
            claim(h, index).1 = lease;
        }),
        ("an ack under a lease from before a crash", Rule::Lease, |h| {
            let (first, second) = (delivery(h, 10, 9, 1), delivery(h, 10, 9, 2));
            let Event::Delivered(Delivered { lease, .. }) = h[first].event else { return };
            h.remove(second);
            let index = settle(h, 10, 9);
            claim(h, index).1 = lease;
        }),
        ("an ack is accepted twice", Rule::Lease, |h| {
            let index = settle(h, 10, 7);
            let mut again = [h[index].clone(), h[index + 1].clone()];
            for entry in &mut again {
                let (Event::Invoked { call, .. } | Event::SettleOk { call, .. }) = &mut entry.event else {
                    return;
                };
                *call = 901;
            }
            h.splice(index + 2..index + 2, again);
        }),
        ("leases start again after a crash", Rule::Lease, |h| {
            let first = delivery(h, 10, 9, 1);
            let Event::Delivered(Delivered { lease: before, .. }) = h[first].event else { return };
            edit(h, 10, 9, 2, |d| d.lease = before);
        }),
        ("settled and never delivered", Rule::Lease, |h| {
            let index = delivery(h, 10, 13, 1);
            h.remove(index);
        }),
        ("an extended lease is given to another", Rule::Lease, |h| {
            let index = delivery(h, 10, 12, 1);
            let Event::Delivered(delivered) = h[index].event.clone() else { return };
            let at = h[index].at;
            let claims = vec![(12, delivered.lease)];
            let request = Invoked::Settle {
                subscription: 10,
                kind: SettleKind::Extend,
                claims,
                delay: Some(90_000_000),
            };
            let outcomes = vec![Settlement { held: true, until: Some(110_000_000) }];
            h.insert(index + 1, Entry { line: 0, at, event: Event::Invoked { call: 900, request } });
            h.insert(index + 2, Entry { line: 0, at, event: Event::SettleOk { call: 900, outcomes } });
        }),
    ]
}

fn deduplication() -> Vec<Mutation> {
    vec![
        ("stored twice inside the window", Rule::Deduplication, |h| {
            receipts(h, 1)[0] = Receipt { log: 1, sequence: 8, deduplicated: false, matched: 4 };
        }),
        ("a duplicate after the window", Rule::Deduplication, |h| {
            receipts(h, 2)[0] = Receipt { log: 1, sequence: 7, deduplicated: true, matched: 0 };
        }),
        ("a duplicate of another message", Rule::Deduplication, |h| receipts(h, 1)[0].sequence = 6),
        ("a duplicate without an ID", Rule::Deduplication, |h| receipts(h, 0)[1].deduplicated = true),
        ("a duplicate is delivered", Rule::Deduplication, |h| {
            edit(h, 10, 9, 1, |d| (d.sequence, d.uid, d.hash) = (8, 4, 4_000));
        }),
    ]
}

fn dead_letters() -> Vec<Mutation> {
    vec![
        ("delivered after its last attempt", Rule::DeadLetter, |h| {
            repeat(h, delivery(h, 11, 9, 2), h.len(), |_| {});
        }),
        ("dead-lettered twice", Rule::DeadLetter, |h| {
            let index = place(h, |event| matches!(event, Event::DeadLetter { .. }));
            h.insert(index, h[index].clone());
        }),
        ("dead-lettered and acked", Rule::DeadLetter, |h| {
            let event = Event::DeadLetter { subscription: 10, sequence: 7 };
            h.push(Entry { line: 0, at: h[h.len() - 1].at, event });
        }),
        ("dead-lettered and never delivered", Rule::DeadLetter, |h| {
            let event = Event::DeadLetter { subscription: 13, sequence: 6 };
            h.push(Entry { line: 0, at: h[h.len() - 1].at, event });
        }),
        ("an exhausted message is not in the figures", Rule::DeadLetter, |h| counts(h, 11).dropped = 0),
        ("a message is given up that nobody failed", Rule::DeadLetter, |h| counts(h, 10).dropped = 1),
    ]
}

fn membership() -> Vec<Mutation> {
    vec![
        ("delivered to a deleted subscription", Rule::Membership, |h| {
            repeat(h, delivery(h, 12, 5, 2), h.len(), |_| {});
        }),
        ("delivered to a subscription that never was", Rule::Membership, |h| {
            edit(h, 10, 7, 1, |d| d.subscription = 99);
        }),
        ("delivered while paused", Rule::Membership, |h| {
            let (from, to) = (delivery(h, 10, 13, 1), change_ok(h, 0) + 1);
            let entry = h.remove(from);
            h.insert(to, entry);
        }),
        ("delivered from before the subscription began", Rule::Membership, |h| {
            edit(h, 10, 9, 1, |d| d.sequence = 4);
        }),
        ("delivered from another topic", Rule::Membership, |h| edit(h, 11, 6, 1, |d| d.log = 2)),
        ("a subscription is gone after a crash", Rule::Membership, |h| {
            remove_first(h, |event| matches!(event, Event::Found { rules, .. } if rules.subscription == 11));
        }),
        ("a deleted subscription is back after a crash", Rule::Membership, |h| {
            let at = h[h.len() - 1].at;
            let found = Event::Found { rules: rules(12, 3), paused: false, position: 4 };
            let events = [Event::Crash, Event::Restart, found];
            h.extend(events.map(|event| Entry { line: 0, at, event }));
        }),
        ("a pause is forgotten by a crash", Rule::Membership, |h| {
            let index = change_ok(h, 0) + 1;
            let at = h[index].at;
            let found = Event::Found { rules: rules(10, 3), paused: false, position: 4 };
            for event in [found, Event::Restart, Event::Crash] {
                h.insert(index, Entry { line: 0, at, event });
            }
        }),
    ]
}
