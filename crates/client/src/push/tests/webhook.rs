use std::time::Duration;

use super::*;
use crate::correlation;

/// Does not look at the time, which is the one of the examples.
fn ageless<H, F>(handler: H) -> Endpoint<H>
where
    H: Fn(Pushed) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    Endpoint::new(handler).signing_secret(SECRET).unwrap().tolerance(Duration::MAX)
}

#[tokio::test]
async fn a_message_goes_to_the_handler_and_its_answer_is_a_status() {
    let whole_seconds = Answer::Retry(Some(Duration::from_millis(1_001)));
    for (answer, status, retry_after, text) in [
        (Answer::Taken, 204, None, ""),
        (Answer::Retry(None), 500, None, ""),
        (whole_seconds, 500, Some("2"), ""),
        (Answer::Reject("no such order".into()), 422, None, "no such order"),
        (Answer::Gone, 410, None, ""),
    ] {
        for mode in MODES {
            let (handler, kept) = keeper(answer.clone());
            let response = ask(ageless(handler), delivery(mode)).await;
            assert_eq!(response.status(), status, "{mode:?}");
            assert_eq!(header(&response, "retry-after"), retry_after);
            assert_eq!(response.body(), text);
            assert_eq!(*kept.lock(), [pushed(delivery(mode))]);
        }
    }
}

#[tokio::test]
async fn what_does_not_verify_is_put_off_and_no_handler_sees_it() {
    for mode in MODES {
        let (handler, kept) = keeper(Answer::Taken);
        let endpoint = ageless(handler);
        for request in [
            with(delivery(mode), "webhook-timestamp", "1795525202"),
            with(delivery(mode), "webhook-id", "000000000000E0000000000059"),
            without(delivery(mode), "webhook-signature"),
            with(question(mode), "webhook-id", "confirmation-1"),
        ] {
            let response = ask(endpoint.clone(), request).await;
            assert_eq!(response.status(), 503, "{mode:?}");
            assert_eq!(header(&response, "retry-after"), Some("60"));
            assert!(std::str::from_utf8(response.body()).unwrap().contains("webhook-signature"));
        }
        assert!(kept.lock().is_empty());
    }
}

#[tokio::test]
async fn what_was_signed_long_ago_is_put_off() {
    let (handler, kept) = keeper(Answer::Taken);
    let endpoint = Endpoint::new(handler).signing_secret(SECRET).unwrap().tolerance(Duration::ZERO);
    let response = ask(endpoint, delivery(Mode::Raw)).await;
    assert_eq!(response.status(), 503);
    assert!(std::str::from_utf8(response.body()).unwrap().contains("too far from this server's time"));
    assert!(kept.lock().is_empty());
}

#[tokio::test]
async fn without_a_secret_everything_is_taken() {
    let (handler, kept) = keeper(Answer::Taken);
    let request = without(delivery(Mode::Raw), "webhook-signature");
    assert_eq!(ask(Endpoint::new(handler), request).await.status(), 204);
    assert_eq!(kept.lock().len(), 1);
}

#[tokio::test]
async fn consent_is_the_token_or_the_origin() {
    for mode in [Mode::Raw, Mode::Sns] {
        let response = ask(ageless(keeper(Answer::Taken).0), question(mode)).await;
        assert_eq!((response.status().as_u16(), &response.body()[..]), (200, TOKEN.as_bytes()), "{mode:?}");
    }
    let response = ask(ageless(keeper(Answer::Taken).0), question(Mode::Binary)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "webhook-allowed-origin"), Some("fanfare"));
    assert_eq!(header(&response, "webhook-allowed-rate"), Some("*"));
}

#[tokio::test]
async fn consent_is_the_owners_to_give() {
    let expected = Confirmation { subscription: BILLING.into(), topic: ORDERS.into() };
    for mode in MODES {
        let (handler, kept) = keeper(Answer::Taken);
        let (asked, seen) = (Arc::new(Mutex::new(Vec::new())), expected.clone());
        let keep = asked.clone();
        let endpoint = ageless(handler).consent(move |to| {
            keep.lock().push(to.clone());
            *to != seen
        });
        let response = ask(endpoint, question(mode)).await;
        assert_eq!(response.status(), 403, "{mode:?}");
        assert!(!response.headers().contains_key("webhook-allowed-origin"));
        assert_eq!(*asked.lock(), vec![expected.clone()]);
        assert!(kept.lock().is_empty());
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_rejected_and_one_at_it_is_not() {
    let length = whole(delivery(Mode::Raw)).1.len();
    for (limit, status) in [(length, 204), (length - 1, 413), (0, 413)] {
        let endpoint = ageless(keeper(Answer::Taken).0).max_body(limit);
        assert_eq!(ask(endpoint, delivery(Mode::Raw)).await.status(), status, "{limit}");
    }
}

#[tokio::test]
async fn what_is_not_the_brokers_is_no_ones() {
    let (handler, kept) = keeper(Answer::Taken);
    let endpoint = Endpoint::new(handler);
    for method in [Method::GET, Method::PUT, Method::HEAD, Method::DELETE] {
        let mut request = delivery(Mode::Raw);
        *request.method_mut() = method;
        let response = ask(endpoint.clone(), request).await;
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, Some("POST, OPTIONS")));
    }
    for method in [Method::POST, Method::OPTIONS] {
        let request = Request::builder().method(method).body(Full::from("hello")).unwrap();
        assert_eq!(ask(endpoint.clone(), request).await.status(), 500);
    }
    assert!(kept.lock().is_empty());
}

#[tokio::test]
async fn a_handler_that_panics_gets_the_message_again() {
    fn at_once(_: Pushed) -> futures_util::future::Ready<Answer> {
        panic!("on purpose")
    }
    let later = |_: Pushed| async { panic!("{} on purpose", 1) };
    assert_eq!(ask(ageless(at_once), delivery(Mode::Raw)).await.status(), 500);
    assert_eq!(ask(ageless(later), delivery(Mode::Raw)).await.status(), 500);
}

#[tokio::test]
async fn a_handler_works_under_the_messages_correlation_id() {
    let handler = |pushed: Pushed| async move {
        let current = correlation::current();
        Answer::Reject(format!("{current:?} {}", pushed.correlation_id()))
    };
    let response = ask(ageless(handler), delivery(Mode::Raw)).await;
    assert_eq!(response.body(), r#"Some("checkout-8f2c") checkout-8f2c"#);
    let response = ask(ageless(handler), without(delivery(Mode::Raw), "x-correlation-id")).await;
    assert_eq!(response.body(), "None ", "none is no empty one");
}
