//! What an endpoint's task leaves to the next one, and what it takes to begin one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use broker::AssignedEndpoint;
use types::push::{BreakerState, DisabledReason, PushSettings};

use super::{
    support::{Reply, endpoint, millis, pass, reply, seconds, until},
    worker::{Endpoints, Working, changes},
};
use crate::{BackendError, Changes, EndpointChange};

/// Every second other settings, so another task.
async fn change_every_second(working: &Working, times: u32, change: impl Fn(&mut PushSettings)) {
    for time in 0..times {
        let changed = endpoint(1, |push| {
            change(push);
            push.max_concurrency = 10 + time % 2;
        });
        working.assign(vec![changed]).await;
        pass(seconds(1)).await;
    }
}

fn breaker(working: &Working, endpoint: &AssignedEndpoint) -> Option<BreakerState> {
    working.backend.report_of(endpoint).map(|report| report.breaker)
}

#[tokio::test(start_paused = true)]
async fn the_owners_rate_holds_though_the_settings_change_all_the_time() {
    let working = Working::start(Endpoints::new(|_, _, _| reply(200, 1)));
    let slow = |push: &mut PushSettings| push.max_receives_per_second = Some(0.1);
    let queue = working.backend.queue(endpoint(1, slow).uid);
    queue.publish(100);
    change_every_second(&working, 40, slow).await;
    assert_eq!(working.endpoints.of(1).len(), 40, "each has begun a task");
    let delivered = 100 - queue.open();
    assert!((4..=5).contains(&delivered), "{delivered}");
    // Nor is another address a way around it.
    let elsewhere = endpoint(1, |push| {
        slow(push);
        push.endpoint = "https://elsewhere.example/".into();
    });
    working.assign(vec![elsewhere]).await;
    pass(seconds(1)).await;
    assert!(100 - queue.open() <= 5);
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_breaker_stays_open_though_the_settings_change_all_the_time() {
    let working = Working::start(Endpoints::new(|_, _, _| Reply::refused()));
    let patient = |push: &mut PushSettings| {
        (push.breaker.open, push.breaker.max_open) = (seconds(60), seconds(60));
        push.breaker.disable_after = Some(seconds(300));
    };
    let one = endpoint(1, patient);
    working.backend.queue(one.uid).publish(100);
    working.assign(vec![one.clone()]).await;
    until("the breaker opens", || breaker(&working, &one) == Some(BreakerState::Open)).await;
    let before = working.endpoints.count(1);
    change_every_second(&working, 280, patient).await;
    assert!(working.endpoints.count(1) <= before + 4, "a probe a minute");
    assert_eq!(working.backend.changes(), []);
    change_every_second(&working, 21, patient).await;
    let disabled = EndpointChange::Disabled(DisabledReason::BreakerOpen);
    assert_eq!(working.backend.changes(), [(one.uid, disabled)]);
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_breaker_stays_open_though_the_task_breaks_and_a_probe_that_broke_it_is_not_waited_for() {
    let (broken, dead) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let working = Working::start(Endpoints::new({
        let (broken, dead) = (broken.clone(), dead.clone());
        move |_, _, attempt| {
            assert!(attempt != 2 || broken.fetch_add(1, Ordering::SeqCst) > 0, "as planned");
            if dead.load(Ordering::SeqCst) { Reply::refused() } else { reply(200, 1) }
        }
    }));
    let one = endpoint(1, |push| push.breaker.failures = 1);
    let queue = working.backend.queue(one.uid);
    queue.publish(3);
    working.assign(vec![one.clone()]).await;
    until("the probe breaks the task", || broken.load(Ordering::SeqCst) == 1).await;
    let before = working.endpoints.count(1);
    pass(seconds(4)).await;
    assert_eq!(working.endpoints.of(1).len(), 2, "a new task");
    assert_eq!(working.endpoints.count(1), before);
    dead.store(false, Ordering::SeqCst);
    until("it is through but for the message whose lease runs on", || queue.open() == 1).await;
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_was_disabled_and_is_wanted_again_is_not_disabled_for_what_was_before() {
    let working = Working::start(Endpoints::new(|_, _, _| Reply::refused()));
    let one = endpoint(1, |push| push.breaker.disable_after = Some(seconds(60)));
    working.backend.queue(one.uid).publish(100);
    working.assign(vec![one.clone()]).await;
    until("it is disabled", || working.backend.changes().len() == 1).await;
    // The broker has not even said that it was: it is active again by now.
    pass(seconds(29)).await;
    assert_eq!(working.endpoints.of(1).len(), 1);
    until("it gets messages again", || working.endpoints.of(1).len() == 2).await;
    pass(seconds(50)).await;
    assert_eq!(working.backend.changes().len(), 1);
    until("it is disabled again", || working.backend.changes().len() == 2).await;
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_share_that_comes_in_parts_is_compared_when_all_of_it_is_there() {
    let working = Working::start(Endpoints::new(|_, _, _| reply(200, 10)));
    working.assign((1..4).map(|uid| endpoint(uid, |_| {})).collect()).await;
    until("all have tasks", || (1..4).all(|uid| working.endpoints.of(uid).len() == 1)).await;
    working.tell(Err(BackendError::Unavailable("restart".into()))).await;
    let share = working.backend.share();
    until("it has joined again", || working.backend.joined() == 2).await;
    let part = |uid| Changes { is_complete: uid > 1, ..changes(vec![endpoint(uid, |_| {})]) };
    share.send(Ok(part(1))).await.unwrap();
    pass(seconds(10)).await;
    working.backend.queue(endpoint(3, |_| {}).uid).publish(10);
    pass(seconds(1)).await;
    assert_eq!(working.endpoints.count(3), 10, "it is not known yet that it is another's");
    share.send(Ok(part(2))).await.unwrap();
    pass(seconds(1)).await;
    (1..4).for_each(|uid| working.backend.queue(types::SubscriptionUid(uid)).publish(10));
    pass(seconds(10)).await;
    assert_eq!([1, 2, 3].map(|uid| working.endpoints.count(uid)), [10, 10, 10]);
    assert_eq!([1, 2].map(|uid| working.endpoints.of(uid).len()), [1, 1], "their tasks went on");
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_lets_go_again_and_again_is_joined_ever_more_seldom() {
    let working = Working::start(Endpoints::new(|_, _, _| reply(200, 10)));
    let mut joined = Vec::new();
    for _ in 0..10 {
        working.tell_next(Ok(changes(Vec::new()))).await;
        until("it has joined", || working.backend.joined() > joined.len()).await;
        joined.push(super::support::now());
    }
    assert!(joined[9] - joined[8] >= seconds(5), "{joined:?}");
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_shut_down_does_not_wait_for_what_an_endpoint_was_given_before_it_was_withdrawn() {
    let working = Working::start(Endpoints::new(|_, _, _| Reply::never()));
    let one = endpoint(1, |push| push.request_timeout = seconds(300));
    let queue = working.backend.queue(one.uid);
    queue.publish(1);
    working.assign(vec![one.clone()]).await;
    until("it is under way", || working.endpoints.count(1) == 1).await;
    working.withdraw(&one).await;
    pass(seconds(1)).await;
    assert_eq!(queue.leased(), 1);
    let began = super::support::now();
    working.shut_down().await;
    assert!(super::support::now() - began < seconds(6));
    assert_eq!((queue.leased(), queue.open()), (0, 1), "it is given back");
}

#[tokio::test(start_paused = true)]
async fn endpoints_that_hold_all_the_bytes_there_are_leave_others_their_share() {
    let slow = Endpoints::new(|uid, _, _| if uid < 40 { reply(200, 14_000) } else { reply(200, 20) });
    // 1,000 messages for all; the slow ones would have 2,560 under way.
    let working = Working::within(1_000 * super::support::BYTES, slow);
    working.assign((0..41).map(|uid| endpoint(uid, |_| {})).collect()).await;
    (0..40).for_each(|uid| working.backend.queue(types::SubscriptionUid(uid)).publish(100_000));
    pass(seconds(150)).await;
    let under_way: usize = (0..40).map(|uid| working.endpoints.of(uid)[0].under_way()).sum();
    assert!((500..=1_000).contains(&under_way), "{under_way}");
    let healthy = working.backend.queue(types::SubscriptionUid(40));
    healthy.publish(5_000);
    let began = super::support::now();
    until("all is settled", || healthy.open() == 0).await;
    let took = super::support::now() - began;
    assert!(took < seconds(12), "{took:?}, which is less than ten at a time");
    assert!(took > millis(1_000));
    working.shut_down().await;
}
