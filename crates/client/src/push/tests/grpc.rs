use std::time::Duration;

use fanfare_proto::{
    push::v1::{
        ConfirmSubscriptionRequest, DeliverOutcome, DeliverRequest, DeliverResponse, PushedMessage,
        push_endpoint_service_server::PushEndpointService as _,
    },
    v1,
};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::*;
use crate::{correlation, push::desk::Desk};

/// Answers by what the message says.
async fn by_data(pushed: Pushed) -> Answer {
    match pushed.text() {
        Some("again") => Answer::Retry(None),
        Some("later") => Answer::Retry(Some(Duration::from_millis(1_500))),
        Some("never") => Answer::Reject("no such order".into()),
        Some("gone") => Answer::Gone,
        Some("panic") => panic!("on purpose"),
        Some("who") => Answer::Reject(format!("{:?}", correlation::current())),
        _ => Answer::Taken,
    }
}

fn message(data: &'static str) -> PushedMessage {
    let stored =
        v1::Message { data: data.into(), correlation_id: format!("c-{data}"), ..v1::Message::default() };
    PushedMessage {
        message_id: data.to_owned(),
        delivery_attempt: 2,
        sequence: 7,
        publish_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        message: Some(stored),
    }
}

async fn deliver(data: &[&'static str]) -> Result<DeliverResponse, Status> {
    let endpoint = GrpcEndpoint::new(Arc::new(by_data), Desk::default());
    let messages = data.iter().map(|data| message(data)).collect();
    let request = DeliverRequest { subscription: BILLING.into(), messages };
    endpoint.deliver(tonic::Request::new(request)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn each_message_of_a_request_has_an_answer_of_its_own() {
    let response = deliver(&["one", "again", "later", "never", "panic", "two"]).await.unwrap();
    let mut results = response.results;
    results.sort_by(|a, b| a.message_id.cmp(&b.message_id));
    let said: Vec<_> = results
        .iter()
        .map(|result| (result.message_id.as_str(), result.outcome(), result.detail.as_str()))
        .collect();
    let (retry, reject) = (DeliverOutcome::Retry, DeliverOutcome::Reject);
    let expected = [
        ("again", retry, ""),
        ("later", retry, ""),
        ("never", reject, "no such order"),
        ("panic", retry, ""),
    ];
    assert_eq!(said, expected);
    let wait = results[1].retry_after.unwrap();
    assert_eq!((wait.seconds, wait.nanos), (1, 500_000_000));
    assert_eq!(results[0].retry_after, None);
}

#[tokio::test]
async fn a_gone_endpoint_says_so_as_the_proto_has_it() {
    let status = deliver(&["one", "gone"]).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
    assert_eq!(status.get_details_error_info().unwrap().reason, "ENDPOINT_GONE");
}

#[tokio::test]
async fn each_handler_works_under_its_own_messages_correlation_id() {
    let response = deliver(&["who"]).await.unwrap();
    assert_eq!(response.results[0].detail, r#"Some("c-who")"#);
}

#[tokio::test]
async fn what_is_pushed_is_what_the_handler_gets() {
    let (handler, kept) = keeper(Answer::Taken);
    let endpoint = GrpcEndpoint::new(Arc::new(handler), Desk::default());
    let request = DeliverRequest { subscription: BILLING.into(), messages: vec![message("one")] };
    endpoint.deliver(tonic::Request::new(request)).await.unwrap();
    let pushed = kept.lock().pop().unwrap();
    assert_eq!((pushed.subscription(), pushed.message_id(), pushed.text()), (BILLING, "one", Some("one")));
    assert_eq!((pushed.sequence(), pushed.delivery_attempt()), (7, 2));
    assert_eq!(pushed.correlation_id(), "c-one");
}

#[tokio::test]
async fn consent_is_the_token_and_the_owners_to_give() {
    let ask = async |desk: Desk| {
        let endpoint = GrpcEndpoint::new(Arc::new(by_data), desk);
        let request = ConfirmSubscriptionRequest {
            subscription: BILLING.into(),
            topic: ORDERS.into(),
            token: TOKEN.into(),
        };
        endpoint.confirm_subscription(tonic::Request::new(request)).await
    };
    assert_eq!(ask(Desk::default()).await.unwrap().into_inner().token, TOKEN);
    let refused = ask(Desk::default().consent(|asked| asked.topic != ORDERS)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
}
