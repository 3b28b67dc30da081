use fanfare_proto::v1::LeaseOutcome::{self, AlreadySettled, Expired, FencedBySeek, Ok as Done, Superseded};

use futures_util::FutureExt as _;

use super::*;
use crate::{
    clock,
    subscriber::{AckHandle, Settled, block::Block},
};

/// Who waits for a result, and who gets it.
fn waiting() -> (Waiter, Told) {
    let block = Block::new(std::sync::Arc::default(), 0, 1);
    (Waiter::new(block.clone(), 0), Told(AckHandle::new(block, 0).ack()))
}

struct Told(Settled);

impl Told {
    fn get(&mut self) -> Option<Result<(), AckError>> {
        (&mut self.0).now_or_never()
    }
}

fn lease(sequence: u64, ack_id: &str) -> Lease {
    Lease { ticket: Ticket { sequence, number: sequence }, ack_id: ack_id.into(), attempt: 1 }
}

/// One settlement of message 1 under ack ID `a`.
fn one(verdict: Verdict) -> (Settling, Told) {
    let (waiter, told) = waiting();
    let mut settling = Settling::default();
    settling.add(lease(1, "a"), verdict, Some(waiter));
    (settling, told)
}

fn result(ack_id: &str, outcome: LeaseOutcome) -> [v1::SettleResult; 1] {
    [v1::SettleResult { ack_id: ack_id.into(), outcome: outcome.into(), detail: String::new() }]
}

fn delivered(ack_id: &str, attempt: u32) -> Lease {
    Lease { ticket: Ticket { sequence: 1, number: 2 }, ack_id: ack_id.into(), attempt }
}

