//! Answers that are HTTP.

use fanfare_testkit::endpoints::{Behaviour, Consent, Endpoint, Options, Reply};

use super::{deliver, delivery, send, status};

#[tokio::test]
async fn a_request_is_recorded_whole_before_it_is_answered() {
    let endpoint = Endpoint::start(Behaviour::ok());
    assert_eq!(status(endpoint.address(), "m1").await, 200);
    let [request] = &endpoint.requests()[..] else { panic!("{:?}", endpoint.requests()) };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook?x=1"));
    assert_eq!((request.header("webhook-id"), request.text()), (Some("m1"), "hello"));
    assert_eq!((endpoint.totals().deliveries, endpoint.totals().most_in_flight), (1, 1));
}

#[tokio::test]
async fn an_answer_has_its_status_headers_and_body() {
    let reply = Reply::status(503).retry_after("120").body("not now");
    let endpoint = Endpoint::start(Behaviour::Answer(reply));
    let answer = deliver(endpoint.address(), "m1").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 120\r\n") && answer.ends_with("not now"), "{answer}");
}

#[tokio::test]
async fn what_an_endpoint_does_can_be_changed_while_it_runs() {
    let endpoint = Endpoint::start(Behaviour::ok());
    assert_eq!(status(endpoint.address(), "m1").await, 200);
    endpoint.set(Behaviour::status(410));
    assert_eq!(status(endpoint.address(), "m1").await, 410);
}

#[tokio::test]
async fn the_first_attempts_of_each_message_fail_and_the_next_one_is_taken() {
    let endpoint = Endpoint::start(Behaviour::fail_first(2, Reply::status(500)));
    let mut statuses = Vec::new();
    for id in ["a", "a", "b", "a", "b", "b"] {
        statuses.push(status(endpoint.address(), id).await);
    }
    assert_eq!(statuses, [500, 500, 500, 200, 500, 200]);
}

#[tokio::test]
async fn a_flapping_endpoint_goes_up_and_down_in_turn() {
    let endpoint = Endpoint::start(Behaviour::flapping(2, 1));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(status(endpoint.address(), "m").await);
    }
    assert_eq!(statuses, [200, 200, 503, 200, 200, 503]);
}

#[tokio::test]
async fn a_held_request_is_answered_when_it_is_released_and_not_before() {
    let endpoint = Endpoint::start(Behaviour::hold());
    let address = endpoint.address();
    let [first, second] = [1, 2].map(|_| tokio::spawn(async move { status(address, "m").await }));
    endpoint.wait_for_held(2).await;
    assert!(!first.is_finished() && !second.is_finished());
    endpoint.release(1);
    endpoint.wait_until("one is answered", |totals| totals.held == 1).await;
    endpoint.release(1);
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (200, 200));
    assert_eq!(endpoint.totals().most_in_flight, 2);
}

#[tokio::test]
async fn a_client_that_goes_away_is_no_longer_held() {
    let endpoint = Endpoint::start(Behaviour::hold());
    let address = endpoint.address();
    let client = tokio::spawn(async move { status(address, "m").await });
    endpoint.wait_for_held(1).await;
    client.abort();
    endpoint.wait_until("nothing is held", |totals| totals.held == 0 && totals.in_flight == 0).await;
}

#[tokio::test]
async fn a_request_for_consent_is_no_delivery_and_gets_its_token_back() {
    let endpoint = Endpoint::start(Behaviour::status(500));
    let body = r#"{"Type": "SubscriptionConfirmation", "Token": "t0ken"}"#;
    let ask =
        delivery("c1", body).replace("webhook-id", "x-amz-sns-message-type: SubscriptionConfirmation\r\nx");
    for (consent, wanted) in [
        (Consent::Echo, "\r\n\r\nt0ken"),
        (Consent::EchoJson, "\r\n\r\n{\"token\":\"t0ken\"}"),
        (Consent::Later, "\r\n\r\n"),
        (Consent::Wrong, "\r\n\r\nAAAAA"),
    ] {
        endpoint.set_consent(consent);
        let (answer, _) = send(endpoint.address(), &ask, usize::MAX).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(wanted), "{wanted}: {answer}");
    }
    endpoint.set_consent(Consent::Answer(Reply::status(404)));
    let (answer, _) = send(endpoint.address(), &ask, usize::MAX).await;
    assert!(answer.starts_with(b"HTTP/1.1 404 "));
    assert_eq!((endpoint.wait_for_confirmations(5).await.len(), endpoint.requests().len()), (5, 0));
}

#[tokio::test]
async fn an_endpoint_that_is_asked_by_options_says_that_the_origin_is_allowed() {
    let endpoint = Endpoint::start(Behaviour::ok());
    let ask =
        "OPTIONS / HTTP/1.1\r\nhost: test\r\nwebhook-request-origin: fanfare\r\nconnection: close\r\n\r\n";
    let (answer, _) = send(endpoint.address(), ask, usize::MAX).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("webhook-allowed-origin: *\r\n"), "{answer}");
    assert_eq!(endpoint.totals().confirmations, 1);
}

#[tokio::test]
async fn a_redirect_names_the_other_endpoint() {
    let other = Endpoint::start(Behaviour::ok());
    let reply = Reply::redirect(307, &other.url("/elsewhere"));
    let endpoint = Endpoint::start(Behaviour::Answer(reply));
    let answer = deliver(endpoint.address(), "m1").await;
    assert!(answer.contains(&format!("location: {}\r\n", other.url("/elsewhere"))), "{answer}");
    assert_eq!(other.totals().connections, 0);
}

#[tokio::test]
async fn a_bomb_is_small_on_the_wire() {
    let reply = Reply::ok().gzip_bomb(32 << 20);
    let endpoint = Endpoint::start(Behaviour::Answer(reply));
    let (answer, _) = send(endpoint.address(), &delivery("m", ""), usize::MAX).await;
    assert!(answer.len() < 64 << 10, "{} bytes", answer.len());
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("content-encoding: gzip\r\n"));
}

#[tokio::test]
async fn only_the_latest_requests_are_kept_and_all_are_counted() {
    let options = Options { keep: 2, ..Options::default() };
    let endpoint = Endpoint::start_with(Behaviour::ok(), options);
    for id in ["a", "b", "c"] {
        status(endpoint.address(), id).await;
    }
    let kept = endpoint.wait_for(3).await;
    let ids: Vec<_> = kept.iter().map(|request| request.header("webhook-id").unwrap()).collect();
    assert_eq!(ids, ["b", "c"]);
}
