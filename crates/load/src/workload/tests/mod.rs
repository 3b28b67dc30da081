//! The workloads against a [`fake`] that can lose, repeat, delay, invent, refuse and stand still: each of it is seen.

mod fake;

use std::{sync::Arc, time::Duration};

use fake::{Fake, Fault, Seen};
use parking_lot::Mutex;

use super::{Backlog, Drain, FanOut, ManyTopics, Publish, UnaryPublish, Workload};
use crate::{Correctness, Progress};

const TOPIC: &str = "t";

fn publish(messages: u64, bytes: usize) -> Workload {
    Workload::Publish(Publish { messages, bytes, outstanding: 1_000 })
}

fn fan_out(messages: u64, subscriptions: usize) -> Workload {
    Workload::FanOut(FanOut { messages, bytes: 64, outstanding: 1_000, subscriptions })
}

/// One of each kind, small.
fn all() -> Vec<Workload> {
    let steady = super::Steady { rate: 100, seconds: 2, warm_up_seconds: 1, bytes: 64, subscriptions: 3 };
    vec![
        publish(100, 64),
        fan_out(100, 3),
        Workload::Steady(steady),
        Workload::Drain(Drain { messages: 100, bytes: 64, outstanding: 7 }),
        Workload::ManyTopics(ManyTopics { topics: 5, seconds: 3, warm_up_seconds: 1, bytes: 64 }),
    ]
}

/// Those that receive.
fn receiving() -> impl Iterator<Item = Workload> {
    all().into_iter().filter(|workload| workload.expected().delivered > 0)
}

/// How often each fault of one message a topic is seen: by every subscription of every topic.
fn times(workload: &Workload) -> u64 {
    match workload {
        Workload::Publish(_) => 0,
        Workload::FanOut(_) | Workload::Steady(_) => 3,
        Workload::Drain(_) => 2,
        Workload::ManyTopics(_) => 5,
    }
}

async fn correctness(workload: &Workload, fault: Fault) -> Correctness {
    workload.run(&Fake::with(fault), TOPIC).await.unwrap().correctness
}

