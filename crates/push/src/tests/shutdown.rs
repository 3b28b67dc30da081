use types::push::AttemptVerdict;

use super::support::{Reply, Running, millis, pass, reply, seconds, until};
use crate::endpoint::End;

/// Sixteen requests under way and more messages to come.
async fn busy(answer: Reply) -> Running {
    let running = Running::start(
        |_| {},
        move |sequence, _| if sequence <= 30 { reply(200, 1) } else { answer.clone() },
    );
    running.queue.publish(30);
    running.settle().await;
    running.queue.publish(1_000);
    until("many are under way", || running.carry.under_way() >= 16).await;
    running
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_waited_for_and_settled() {
    let running = busy(reply(200, 3_000)).await;
    let (queue, carry, bytes) = (running.queue.clone(), running.carry.clone(), running.bytes.clone());
    let under_way = carry.under_way();
    assert_eq!(running.stop(seconds(10)).await, End::Stopped);
    assert_eq!((queue.open(), queue.leased()), (1_000 - under_way, 0));
    assert_eq!(carry.count(), 30 + under_way, "nothing more was sent");
    assert_eq!(bytes.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_takes_longer_than_the_grace_is_given_back_and_costs_no_attempt() {
    let running = busy(Reply::never()).await;
    let (queue, carry, bytes) = (running.queue.clone(), running.carry.clone(), running.bytes.clone());
    assert_eq!(running.stop(millis(500)).await, End::Stopped);
    assert_eq!((queue.open(), queue.leased()), (1_000, 0));
    let given_back = queue.log().split_off(30);
    assert!(given_back.len() >= 16);
    for report in given_back {
        assert!(matches!(report.verdict, AttemptVerdict::Release { .. }));
        assert_eq!(report.attempt, None);
    }
    assert_eq!((carry.under_way(), bytes.held()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_away_does_not_hold_up_the_end() {
    let running = busy(reply(200, 1_000)).await;
    running.queue.is_away(true);
    let end = running.stop(seconds(2)).await;
    assert!(matches!(end, End::Failed(_)), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_endpoint_ends_at_once() {
    let running = Running::start(|_| {}, |_, _| reply(200, 1));
    pass(seconds(1)).await;
    let began = super::support::now();
    assert_eq!(running.stop(seconds(100)).await, End::Stopped);
    assert!(super::support::now() - began < millis(10));
}
