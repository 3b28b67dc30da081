//! What is looked at before a subscription gets an endpoint.

use std::{pin::Pin, sync::Arc};

use broker::{BacklogAction, CheckEndpoint, CreateSubscriptionError, UpdateSubscriptionError};
use parking_lot::Mutex;
use types::{Invalid, SubscriptionSettings, TopicName, TopicSettings, push::PushSettings};

use crate::fixture::{Fixture, no_backoff, pushed, ready, sub, topic};

fn named(name: &str) -> TopicName {
    name.parse().unwrap()
}

async fn topics(names: &[&str]) -> Fixture {
    let fixture = Fixture::new().await;
    for name in names {
        fixture.broker.create_topic(named(name), TopicSettings::default()).await.unwrap();
    }
    fixture
}

/// The subscription is called like the two topics.
async fn forward(fixture: &Fixture, from: &str, to: &str) -> Result<(), Invalid> {
    let settings = pushed(&format!("topic:{to}"));
    let name = sub(&format!("{from}-{to}"));
    match fixture.broker.create_subscription(name, &named(from), settings, Default::default()).await {
        Ok(_) => Ok(()),
        Err(CreateSubscriptionError::Invalid(invalid)) => Err(invalid),
        Err(other) => panic!("{other}"),
    }
}

async fn change(fixture: &Fixture, name: &str, settings: SubscriptionSettings) -> Result<(), Invalid> {
    let change = |now: &mut SubscriptionSettings| now.push = settings.push.clone();
    match fixture.broker.update_subscription(&sub(name), change, BacklogAction::Keep).await {
        Ok(_) => Ok(()),
        Err(UpdateSubscriptionError::Invalid(invalid)) => Err(invalid),
        Err(other) => panic!("{other}"),
    }
}

fn assert_refused(outcome: Result<(), Invalid>, reason: &str) {
    let invalid = outcome.expect_err("it was taken");
    assert_eq!(invalid.field, "settings.push.endpoint");
    assert!(invalid.reason.contains(reason), "{}", invalid.reason);
}

#[tokio::test]
async fn a_topic_that_is_not_there_or_is_its_own_is_no_endpoint() {
    let fixture = topics(&["t1"]).await;
    assert_refused(forward(&fixture, "t1", "t2").await, "there is no topic");
    assert_refused(forward(&fixture, "t1", "t1").await, "own topic");
    assert!(fixture.broker.subscription(&sub("t1-t1")).is_err());
}

#[tokio::test]
async fn a_circle_of_three_topics_is_refused_and_named() {
    let fixture = topics(&["t1", "t2", "t3"]).await;
    forward(&fixture, "t1", "t2").await.unwrap();
    forward(&fixture, "t2", "t3").await.unwrap();
    forward(&fixture, "t1", "t3").await.unwrap();
    let refused = forward(&fixture, "t3", "t1").await;
    let t = |name: &str| named(name).to_string();
    assert_refused(refused, &[t("t3"), t("t1"), t("t3")].join(" → "));
}

#[tokio::test]
async fn a_circle_is_refused_in_an_update_and_after_a_crash() {
    let mut fixture = topics(&["t1", "t2", "t3"]).await;
    forward(&fixture, "t1", "t2").await.unwrap();
    forward(&fixture, "t2", "t3").await.unwrap();
    fixture.crash().await;
    let name = sub("s");
    let pull = no_backoff();
    fixture.broker.create_subscription(name, &named("t3"), pull, Default::default()).await.unwrap();
    assert_refused(change(&fixture, "s", pushed("topic:t1")).await, "circle");
    assert_refused(change(&fixture, "s", pushed("topic:t3")).await, "own topic");
    fixture.broker.delete_subscription(&sub("t1-t2")).await.unwrap();
    change(&fixture, "s", pushed("topic:t1")).await.unwrap();
    assert_refused(forward(&fixture, "t1", "t2").await, "circle");
    change(&fixture, "t2-t3", no_backoff()).await.unwrap();
    forward(&fixture, "t1", "t2").await.unwrap();
}

