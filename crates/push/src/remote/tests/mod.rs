//! Over a real connection, to a server that says what a test wants and remembers what it hears.

mod server;

use std::{sync::Arc, time::Duration};

use types::{
    Timestamp, limits,
    push::{
        Attempt, AttemptClass, AttemptReport, AttemptVerdict, Authentication, BreakerSettings, BreakerState,
        DisabledReason, EndpointReport, EndpointStatus, ErrorAction, ErrorRule, PushSettings, StatusRange,
    },
};

use super::*;
use crate::Leases as _;
use server::{Heard, Server, assigned, received, uid};

async fn endpoint(server: &Server) -> AssignedEndpoint {
    let mut share = server.remote().join().await.unwrap();
    share.next().await.unwrap().assigned.remove(0)
}

#[tokio::test]
async fn the_share_comes_with_its_settings_and_secrets() {
    let server = Server::start().await;
    let mut share = server.remote().join().await.unwrap();
    let changes = share.next().await.unwrap();
    assert_eq!(changes.withdrawn, [types::SubscriptionUid(99)]);
    assert!(!changes.is_complete && share.next().await.unwrap().is_complete);
    let [endpoint] = &changes.assigned[..] else { panic!("{changes:?}") };
    assert_eq!((endpoint.uid, &endpoint.status), (uid(), &EndpointStatus::Active));
    let push = &*endpoint.push;
    assert_eq!(push.authentication, Some(Authentication::Bearer { token: Secret::new("hunter2") }));
    assert_eq!(push.signing_secrets, [Secret::new("whsec_one"), Secret::new("whsec_two")]);
    assert_eq!(push.request_timeout, Duration::from_millis(7_500));
    assert_eq!((push.max_concurrency, push.max_batch), (limits::PUSH_CONCURRENCY, 1));
    let rules = [
        (StatusRange::Http { from: 404, to: 404 }, ErrorAction::Retry),
        (StatusRange::Timeout, ErrorAction::Reject),
    ];
    assert_eq!(push.error_rules, rules.map(|(status, action)| ErrorRule { status, action }));
    assert_eq!(push.breaker, BreakerSettings { failures: 3, ..BreakerSettings::default() });
    assert_eq!(
        PushSettings { endpoint: push.endpoint.clone(), ..PushSettings::default() }.validate(),
        Ok(())
    );
}

#[tokio::test]
async fn messages_come_as_the_bytes_that_are_stored_and_are_settled() {
    let server = Server::start().await;
    let leases = server.remote().leases(&endpoint(&server).await).await.unwrap();
    server.give(vec![received(1), received(2)]);
    let deliveries = leases.try_next(10, 1 << 20).await.unwrap();
    assert_eq!(deliveries.len(), 2);
    assert_eq!(deliveries[1].payload, received(2).message);
    assert_eq!((deliveries[1].attempt, deliveries[1].message_id.sequence), (2, 2));
    leases.extend(&[deliveries[0].ack_id], Duration::from_secs(45)).await.unwrap();
    let attempt = Attempt {
        number: 2,
        started_at: Timestamp::from_micros(1_700_000_000_123_456),
        latency: Duration::from_millis(20),
        status: Some(503),
        class: AttemptClass::Throttled,
        response: b"later".to_vec(),
        error: "HTTP status 503".into(),
    };
    let verdict = AttemptVerdict::Retry { at_least: Some(Duration::from_secs(30)) };
    let ack_id = deliveries[1].ack_id;
    let report = AttemptReport { ack_id, verdict, attempt: Some(attempt) };
    assert_eq!(leases.report(vec![report]).await.unwrap(), [Ok(())]);
    let heard = server.heard(|heard| !heard.reports.is_empty()).await;
    assert_eq!(heard.extended, [(deliveries[0].ack_id.to_string(), 45)]);
    let [report] = &heard.reports[..] else { panic!("{:?}", heard.reports) };
    let told = report.attempt.as_ref().unwrap();
    assert_eq!(told.start_time.unwrap().nanos, 123_456_000);
    assert_eq!((told.status, told.class()), (Some(503), v1::AttemptClass::Throttled));
    assert!(heard.tokens.iter().all(|token| token == "Bearer secret-of-the-worker"), "{:?}", heard.tokens);
}

#[tokio::test]
async fn a_wait_that_was_dropped_is_taken_up_again() {
    let server = Server::start().await;
    let leases = server.remote().leases(&endpoint(&server).await).await.unwrap();
    for _ in 0..3 {
        let mut wait = Box::pin(leases.next(1, 1));
        assert!(futures_util::poll!(&mut wait).is_pending());
        server.heard(|heard| heard.pulls > 0).await;
    }
    let wait = leases.next(1, 1);
    server.give(vec![received(1)]);
    assert_eq!(wait.await.unwrap().len(), 1);
    assert_eq!(server.heard(|_| true).await.pulls, 1);
}

