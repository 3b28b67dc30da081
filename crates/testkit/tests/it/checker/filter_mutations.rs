//! The faults in filtering: each changes the good history of filter policies in one place.

use fanfare_testkit::{
    checker::Rule,
    history::{Entry, Event, Invoked, Kinds, Receipt, SettleKind, Settlement},
};

use super::mutations::{History, Mutation, change_ok, counts, delivery, place, receipts, repeat};

/// All of them, with the rule that finds each.
pub(crate) fn all() -> Vec<Mutation> {
    [leaks(), losses(), answers(), restarts()].concat()
}

/// Another subscription's delivery of a message comes to this one as well, before the event at `to`.
fn leak(history: &mut History, subscription: u64, sequence: u64, to: usize) {
    let from = delivery(history, 21, sequence, 1);
    repeat(history, from, to, |delivered| {
        delivered.subscription = subscription;
        delivered.lease = 5_000;
        delivered.first_delivery = true;
    });
}

/// A delivery and its ack are not there.
fn lose(history: &mut History, subscription: u64, sequence: u64, n: usize) {
    let index = delivery(history, subscription, sequence, n);
    history.drain(index..index + 3);
}

fn crash(history: &History, n: usize) -> usize {
    let all = history.iter().enumerate().filter(|(_, entry)| matches!(entry.event, Event::Crash));
    all.map(|(index, _)| index).nth(n).expect("the good history has it")
}

fn backlog(history: &mut History, n: usize) -> &mut u64 {
    let all = history.iter_mut().filter_map(|entry| match &mut entry.event {
        Event::FiguresOk { backlog, .. } => Some(backlog),
        _ => None,
    });
    all.into_iter().nth(n).expect("the good history has it")
}

fn position(history: &mut History, n: usize) -> &mut Option<u64> {
    let index = change_ok(history, n);
    match &mut history[index].event {
        Event::ChangeOk { position, .. } => position,
        other => panic!("{other:?} has no position"),
    }
}

/// What is found of a subscription after a crash.
fn found(history: &mut History, subscription: u64, n: usize) -> (&mut Kinds, &mut u64) {
    let all = history.iter_mut().filter_map(|entry| match &mut entry.event {
        Event::Found { rules, position, .. } if rules.subscription == subscription => {
            Some((&mut rules.lets_in, position))
        }
        _ => None,
    });
    all.into_iter().nth(n).expect("the good history has it")
}

/// Those in the history of the seek that a crash undoes.
pub(crate) fn of_undone_seek() -> Vec<Mutation> {
    vec![
        ("what the seek would have brought comes after the crash", Rule::Filter, |h| {
            repeat(h, delivery(h, 20, 6, 1), h.len(), |_| {});
        }),
        ("what the seek brings comes before it is asked for", Rule::Filter, |h| {
            let from = delivery(h, 20, 6, 1);
            let entry = h.remove(from);
            h.insert(from - 1, entry);
        }),
    ]
}

fn leaks() -> Vec<Mutation> {
    vec![
        ("a message that the first policy does not let in", Rule::Filter, |h| {
            leak(h, 20, 6, change_ok(h, 0));
        }),
        ("a message that only the policy before it lets in", Rule::Filter, |h| {
            leak(h, 20, 8, change_ok(h, 1));
        }),
        ("a message that only a later policy lets in", Rule::Filter, |h| leak(h, 22, 6, h.len())),
        ("a kept message that the new policy alone lets in", Rule::Filter, |h| {
            leak(h, 20, 6, change_ok(h, 1));
        }),
        ("a message in hand that had to leave", Rule::Filter, |h| {
            let (from, to) = (delivery(h, 20, 9, 1), change_ok(h, 2) - 1);
            repeat(h, from, to, |_| {});
        }),
        ("an unread message that had to leave", Rule::Filter, |h| leak(h, 20, 11, change_ok(h, 2) - 1)),
        ("a re-evaluated message that the old policy did not let in", Rule::Filter, |h| {
            leak(h, 20, 8, change_ok(h, 2) - 1);
        }),
        ("a message that the policy at the seek does not let in", Rule::Filter, |h| {
            leak(h, 20, 11, change_ok(h, 2) + 1);
        }),
        ("what the policy did not let in before a crash comes after it", Rule::Filter, |h| {
            leak(h, 20, 15, h.len());
        }),
        ("a message under a policy that had ended, before that is known", Rule::Filter, |h| {
            leak(h, 22, 19, crash(h, 0));
        }),
        ("a message under a policy that had ended, after that is known", Rule::Filter, |h| {
            leak(h, 22, 19, crash(h, 1));
        }),
        ("a message under a policy that never was, before that is known", Rule::Filter, |h| {
            leak(h, 22, 22, crash(h, 1));
        }),
        ("a message under a policy that never was, after that is known", Rule::Filter, |h| {
            leak(h, 22, 22, h.len());
        }),
        ("an ack of what had left holds", Rule::Filter, |h| {
            let (from, to) = (delivery(h, 20, 9, 1), change_ok(h, 1) + 1);
            let (Event::Delivered(delivered), at) = (h[from].event.clone(), h[to].at) else { return };
            let claims = vec![(9, delivered.lease)];
            let request = Invoked::Settle { subscription: 20, kind: SettleKind::Ack, claims, delay: None };
            let outcomes = vec![Settlement { held: true, until: None }];
            h.insert(to, Entry { line: 0, at, event: Event::Invoked { call: 900, request } });
            h.insert(to + 1, Entry { line: 0, at, event: Event::SettleOk { call: 900, outcomes } });
        }),
    ]
}

