//! What happens when the runtime of a publisher ends before its work.

use std::time::Duration;

use fanfare_client::publisher::{MessageFate, PublishError, PublishFuture, Publisher};
use tokio::runtime::{Builder, Runtime};

use super::{
    fake::{Act, Fake},
    support::{NEVER, outcome, within},
};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Publishers whose runtime has ended, and their messages: one that was sent and one that was not.
fn left_behind() -> ([Publisher; 2], PublishFuture, PublishFuture) {
    let runtime = runtime();
    let left = runtime.block_on(async {
        let fake = Fake::start([vec![Act::Silence]]).await;
        let publisher = fake.client().publisher("t").batch_messages(1).build();
        let sent = publisher.publish("sent");
        fake.wait_until(|seen| seen.first().is_some_and(|seen| !seen.requests.is_empty())).await;
        let held = fake.client().publisher("t").batch_delay(NEVER).build();
        let unsent = held.publish("unsent");
        ([publisher, held], sent, unsent)
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
    left
}

#[test]
fn outcomes_are_told_when_the_runtime_ends() {
    let (_publishers, sent, unsent) = left_behind();
    runtime().block_on(async {
        assert_eq!(outcome(sent).await.unwrap_err().fate(), MessageFate::Unknown);
        assert!(matches!(outcome(unsent).await, Err(PublishError::ShutDown)));
    });
}

#[test]
fn a_publisher_whose_runtime_has_ended_is_shut_down() {
    let (publishers, ..) = left_behind();
    runtime().block_on(async {
        for publisher in publishers {
            assert!(matches!(outcome(publisher.publish("late")).await, Err(PublishError::ShutDown)));
            assert!(matches!(within(publisher.enqueue("late")).await, Err(PublishError::ShutDown)));
            within(publisher.flush()).await;
            within(publisher.shutdown()).await;
        }
    });
}
