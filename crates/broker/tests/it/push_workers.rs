//! How workers share the endpoints.

use std::collections::BTreeMap;

use broker::{BacklogAction, JoinPushError, PushRole, PushWorker, Unavailable};
use types::{
    SubscriptionSettings, TopicSettings, limits,
    push::{DisabledReason, EndpointStatus},
};

use crate::fixture::{Fixture, no_backoff, pushed, ready, sub, topic};

fn hook(index: usize) -> String {
    format!("https://hook.example.com/{index}")
}

/// With a topic to forward to and this many endpoints on the network, `s0` and so on.
async fn with(endpoints: usize) -> Fixture {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.broker.create_topic("target".parse().unwrap(), TopicSettings::default()).await.unwrap();
    for index in 0..endpoints {
        fixture.subscribe(&format!("s{index}"), pushed(&hook(index))).await;
    }
    fixture
}

fn join(fixture: &Fixture, role: PushRole) -> PushWorker {
    fixture.broker.join_push(role).unwrap()
}

fn names(worker: &PushWorker) -> Vec<String> {
    worker.assigned().iter().map(|endpoint| endpoint.subscription.id().to_owned()).collect()
}

/// Whose each endpoint is; each is somebody's, and one's only.
fn owners(workers: &[&PushWorker], endpoints: usize) -> BTreeMap<String, usize> {
    let mut owners = BTreeMap::new();
    for (index, worker) in workers.iter().enumerate() {
        for name in names(worker) {
            assert_eq!(owners.insert(name.clone(), index), None, "{name} has two workers");
        }
    }
    assert_eq!(owners.len(), endpoints, "somebody's each");
    owners
}

#[tokio::test]
async fn each_endpoint_has_one_worker_and_moves_only_to_one_that_joins_and_from_one_that_leaves() {
    let fixture = with(60).await;
    let first = join(&fixture, PushRole::Deliverer);
    owners(&[&first], 60);
    let second = join(&fixture, PushRole::Deliverer);
    let of_two = owners(&[&first, &second], 60);
    let third = join(&fixture, PushRole::Deliverer);
    let of_three = owners(&[&first, &second, &third], 60);
    let moved = of_two.iter().filter(|(name, owner)| of_three[*name] != **owner);
    assert!(moved.clone().all(|(name, _)| of_three[name] == 2), "it moved between those that stayed");
    assert!((5..40).contains(&moved.count()));
    drop(third);
    assert_eq!(owners(&[&first, &second], 60), of_two);
    drop(first);
    owners(&[&second], 60);
}

#[tokio::test]
async fn topics_and_the_network_have_workers_of_their_own_and_what_is_pulled_has_none() {
    let fixture = with(1).await;
    fixture.subscribe("pulled", no_backoff()).await;
    fixture.subscribe("forwarded", pushed("topic:target")).await;
    let deliverer = join(&fixture, PushRole::Deliverer);
    let stats = |name: &'static str| async {
        fixture.broker.subscription_stats(&sub(name)).await.unwrap().push.is_some_and(|push| push.has_worker)
    };
    assert_eq!((stats("s0").await, stats("forwarded").await, stats("pulled").await), (true, false, false));
    let forwarder = join(&fixture, PushRole::Forwarder);
    assert_eq!((names(&deliverer), names(&forwarder)), (vec!["s0".to_owned()], vec!["forwarded".to_owned()]));
    assert!(stats("forwarded").await);
    drop(deliverer);
    assert!(!stats("s0").await);
}

#[tokio::test]
async fn an_assignment_says_what_a_worker_needs_to_know() {
    let fixture = with(1).await;
    let worker = join(&fixture, PushRole::Deliverer);
    let info = fixture.broker.subscription(&sub("s0")).unwrap();
    let assigned = worker.assigned().remove(0);
    assert_eq!((assigned.subscription, assigned.topic, assigned.uid), (sub("s0"), topic(), info.uid));
    assert_eq!((Some(assigned.push), assigned.status), (info.settings.push, EndpointStatus::default()));
}

