use super::*;
use crate::{Message, clock, publisher::ids::CorrelationIds};

fn inbox(max_messages: usize, max_bytes: usize) -> Inbox {
    Inbox::new(Room::new(max_messages, max_bytes), DeduplicationIds::random())
}

fn offer(message: impl Into<Message>) -> Offer {
    Offer::new(message.into(), &CorrelationIds::random(), true)
}

fn keyed(key: &str) -> Offer {
    offer(Message::new("x").ordering_key(key))
}

fn take(inbox: &mut Inbox, offer: Offer) -> Future {
    inbox.offer(offer, clock::now()).expect("there is room")
}

/// Offers one for which there is no room.
fn wait(inbox: &mut Inbox, offer: Offer) -> Waiting {
    match inbox.offer(offer, clock::now()) {
        Err(NotTaken::NoRoom(offer)) => inbox.wait(offer),
        other => panic!("{other:?}"),
    }
}

/// As if the task had their outcomes.
fn settle(inbox: &mut Inbox, messages: &[Held], failed: Option<&str>) -> News {
    let error = ServerError::local(tonic::Code::NotFound, "gone");
    let failed = failed.map(|key| (HashSet::from([key.into()]), error));
    let (count, bytes) = (messages.len(), messages.iter().map(|held| held.bytes).sum());
    let settled = Settled { messages: count, bytes, failed, ..Settled::default() };
    inbox.settle(settled, clock::now())
}

fn is_key_paused(future: &mut Future) -> bool {
    matches!(future.try_recv(), Ok(Err(PublishError::KeyPaused { .. })))
}

#[test]
fn messages_are_numbered_in_the_order_of_the_calls_across_collections() {
    let mut inbox = inbox(10, 1 << 20);
    let _futures = [take(&mut inbox, offer("a")), take(&mut inbox, offer("b"))];
    let first = inbox.collect();
    let _future = take(&mut inbox, offer("c"));
    let second = inbox.collect();
    let numbers = |collected: &Collected| collected.messages.iter().map(|m| m.number).collect::<Vec<_>>();
    assert_eq!((numbers(&first), first.below), (vec![0, 1], 2));
    assert_eq!((numbers(&second), second.below), (vec![2], 3));
}

#[test]
fn who_waits_is_taken_in_order_and_nobody_past_them() {
    let mut inbox = inbox(2, 1_000);
    let _futures = [take(&mut inbox, offer("a")), take(&mut inbox, offer("b"))];
    let mut large = wait(&mut inbox, offer(Message::new(vec![0; 900])));
    let mut small = wait(&mut inbox, offer("small"));
    let mut collected = inbox.collect().messages;
    // One goes: there is room for the small one, but the large one waits longer.
    settle(&mut inbox, &[collected.remove(0)], None).tell();
    assert!(large.taken.try_recv().is_err() && small.taken.try_recv().is_err());
    settle(&mut inbox, &collected, None).tell();
    assert!(large.taken.try_recv().is_ok() && small.taken.try_recv().is_err());
    let large = inbox.collect().messages;
    settle(&mut inbox, &large, None).tell();
    assert!(small.taken.try_recv().is_ok());
}

#[test]
fn who_does_not_wait_any_more_makes_way_for_those_behind() {
    let mut inbox = inbox(2, 1_000);
    let _future = take(&mut inbox, offer(Message::new(vec![0; 500])));
    let large = wait(&mut inbox, offer(Message::new(vec![0; 900])));
    let mut small = wait(&mut inbox, offer("small"));
    inbox.cancel(large.ticket, clock::now()).tell();
    assert!(small.taken.try_recv().is_ok());
    inbox.cancel(large.ticket, clock::now()).tell();
    inbox.cancel(small.ticket, clock::now()).tell();
    assert_eq!(inbox.collect().messages.len(), 2, "what is taken cannot be cancelled");
}

#[test]
fn a_failed_key_fails_what_was_not_collected_and_gives_its_room_back() {
    let mut inbox = inbox(3, 1 << 20);
    let _sent = take(&mut inbox, keyed("k"));
    let sent = inbox.collect().messages;
    let (mut behind, mut other) = (take(&mut inbox, keyed("k")), take(&mut inbox, keyed("other")));
    let (mut waits, mut last) = (wait(&mut inbox, keyed("k")), wait(&mut inbox, keyed("other")));
    settle(&mut inbox, &sent, Some("k")).tell();
    assert!(is_key_paused(&mut behind) && other.try_recv().is_err());
    assert!(is_key_paused(&mut waits.future) && waits.taken.try_recv().is_err());
    assert!(last.taken.try_recv().is_ok());
    assert!(matches!(inbox.offer(keyed("k"), clock::now()), Err(NotTaken::Fails(_))));
    assert_eq!(inbox.collect().messages.len(), 2);
    inbox.resume("k");
    let _taken = take(&mut inbox, keyed("k"));
}

#[test]
fn a_message_that_no_broker_takes_fails_alone_and_pauses_its_key() {
    let mut inbox = inbox(10, 1 << 20);
    let huge = || Message::new(vec![0; LARGEST]);
    let refused = |refused| matches!(refused, Err(NotTaken::Fails(PublishError::Refused(_))));
    assert!(refused(inbox.offer(offer(huge()), clock::now())));
    let _future = take(&mut inbox, keyed("k"));
    assert!(refused(inbox.offer(offer(huge().ordering_key("k")), clock::now())));
    assert!(matches!(inbox.offer(keyed("k"), clock::now()), Err(NotTaken::Fails(_))));
    assert_eq!(inbox.collect().messages.len(), 1, "what came before it goes on");
}

#[test]
fn a_closed_inbox_takes_nothing_and_says_so_to_who_waits() {
    let mut inbox = inbox(1, 1 << 20);
    let mut taken = take(&mut inbox, offer("a"));
    let mut waits = wait(&mut inbox, offer("b"));
    inbox.close().tell();
    inbox.close().tell();
    assert!(matches!(waits.future.try_recv(), Ok(Err(PublishError::ShutDown))));
    assert!(waits.taken.try_recv().is_err());
    let refused = inbox.offer(offer("c"), clock::now());
    assert!(matches!(refused, Err(NotTaken::Fails(PublishError::ShutDown))));
    let collected = inbox.collect();
    assert!(collected.closed && collected.messages.len() == 1 && taken.try_recv().is_err());
}

#[test]
fn the_task_is_woken_once_for_what_it_has_asked_for() {
    let mut inbox = inbox(10, 1 << 20);
    let wake_at = WakeAt { messages: 2, bytes: 1_000 };
    assert!(!inbox.wake_at(wake_at) && !inbox.is_wake_due());
    let _future = take(&mut inbox, offer("a"));
    assert!(!inbox.is_wake_due());
    let _future = take(&mut inbox, offer("b"));
    assert!(inbox.is_wake_due() && !inbox.is_wake_due());
    assert!(inbox.wake_at(wake_at), "they are still there");
    drop(inbox.collect());
    assert!(!inbox.wake_at(wake_at));
    let _future = take(&mut inbox, offer(Message::new(vec![0; 1_000])));
    assert!(inbox.is_wake_due());
}

#[test]
fn what_was_taken_before_a_flush_is_urgent_and_what_comes_later_is_not() {
    let mut inbox = inbox(10, 1 << 20);
    let _future = take(&mut inbox, offer("a"));
    assert_eq!(inbox.urge(), 1);
    let _future = take(&mut inbox, offer("b"));
    let collected = inbox.collect();
    assert_eq!((collected.urgent_below, collected.below), (1, 2));
}