/// What is sent.
fn sent(settling: &mut Settling) -> (Vec<String>, Vec<String>) {
    let batch = settling.take(10);
    (batch.acks, batch.nacks.into_iter().flat_map(|nack| nack.ack_ids).collect())
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn what_the_broker_answers_is_what_the_future_says() {
    let outcomes = [
        (Done, Ok(())),
        (FencedBySeek, Err(AckError::FencedBySeek)),
        (AlreadySettled, Err(AckError::AlreadySettled)),
    ];
    for (outcome, expected) in outcomes {
        let (mut settling, mut told) = one(Verdict::Ack);
        assert_eq!(sent(&mut settling), (ids(&["a"]), vec![]));
        assert!(told.get().is_none());
        settling.acked(clock::now(), &result("a", outcome)).unwrap();
        assert_eq!(told.get().unwrap(), expected);
        assert!(settling.is_empty());
    }
}

#[tokio::test]
async fn one_that_was_made_on_an_earlier_connection_is_no_error() {
    for verdict in [Verdict::Ack, Verdict::Nack] {
        let (mut settling, mut told) = one(verdict);
        let before = sent(&mut settling);
        assert_eq!(sent(&mut settling), (vec![], vec![]), "once");
        settling.disconnected();
        assert_eq!(sent(&mut settling), before);
        let results = result("a", AlreadySettled);
        match verdict {
            Verdict::Ack => settling.acked(clock::now(), &results).unwrap(),
            _ => settling.nacked(clock::now(), &results).unwrap(),
        }
        assert_eq!(told.get().unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn an_ack_that_comes_too_late_waits_for_the_message_and_is_made_when_it_comes() {
    for outcome in [Expired, Superseded] {
        let (mut settling, mut told) = one(Verdict::Ack);
        sent(&mut settling);
        settling.acked(clock::now(), &result("a", outcome)).unwrap();
        assert!(told.get().is_none());
        assert_eq!(settling.redelivered(&delivered("b", 1)), Redelivery::Taken);
        assert_eq!(sent(&mut settling), (ids(&["b"]), vec![]));
        settling.acked(clock::now(), &result("b", Done)).unwrap();
        assert_eq!(told.get().unwrap(), Ok(()));
        settling.give_up(clock::now() + GRACE * 2);
        assert!(settling.is_empty());
    }
}

#[tokio::test]
async fn an_ack_that_comes_too_late_fails_when_the_message_does_not_come() {
    let now = clock::now();
    let (mut settling, mut told) = one(Verdict::Ack);
    sent(&mut settling);
    settling.acked(now, &result("a", Expired)).unwrap();
    settling.give_up(now + GRACE / 2);
    assert!(told.get().is_none());
    assert_eq!(settling.next_lost(), Some(now + GRACE));
    settling.give_up(now + GRACE);
    assert_eq!(told.get().unwrap(), Err(AckError::LeaseExpired));
    assert_eq!(settling.redelivered(&delivered("b", 2)), Redelivery::No, "it is handed out again");
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_comes_too_late_twice_waits_as_long_the_second_time() {
    let (mut settling, mut told) = one(Verdict::Ack);
    sent(&mut settling);
    let first = clock::now();
    settling.acked(first, &result("a", Expired)).unwrap();
    assert_eq!(settling.redelivered(&delivered("b", 2)), Redelivery::Taken);
    sent(&mut settling);
    let second = first + GRACE / 2;
    settling.acked(second, &result("b", Expired)).unwrap();
    settling.give_up(first + GRACE);
    assert!(told.get().is_none());
    settling.give_up(second + GRACE);
    assert_eq!(told.get().unwrap(), Err(AckError::LeaseExpired));
}

#[tokio::test]
async fn a_message_that_is_being_acked_and_comes_again_is_acked_under_the_new_id_at_any_stage() {
    for is_sent in [false, true] {
        let (mut settling, mut told) = one(Verdict::Ack);
        if is_sent {
            sent(&mut settling);
        }
        assert_eq!(settling.redelivered(&delivered("b", 2)), Redelivery::Taken);
        assert_eq!(sent(&mut settling), (ids(&["b"]), vec![]));
        if is_sent {
            settling.acked(clock::now(), &result("a", Superseded)).unwrap();
            assert!(told.get().is_none(), "the answer to the earlier one decides nothing");
        }
        settling.acked(clock::now(), &result("b", Done)).unwrap();
        assert_eq!(told.get().unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn a_message_that_was_nacked_on_this_connection_and_comes_again_is_a_new_delivery() {
    let (mut settling, mut told) = one(Verdict::Nack);
    sent(&mut settling);
    assert_eq!(settling.redelivered(&delivered("b", 2)), Redelivery::No);
    assert_eq!(told.get().unwrap(), Ok(()));
    settling.add(lease(1, "b"), Verdict::Ack, None);
    settling.nacked(clock::now(), &result("a", Done)).unwrap();
    assert_eq!(sent(&mut settling), (ids(&["b"]), vec![]), "the result of the first is not taken for its");
}

#[tokio::test]
async fn a_nack_that_a_restarted_broker_cannot_take_is_made_when_the_message_comes() {
    let (mut settling, mut told) = one(Verdict::Nack);
    sent(&mut settling);
    assert_eq!(settling.redelivered(&delivered("b", 1)), Redelivery::Taken);
    settling.nacked(clock::now(), &result("a", Expired)).unwrap();
    assert_eq!(sent(&mut settling), (vec![], ids(&["b"])));
    settling.nacked(clock::now(), &result("b", Done)).unwrap();
    assert_eq!(told.get().unwrap(), Ok(()));
}

#[tokio::test]
async fn a_nack_of_an_earlier_connection_is_made_again_unless_an_attempt_was_counted_since() {
    let (mut settling, _told) = one(Verdict::Nack);
    sent(&mut settling);
    settling.disconnected();
    assert_eq!(settling.redelivered(&delivered("b", 1)), Redelivery::Taken);
    assert_eq!(sent(&mut settling), (vec![], ids(&["b"])));

    let (mut settling, mut told) = one(Verdict::Nack);
    sent(&mut settling);
    settling.disconnected();
    assert_eq!(settling.redelivered(&delivered("b", 2)), Redelivery::No);
    assert_eq!(told.get().unwrap(), Ok(()));
    assert_eq!(sent(&mut settling), (vec![], vec![]));
}

#[tokio::test]
async fn a_nack_that_was_not_sent_yet_is_made_under_the_new_id_so_that_its_delay_holds() {
    let delay = Duration::from_secs(600);
    let (mut settling, _told) = one(Verdict::NackAfter(delay));
    assert_eq!(settling.redelivered(&delivered("b", 2)), Redelivery::Taken);
    let batch = settling.take(10);
    assert_eq!(batch.nacks, [v1::StreamNack { ack_ids: ids(&["b"]), delay: Some(duration(delay)) }]);
}

#[tokio::test]
async fn a_resent_nack_without_a_lease_is_as_good_as_made() {
    let now = clock::now();
    let (mut settling, mut told) = one(Verdict::Nack);
    sent(&mut settling);
    settling.disconnected();
    sent(&mut settling);
    settling.nacked(now, &result("a", Expired)).unwrap();
    settling.give_up(now + GRACE);
    assert_eq!(told.get().unwrap(), Ok(()));
}

#[tokio::test]
async fn nacks_go_by_their_delay_and_results_are_told_to_the_right_ones() {
    let mut settling = Settling::default();
    let seconds = Duration::from_secs;
    let verdicts =
        [Verdict::NackAfter(seconds(2)), Verdict::Nack, Verdict::NackAfter(seconds(1)), Verdict::Nack];
    let mut all_told: Vec<Told> = Vec::new();
    for (verdict, sequence) in verdicts.into_iter().zip(1..) {
        let (waiter, told) = waiting();
        settling.add(lease(sequence, &sequence.to_string()), verdict, Some(waiter));
        all_told.push(told);
    }
    let batch = settling.take(10);
    let groups: Vec<_> = batch.nacks.iter().map(|nack| nack.ack_ids.join(" ")).collect();
    assert_eq!(groups, ["2 4", "3", "1"]);
    for (ack_id, outcome) in [("2", Done), ("4", FencedBySeek), ("3", AlreadySettled), ("1", Done)] {
        settling.nacked(clock::now(), &result(ack_id, outcome)).unwrap();
    }
    let told: Vec<_> = all_told.iter_mut().map(|told| told.get().unwrap()).collect();
    assert_eq!(told, [Ok(()), Ok(()), Err(AckError::AlreadySettled), Err(AckError::FencedBySeek)]);
}

#[tokio::test]
async fn after_a_broken_connection_the_order_is_kept() {
    let mut settling = Settling::default();
    for sequence in 1..=6 {
        settling.add(lease(sequence, &sequence.to_string()), Verdict::Ack, None);
    }
    settling.take(2);
    settling.take(2);
    settling.disconnected();
    assert_eq!(sent(&mut settling).0, ids(&["1", "2", "3", "4", "5", "6"]));
}

#[tokio::test]
async fn an_answer_to_nothing_or_to_something_else_is_refused() {
    let (mut settling, _told) = one(Verdict::Ack);
    assert_eq!(settling.acked(clock::now(), &result("a", Done)), Err(OutOfStep));
    sent(&mut settling);
    assert_eq!(settling.nacked(clock::now(), &result("a", Done)), Err(OutOfStep));
    assert_eq!(settling.acked(clock::now(), &result("b", Done)), Err(OutOfStep));
    settling.disconnected();
    assert_eq!(sent(&mut settling), (ids(&["a"]), vec![]), "it is not forgotten");
}