#[tokio::test]
async fn a_worker_is_woken_by_each_change_and_not_otherwise() {
    let fixture = with(1).await;
    let mut worker = join(&fixture, PushRole::Deliverer);
    assert!(ready(worker.changed()).await.is_some(), "the first does not wait");
    assert!(ready(worker.changed()).await.is_none());
    let name = sub("s0");
    let broker = &fixture.broker;
    for step in 0..10 {
        match step {
            0 => fixture.subscribe("s1", pushed(&hook(1))).await,
            1 => assert!(
                broker.subscriber(&name).unwrap().begin_confirmation(&hook(0), "token").await.unwrap()
            ),
            2 => drop(broker.confirm_subscription(&name, "token").await.unwrap()),
            3 => broker
                .subscriber(&name)
                .unwrap()
                .disable_endpoint(&hook(0), DisabledReason::Gone)
                .await
                .unwrap(),
            4 => drop(broker.resume(&name).await.unwrap()),
            5 => {
                let change = |settings: &mut SubscriptionSettings| settings.push = pushed(&hook(7)).push;
                drop(broker.update_subscription(&name, change, BacklogAction::Keep).await.unwrap());
                assert!(worker.assigned().iter().any(|endpoint| endpoint.push.endpoint == hook(7)));
            }
            6 => {
                let change = |settings: &mut SubscriptionSettings| settings.push = None;
                drop(broker.update_subscription(&name, change, BacklogAction::Keep).await.unwrap());
                assert_eq!(names(&worker), ["s1"]);
            }
            7 => drop(broker.delete_subscription(&sub("s1")).await.unwrap()),
            8 => drop(join(&fixture, PushRole::Deliverer)),
            _ => broker.start_drain(),
        }
        assert!(ready(worker.changed()).await.is_some(), "step {step}");
        assert!(ready(worker.changed()).await.is_none(), "step {step} is told twice");
    }
    assert!(worker.assigned().is_empty());
}

#[tokio::test]
async fn what_is_published_settled_and_changed_elsewhere_wakes_no_worker() {
    let fixture = with(1).await;
    fixture.subscribe("pulled", no_backoff()).await;
    let mut worker = join(&fixture, PushRole::Deliverer);
    worker.changed().await;
    fixture.publish(&["1"]).await;
    fixture.drain("s0").await;
    let change = |settings: &mut SubscriptionSettings| settings.max_attempts = 3;
    fixture.broker.update_subscription(&sub("pulled"), change, BacklogAction::Keep).await.unwrap();
    fixture.broker.delete_subscription(&sub("pulled")).await.unwrap();
    assert!(ready(worker.changed()).await.is_none());
}

#[tokio::test]
async fn a_paused_or_disabled_endpoint_stays_with_its_worker() {
    let fixture = with(1).await;
    let worker = join(&fixture, PushRole::Deliverer);
    fixture.broker.pause(&sub("s0")).await.unwrap();
    fixture
        .broker
        .subscriber(&sub("s0"))
        .unwrap()
        .disable_endpoint(&hook(0), DisabledReason::Gone)
        .await
        .unwrap();
    assert!(matches!(worker.assigned()[0].status, EndpointStatus::Disabled { .. }));
}

#[tokio::test]
async fn endpoints_are_known_after_a_crash_and_not_after_their_topic_is_deleted() {
    let mut fixture = with(3).await;
    let change = |settings: &mut SubscriptionSettings| settings.push = None;
    fixture.broker.update_subscription(&sub("s1"), change, BacklogAction::Keep).await.unwrap();
    fixture.broker.delete_subscription(&sub("s2")).await.unwrap();
    fixture.crash().await;
    let mut worker = join(&fixture, PushRole::Deliverer);
    worker.changed().await;
    assert_eq!(names(&worker), ["s0"]);
    fixture.broker.delete_topic(&topic(), true).await.unwrap();
    assert!(ready(worker.changed()).await.is_some());
    assert!(worker.assigned().is_empty());
}

#[tokio::test]
async fn one_worker_more_than_the_limit_is_refused_and_so_is_one_while_the_broker_shuts_down() {
    let fixture = with(0).await;
    let mut workers: Vec<_> =
        (0..limits::PUSH_WORKERS).map(|_| join(&fixture, PushRole::Deliverer)).collect();
    let refused = fixture.broker.join_push(PushRole::Forwarder).unwrap_err();
    assert_eq!(refused, JoinPushError::TooMany { limit: limits::PUSH_WORKERS });
    workers.pop();
    drop(join(&fixture, PushRole::Forwarder));
    fixture.broker.start_drain();
    let refused = fixture.broker.join_push(PushRole::Forwarder).unwrap_err();
    assert_eq!(refused, JoinPushError::Unavailable(Unavailable::Draining));
}
