use std::{sync::atomic::AtomicUsize, task::Wake};

use super::*;

const LEASE: Outcome = Err(AckError::LeaseExpired);

/// Counts how often it was woken.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn block(len: usize) -> (Arc<Outbox>, Arc<Block>) {
    let outbox = Arc::<Outbox>::default();
    (outbox.clone(), Block::new(outbox, 0, len))
}

fn ask(block: &Block, index: u32) -> Poll<Outcome> {
    block.poll(index, &Context::from_waker(Waker::noop()))
}

#[test]
fn acks_are_taken_once_and_in_runs() {
    let (outbox, block) = block(300);
    for index in [0, 1, 2, 5, 62, 63, 64, 65, 127, 128, 299] {
        block.settle(index, Verdict::Ack);
    }
    assert_eq!(outbox.take().blocks.len(), 1, "a block is posted once");
    assert_eq!(block.take_acks(), [0..3, 5..6, 62..66, 127..129, 299..300]);
    assert_eq!(block.take_acks(), []);
    (64..190).chain([191]).for_each(|index| block.settle(index, Verdict::Ack));
    assert_eq!(outbox.take().blocks.len(), 1, "again since it was taken");
    assert_eq!(block.take_acks(), [64..190, 191..192]);
}

#[test]
fn acks_from_many_threads_are_all_taken() {
    const EACH: u32 = 2_000;
    let (outbox, block) = block(4 * EACH as usize);
    let mut taken = 0;
    let mut take = |outbox: &Outbox| {
        let runs = outbox.take().blocks.into_iter().flat_map(|block| block.take_acks());
        taken += runs.map(|run| run.len()).sum::<usize>();
        taken
    };
    std::thread::scope(|scope| {
        let acking = |start: u32| {
            let block = block.clone();
            move || (0..EACH).for_each(|index| block.settle(index * 4 + start, Verdict::Ack))
        };
        let threads: Vec<_> = (0..4).map(|start| scope.spawn(acking(start))).collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            take(&outbox);
        }
    });
    assert_eq!(take(&outbox), 4 * EACH as usize);
}

#[test]
fn a_result_wakes_those_that_it_is_for_and_is_there_for_whoever_asks_later() {
    let (_outbox, block) = block(4);
    let alarms: [Arc<Alarm>; 4] = Default::default();
    for (alarm, index) in alarms.iter().zip(0..) {
        let waker = Waker::from(alarm.clone());
        assert_eq!(block.poll(index, &Context::from_waker(&waker)), Poll::Pending);
    }
    block.conclude(1..3, &LEASE);
    let woken = alarms.each_ref().map(|alarm| alarm.0.load(Ordering::SeqCst));
    assert_eq!(woken, [0, 1, 1, 0]);
    assert_eq!([0, 1, 2, 3].map(|index| ask(&block, index).is_ready()), [false, true, true, false]);
    assert_eq!([ask(&block, 1), ask(&block, 1)], [Poll::Ready(LEASE), Poll::Ready(LEASE)]);
}

#[test]
fn the_waker_that_asked_last_is_woken() {
    let (_outbox, block) = block(1);
    let alarms: [Arc<Alarm>; 2] = Default::default();
    for alarm in &alarms {
        assert_eq!(block.poll(0, &Context::from_waker(&Waker::from(alarm.clone()))), Poll::Pending);
    }
    block.conclude(0..1, &Ok(()));
    assert_eq!(alarms.map(|alarm| alarm.0.load(Ordering::SeqCst)), [0, 1]);
}

#[test]
fn a_result_is_given_once() {
    let (_outbox, block) = block(2);
    let outcomes = [LEASE, Ok(()), Err(AckError::FencedBySeek), Err(AckError::AlreadySettled)];
    block.conclude(0..1, &outcomes[0]);
    block.conclude(0..2, &outcomes[1]);
    block.abandon();
    assert_eq!((ask(&block, 0), ask(&block, 1)), (Poll::Ready(LEASE), Poll::Ready(Ok(()))));
}

#[test]
fn a_result_that_was_given_before_wakes_nobody() {
    let (_outbox, block) = block(2);
    let alarm = Arc::<Alarm>::default();
    Waiter::new(block.clone(), 0).tell(&Ok(()));
    // Nobody waits for it any more: one who would be woken tells whether wakers are looked at in vain.
    *block.wakers.lock() = vec![Some(alarm.clone().into()); 2];
    drop(Waiter::new(block.clone(), 0));
    block.conclude(0..1, &LEASE);
    assert_eq!(alarm.0.load(Ordering::SeqCst), 0);
    block.conclude(0..2, &LEASE);
    assert_eq!(alarm.0.load(Ordering::SeqCst), 2, "one of them was news");
}

#[test]
fn each_outcome_is_told_as_it_is() {
    for outcome in &OUTCOMES {
        let (_outbox, block) = block(1);
        Waiter::new(block.clone(), 0).tell(outcome);
        assert_eq!(ask(&block, 0), Poll::Ready(outcome.clone()));
    }
}

#[test]
fn a_waiter_that_is_dropped_says_that_nobody_knows() {
    let (_outbox, block) = block(1);
    drop(Waiter::new(block.clone(), 0));
    assert_eq!(ask(&block, 0), Poll::Ready(Err(AckError::Unconfirmed)));
}

#[test]
fn once_the_outbox_is_closed_nobody_knows_what_comes_of_anything() {
    let (outbox, acked) = block(3);
    acked.settle(0, Verdict::Ack);
    let nacked = Block::new(outbox.clone(), 3, 1);
    nacked.settle(0, Verdict::Nack);
    let later = Block::new(outbox.clone(), 4, 3);
    outbox.close();
    later.settle(0, Verdict::Ack);
    later.settle(1, Verdict::Ack);
    later.settle(2, Verdict::Nack);
    acked.settle(1, Verdict::Ack);
    let unknown = Poll::Ready(Err(AckError::Unconfirmed));
    let all = [(&acked, 0), (&acked, 1), (&nacked, 0), (&later, 0), (&later, 1), (&later, 2)];
    assert!(all.iter().all(|(block, index)| ask(block, *index) == unknown));
    assert!(outbox.take().blocks.is_empty());
}
