//! Lost answers, silence and refusals that come in the wrong moment, from a broker that follows a script.

use std::time::Duration;

use fanfare_client::{
    Client, Message, RetryPolicy,
    publisher::{MessageFate, PublishError, PublisherBuilder},
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{
    fake::{Act, Fake},
    support::{outcome, within},
};

/// One message a request, sent at once.
fn singly(fake: &Fake) -> PublisherBuilder {
    fake.client().publisher("t").batch_messages(1).batch_delay(Duration::ZERO)
}

fn refusal(code: Code, reason: &str) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, "fanfare", []);
    details.set_retry_info(Some(Duration::from_millis(1)));
    Status::with_error_details(code, "refused", details)
}

#[tokio::test]
async fn a_stream_names_its_topic_once_and_stops_at_errors() {
    let fake = Fake::start([]).await;
    let publisher = singly(&fake).build();
    for text in ["a", "b"] {
        outcome(publisher.publish(text)).await.unwrap();
    }
    let seen = fake.seen();
    let topics: Vec<_> = seen[0].requests.iter().map(|request| request.topic.as_str()).collect();
    assert_eq!((seen.len(), topics, seen[0].stop_at_error), (1, vec!["t", ""], true));
}

#[tokio::test]
async fn what_lost_its_answer_is_sent_again_in_order_under_the_same_ids() {
    let fake = Fake::start([vec![Act::Store, Act::StoreAndBreak]]).await;
    let publisher = singly(&fake).build();
    let futures = ["a", "b", "c", "d"].map(|text| publisher.publish(text));
    for future in futures {
        outcome(future).await.unwrap();
    }
    let seen = fake.seen();
    assert_eq!(seen[0].texts(), [["a"], ["b"]]);
    assert_eq!(seen[1].texts(), [["b"], ["c"], ["d"]]);
    assert_eq!((seen[1].requests[0].topic.as_str(), seen[1].stop_at_error), ("t", true));
    let ids = |stream: usize| seen[stream].messages().map(|m| m.deduplication_id.clone()).collect::<Vec<_>>();
    let (first, second) = (ids(0), ids(1));
    let prefix = first[0].strip_suffix("-1").expect("numbers start at 1");
    assert_eq!(prefix.len(), 26);
    assert_eq!(first[1], second[0]);
    assert_eq!(second, [2, 3, 4].map(|number| format!("{prefix}-{number}")));
}

#[tokio::test]
async fn without_deduplication_no_id_is_made_and_what_may_be_stored_is_sent_again() {
    let fake = Fake::start([vec![Act::StoreAndBreak]]).await;
    let publisher = singly(&fake).deduplicate(false).build();
    outcome(publisher.publish("a")).await.unwrap();
    let seen = fake.seen();
    assert_eq!((seen[0].texts(), seen[1].texts()), (vec![vec!["a".to_owned()]], vec![vec!["a".to_owned()]]));
    assert!(seen.iter().all(|seen| seen.messages().all(|message| message.deduplication_id.is_empty())));
}

#[tokio::test]
async fn without_retries_a_lost_answer_leaves_the_message_in_doubt_and_its_key_paused() {
    let fake = Fake::start([vec![Act::StoreAndBreak]]).await;
    let publisher = singly(&fake).retry(RetryPolicy::never()).build();
    let lost = outcome(publisher.publish(Message::new("a").ordering_key("k"))).await.unwrap_err();
    assert!(matches!(lost, PublishError::Unconfirmed(_)) && lost.fate() == MessageFate::Unknown);
    let paused = outcome(publisher.publish(Message::new("b").ordering_key("k"))).await;
    assert!(matches!(paused, Err(PublishError::KeyPaused { .. })));
    publisher.resume("k");
    outcome(publisher.publish(Message::new("c").ordering_key("k"))).await.unwrap();
    assert_eq!(fake.seen()[1].texts(), [["c"]]);
}

#[tokio::test]
async fn without_a_broker_a_message_is_given_up_and_certainly_not_stored() {
    let address = Fake::start([]).await.address;
    // Nobody listens there any more, or not yet: either way no message was sent.
    let client = Client::builder().endpoint(format!("http://{address}")).build().unwrap();
    let fake_is_gone = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within(fake_is_gone).await;
    let publisher = client.publisher("t").retry(RetryPolicy::never()).build();
    let error = outcome(publisher.publish("a")).await.unwrap_err();
    assert!(matches!(error, PublishError::GivenUp(_)), "{error:?}");
    assert_eq!(error.fate(), MessageFate::NotStored);
}

