//! Whether an endpoint gets messages, and what is said of it.

use broker::{BacklogAction, PushRole, SubscriptionInfo};
use types::{
    SubscriptionSettings, Timestamp, TopicSettings, limits,
    push::{BreakerState, DisabledReason, EndpointReport, EndpointStatus},
};

use crate::fixture::{Fixture, no_backoff, pushed, ready, seconds, sub, topic};

const HOOK: &str = "https://hook.example.com/a";
const OTHER: &str = "grpcs://other.example.com:443";

async fn with(settings: SubscriptionSettings) -> Fixture {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.broker.create_topic("target".parse().unwrap(), TopicSettings::default()).await.unwrap();
    fixture.subscribe("a", settings).await;
    fixture
}

fn info(fixture: &Fixture) -> SubscriptionInfo {
    fixture.broker.subscription(&sub("a")).unwrap()
}

async fn change(fixture: &Fixture, push: SubscriptionSettings) -> SubscriptionInfo {
    let change = |settings: &mut SubscriptionSettings| settings.push = push.push.clone();
    fixture.broker.update_subscription(&sub("a"), change, BacklogAction::Keep).await.unwrap().info
}

async fn disable(fixture: &Fixture, reason: DisabledReason) {
    fixture.broker.subscriber(&sub("a")).unwrap().disable_endpoint(HOOK, reason).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_on_the_network_begins_pending_and_a_topic_active() {
    assert_eq!(info(&with(no_backoff()).await).endpoint, None);
    assert_eq!(info(&with(pushed(HOOK)).await).endpoint, Some(EndpointStatus::default()));
    assert_eq!(info(&with(pushed("topic:target")).await).endpoint, Some(EndpointStatus::Active));
}

#[tokio::test]
async fn a_changed_endpoint_has_to_confirm_again_and_other_changes_leave_the_status() {
    let fixture = with(pushed(HOOK)).await;
    fixture.broker.subscriber(&sub("a")).unwrap().endpoint_confirmed(HOOK).await.unwrap();
    let slower = |settings: &mut SubscriptionSettings| {
        let mut push = (**settings.push.as_ref().unwrap()).clone();
        push.max_concurrency = 1;
        settings.push = Some(push.into());
    };
    let updated = fixture.broker.update_subscription(&sub("a"), slower, BacklogAction::Keep).await.unwrap();
    assert_eq!(updated.info.endpoint, Some(EndpointStatus::Active));
    disable(&fixture, DisabledReason::Gone).await;
    let updated = fixture.broker.update_subscription(&sub("a"), slower, BacklogAction::Keep).await.unwrap();
    assert!(matches!(updated.info.endpoint, Some(EndpointStatus::Disabled { .. })));
    assert_eq!(change(&fixture, pushed(OTHER)).await.endpoint, Some(EndpointStatus::default()));
    assert_eq!(change(&fixture, pushed("topic:target")).await.endpoint, Some(EndpointStatus::Active));
    assert_eq!(change(&fixture, no_backoff()).await.endpoint, None);
    assert_eq!(change(&fixture, pushed(HOOK)).await.endpoint, Some(EndpointStatus::default()));
}

/// Brings an endpoint into each status there is, on ways that differ.
async fn walk(fixture: &Fixture, step: usize) {
    let broker = &fixture.broker;
    match step {
        0 => drop(broker.subscriber(&sub("a")).unwrap().begin_confirmation(HOOK, "token").await.unwrap()),
        1 => drop(broker.confirm_subscription(&sub("a"), "token").await.unwrap()),
        2 => disable(fixture, DisabledReason::BreakerOpen).await,
        3 => drop(broker.pause(&sub("a")).await.unwrap()),
        4 => drop(broker.resume(&sub("a")).await.unwrap()),
        5 => drop(change(fixture, pushed(OTHER)).await),
        6 => broker.subscriber(&sub("a")).unwrap().endpoint_confirmed(OTHER).await.unwrap(),
        7 => drop(change(fixture, no_backoff()).await),
        8 => drop(change(fixture, pushed("topic:target")).await),
        _ => drop(change(fixture, pushed(HOOK)).await),
    }
}

#[tokio::test]
async fn the_status_and_its_position_survive_a_crash_with_and_without_a_checkpoint() {
    for checkpoints in [false, true] {
        let mut fixture = with(pushed(HOOK)).await;
        for step in 0..10 {
            let before = info(&fixture);
            walk(&fixture, step).await;
            let after = info(&fixture);
            assert!(after.position > before.position, "step {step}");
            if checkpoints {
                fixture.broker.shutdown().await.unwrap();
            }
            fixture.crash().await;
            assert_eq!(info(&fixture), after, "step {step}, checkpoints: {checkpoints}");
        }
    }
}

#[tokio::test]
async fn a_change_of_endpoint_and_its_status_are_durable_together() {
    let mut fixture = with(pushed(HOOK)).await;
    fixture.broker.subscriber(&sub("a")).unwrap().endpoint_confirmed(HOOK).await.unwrap();
    let before = info(&fixture);
    fixture.journal.hold();
    assert!(ready(change(&fixture, pushed(OTHER))).await.is_none());
    fixture.crash().await;
    assert_eq!(info(&fixture), before);
}

#[tokio::test]
async fn a_status_is_answered_only_once_it_is_durable_also_by_who_changes_nothing() {
    let mut fixture = with(pushed(HOOK)).await;
    fixture.journal.hold();
    assert!(ready(disable(&fixture, DisabledReason::Gone)).await.is_none());
    assert!(
        ready(disable(&fixture, DisabledReason::Gone)).await.is_none(),
        "nothing to change, but not durable"
    );
    fixture.crash().await;
    assert_eq!(fixture.status("a"), EndpointStatus::default());
}

#[tokio::test]
async fn resuming_enables_a_disabled_endpoint_and_ends_a_pause_at_once_and_durably() {
    let mut fixture = with(pushed(HOOK)).await;
    fixture.broker.subscriber(&sub("a")).unwrap().endpoint_confirmed(HOOK).await.unwrap();
    disable(&fixture, DisabledReason::Gone).await;
    let at = fixture.broker.now();
    fixture.pass(crate::fixture::seconds(5)).await;
    disable(&fixture, DisabledReason::Loop).await;
    let first = EndpointStatus::Disabled { reason: DisabledReason::Gone, at };
    assert_eq!(fixture.status("a"), first, "the first reason stays");
    fixture.broker.pause(&sub("a")).await.unwrap();
    fixture.journal.hold();
    let name = sub("a");
    assert!(ready(fixture.broker.resume(&name)).await.is_none());
    fixture.crash().await;
    assert_eq!((fixture.status("a"), info(&fixture).paused), (first, true), "half of it was durable");
    let resumed = fixture.broker.resume(&sub("a")).await.unwrap();
    assert_eq!((resumed.endpoint.clone(), resumed.paused), (Some(EndpointStatus::Active), false));
    assert_eq!(fixture.broker.resume(&sub("a")).await.unwrap(), resumed, "twice is OK");
    fixture.crash().await;
    assert_eq!(info(&fixture), resumed);
}

#[tokio::test]
async fn a_disabled_endpoint_keeps_its_backlog() {
    let fixture = with(pushed(HOOK)).await;
    fixture.publish(&["1", "2"]).await;
    disable(&fixture, DisabledReason::Gone).await;
    assert_eq!(fixture.backlog("a").await, 2);
    fixture.broker.resume(&sub("a")).await.unwrap();
    assert_eq!(fixture.drain("a").await, ["1", "2"]);
}

#[tokio::test]
async fn creating_a_subscription_again_with_equal_settings_leaves_its_endpoint() {
    let fixture = with(pushed(HOOK)).await;
    fixture.broker.subscriber(&sub("a")).unwrap().endpoint_confirmed(HOOK).await.unwrap();
    fixture.subscribe("a", pushed(HOOK)).await;
    assert_eq!(fixture.status("a"), EndpointStatus::Active);
    let other = pushed(OTHER);
    let refused = fixture.broker.create_subscription(sub("a"), &topic(), other, Default::default()).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn the_statistics_show_what_the_worker_said_last_until_the_endpoint_is_another() {
    let fixture = with(pushed(HOOK)).await;
    let stats = || async { fixture.broker.subscription_stats(&sub("a")).await.unwrap().push };
    let worker = fixture.broker.join_push(PushRole::Deliverer).unwrap();
    let report = EndpointReport {
        breaker: BreakerState::HalfOpen,
        open_since: Some(Timestamp::EPOCH),
        next_probe_at: Some(Timestamp::EPOCH),
        rate_limit: Some(5.0),
        concurrency: 3,
        in_flight: 2,
        last_error: Some("ü".repeat(2_000)),
        delivered: 7,
        ..EndpointReport::default()
    };
    fixture.broker.subscriber(&sub("a")).unwrap().report_endpoint(report).unwrap();
    let figures = stats().await.unwrap();
    assert_eq!((figures.report.breaker, figures.report.delivered), (BreakerState::HalfOpen, 7));
    assert_eq!(figures.report.last_error.as_ref().unwrap().len(), limits::ATTEMPT_ERROR_BYTES);
    assert_eq!((figures.status, figures.has_worker), (EndpointStatus::default(), true));
    drop(worker);
    let left = stats().await.unwrap();
    let last_error = figures.report.last_error;
    let counted = EndpointReport { last_error, delivered: 7, ..EndpointReport::default() };
    assert_eq!((left.report, left.has_worker), (counted, false), "nothing is under way any more");
    change(&fixture, pushed(OTHER)).await;
    assert_eq!(stats().await.unwrap().report, EndpointReport::default());
    change(&fixture, no_backoff()).await;
    fixture.broker.subscriber(&sub("a")).unwrap().report_endpoint(EndpointReport::default()).unwrap();
    assert_eq!(stats().await, None);
    let subscriber = fixture.broker.subscriber(&sub("a")).unwrap();
    fixture.broker.delete_subscription(&sub("a")).await.unwrap();
    assert!(subscriber.report_endpoint(EndpointReport::default()).is_err());
}

#[tokio::test]
async fn an_endpoint_that_was_disabled_before_it_confirmed_is_asked_again_when_resumed() {
    for reason in [DisabledReason::Gone, DisabledReason::BreakerOpen, DisabledReason::Loop] {
        let mut fixture = with(pushed(HOOK)).await;
        disable(&fixture, reason).await;
        let unconfirmed = DisabledReason::Unconfirmed;
        assert!(
            matches!(fixture.status("a"), EndpointStatus::Disabled { reason, .. } if reason == unconfirmed)
        );
        fixture.crash().await;
        let resumed = fixture.broker.resume(&sub("a")).await.unwrap();
        assert!(matches!(resumed.endpoint, Some(EndpointStatus::Pending(_))), "{resumed:?}");
    }
}

#[tokio::test]
async fn a_subscription_is_in_use_while_its_endpoint_is_active_and_not_otherwise() {
    let hour = seconds(3_600);
    let expiring = || SubscriptionSettings { expire_unused_after: Some(hour), ..pushed(HOOK) };
    let fixture = with(expiring()).await;
    fixture.subscribe("pending", expiring()).await;
    fixture.broker.subscriber(&sub("a")).unwrap().endpoint_confirmed(HOOK).await.unwrap();
    fixture.clock.advance(hour * 48);
    fixture.broker.run_upkeep().await;
    assert!(fixture.broker.subscription(&sub("a")).is_ok(), "active, though no worker has it");
    assert!(fixture.broker.subscription(&sub("pending")).is_err());
    disable(&fixture, DisabledReason::BreakerOpen).await;
    fixture.clock.advance(hour - seconds(1));
    fixture.broker.run_upkeep().await;
    assert!(fixture.broker.subscription(&sub("a")).is_ok(), "somebody has until then to resume it");
    fixture.clock.advance(seconds(1));
    fixture.broker.run_upkeep().await;
    assert!(fixture.broker.subscription(&sub("a")).is_err());
}

#[tokio::test]
async fn a_subscription_whose_endpoint_is_changed_is_used_by_that() {
    let fixture =
        with(SubscriptionSettings { expire_unused_after: Some(seconds(3_600)), ..pushed(HOOK) }).await;
    fixture.broker.subscriber(&sub("a")).unwrap().endpoint_confirmed(HOOK).await.unwrap();
    fixture.clock.advance(seconds(10_000));
    change(&fixture, pushed(OTHER)).await;
    fixture.broker.run_upkeep().await;
    assert_eq!(info(&fixture).endpoint, Some(EndpointStatus::default()));
}