#[tokio::test]
async fn a_message_that_nobody_waits_for_any_more_is_given_back() {
    let server = Server::start().await;
    let leases = server.remote().leases(&endpoint(&server).await).await.unwrap();
    let mut wait = Box::pin(leases.next(1, 1));
    assert!(futures_util::poll!(&mut wait).is_pending());
    server.heard(|heard| heard.pulls > 0).await;
    drop(wait);
    drop(leases);
    server.give(vec![received(1)]);
    let heard = server.heard(|heard| !heard.reports.is_empty()).await;
    let verdict = heard.reports[0].verdict.as_ref().unwrap();
    assert!(matches!(verdict, v1::attempt_report::Verdict::Released(_)), "{verdict:?}");
}

#[tokio::test]
async fn messages_of_another_subscription_of_the_same_name_are_not_taken() {
    let server = Server::start().await;
    let mut other = endpoint(&server).await;
    other.uid = types::SubscriptionUid(uid().0 + 1);
    let leases = server.remote().leases(&other).await.unwrap();
    server.give(vec![received(1)]);
    assert_eq!(leases.try_next(1, 1).await, Err(BackendError::Gone));
}

#[tokio::test]
async fn what_becomes_of_endpoints_and_how_they_are_is_told() {
    let server = Server::start().await;
    let (remote, endpoint) = (server.remote(), endpoint(&server).await);
    assert_eq!(remote.begin_confirmation(&endpoint, "token").await, Ok(true));
    remote.change(&endpoint, EndpointChange::Disabled(DisabledReason::BreakerOpen)).await.unwrap();
    let report = EndpointReport {
        breaker: BreakerState::HalfOpen,
        delivered: 7,
        last_error: Some("why".into()),
        ..EndpointReport::default()
    };
    let (subscription, uid) = (endpoint.subscription.clone(), endpoint.uid);
    remote.report(vec![EndpointFigures { subscription, uid, report }]).await;
    let Heard { states, endpoints, .. } = server.heard(|heard| !heard.endpoints.is_empty()).await;
    assert_eq!(
        (&*states[0].incarnation, &*endpoints[0].incarnation),
        (&*uid.0.to_string(), &*uid.0.to_string())
    );
    assert_eq!(states[0].state(), v1::PushEndpointState::Disabled);
    assert_eq!(states[0].disabled_reason(), v1::PushDisabledReason::BreakerOpen);
    let stats = endpoints[0].stats.as_ref().unwrap();
    assert_eq!(
        (stats.breaker(), stats.delivered, &*stats.last_error),
        (v1::BreakerState::HalfOpen, 7, "why")
    );
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_a_broker_that_is_not_there_is_not_available() {
    let server = Server::start().await;
    let wrong = Remote::connect(&server.url(), &Secret::new("wrong"), None).unwrap();
    let Err(BackendError::Refused(why)) = wrong.join().await else { panic!("it was let in") };
    assert!(!why.contains("wrong"));
    let nobody = Remote::connect("http://127.0.0.1:1", &Secret::new("token"), None).unwrap();
    assert!(matches!(nobody.join().await, Err(BackendError::Unavailable(_))));
}

#[tokio::test]
async fn what_is_no_url_of_a_broker_is_refused() {
    let connect = |url: &str| Remote::connect(url, &Secret::new("token"), None);
    for url in [
        "",
        "broker:50051",
        "grpc://broker:50051",
        "http://broker/path",
        "http://me@broker",
        "http://:word@broker",
        "http://",
    ] {
        assert!(matches!(connect(url), Err(RemoteError::Url(_))), "{url}");
    }
    for url in ["http://broker:50051", "https://broker", "http://[::1]:50051/"] {
        assert!(connect(url).is_ok(), "{url}");
    }
    let token = Remote::connect("http://broker:50051", &Secret::new("two\nlines"), None);
    assert!(matches!(token, Err(RemoteError::Token)));
}

#[tokio::test]
async fn endpoints_share_connections_but_not_too_many_do() {
    let remote = Remote::connect("http://broker:50051", &Secret::new("token"), None).unwrap();
    let endpoint = assigned();
    let endpoint = read::changes(v1::WorkResponse { assigned: vec![endpoint], ..Default::default() });
    let mut all = Vec::new();
    for _ in 0..lines::ENDPOINTS * 2 + 1 {
        all.push(Arc::new(remote.leases(&endpoint.assigned[0]).await.unwrap()));
    }
    assert!(format!("{remote:?}").contains("shared: 3"), "{remote:?}");
    all.truncate(1);
    all.push(Arc::new(remote.leases(&endpoint.assigned[0]).await.unwrap()));
    assert!(format!("{remote:?}").contains("shared: 1"), "{remote:?}");
}