#[tokio::test]
async fn two_forwards_at_once_do_not_make_a_circle() {
    let fixture = topics(&["t1", "t2"]).await;
    fixture.subscribe_to("t2", "s", no_backoff()).await;
    fixture.journal.hold();
    let (one, two) = (forward(&fixture, "t1", "t2"), forward(&fixture, "t2", "t1"));
    let three = change(&fixture, "s", pushed("topic:t1"));
    tokio::pin!(one, two, three);
    assert!(ready(&mut one).await.is_none(), "it waits for the disk");
    assert!(ready(&mut two).await.is_none());
    assert!(ready(&mut three).await.is_none());
    fixture.journal.release();
    one.await.unwrap();
    assert_refused(two.await, "circle");
    assert_refused(three.await, "circle");
}

#[tokio::test]
async fn a_forward_to_a_topic_that_is_gone_can_be_changed_in_other_ways() {
    let fixture = topics(&["t1", "t2"]).await;
    forward(&fixture, "t1", "t2").await.unwrap();
    fixture.broker.delete_topic(&named("t2"), true).await.unwrap();
    let change = |settings: &mut SubscriptionSettings| settings.max_attempts = 3;
    fixture.broker.update_subscription(&sub("t1-t2"), change, BacklogAction::Keep).await.unwrap();
}

/// Lets no endpoint pass that has "bad" in it, and remembers which it was asked about; no other settings with a concurrency of 13.
#[derive(Debug, Default)]
struct Guard(Mutex<Vec<String>>);

impl CheckEndpoint for Guard {
    fn check<'a>(
        &'a self,
        push: &'a PushSettings,
    ) -> Pin<Box<dyn Future<Output = Result<(), Invalid>> + Send + 'a>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.lock().push(push.endpoint.clone());
            let bad = push.endpoint.contains("bad");
            if bad { Err(Invalid::new("endpoint", "is denied")) } else { Ok(()) }
        })
    }

    fn check_again(&self, push: &PushSettings) -> Result<(), Invalid> {
        let odd = push.max_concurrency == 13;
        if odd { Err(Invalid::new("max_concurrency", "is denied")) } else { Ok(()) }
    }
}

