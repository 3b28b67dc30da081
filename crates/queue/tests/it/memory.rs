use queue::Queue;
use types::limits;

use crate::support::*;

#[test]
fn an_idle_queue_is_well_under_a_kibibyte() {
    // What is on the heap beside it is none: `assert_invariants` looks at the capacities of an empty window.
    assert!(size_of::<Queue>() <= 704, "{} B", size_of::<Queue>());
    Subject::new(settings()).queue.assert_invariants();
}

#[test]
fn a_queue_that_was_busy_gives_its_memory_back() {
    let offers: Vec<_> = (1..=2_000).map(message).collect();
    let mut subject = Subject::with(settings(), &offers);
    let leased = subject.lease(usize::MAX);
    subject.ack(&claims(&leased));
    assert_eq!(subject.counts().acked, 2_000);
    subject.queue.assert_invariants();
}

#[test]
fn a_full_window_has_no_room_until_something_settles() {
    let offers: Vec<_> = (1..=limits::WINDOW_MESSAGES as u64).map(message).collect();
    let mut subject = Subject::new(settings());
    subject.queue.read_on(&offers, limits::WINDOW_MESSAGES as u64 + 1);
    assert_eq!(subject.queue.room(), 0);
    let mark = subject.queue.decide_mark().unwrap();
    subject.queue.apply(&mark);
    let ask = queue::Ask { max_messages: 10, max_bytes: u64::MAX };
    let leased = lease(&mut subject.queue, subject.now, ask);
    subject.ack_unchecked(&claims(&leased));
    assert_eq!(subject.queue.room(), 10);
}

#[test]
fn one_message_that_stays_does_not_hold_the_memory_of_those_that_went() {
    let mut subject = Subject::with(settings(), &[message(1)]);
    let stuck = subject.lease_one();
    subject.queue.extend(subject.now, claim(stuck), seconds(3_600)).unwrap();
    for sequence in 2..2_000 {
        subject.read(&[message(sequence)]);
        let leased = subject.lease_one();
        subject.ack(&[claim(leased)]);
    }
    // `assert_invariants` bounds the timers; the window has swept its marks out.
    assert_eq!(subject.queue.needed_below(u64::MAX), [1]);
}