fn losses() -> Vec<Mutation> {
    vec![
        ("a message that was kept is lost", Rule::NoLoss, |h| lose(h, 22, 8, 1)),
        ("a message that the policy in force lets in is lost", Rule::NoLoss, |h| lose(h, 20, 19, 1)),
        ("a message that the policy at the seek lets in is lost", Rule::NoLoss, |h| lose(h, 20, 8, 1)),
        ("a message that a change that was cut off lets in is lost", Rule::NoLoss, |h| lose(h, 22, 20, 1)),
        ("a message is lost by a change that never was", Rule::NoLoss, |h| lose(h, 22, 23, 1)),
        ("a message that was not let in is counted", Rule::Conservation, |h| counts(h, 22).expired = 1),
        ("the backlog lacks what a re-evaluation has to leave", Rule::Conservation, |h| *backlog(h, 0) = 1),
        ("the backlog has what a re-evaluation has to take", Rule::Conservation, |h| *backlog(h, 0) = 3),
        ("the backlog lacks what a seek brings back", Rule::Conservation, |h| *backlog(h, 1) = 2),
        ("the backlog has what the policy at the seek keeps out", Rule::Conservation, |h| *backlog(h, 1) = 4),
    ]
}

fn answers() -> Vec<Mutation> {
    vec![
        ("a publisher is told of a subscription too few", Rule::Filter, |h| receipts(h, 0)[0].matched = 2),
        ("a publisher is told of a subscription too many", Rule::Filter, |h| receipts(h, 1)[0].matched = 2),
        ("a publisher is told of those that a policy before would let it in to", Rule::Filter, |h| {
            receipts(h, 2)[0].matched = 3;
        }),
        ("a publisher is told what holds only if a change did not happen", Rule::Filter, |h| {
            receipts(h, 9)[0].matched = 3;
        }),
        ("a duplicate is said to be delivered", Rule::Filter, |h| {
            receipts(h, 5)[0] = Receipt { log: 1, sequence: 11, deduplicated: true, matched: 1 };
        }),
        ("a change is answered with a position that is too low", Rule::Filter, |h| {
            *position(h, 0) = Some(4);
        }),
        ("a change is answered with a position that is too high", Rule::Filter, |h| {
            *position(h, 1) = Some(16);
        }),
    ]
}

fn restarts() -> Vec<Mutation> {
    vec![
        ("a policy is forgotten by a crash", Rule::Filter, |h| *found(h, 20, 0).0 = Kinds::ALL),
        ("a crash brings back the policy before", Rule::Filter, |h| {
            let (lets_in, position) = found(h, 20, 0);
            (*lets_in, *position) = (Kinds::of(&[1, 3]), 7);
        }),
        ("a change that was cut off takes another policy", Rule::Filter, |h| {
            *found(h, 22, 0).0 = Kinds::of(&[3]);
        }),
        ("a change that was cut off is undone by a second crash", Rule::Filter, |h| {
            let (lets_in, position) = found(h, 22, 1);
            (*lets_in, *position) = (Kinds::of(&[0]), 4);
        }),
        ("a change that was answered is undone by a crash", Rule::Filter, |h| *found(h, 20, 0).1 = 16),
        ("the policy is not kept while the subscription is", Rule::Filter, |h| {
            let index = place(h, |event| matches!(event, Event::FoundAll)) - 2;
            if let Event::Found { rules, .. } = &mut h[index].event {
                rules.lets_in = Kinds::of(&[0]);
            }
        }),
    ]
}
