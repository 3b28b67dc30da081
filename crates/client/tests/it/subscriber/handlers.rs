//! The form with a handler.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fanfare_client::{
    ReceivedMessage, correlation,
    subscriber::{OnShutdown, Verdict},
};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::support::{Setup, eager, numbers, soon};

#[tokio::test]
async fn as_many_handlers_run_as_may_and_no_more() {
    let setup = Setup::new().await;
    setup.publish(numbers(50)).await;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (done, all_run) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Barrier::new(5)));
    let counters = (running.clone(), most.clone(), done.clone(), all_run);
    let run = setup.client.subscriber("s").concurrency(5).run(move |_| {
        let (running, most, done, all_run) = counters.clone();
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            all_run.wait().await;
            running.fetch_sub(1, Ordering::SeqCst);
            done.fetch_add(1, Ordering::SeqCst);
        }
    });
    let finished = setup.until(|stats| stats.acked == 50);
    soon(run.until(finished)).await.unwrap();
    assert_eq!((most.load(Ordering::SeqCst), done.load(Ordering::SeqCst)), (5, 50));
}

#[tokio::test]
async fn no_more_is_fetched_ahead_than_the_handlers_take_next() {
    let setup = Setup::new().await;
    setup.publish(numbers(100)).await;
    let run = setup.client.subscriber("s").concurrency(3).on_shutdown(OnShutdown::Nack);
    let run = run.run(|_| std::future::pending::<()>());
    soon(run.until(setup.until(|stats| stats.leased == 6))).await.unwrap();
    let stats = setup.stats().await;
    assert_eq!((stats.leased, stats.deliveries, stats.acked), (0, 6, 0));
}

#[tokio::test]
async fn a_handler_that_panics_gives_its_message_back_and_the_others_go_on() {
    let setup = Setup::new().await;
    setup.publish(["panics", "fails", "works"]).await;
    let run = setup.client.subscriber("s").run(|message: ReceivedMessage| async move {
        match (message.text(), message.delivery_attempt()) {
            (Some("panics"), 1) => panic!("on purpose"),
            (Some("fails"), 1) => Err("on purpose"),
            _ => Ok(()),
        }
    });
    soon(run.until(setup.until(|stats| stats.acked == 3))).await.unwrap();
    assert_eq!(setup.stats().await.failed_attempts, 2);
}

#[tokio::test]
async fn a_handler_that_panics_before_its_future_gives_its_message_back_too() {
    let setup = Setup::new().await;
    setup.publish(["a"]).await;
    let run = setup.client.subscriber("s").run(|message: ReceivedMessage| {
        assert!(message.delivery_attempt() > 1, "on purpose");
        std::future::ready(Verdict::Ack)
    });
    soon(run.until(setup.until(|stats| stats.acked == 1))).await.unwrap();
}

#[tokio::test]
async fn a_handler_runs_under_its_messages_correlation_id() {
    let setup = Setup::new().await;
    let mut message = super::support::message("a");
    message.correlation_id = "checkout-4711".into();
    setup.publish_messages(vec![message]).await;
    let seen = Arc::new(Mutex::new(None));
    let sees = seen.clone();
    let run = setup.client.subscriber("s").run(move |_| {
        let seen = sees.clone();
        async move { *seen.lock() = correlation::current() }
    });
    soon(run.until(setup.until(|stats| stats.acked == 1))).await.unwrap();
    assert_eq!(seen.lock().as_deref(), Some("checkout-4711"));
}