#[tokio::test]
async fn a_refusal_that_passes_is_tried_again_until_it_has_passed() {
    let full = || vec![Act::End(refusal(Code::ResourceExhausted, "TOPIC_FULL"))];
    let fake =
        Fake::start([full(), vec![Act::End(refusal(Code::Unavailable, "BROKER_DRAINING"))], full()]).await;
    let publisher = singly(&fake).build();
    outcome(publisher.publish("a")).await.unwrap();
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn a_refusal_that_stays_is_given_up_and_the_message_is_not_stored() {
    let fake = Fake::start([vec![Act::End(refusal(Code::ResourceExhausted, "OUT_OF_SPACE"))]]).await;
    let publisher = singly(&fake).retry(RetryPolicy::never()).build();
    let error = outcome(publisher.publish("a")).await.unwrap_err();
    assert!(matches!(&error, PublishError::GivenUp(error) if error.reason() == "OUT_OF_SPACE"), "{error:?}");
}

#[tokio::test]
async fn where_every_message_is_refused_each_costs_one_request_and_takes_none_behind_it_along() {
    const MESSAGES: usize = 500;
    /// Requests of the first stream, before anything was refused.
    const FIRST: usize = 64;
    let refused = || {
        let mut details = ErrorDetails::with_error_info("INVALID_FIELD", "fanfare", []);
        details.add_bad_request_violation("messages[0].content_type", "is no good");
        vec![Act::Refuse(Status::with_error_details(Code::InvalidArgument, "refused", details))]
    };
    let fake = Fake::start((0..MESSAGES).map(|_| refused())).await;
    let publisher = fake.client().publisher("t").batch_messages(2).build();
    let futures: Vec<_> = (0..MESSAGES).map(|_| publisher.publish("a")).collect();
    for future in futures {
        assert!(matches!(outcome(future).await, Err(PublishError::Refused(_))));
    }
    outcome(publisher.publish("b")).await.unwrap();
    let requests: Vec<_> = fake.seen().iter().map(|seen| seen.requests.len()).collect();
    assert!(requests[0] <= FIRST, "{requests:?}");
    assert_eq!(requests[1..], [1; MESSAGES], "one more is of what is good");
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_left_after_the_request_timeout() {
    let fake = Fake::start([vec![Act::Store, Act::Silence]]).await;
    let endpoint = format!("http://{}", fake.address);
    let client = Client::builder().endpoint(endpoint).request_timeout(Duration::from_millis(100)).build();
    let publisher = client.unwrap().publisher("t").batch_messages(1).build();
    for text in ["a", "b", "c"] {
        outcome(publisher.publish(text)).await.unwrap();
    }
    let seen = fake.seen();
    assert_eq!(
        (seen[0].texts(), seen[1].texts()),
        (vec![vec!["a".into()], vec!["b".into()]], vec![vec!["b".into()], vec!["c".into()]])
    );
}

#[tokio::test]
async fn times_without_an_end_are_taken_as_such() {
    let fake = Fake::start([vec![Act::StoreAndBreak]]).await;
    let client = Client::builder()
        .endpoint(format!("http://{}", fake.address))
        .retry(RetryPolicy::default().within(Duration::MAX))
        .connect_timeout(Duration::MAX)
        .request_timeout(Duration::MAX)
        .keepalive(Duration::MAX, Duration::MAX)
        .build()
        .unwrap();
    // Refused by a broker that has no topics, and not by a panic.
    within(client.topics().get("t")).await.unwrap_err();
    let settler = client.settler("s");
    within(settler.pull(1, Duration::MAX)).await.unwrap_err();
    within(settler.nack(Vec::new(), Some(Duration::MAX))).await.unwrap_err();
    within(settler.extend(Vec::new(), Some(Duration::MAX))).await.unwrap_err();
    let publisher = client.publisher("t").batch_delay(Duration::MAX);
    let publisher = publisher.retry(RetryPolicy::default().within(Duration::MAX)).build();
    let future = publisher.publish("a");
    within(publisher.flush()).await;
    outcome(future).await.unwrap();
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn an_idle_stream_is_not_late() {
    let fake = Fake::start([]).await;
    let endpoint = format!("http://{}", fake.address);
    let client = Client::builder().endpoint(endpoint).request_timeout(Duration::from_secs(30)).build();
    let publisher = client.unwrap().publisher("t").build();
    outcome(publisher.publish("a")).await.unwrap();
    // Longer than the stream may be silent while it owes an answer.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    outcome(publisher.publish("b")).await.unwrap();
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_that_fits_no_request_is_none() {
    let fake = Fake::start([vec![Act::Babble]]).await;
    let publisher = singly(&fake).build();
    outcome(publisher.publish("a")).await.unwrap();
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn a_publisher_goes_to_another_endpoint_when_one_is_gone() {
    let (gone, alive) = (Fake::start([]).await, Fake::start([]).await);
    let endpoints = [gone.address, alive.address].map(|address| format!("http://{address}"));
    drop(gone);
    let [gone, there] = endpoints;
    let client = Client::builder().endpoint(gone).endpoint(there).build().unwrap();
    outcome(client.publisher("t").build().publish("a")).await.unwrap();
    assert_eq!(alive.seen().len(), 1);
}
