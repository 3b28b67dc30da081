use broker::AssignedEndpoint;
use types::{
    SubscriptionUid, Timestamp, limits,
    push::{Confirmation, DisabledReason, EndpointStatus},
};

use super::{
    support::{endpoint, pass, reply, seconds, until},
    worker::{Endpoints, Working},
};
use crate::{Consent, EndpointChange};

fn pending(uid: u64, requests: u32, requested_at: Option<Timestamp>) -> AssignedEndpoint {
    let status = EndpointStatus::Pending(Confirmation { requests, requested_at, token_sha256: None });
    AssignedEndpoint { status, ..endpoint(uid, |_| {}) }
}

fn endpoints() -> Endpoints {
    Endpoints::new(|_, _, _| reply(200, 1))
}

/// When the runtime's clock starts.
fn start() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_sends_the_token_back_is_confirmed_and_gets_nothing_before() {
    let working = Working::start(endpoints());
    let queue = working.backend.queue(SubscriptionUid(1));
    queue.publish(5);
    working.assign(vec![pending(1, 0, None)]).await;
    until("it is confirmed", || !working.backend.changes().is_empty()).await;
    assert_eq!(working.backend.changes(), [(SubscriptionUid(1), EndpointChange::Confirmed)]);
    assert_eq!(working.endpoints.of(1)[0].confirmations(), working.backend.asked());
    assert_eq!(queue.open(), 5);
    working.assign(vec![endpoint(1, |_| {})]).await;
    until("all is settled", || queue.open() == 0).await;
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_the_operator_vouches_for_is_not_asked() {
    let mut trusting = endpoints();
    trusting.trusted = true;
    let working = Working::start(trusting);
    working.assign(vec![pending(1, 0, None)]).await;
    until("it is confirmed", || !working.backend.changes().is_empty()).await;
    assert_eq!(working.backend.asked().len(), 0);
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_does_not_answer_with_the_token_is_asked_again_when_it_is_time() {
    let mut refusing = endpoints();
    refusing.consent = Consent::Failed("HTTP status 500".into());
    let working = Working::start(refusing);
    working.assign(vec![pending(1, 0, None)]).await;
    until("it is asked", || working.backend.asked().len() == 1).await;
    working.assign(vec![pending(1, 1, Some(start()))]).await;
    pass(seconds(59)).await;
    assert_eq!(working.backend.asked().len(), 1);
    pass(seconds(5)).await;
    assert_eq!(working.backend.asked().len(), 2);
    working.assign(vec![pending(1, 2, Some(start().plus(seconds(60))))]).await;
    pass(seconds(100)).await;
    assert_eq!(working.backend.asked().len(), 2, "twice the wait");
    pass(seconds(30)).await;
    assert_eq!(working.backend.asked().len(), 3);
    assert_eq!(working.endpoints.of(1).len(), 1, "the same task");
    until("the reason is shown", || {
        let report = working.backend.report_of(&endpoint(1, |_| {}));
        report.and_then(|report| report.last_error).is_some_and(|error| error.contains("HTTP status 500"))
    })
    .await;
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_that_the_broker_has_not_granted() {
    let working = Working::start(endpoints());
    working.backend.refuse_asking(3);
    working.assign(vec![pending(1, 0, None)]).await;
    pass(seconds(50)).await;
    assert_eq!(working.endpoints.of(1)[0].confirmations().len(), 0);
    until("it is confirmed", || !working.backend.changes().is_empty()).await;
    assert_eq!(working.endpoints.of(1)[0].confirmations().len(), 1);
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_was_asked_often_enough_is_disabled() {
    let working = Working::start(endpoints());
    let last = start().minus(limits::CONFIRMATION_INTERVAL_MAX);
    working.assign(vec![pending(1, limits::CONFIRMATION_REQUESTS, Some(last))]).await;
    until("it is disabled", || !working.backend.changes().is_empty()).await;
    let disabled = EndpointChange::Disabled(DisabledReason::Unconfirmed);
    assert_eq!(working.backend.changes(), [(SubscriptionUid(1), disabled)]);
    assert_eq!(working.backend.asked().len(), 0);
    working.shut_down().await;
}
