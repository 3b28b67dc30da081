//! A connection that is cut while messages and settlements are on their way.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use fanfare_client::{Client, ReceivedMessage, proto::SubscriptionSettings};
use fanfare_testkit::{Direction, Proxy};
use parking_lot::Mutex;

use super::support::{Setup, eager, next, numbers, soon};

/// What was lost on its way comes again soon.
fn short() -> SubscriptionSettings {
    let ack_deadline = Some(prost_types::Duration { seconds: 2, nanos: 0 });
    SubscriptionSettings { ack_deadline, ..eager() }
}

#[tokio::test]
async fn over_a_connection_that_is_cut_again_and_again_everything_is_handed_out_once_and_acked() {
    let setup = Setup::with(short()).await;
    setup.publish(numbers(1_000)).await;
    let proxy = Proxy::start(setup.broker.address());
    let client = Client::connect(proxy.url()).unwrap();
    let mut messages = client.subscriber("s").max_outstanding_messages(50).messages();
    let (mut seen, mut settled) = (BTreeSet::new(), Vec::new());
    for count in 1..=1_000 {
        let delivery = next(&mut messages).await;
        assert!(seen.insert(delivery.text().unwrap().to_owned()), "{count}: {:?}", delivery.text());
        settled.push(delivery.ack());
        if count % 200 == 0 {
            proxy.cut();
        }
    }
    for settled in settled {
        soon(settled).await.unwrap();
    }
    assert_eq!(setup.stats().await.acked, 1_000);
}

/// Consumes all, the connection being cut after so many bytes, and again after as many. How often it was.
async fn consume_over_cuts(direction: Direction, bytes: u64) -> u64 {
    let setup = Setup::with(short()).await;
    setup.publish(numbers(30)).await;
    let proxy = Proxy::start(setup.broker.address());
    let client = Client::connect(proxy.url()).unwrap();
    let mut messages = client.subscriber("s").max_outstanding_messages(10).messages();
    proxy.cut_after(direction, bytes);
    let (mut seen, mut settled) = (BTreeSet::new(), Vec::new());
    for count in 1..=30 {
        let delivery = next(&mut messages).await;
        assert!(
            seen.insert(delivery.text().unwrap().to_owned()),
            "{direction:?} {bytes}: {:?}",
            delivery.text()
        );
        settled.push(delivery.ack());
        if count == 15 {
            proxy.cut_after(direction, bytes);
        }
    }
    for settled in settled {
        soon(settled).await.unwrap();
    }
    assert_eq!(setup.stats().await.acked, 30, "{direction:?} {bytes}");
    proxy.counts().cut
}

#[tokio::test]
async fn wherever_the_connection_is_cut_everything_is_handed_out_once_and_acked() {
    let steps = (0..16).map(|step| 40 + 60 * step);
    let all = steps.flat_map(|bytes| {
        [Direction::FromClient, Direction::FromServer].map(|direction| consume_over_cuts(direction, bytes))
    });
    let cuts: u64 = futures_util::future::join_all(all).await.into_iter().sum();
    assert!(cuts >= 32, "{cuts}");
}

#[tokio::test]
async fn handlers_under_way_when_the_connection_is_cut_end_and_their_messages_are_acked() {
    let setup = Setup::with(short()).await;
    setup.publish(numbers(8)).await;
    let proxy = Proxy::start(setup.broker.address());
    let client = Client::connect(proxy.url()).unwrap();
    let (started, again) = (Arc::new(tokio::sync::Barrier::new(9)), Arc::new(AtomicUsize::new(0)));
    let handled = Arc::new(Mutex::new(BTreeSet::new()));
    let shared = (started.clone(), again.clone(), handled.clone());
    let run = client.subscriber("s").run(move |message: ReceivedMessage| {
        let (started, again, handled) = shared.clone();
        async move {
            if !handled.lock().insert(message.message_id().to_owned()) {
                again.fetch_add(1, Ordering::SeqCst);
                return;
            }
            started.wait().await;
            started.wait().await;
        }
    });
    let script = async {
        soon(started.wait()).await;
        proxy.cut();
        // It is there again.
        setup.until(|stats| stats.consumers == 0).await;
        setup.until(|stats| stats.consumers == 1).await;
        soon(started.wait()).await;
        setup.until(|stats| stats.acked == 8).await;
    };
    soon(run.until(script)).await.unwrap();
    assert_eq!((again.load(Ordering::SeqCst), handled.lock().len()), (0, 8));
}
