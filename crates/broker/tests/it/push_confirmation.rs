//! How an endpoint shows that it wants the messages.

use broker::ConfirmError;
use types::{
    TopicSettings, limits,
    push::{Confirmation, DisabledReason, EndpointStatus},
};

use crate::fixture::{Fixture, no_backoff, pushed, seconds, sub};

const HOOK: &str = "https://hook.example.com/a";

async fn pending() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", pushed(HOOK)).await;
    fixture
}

async fn ask(fixture: &Fixture, token: &str) -> bool {
    fixture.broker.subscriber(&sub("a")).unwrap().begin_confirmation(HOOK, token).await.unwrap()
}

async fn refused(fixture: &Fixture, token: &str) -> String {
    match fixture.broker.confirm_subscription(&sub("a"), token).await {
        Err(ConfirmError::Invalid(invalid)) => invalid.field,
        other => panic!("{other:?}"),
    }
}

fn asked(fixture: &Fixture) -> Confirmation {
    match fixture.status("a") {
        EndpointStatus::Pending(asked) => asked,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_token_that_was_sent_last_confirms_once_and_durably() {
    let mut fixture = pending().await;
    assert_eq!(refused(&fixture, "").await, "token");
    assert!(ask(&fixture, "first").await);
    fixture.pass(seconds(60)).await;
    assert!(ask(&fixture, "second").await);
    for token in ["first", "", "secon", "second ", "third"] {
        assert_eq!(refused(&fixture, token).await, "token", "{token:?}");
    }
    fixture.crash().await;
    let before = fixture.broker.subscription(&sub("a")).unwrap().position;
    let info = fixture.broker.confirm_subscription(&sub("a"), "second").await.unwrap();
    assert_eq!(info.endpoint, Some(EndpointStatus::Active));
    assert!(info.position > before);
    assert_eq!(refused(&fixture, "second").await, "token", "it was used");
    fixture.crash().await;
    assert_eq!(fixture.broker.subscription(&sub("a")).unwrap(), info);
}

#[tokio::test]
async fn a_token_is_not_in_what_is_kept() {
    let fixture = pending().await;
    assert!(ask(&fixture, "a-secret-token").await);
    let kept = asked(&fixture).token_sha256.unwrap();
    assert_eq!(kept.len(), 64);
    assert!(!format!("{:?}", fixture.broker.subscription(&sub("a"))).contains("a-secret-token"));
}

#[tokio::test]
async fn a_token_is_good_for_two_hours() {
    let fixture = pending().await;
    assert!(ask(&fixture, "token").await);
    fixture.pass(limits::CONFIRMATION_LIFE).await;
    assert_eq!(refused(&fixture, "token").await, "token");
    assert!(ask(&fixture, "another").await);
    fixture.pass(limits::CONFIRMATION_LIFE - seconds(1)).await;
    fixture.broker.confirm_subscription(&sub("a"), "another").await.unwrap();
}

#[tokio::test]
async fn an_endpoint_is_asked_at_most_once_a_minute_also_across_a_crash_and_then_less_and_less_often() {
    let mut fixture = pending().await;
    for (requests, wait) in [(1, 60), (2, 120), (3, 240)] {
        assert!(ask(&fixture, "token").await);
        assert_eq!(asked(&fixture).requests, requests);
        fixture.crash().await;
        fixture.pass(seconds(wait - 1)).await;
        assert!(!ask(&fixture, "too early").await);
        fixture.pass(seconds(1)).await;
    }
    assert!(ask(&fixture, "token").await);
    fixture.broker.confirm_subscription(&sub("a"), "token").await.unwrap();
    fixture.pass(seconds(7_200)).await;
    assert!(!ask(&fixture, "token").await, "it is not pending");
}

#[tokio::test]
async fn an_endpoint_that_is_moved_while_it_is_pending_is_not_asked_more_often_for_it() {
    let fixture = pending().await;
    assert!(ask(&fixture, "token").await);
    let change =
        |settings: &mut types::SubscriptionSettings| settings.push = pushed("https://b.example.com").push;
    let info = fixture.broker.update_subscription(&sub("a"), change, Default::default()).await.unwrap().info;
    let EndpointStatus::Pending(asked) = info.endpoint.unwrap() else { panic!("not pending") };
    assert_eq!((asked.requests, asked.token_sha256), (0, None));
    assert_eq!(refused(&fixture, "token").await, "token", "it was sent to another endpoint");
    let subscriber = fixture.broker.subscriber(&sub("a")).unwrap();
    let ask = || subscriber.begin_confirmation("https://b.example.com", "new");
    assert_eq!(ask().await, Ok(false));
    fixture.pass(seconds(60)).await;
    assert_eq!(ask().await, Ok(true));
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_disabled_and_asked_anew_when_it_is_resumed() {
    let mut fixture = pending().await;
    for _ in 0..limits::CONFIRMATION_REQUESTS {
        assert!(ask(&fixture, "token").await);
        fixture.pass(seconds(3_600)).await;
    }
    assert!(!ask(&fixture, "token").await);
    let at = fixture.broker.now();
    let disabled = EndpointStatus::Disabled { reason: DisabledReason::Unconfirmed, at };
    assert_eq!(fixture.status("a"), disabled);
    fixture.crash().await;
    assert_eq!(fixture.status("a"), disabled);
    assert_eq!(refused(&fixture, "token").await, "token");
    fixture.broker.resume(&sub("a")).await.unwrap();
    assert_eq!(asked(&fixture), Confirmation { requested_at: Some(at), ..Confirmation::default() });
    assert!(!ask(&fixture, "token").await, "the minute is not over");
    fixture.pass(seconds(60)).await;
    assert!(ask(&fixture, "token").await);
}

#[tokio::test]
async fn nothing_is_asked_of_or_believed_from_an_endpoint_that_is_another_by_now() {
    let fixture = pending().await;
    let other = "https://hook.example.com/b";
    assert!(!fixture.broker.subscriber(&sub("a")).unwrap().begin_confirmation(other, "token").await.unwrap());
    fixture.broker.subscriber(&sub("a")).unwrap().endpoint_confirmed(other).await.unwrap();
    fixture
        .broker
        .subscriber(&sub("a"))
        .unwrap()
        .disable_endpoint(other, DisabledReason::Gone)
        .await
        .unwrap();
    assert_eq!(asked(&fixture), Confirmation::default());
    fixture.broker.subscriber(&sub("a")).unwrap().endpoint_confirmed(HOOK).await.unwrap();
    assert_eq!(fixture.status("a"), EndpointStatus::Active);
}

#[tokio::test]
async fn a_subscription_without_an_endpoint_has_nothing_to_confirm() {
    let fixture = Fixture::with_subscription(no_backoff()).await;
    assert_eq!(refused(&fixture, "token").await, "name");
    assert!(!ask(&fixture, "token").await);
    let missing = fixture.broker.confirm_subscription(&sub("b"), "token").await;
    assert!(matches!(missing, Err(ConfirmError::NotFound(_))), "{missing:?}");
}
