use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use types::push::{BreakerState, DisabledReason};

use super::support::{Reply, Running, millis, pass, reply, seconds, until};
use crate::{EndpointChange, endpoint::End};

/// An endpoint that can be dead.
fn mortal(change: impl FnOnce(&mut types::push::PushSettings), dead: Reply) -> (Running, Arc<AtomicBool>) {
    let is_dead = Arc::new(AtomicBool::new(false));
    let running = Running::start(change, {
        let is_dead = is_dead.clone();
        move |_, _| if is_dead.load(Ordering::SeqCst) { dead.clone() } else { reply(200, 10) }
    });
    (running, is_dead)
}

/// The most arrivals that any second has.
fn busiest(arrivals: &[Instant]) -> usize {
    let mut first = 0;
    let counts = arrivals.iter().enumerate().map(|(last, at)| {
        while *at - arrivals[first] >= Duration::from_secs(1) {
            first += 1;
        }
        last - first + 1
    });
    counts.max().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_gets_one_probe_a_wait_and_its_backlog_comes_at_twice_its_rate_at_most() {
    let (running, is_dead) = mortal(|_| {}, Reply::refused());
    // Its steady rate: 50 a second.
    for _ in 0..300 {
        running.queue.publish(10);
        pass(millis(200)).await;
    }
    running.settle().await;
    is_dead.store(true, Ordering::SeqCst);
    running.queue.publish(100_000);
    until("the breaker opens", || running.report().breaker == BreakerState::Open).await;
    let opened = running.carry.count();
    running.carry.most_under_way();
    pass(seconds(600)).await;
    let probes = running.carry.arrivals()[opened..].to_vec();
    let waits: Vec<_> = probes.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs()).collect();
    assert!(waits.iter().zip([10, 20, 40, 80, 160, 300]).all(|(wait, least)| *wait >= least), "{waits:?}");
    assert!((6..=7).contains(&probes.len()), "{} probes", probes.len());
    assert_eq!(running.carry.most_under_way(), 1, "one at a time");
    assert!(running.queue.leased() <= 1);

    is_dead.store(false, Ordering::SeqCst);
    until("it is back", || running.report().breaker == BreakerState::Closed).await;
    let back = running.carry.count();
    running.settle().await;
    let drained: Vec<_> = running.carry.arrivals()[back..].iter().map(|arrival| arrival.at).collect();
    assert!(drained.len() >= 99_000);
    assert!(busiest(&drained) <= 100, "{} in one second", busiest(&drained));
    let took = *drained.last().unwrap() - drained[0];
    assert!(took < seconds(1_300), "{took:?}");
    until("the cap is gone", || running.report().rate_limit.is_none()).await;
    assert_eq!(running.report().breaker_opened, 1);
    assert_eq!((running.bytes.held(), running.queue.leased()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn while_a_probe_is_under_way_nothing_else_is() {
    let (running, is_dead) = mortal(|push| push.breaker.failures = 3, Reply::never());
    running.queue.publish(20);
    running.settle().await;
    is_dead.store(true, Ordering::SeqCst);
    running.queue.publish(1_000);
    until("the breaker opens", || running.report().breaker == BreakerState::Open).await;
    until("all of before have ended", || running.carry.under_way() == 0).await;
    running.carry.most_under_way();
    let before = running.carry.count();
    until("a probe is under way", || running.carry.under_way() == 1).await;
    pass(seconds(14)).await;
    assert_eq!(running.report().breaker, BreakerState::HalfOpen);
    assert_eq!(running.carry.count(), before + 1);
    assert_eq!(running.queue.leased(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_dead_from_the_start_gets_little_and_then_all() {
    let (running, is_dead) = mortal(|_| {}, Reply::refused());
    is_dead.store(true, Ordering::SeqCst);
    running.queue.publish(100);
    pass(seconds(60)).await;
    assert!(running.carry.count() < 20, "{}", running.carry.count());
    is_dead.store(false, Ordering::SeqCst);
    running.settle().await;
    let report = running.report();
    assert_eq!((report.delivered, report.open_since, report.next_probe_at), (100, None, None));
    assert!(report.last_error.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_dead_for_as_long_as_its_owner_says_is_disabled() {
    let (running, is_dead) = mortal(|push| push.breaker.disable_after = Some(seconds(600)), Reply::refused());
    is_dead.store(true, Ordering::SeqCst);
    running.queue.publish(100);
    until("the breaker opens", || running.report().breaker == BreakerState::Open).await;
    pass(seconds(590)).await;
    let (queue, backend) = (running.queue.clone(), running.backend.clone());
    assert_eq!(backend.changes(), []);
    pass(seconds(11)).await;
    assert_eq!(running.end().await, End::Told);
    let [(_, change)] = backend.changes()[..] else { panic!("{:?}", backend.changes()) };
    assert_eq!(change, EndpointChange::Disabled(DisabledReason::BreakerOpen));
    assert_eq!((queue.open(), queue.leased()), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_while_the_breaker_is_open() {
    let (running, is_dead) = mortal(|_| {}, Reply::refused());
    is_dead.store(true, Ordering::SeqCst);
    running.queue.publish(100);
    until("the breaker opens", || running.report().breaker == BreakerState::Open).await;
    let asked = running.queue.asked();
    pass(millis(4_900)).await;
    assert_eq!(running.queue.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_nothing_was_tried_at_since_is_not_disabled_and_gets_the_next_message() {
    let (running, is_dead) = mortal(|push| push.breaker.disable_after = Some(seconds(60)), Reply::refused());
    is_dead.store(true, Ordering::SeqCst);
    running.queue.retry_after(seconds(1 << 20));
    running.queue.publish(10);
    until("the breaker opens", || running.report().breaker == BreakerState::Open).await;
    is_dead.store(false, Ordering::SeqCst);
    pass(seconds(600)).await;
    assert_eq!(running.report().breaker, BreakerState::HalfOpen);
    let asked = running.queue.asked();
    pass(seconds(600)).await;
    assert_eq!(running.queue.asked(), asked, "it waits, and does nothing else");
    running.queue.publish(1);
    until("it is back", || running.report().breaker == BreakerState::Closed).await;
    assert_eq!(running.backend.changes(), []);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_an_outage_and_fails_after_it_does_not_open_the_breaker_again() {
    // 12 hang, and then the endpoint refuses for a moment.
    let running = Running::start(
        |_| {},
        |sequence, attempt| match (sequence, attempt) {
            (101..=112, 1) => Reply::never(),
            (113..=130, 1) => Reply::refused(),
            _ => reply(200, 10),
        },
    );
    running.queue.publish(100);
    running.settle().await;
    running.queue.publish(30);
    until("the breaker opens", || running.report().breaker == BreakerState::Open).await;
    until("it is back", || running.report().breaker == BreakerState::Closed).await;
    running.queue.retry_after(seconds(100));
    until("the old ones have failed", || running.report().timeouts == 12).await;
    pass(seconds(1)).await;
    assert_eq!((running.report().breaker, running.report().breaker_opened), (BreakerState::Closed, 1));
}