impl Guard {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

#[tokio::test]
async fn the_guard_is_asked_about_each_new_endpoint_and_no_other() {
    let fixture = topics(&["orders", "t2"]).await;
    let guard = Arc::new(Guard::default());
    fixture.broker.guard_endpoints(guard.clone());
    let orders = topic();
    let create =
        |settings| fixture.broker.create_subscription(sub("a"), &orders, settings, Default::default());
    let Err(CreateSubscriptionError::Invalid(refused)) = create(pushed("https://bad")).await else {
        panic!("taken")
    };
    assert_refused(Err(refused), "denied");
    assert!(fixture.broker.subscription(&sub("a")).is_err());
    create(pushed("https://good")).await.unwrap();
    assert_eq!(guard.asked(), ["https://bad", "https://good"]);
    create(pushed("https://good")).await.unwrap();
    create(pushed("https://elsewhere")).await.unwrap_err();
    let label = |settings: &mut SubscriptionSettings| drop(settings.labels.insert("l".into(), String::new()));
    fixture.broker.update_subscription(&sub("a"), label, BacklogAction::Keep).await.unwrap();
    assert_eq!(guard.asked(), [] as [&str; 0], "nothing new");
    assert_refused(change(&fixture, "a", pushed("https://bad")).await, "denied");
    change(&fixture, "a", pushed("https://better")).await.unwrap();
    change(&fixture, "a", pushed("topic:t2")).await.unwrap();
    change(&fixture, "a", no_backoff()).await.unwrap();
    assert_eq!(guard.asked(), ["https://bad", "https://better"]);
}

#[tokio::test]
async fn other_settings_of_an_endpoint_are_looked_at_without_reaching_it() {
    let fixture = topics(&["orders"]).await;
    fixture.subscribe("a", pushed("https://good")).await;
    let guard = Arc::new(Guard::default());
    fixture.broker.guard_endpoints(guard.clone());
    let at_most = async |most| {
        let change = move |settings: &mut SubscriptionSettings| {
            Arc::make_mut(settings.push.as_mut().unwrap()).max_concurrency = most;
        };
        fixture.broker.update_subscription(&sub("a"), change, BacklogAction::Keep).await
    };
    at_most(3).await.unwrap();
    let Err(UpdateSubscriptionError::Invalid(refused)) = at_most(13).await else { panic!("taken") };
    assert_eq!(refused.field, "settings.push.max_concurrency");
    assert!(guard.asked().is_empty());
    let push = fixture.broker.subscription(&sub("a")).unwrap().settings.push.unwrap();
    assert_eq!(push.max_concurrency, 3);
}

#[tokio::test]
async fn what_is_recorded_is_what_was_looked_at_when_two_changes_meet() {
    let fixture = topics(&["orders"]).await;
    fixture.subscribe("a", pushed("https://first")).await;
    let guard = Arc::new(Guard::default());
    fixture.broker.guard_endpoints(guard.clone());
    // Each takes what is in force and adds to it, so that one of them has to look at what the other has made of it.
    let add = |text: &'static str| {
        let change = move |settings: &mut SubscriptionSettings| {
            settings.push = pushed(&format!("{}{text}", settings.push.as_ref().unwrap().endpoint)).push;
        };
        let broker = fixture.broker.clone();
        async move { broker.update_subscription(&sub("a"), change, BacklogAction::Keep).await.unwrap() }
    };
    tokio::join!(add("-x"), add("-y"));
    let recorded = fixture.broker.subscription(&sub("a")).unwrap().settings.push.unwrap();
    assert_eq!(recorded.endpoint.len(), "https://first-x-y".len());
    let asked = guard.asked();
    assert!(asked.contains(&recorded.endpoint), "{asked:?}");
    assert_eq!(asked.len(), 3, "two, and one of them again: {asked:?}");
}

#[tokio::test]
async fn the_guard_is_asked_once_although_something_else_changes_meanwhile() {
    let fixture = topics(&["orders"]).await;
    fixture.subscribe("a", no_backoff()).await;
    let guard = Arc::new(Guard::default());
    fixture.broker.guard_endpoints(guard.clone());
    let moved = change(&fixture, "a", pushed("https://good"));
    tokio::pin!(moved);
    let turn = std::future::poll_fn(|context| std::task::Poll::Ready(moved.as_mut().poll(context))).await;
    assert!(turn.is_pending(), "it waits for the guard");
    let label = |settings: &mut SubscriptionSettings| drop(settings.labels.insert("l".into(), String::new()));
    fixture.broker.update_subscription(&sub("a"), label, BacklogAction::Keep).await.unwrap();
    moved.await.unwrap();
    assert_eq!(guard.asked(), ["https://good"]);
    let settings = fixture.broker.subscription(&sub("a")).unwrap().settings;
    assert_eq!((settings.labels.len(), settings.push), (1, pushed("https://good").push));
}

#[tokio::test]
async fn a_new_subscription_of_a_topic_that_is_not_there_is_not_worth_a_look() {
    let fixture = topics(&[]).await;
    let guard = Arc::new(Guard::default());
    fixture.broker.guard_endpoints(guard.clone());
    let settings = pushed("https://good");
    let refused = fixture.broker.create_subscription(sub("a"), &topic(), settings, Default::default()).await;
    assert!(matches!(refused, Err(CreateSubscriptionError::TopicNotFound(_))));
    assert!(guard.asked().is_empty());
}
