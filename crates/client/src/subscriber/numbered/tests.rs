//! A property: a message is found wherever a plain search finds it, and nothing is left of rows that are done.

use proptest::prelude::*;

use super::*;
use crate::{clock, subscriber::wire::StoredMessage};

#[derive(Debug, Clone)]
enum Step {
    /// A block of some of the messages that are not here comes.
    Deliver(Vec<u64>),
    /// One of what is held is acknowledged, sent and confirmed.
    Settle(usize),
    /// A message is looked for, and moves if it is here.
    Find(u64),
}

const MESSAGES: u64 = 30;

fn step() -> impl Strategy<Value = Step> {
    let some = prop::collection::btree_set(0..MESSAGES, 1..6);
    // Such as follow each other, and such as come again.
    let range = (0..MESSAGES, 1..6_u64).prop_map(|(first, count)| (first..first + count).collect());
    prop_oneof![
        2 => prop_oneof![some.prop_map(|some| some.into_iter().collect()), range].prop_map(Step::Deliver),
        2 => any::<usize>().prop_map(Step::Settle),
        1 => (0..MESSAGES + 6).prop_map(Step::Find),
    ]
}

/// Row and index of a message that is here.
fn plain(numbered: &Numbered, sequence: u64) -> Option<(u64, usize)> {
    numbered.rows.iter().find_map(|(start, row)| Some((*start, row.find(sequence)?)))
}

fn held(numbered: &Numbered) -> Vec<(u64, u32)> {
    let of_row = |(start, row): (&u64, &Row)| {
        let start = *start;
        let held = (0..).zip(&row.slots).filter(|(_, slot)| slot.stage == Stage::Held);
        held.map(move |(index, _)| (start, index)).collect::<Vec<_>>()
    };
    numbered.rows.iter().flat_map(of_row).collect()
}

/// One that is here stays where it is, and is gone from its slot in the new block.
fn deliver(numbered: &mut Numbered, sequences: &[u64]) {
    let is_held: Vec<_> = sequences.iter().map(|sequence| plain(numbered, *sequence).is_none()).collect();
    let stored = |sequence: &u64| StoredMessage { sequence: *sequence, ..StoredMessage::default() };
    let messages = sequences.iter().map(stored).collect();
    let delivered = wire::DeliveryBlock { messages, ..wire::DeliveryBlock::default() };
    let first = numbered.give(sequences.len());
    let block = Block::new(Arc::default(), first, sequences.len());
    numbered.add(clock::now(), block, &delivered, &is_held);
}

fn settle(numbered: &mut Numbered, which: usize) {
    let held = held(numbered);
    let Some((start, index)) = which.checked_rem(held.len()).map(|which| held[which]) else { return };
    assert!(numbered.ack(start, index..index + 1).is_empty());
    let (ranges, _) = numbered.take(1, 1);
    numbered.acked(&ranges[0]).unwrap();
}

fn find(numbered: &mut Numbered, sequence: u64) {
    let wanted = plain(numbered, sequence);
    let found = numbered.find(sequence);
    let ticket = wanted.map(|(start, index)| (sequence, start + index as u64));
    let lease = found.map(|moved| (moved.lease.ticket.sequence, moved.lease.ticket.number));
    assert_eq!(lease, ticket);
    assert_eq!(plain(numbered, sequence), None, "it has moved");
}

proptest! {
    #[test]
    fn a_message_is_found_where_a_plain_search_finds_it(steps in prop::collection::vec(step(), 1..80)) {
        let mut numbered = Numbered::new(100);
        for step in &steps {
            match step {
                Step::Deliver(sequences) => deliver(&mut numbered, sequences),
                Step::Settle(which) => settle(&mut numbered, *which),
                Step::Find(sequence) => find(&mut numbered, *sequence),
            }
        }
        (0..MESSAGES + 6).for_each(|sequence| find(&mut numbered, sequence));
        prop_assert_eq!((numbered.held(), numbered.bytes(), numbered.slots), (0, 0, 0));
        prop_assert_eq!((numbered.rows.len(), numbered.spans.len()), (0, 0));
    }
}
