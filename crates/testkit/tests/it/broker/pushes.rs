//! Endpoints, and the clock.

use fanfare_proto::push::v1::DeliverOutcome;
use fanfare_testkit::{
    broker::AttemptClass,
    endpoints::{Behaviour, Endpoint, GrpcBehaviour, GrpcEndpoint, Reply},
};

use super::*;

/// What each attempt to push a message came to.
async fn classes(broker: &Broker, id: &str) -> Vec<AttemptClass> {
    broker.subscription("billing").attempts(id).await.into_iter().map(|attempt| attempt.class).collect()
}

#[tokio::test]
async fn an_endpoint_consents_and_gets_what_is_published() {
    let broker = Broker::start().await;
    let endpoint = Endpoint::start(Behaviour::ok());
    with_billing(&broker, pushed_to(endpoint.url("/hook"))).await;
    let id = publish(&broker, "a").await;
    assert_eq!(broker.subscription("billing").wait_until_settled().await.acked, 1);
    assert_eq!(endpoint.confirmations().len(), 1);
    assert_eq!(classes(&broker, &id).await, [AttemptClass::Ok]);
}

#[tokio::test]
async fn an_endpoint_that_fails_twice_gets_the_message_a_third_time_when_the_clock_is_put_forward() {
    let broker = Broker::start().await;
    let endpoint = Endpoint::start(Behaviour::fail_first(2, Reply::status(500)));
    with_billing(&broker, pushed_to(endpoint.url("/hook"))).await;
    let id = publish(&broker, "a").await;
    endpoint.wait_for(1).await;
    broker.subscription("billing").wait_until("failed", |figures| figures.backing_off == 1).await;
    broker.advance(60 * SECOND).await;
    broker.subscription("billing").wait_until_settled().await;
    assert_eq!(endpoint.requests().len(), 3);
    let retryable = AttemptClass::Retryable;
    assert_eq!(classes(&broker, &id).await, [retryable, retryable, AttemptClass::Ok]);
}

#[tokio::test]
async fn all_attempts_of_a_poison_message_happen_in_one_move_of_the_clock() {
    let broker = Broker::builder().trust("127.0.0.1").start().await;
    let endpoint = Endpoint::start(Behaviour::status(500));
    let settings = SubscriptionSettings { max_attempts: Some(8), ..pushed_to(endpoint.url("/hook")) };
    with_billing(&broker, settings).await;
    publish(&broker, "poison").await;
    broker.advance(2 * 3_600 * SECOND).await;
    let figures = broker.subscription("billing").wait_until_settled().await;
    assert_eq!((figures.dead_letters, figures.failed_attempts), (1, 8), "{figures}");
    assert_eq!(endpoint.requests().len(), 8);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_given_up_by_the_clock_and_not_before() {
    let broker = Broker::builder().trust("127.0.0.1").start().await;
    let endpoint = Endpoint::start(Behaviour::hold());
    with_billing(&broker, pushed_to(endpoint.url("/hook"))).await;
    let id = publish(&broker, "a").await;
    endpoint.wait_for_held(1).await;
    broker.advance(5 * SECOND).await;
    assert_eq!(classes(&broker, &id).await, []);
    broker.advance(60 * SECOND).await;
    assert_eq!(classes(&broker, &id).await[0], AttemptClass::Timeout);
}

#[tokio::test]
async fn a_grpc_endpoint_gets_what_is_published() {
    let broker = Broker::start().await;
    let endpoint = GrpcEndpoint::start(GrpcBehaviour::outcome(DeliverOutcome::Taken));
    with_billing(&broker, pushed_to(endpoint.url())).await;
    publish(&broker, "a").await;
    broker.subscription("billing").wait_until_settled().await;
    assert_eq!(endpoint.requests().len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_is_trusted_need_not_consent() {
    let broker = Broker::builder().trust("127.0.0.1").start().await;
    let endpoint = Endpoint::start(Behaviour::ok());
    with_billing(&broker, pushed_to(endpoint.url("/hook"))).await;
    publish(&broker, "a").await;
    broker.subscription("billing").wait_until_settled().await;
    assert_eq!(endpoint.confirmations().len(), 0);
}

#[tokio::test]
async fn an_endpoint_that_was_not_answering_is_asked_again_after_a_restart() {
    let mut broker = Broker::builder().trust("127.0.0.1").start().await;
    let endpoint = Endpoint::start(Behaviour::hold());
    with_billing(&broker, pushed_to(endpoint.url("/hook"))).await;
    publish(&broker, "a").await;
    endpoint.wait_for_held(1).await;
    broker.stop().await;
    endpoint.set(Behaviour::ok());
    broker.restart().await;
    assert_eq!(broker.subscription("billing").wait_until_settled().await.acked, 1);
}