#[tokio::test(start_paused = true)]
async fn a_system_that_does_right_is_found_right_and_everything_is_settled() {
    for workload in all() {
        let (fake, progress) = (Fake::default(), Arc::<Progress>::default());
        let outcome = workload.run_watched(&fake, TOPIC, &progress).await.unwrap();
        let expected = workload.expected();
        assert!(outcome.correctness.is_perfect(), "{workload:?} {outcome:?}");
        assert_eq!(outcome.published, expected.published, "{workload:?}");
        assert_eq!(fake.settled(), expected.delivered, "{workload:?}");
        assert_eq!((progress.published(), progress.delivered()), (expected.published, expected.delivered));
        let of_the_drain = matches!(workload, Workload::Drain(_)).then_some(100);
        assert_eq!(outcome.delivered, of_the_drain.unwrap_or(expected.delivered), "{workload:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_topics_are_as_many_topics() {
    let (fake, many) = (Fake::default(), ManyTopics { topics: 5, seconds: 1, warm_up_seconds: 0, bytes: 0 });
    Workload::ManyTopics(many).run(&fake, TOPIC).await.unwrap();
    assert_eq!(fake.topics(), 5);
}

/// What there is when the load begins.
fn look(fake: &Fake) -> (Arc<Progress>, Arc<Mutex<Option<Seen>>>) {
    let (fake, found) = (fake.clone(), Arc::<Mutex<Option<Seen>>>::default());
    let kept = found.clone();
    (Progress::when_it_begins(move || *kept.lock() = Some(fake.seen())), found)
}

#[tokio::test(start_paused = true)]
async fn the_load_begins_when_all_is_created_and_connected_and_before_anything_that_counts_is_sent() {
    for workload in all() {
        let fake = Fake::default();
        let (progress, found) = look(&fake);
        workload.run_watched(&fake, TOPIC, &progress).await.unwrap();
        let (subscriptions, publishers, consumers, sent) = match &workload {
            Workload::Publish(_) => (0, 1, 0, 0),
            Workload::FanOut(_) | Workload::Steady(_) => (3, 1, 3, 0),
            // Of the two, one has settled everything and the other is not there yet.
            Workload::Drain(_) => (2, 1, 1, 100),
            Workload::ManyTopics(_) => (5, 5, 5, 0),
        };
        let expected = Seen { subscriptions, publishers, consumers, sent };
        assert_eq!(*found.lock(), Some(expected), "{workload:?}");
    }
    let (fake, unary) = (Fake::default(), UnaryPublish { messages: 10, bytes: 64, concurrent: 3 });
    let (progress, found) = look(&fake);
    unary.run_watched(&fake, TOPIC, &progress).await.unwrap();
    assert_eq!(*found.lock(), Some(Seen { subscriptions: 0, publishers: 3, consumers: 0, sent: 0 }));
}

const BACKLOG: Backlog = Backlog { messages: 10, bytes: 64, outstanding: 3 };

#[tokio::test(start_paused = true)]
async fn a_backlog_is_published_and_then_drained_and_what_went_wrong_is_counted() {
    let fault = Fault { duplicates: Some(1), delays: Some(4), invents: Some(2), ..Fault::default() };
    for (fault, [duplicate, out_of_order, foreign]) in [(Fault::default(), [0, 0, 0]), (fault, [1, 1, 1])] {
        let fake = Fake::with(fault);
        BACKLOG.publish(&fake, (TOPIC, "s")).await.unwrap();
        assert_eq!((fake.seen().sent, fake.settled()), (10, 0));
        let found = BACKLOG.drain(&fake, (TOPIC, "s")).await.unwrap();
        assert_eq!(found, Correctness { missing: 0, duplicate, out_of_order, foreign });
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_a_backlog_that_is_lost_or_not_acknowledged_ends_it() {
    let fake = Fake::with(Fault { loses: Some(9), ..Fault::default() });
    BACKLOG.publish(&fake, (TOPIC, "s")).await.unwrap();
    let lost = BACKLOG.drain(&fake, (TOPIC, "s")).await.unwrap_err().to_string();
    assert!(lost.starts_with("nothing has moved for 30 s") && lost.ends_with("; s has 9 of 10"), "{lost}");
    let fake = Fake::with(Fault { holds_back: Some(8), ..Fault::default() });
    let held = BACKLOG.publish(&fake, (TOPIC, "s")).await.unwrap_err().to_string();
    assert!(held.contains(": 8 of 10 messages are acknowledged"), "{held}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_twice_is_a_duplicate_each_time() {
    for workload in receiving() {
        let found = correctness(&workload, Fault { duplicates: Some(1), ..Fault::default() }).await;
        let expected = Correctness { duplicate: times(&workload), ..Correctness::default() };
        assert_eq!(found, expected, "{workload:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_behind_a_later_one_is_out_of_order() {
    for workload in receiving() {
        let found = correctness(&workload, Fault { delays: Some(1), ..Fault::default() }).await;
        let expected = Correctness { out_of_order: times(&workload), ..Correctness::default() };
        assert_eq!(found, expected, "{workload:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_nobody_published_is_foreign() {
    for workload in receiving() {
        let found = correctness(&workload, Fault { invents: Some(1), ..Fault::default() }).await;
        let expected = Correctness { foreign: times(&workload), ..Correctness::default() };
        assert_eq!(found, expected, "{workload:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_comes_ends_the_run_with_who_misses_it() {
    for workload in receiving() {
        let fake = Fake::with(Fault { loses: Some(1), ..Fault::default() });
        let error = workload.run(&fake, TOPIC).await.unwrap_err().to_string();
        let (published, name) = (workload.expected().published, "t-0");
        let all = format!("{published} of {published} messages are acknowledged");
        assert!(error.starts_with("nothing has moved for 30 s: ") && error.contains(&all), "{error}");
        assert!(error.contains(&format!("; {name}")), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_acknowledged_ends_the_run_with_how_many_are() {
    for workload in all() {
        let fake = Fake::with(Fault { holds_back: Some(2), ..Fault::default() });
        let error = workload.run(&fake, TOPIC).await.unwrap_err().to_string();
        let acknowledged = if matches!(workload, Workload::ManyTopics(_)) { 2 * 5 } else { 2 };
        let counted = format!(": {acknowledged} of {} messages", workload.expected().published);
        assert!(error.contains(&counted), "{workload:?} {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_the_run_at_once() {
    for workload in all() {
        let fake = Fake::with(Fault { refuses: Some(1), ..Fault::default() });
        let error = workload.run(&fake, TOPIC).await.unwrap_err();
        assert_eq!(error.to_string(), "message 1 is refused", "{workload:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_due_while_the_system_stood_still_waited_from_when_it_was_due() {
    let steady = super::Steady { rate: 1_000, seconds: 10, warm_up_seconds: 1, bytes: 64, subscriptions: 2 };
    let still = (5_000, Duration::from_secs(2));
    let fake = Fake::with(Fault { stands_still: Some(still), ..Fault::default() });
    let outcome = Workload::Steady(steady).run(&fake, TOPIC).await.unwrap();
    // A fifth of the ten seconds: a message that was due t before the end of the two seconds waited for t.
    for latency in [outcome.publish_latency.unwrap(), outcome.delivery_latency.unwrap()] {
        assert!(latency.p50_ms < 3.0, "{latency:?}");
        assert!((1_850.0..1_950.0).contains(&latency.p99_ms), "{latency:?}");
        assert!((1_995.0..2_010.0).contains(&latency.max_ms), "{latency:?}");
    }
    assert!((10.9..11.1).contains(&outcome.seconds), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn latencies_of_the_warm_up_do_not_count() {
    let steady = super::Steady { rate: 1_000, seconds: 2, warm_up_seconds: 3, bytes: 64, subscriptions: 1 };
    let fault = Fault { stands_still: Some((100, Duration::from_secs(1))), ..Fault::default() };
    let outcome = Workload::Steady(steady).run(&Fake::with(fault), TOPIC).await.unwrap();
    for latency in [outcome.publish_latency.unwrap(), outcome.delivery_latency.unwrap()] {
        assert!(latency.max_ms < 5.0, "{latency:?}");
    }
    assert_eq!((outcome.published, outcome.delivered), (5_000, 5_000));
}

#[tokio::test(start_paused = true)]
async fn a_rate_topics_or_callers_of_zero_are_refused() {
    let steady = super::Steady { rate: 0, seconds: 1, warm_up_seconds: 0, bytes: 64, subscriptions: 1 };
    assert!(Workload::Steady(steady).run(&Fake::default(), TOPIC).await.is_err());
    let many = ManyTopics { topics: 0, seconds: 1, warm_up_seconds: 0, bytes: 64 };
    assert!(Workload::ManyTopics(many).run(&Fake::default(), TOPIC).await.is_err());
    let unary = UnaryPublish { messages: 1, bytes: 64, concurrent: 0 };
    assert!(unary.run(&Fake::default(), TOPIC).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn nothing_to_publish_is_done_at_once() {
    for workload in [publish(0, 64), fan_out(0, 3), fan_out(5, 0)] {
        let outcome = workload.run(&Fake::default(), TOPIC).await.unwrap();
        assert_eq!(outcome.delivered, 0, "{workload:?}");
        assert!(outcome.correctness.is_perfect(), "{workload:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn unary_calls_are_as_many_at_a_time_as_there_are_callers() {
    for (concurrent, seconds) in [(1, 0.1), (4, 0.025), (100, 0.001)] {
        let (fake, unary) = (Fake::default(), UnaryPublish { messages: 100, bytes: 64, concurrent });
        let outcome = unary.run(&fake, TOPIC).await.unwrap();
        assert_eq!((outcome.published, fake.settled()), (100, 100));
        // The clock of the test goes on by whole milliseconds, and a call takes one or two.
        assert!(outcome.seconds >= seconds * 0.99 && outcome.seconds < seconds * 2.1, "{outcome:?}");
        assert!(outcome.publish_latency.unwrap().p50_ms >= 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_unary_call_that_is_refused_or_hangs_ends_the_run() {
    let unary = UnaryPublish { messages: 10, bytes: 64, concurrent: 3 };
    let refused = unary.run(&Fake::with(Fault { refuses: Some(4), ..Fault::default() }), TOPIC).await;
    assert_eq!(refused.unwrap_err().to_string(), "message 4 is refused");
    let hangs = unary.run(&Fake::with(Fault { holds_back: Some(4), ..Fault::default() }), TOPIC).await;
    let error = hangs.unwrap_err().to_string();
    assert!(error.starts_with("nothing has moved for 30 s: 4 of 10 messages"), "{error}");
}

#[test]
fn labels_tell_the_workloads_apart_and_json_keeps_them() {
    let labels: std::collections::BTreeSet<_> = all().iter().map(Workload::label).collect();
    assert_eq!(labels.len(), all().len());
    for workload in all() {
        let json = serde_json::to_string(&workload).unwrap();
        assert_eq!(serde_json::from_str::<Workload>(&json).unwrap(), workload);
        assert!(workload.label().starts_with(workload.code()));
    }
}

#[test]
fn a_divided_workload_has_fewer_messages_and_never_none() {
    let published = |workload: &Workload| workload.expected().published;
    for workload in all() {
        let is_at_a_rate = matches!(workload, Workload::Steady(_) | Workload::ManyTopics(_));
        let by = if is_at_a_rate { 1 } else { 10 };
        assert_eq!(published(&workload.clone().divided(10)) * by, published(&workload));
        assert!(published(&workload.clone().divided(u64::MAX)) >= 1);
        assert_eq!(workload.clone().divided(0), workload);
    }
}
