use std::{convert::Infallible, time::Duration};

use tower::{Layer as _, service_fn};

use super::*;
use crate::correlation;

fn layer() -> VerifyLayer {
    VerifyLayer::new().signing_secret(SECRET).unwrap().tolerance(Duration::MAX)
}

/// What a service behind the layer answers, and what it is: the message's ID, the current correlation ID and the body, with a space between.
async fn through(layer: VerifyLayer, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let inner = service_fn(|request: Request<Full<Bytes>>| async {
        let id = request.extensions().get::<Pushed>().unwrap().message_id().to_owned();
        let current = correlation::current().unwrap_or_default();
        let body = bytes(request.into_body());
        Ok::<_, Infallible>(Response::new(Full::from(format!("{id} {current} {}", body.len()))))
    });
    layer.layer(inner).call(request).await.unwrap().map(bytes)
}

#[tokio::test]
async fn what_is_verified_goes_on_with_its_body_and_with_the_message() {
    for mode in MODES {
        let length = whole(delivery(mode)).1.len();
        let response = through(layer(), delivery(mode)).await;
        let expected = format!("000000000000E0000000000058 checkout-8f2c {length}");
        assert_eq!(response.body(), expected.as_bytes(), "{mode:?}");
    }
}

#[tokio::test]
async fn what_is_not_verified_does_not_go_on() {
    let response = through(layer(), without(delivery(Mode::Raw), "webhook-signature")).await;
    assert_eq!(response.status(), 503);
    let response = through(layer().max_body(3), delivery(Mode::Raw)).await;
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn requests_for_consent_are_answered_by_the_layer() {
    assert_eq!(through(layer(), question(Mode::Raw)).await.body(), TOKEN);
    let refused = through(layer().consent(|_| false), question(Mode::Raw)).await;
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn a_service_that_panics_gets_the_message_again() {
    let inner = service_fn(|_: Request<Full<Bytes>>| async {
        if true {
            panic!("on purpose");
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    assert_eq!(layer().layer(inner).call(delivery(Mode::Raw)).await.unwrap().status(), 500);
}