#[tokio::test]
async fn a_shutdown_lets_handlers_end_and_starts_no_more() {
    let setup = Setup::new().await;
    setup.publish(numbers(10)).await;
    let (started, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let both = (started.clone(), gate.clone());
    let run = setup.client.subscriber("s").concurrency(2).run(move |_| {
        let (started, gate) = both.clone();
        async move {
            started.add_permits(1);
            gate.acquire().await.unwrap().forget();
        }
    });
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    let running = tokio::spawn(run.until(async move { stopped.notified().await }));
    soon(started.acquire_many(2)).await.unwrap().forget();
    stop.notify_one();
    setup.until(|stats| stats.leased == 2).await;
    gate.add_permits(10);
    soon(running).await.unwrap().unwrap();
    let stats = setup.stats().await;
    assert_eq!((stats.acked, stats.backlog, stats.leased), (2, 8, 0));
    assert_eq!(started.available_permits(), 0);
}

/// Says when it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_shutdown_that_gives_back_cancels_the_handlers() {
    let setup = Setup::new().await;
    setup.publish(numbers(4)).await;
    let cancelled = Arc::new(AtomicUsize::new(0));
    let counts = cancelled.clone();
    let run = setup.client.subscriber("s").on_shutdown(OnShutdown::Nack).run(move |_| {
        let counts = counts.clone();
        async move {
            let _dropped = Dropped(counts);
            std::future::pending::<()>().await;
        }
    });
    soon(run.until(setup.until(|stats| stats.leased == 4))).await.unwrap();
    assert_eq!(cancelled.load(Ordering::SeqCst), 4);
    let stats = setup.stats().await;
    assert_eq!((stats.acked, stats.backlog, stats.leased), (0, 4, 0));
}

#[tokio::test]
async fn handlers_that_do_not_end_in_time_are_cancelled() {
    let setup = Setup::new().await;
    setup.publish(["a"]).await;
    let wait = OnShutdown::Wait(Duration::from_millis(100));
    let run = setup.client.subscriber("s").on_shutdown(wait).run(|_| std::future::pending::<()>());
    soon(run.until(setup.until(|stats| stats.leased == 1))).await.unwrap();
    assert_eq!(setup.stats().await.ready, 1);
}

#[tokio::test]
async fn a_run_that_is_dropped_gives_back_what_it_held() {
    let setup = Setup::new().await;
    setup.publish(numbers(5)).await;
    let run = setup.client.subscriber("s").run(|_| std::future::pending::<()>());
    let mut running = Box::pin(run.forever());
    tokio::select! {
        ended = &mut running => panic!("{ended:?}"),
        () = setup.until(|stats| stats.leased == 5) => {}
    }
    drop(running);
    setup.until(|stats| stats.ready == 5).await;
}

/// What handlers saw of each key, and which keys are being handled.
#[derive(Default)]
struct Seen {
    done: HashMap<String, Vec<usize>>,
    under_way: HashMap<String, usize>,
    most_keys: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_handled_in_parallel_and_each_in_order_under_nacks_and_panics() {
    let settings = fanfare_client::proto::SubscriptionSettings { ordered: true, ..eager() };
    let setup = Setup::with(settings).await;
    let texts = (0..20).flat_map(|number| (0..8).map(move |key| format!("key-{key}:{number}")));
    setup.publish(texts).await;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let sees = seen.clone();
    let run = setup.client.subscriber("s").run(move |message: ReceivedMessage| {
        let seen = sees.clone();
        async move {
            let key = message.ordering_key().to_owned();
            let number: usize = message.text().unwrap().split_once(':').unwrap().1.parse().unwrap();
            {
                let seen = &mut *seen.lock();
                assert_eq!(seen.under_way.insert(key.clone(), number), None, "one of a key at a time");
                seen.most_keys = seen.most_keys.max(seen.under_way.len());
            }
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            seen.lock().under_way.remove(&key);
            let fails = message.delivery_attempt() == 1;
            assert!(!(fails && number % 5 == 0), "on purpose");
            if fails && number % 3 == 0 {
                return Verdict::Nack;
            }
            seen.lock().done.entry(key).or_default().push(number);
            Verdict::Ack
        }
    });
    soon(run.until(setup.until(|stats| stats.acked == 160))).await.unwrap();
    let seen = seen.lock();
    assert_eq!(seen.done.len(), 8);
    for (key, numbers) in &seen.done {
        assert_eq!(numbers, &(0..20).collect::<Vec<_>>(), "{key}");
    }
    assert!(seen.most_keys > 1);
}
