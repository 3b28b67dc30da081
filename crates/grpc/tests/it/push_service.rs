//! Push workers of other processes.

use std::sync::Arc;

use fanfare_proto::v1::{self, attempt_report::Verdict, push_service_client::PushServiceClient};
use grpc::Config;
use tonic::{
    Code, Request, Status, Streaming, metadata::MetadataValue, service::interceptor::InterceptedService,
    transport::Channel,
};
use types::{SystemClock, push::Secret};

use crate::{
    fixture::{Server, reason, seconds, soon},
    push::{SECRET, config, get},
};

const TOKEN: &str = "0123456789abcdef";

/// Says a token with each call, or none.
#[derive(Debug, Clone)]
struct Bearer(Option<&'static str>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = self.0 {
            let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

type Worker = PushServiceClient<InterceptedService<Channel, Bearer>>;

fn worker(server: &Server) -> Worker {
    worker_with(server, Some(TOKEN))
}

fn worker_with(server: &Server, token: Option<&'static str>) -> Worker {
    PushServiceClient::with_interceptor(server.channel.clone(), Bearer(token))
}

async fn server() -> Server {
    let config = Config { worker_token: Some(Secret::new(TOKEN)), ..Config::default() };
    let server = Server::with(config, Arc::new(SystemClock::start())).await;
    let topic = v1::CreateTopicRequest { name: "t".into(), settings: None };
    server.topics().create_topic(topic).await.unwrap();
    server
}

async fn create(server: &Server, name: &str) {
    let push = v1::PushConfig { signing_secrets: vec![SECRET.into()], ..config() };
    let settings = v1::SubscriptionSettings { push: Some(push), ..Default::default() };
    server.create_subscription(name, settings).await;
}

async fn next(work: &mut Streaming<v1::WorkResponse>) -> v1::WorkResponse {
    soon(work.message()).await.unwrap().expect("the stream goes on")
}

/// One call of each method.
async fn refusals(mut client: Worker) -> Vec<Status> {
    let attempts = v1::ReportAttemptsRequest { subscription: "s".into(), ..Default::default() };
    vec![
        client.work(v1::WorkRequest {}).await.unwrap_err(),
        client.report_attempts(attempts).await.unwrap_err(),
        client.begin_confirmation(v1::BeginConfirmationRequest::default()).await.unwrap_err(),
        client.set_endpoint_state(v1::SetEndpointStateRequest::default()).await.unwrap_err(),
        client.report_endpoints(v1::ReportEndpointsRequest::default()).await.unwrap_err(),
    ]
}

fn are_not_admitted(statuses: Vec<Status>) {
    for status in statuses {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "WORKER_NOT_ADMITTED"));
    }
}

#[tokio::test]
async fn nobody_is_let_in_without_the_token_whatever_is_called() {
    let server = server().await;
    for wrong in [None, Some("0123456789abcdeF"), Some("")] {
        are_not_admitted(refusals(worker_with(&server, wrong)).await);
    }
}

#[tokio::test]
async fn a_broker_without_a_token_lets_nobody_in() {
    let server = Server::start().await;
    are_not_admitted(refusals(worker_with(&server, None)).await);
    are_not_admitted(refusals(worker(&server)).await);
}

#[tokio::test]
async fn a_worker_is_told_its_share_with_the_secrets_and_what_changes_in_it() {
    let server = server().await;
    let mut work = worker(&server).work(v1::WorkRequest {}).await.unwrap().into_inner();
    let nothing = v1::WorkResponse { complete: true, ..Default::default() };
    assert_eq!(next(&mut work).await, nothing, "the first answer comes at once");
    create(&server, "s").await;
    let mut response = next(&mut work).await;
    assert!(response.complete);
    let told = response.assigned.remove(0);
    assert_eq!(told.subscription, "projects/default/subscriptions/s");
    assert_eq!(told.topic, "projects/default/topics/t");
    assert_eq!(told.incarnation, get(&server).await.incarnation);
    assert_eq!(told.push.unwrap().signing_secrets, [SECRET]);
    assert_eq!(told.endpoint.unwrap().state(), v1::PushEndpointState::Pending);
    assert!(server.stats().await.push.unwrap().has_worker);
    let name = "s".parse().unwrap();
    server.broker.subscriber(&name).unwrap().endpoint_confirmed(&config().endpoint).await.unwrap();
    let told = next(&mut work).await.assigned.remove(0);
    assert_eq!(told.endpoint.unwrap().state(), v1::PushEndpointState::Active);
    server.broker.delete_subscription(&name).await.unwrap();
    let told_last = next(&mut work).await;
    assert_eq!((told_last.withdrawn, told_last.assigned.len()), (vec![told.incarnation], 0));
}

#[tokio::test]
async fn two_workers_share_and_one_that_leaves_leaves_its_share_to_the_other() {
    let server = server().await;
    for number in 0..20 {
        create(&server, &format!("s{number}")).await;
    }
    let mut first = worker(&server).work(v1::WorkRequest {}).await.unwrap().into_inner();
    assert_eq!(next(&mut first).await.assigned.len(), 20);
    let mut second = worker(&server).work(v1::WorkRequest {}).await.unwrap().into_inner();
    let share = next(&mut second).await.assigned.len();
    let withdrawn = next(&mut first).await.withdrawn.len();
    assert!(share > 0 && share < 20 && withdrawn == share, "{share} {withdrawn}");
    drop(second);
    assert_eq!(next(&mut first).await.assigned.len(), share);
}

#[tokio::test]
async fn at_shutdown_the_workers_are_told() {
    let server = server().await;
    let mut work = worker(&server).work(v1::WorkRequest {}).await.unwrap().into_inner();
    next(&mut work).await;
    let (ended, drained) =
        tokio::join!(async { soon(work.message()).await.unwrap_err() }, server.shut_down());
    assert_eq!(reason(&ended), "BROKER_DRAINING");
    assert_eq!(drained, grpc::Drained::Fully);
}

fn attempt(class: v1::AttemptClass) -> Option<v1::Attempt> {
    Some(v1::Attempt {
        number: 1,
        start_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        latency: Some(seconds(1)),
        class: class.into(),
        ..Default::default()
    })
}

fn report(ack_id: &str, verdict: Verdict) -> v1::AttemptReport {
    let attempt = attempt(v1::AttemptClass::Ok);
    v1::AttemptReport { ack_id: ack_id.into(), verdict: Some(verdict), attempt }
}

#[tokio::test]
async fn what_came_of_attempts_settles_their_leases() {
    let server = server().await;
    create(&server, "s").await;
    server.publish(&["a", "b"]).await;
    let leased = server.pull(2).await;
    let failed = Verdict::Failed(v1::Failed { at_least: Some(seconds(3_600)) });
    let reports = vec![
        report(&leased[0].ack_id, Verdict::Acknowledged(v1::Acknowledged {})),
        report(&leased[1].ack_id, failed),
    ];
    let request = v1::ReportAttemptsRequest { subscription: "s".into(), reports: reports.clone() };
    let results = worker(&server).report_attempts(request.clone()).await.unwrap().into_inner().results;
    let outcome = |result: &v1::SettleResult| (result.ack_id.clone(), result.outcome());
    let ok = v1::LeaseOutcome::Ok;
    assert_eq!(
        results.iter().map(outcome).collect::<Vec<_>>(),
        [(leased[0].ack_id.clone(), ok), (leased[1].ack_id.clone(), ok)]
    );
    let stats = server.stats().await;
    assert_eq!((stats.acked, stats.failed_attempts, stats.backing_off), (1, 1, 1));
    let again = worker(&server).report_attempts(request).await.unwrap().into_inner().results;
    assert_ne!(again[1].outcome(), ok);
    let message = leased[0].message_id.parse().unwrap();
    let attempts = server.broker.attempts(&"s".parse().unwrap(), message).await.unwrap();
    assert_eq!(attempts.len(), 1, "it is in the log");
}

#[tokio::test]
async fn a_report_that_is_wrong_is_named_by_its_place() {
    let server = server().await;
    create(&server, "s").await;
    create(&server, "other").await;
    server.publish(&["a"]).await;
    let ours = server.pull(1).await.remove(0).ack_id;
    let pull =
        v1::PullRequest { subscription: "other".into(), wait: Some(seconds(20)), ..Default::default() };
    let theirs = server.subscriber().pull(pull).await.unwrap().into_inner().messages.remove(0).ack_id;
    let acknowledged = || Verdict::Acknowledged(v1::Acknowledged {});
    let refused = async |reports: Vec<v1::AttemptReport>| {
        let request = v1::ReportAttemptsRequest { subscription: "s".into(), reports };
        worker(&server).report_attempts(request).await.unwrap_err().message().to_owned()
    };
    let good = || report(&ours, acknowledged());
    assert!(refused(vec![]).await.starts_with("reports: has 0 entries, must have 1 to 1000"));
    let no_lease = refused(vec![good(), report("x", acknowledged())]).await;
    assert!(no_lease.starts_with("reports[1].ack_id: is no ack ID"), "{no_lease}");
    let elsewhere = refused(vec![good(), report(&theirs, acknowledged())]).await;
    assert!(elsewhere.starts_with("reports[1].ack_id: belongs to another"), "{elsewhere}");
    let no_class = v1::AttemptReport { attempt: attempt(v1::AttemptClass::Unspecified), ..good() };
    let no_class = refused(vec![good(), no_class]).await;
    assert!(no_class.starts_with("reports[1].attempt.class: is required"), "{no_class}");
    assert_eq!(server.stats().await.acked, 0, "nothing was settled");
}

#[tokio::test]
async fn leave_to_ask_for_consent_is_given_once_a_minute_at_most() {
    let server = server().await;
    create(&server, "s").await;
    let incarnation = get(&server).await.incarnation;
    let begin = |endpoint: String, token: &str| v1::BeginConfirmationRequest {
        incarnation: incarnation.clone(),
        subscription: "s".into(),
        endpoint,
        token: token.into(),
    };
    let (endpoint, token) = (config().endpoint, "a".repeat(43));
    let mut worker = worker(&server);
    let mut granted = async |endpoint: &str| {
        let request = begin(endpoint.to_owned(), &token);
        worker.begin_confirmation(request).await.unwrap().into_inner().granted
    };
    assert!(!granted("https://other.example/").await);
    assert!(granted(&endpoint).await);
    assert!(!granted(&endpoint).await);
    let refused = worker.begin_confirmation(begin(endpoint, "short")).await.unwrap_err();
    assert!(refused.message().starts_with("token: "), "{refused:?}");
    let refused = worker.begin_confirmation(begin(String::new(), &token)).await.unwrap_err();
    assert!(refused.message().starts_with("endpoint: is required"), "{refused:?}");
}

#[tokio::test]
async fn a_worker_says_what_has_become_of_an_endpoint() {
    let server = server().await;
    create(&server, "s").await;
    let incarnation = get(&server).await.incarnation;
    let set = |state: v1::PushEndpointState, reason: v1::PushDisabledReason| v1::SetEndpointStateRequest {
        incarnation: incarnation.clone(),
        subscription: "s".into(),
        endpoint: config().endpoint,
        state: state.into(),
        disabled_reason: reason.into(),
    };
    use v1::{PushDisabledReason as Why, PushEndpointState as State};
    let mut worker = worker(&server);
    worker.set_endpoint_state(set(State::Active, Why::Unspecified)).await.unwrap();
    assert_eq!(get(&server).await.push_endpoint.unwrap().state(), State::Active);
    worker.set_endpoint_state(set(State::Disabled, Why::Gone)).await.unwrap();
    let endpoint = get(&server).await.push_endpoint.unwrap();
    assert_eq!((endpoint.state(), endpoint.disabled_reason()), (State::Disabled, Why::Gone));
    assert!(endpoint.disabled_time.is_some());
    for (state, reason, field) in [
        (State::Pending, Why::Unspecified, "state: must be"),
        (State::Unspecified, Why::Unspecified, "state: must be"),
        (State::Disabled, Why::Unspecified, "disabled_reason: is required"),
    ] {
        let refused = worker.set_endpoint_state(set(state, reason)).await.unwrap_err();
        assert!(refused.message().starts_with(field), "{refused:?}");
    }
    let request = v1::ResumeSubscriptionRequest { name: "s".into() };
    let resumed = server.subscriptions().resume_subscription(request).await.unwrap().into_inner();
    assert_eq!(resumed.subscription.unwrap().push_endpoint.unwrap().state(), State::Active);
}

#[tokio::test]
async fn what_a_worker_says_of_its_endpoints_is_in_the_statistics() {
    let server = server().await;
    create(&server, "s").await;
    let mut work = worker(&server).work(v1::WorkRequest {}).await.unwrap().into_inner();
    next(&mut work).await;
    let stats = || v1::PushStats {
        breaker: v1::BreakerState::Open.into(),
        concurrency: 3,
        delivered: 7,
        last_error: "refused".into(),
        ..Default::default()
    };
    let incarnation = get(&server).await.incarnation;
    let report = |name: &str, stats| v1::EndpointReport {
        incarnation: incarnation.clone(),
        subscription: name.into(),
        stats: Some(stats),
        attempt_time: None,
    };
    let request = v1::ReportEndpointsRequest { reports: vec![report("gone", stats()), report("s", stats())] };
    worker(&server).report_endpoints(request).await.unwrap();
    let shown = server.stats().await.push.unwrap();
    assert_eq!((shown.breaker(), shown.concurrency, shown.delivered), (v1::BreakerState::Open, 3, 7));
    assert_eq!((shown.last_error.as_str(), shown.has_worker), ("refused", true));
}

#[tokio::test]
async fn figures_are_taken_all_or_none() {
    let server = server().await;
    create(&server, "s").await;
    let mut work = worker(&server).work(v1::WorkRequest {}).await.unwrap().into_inner();
    next(&mut work).await;
    let stats = || v1::PushStats { breaker: v1::BreakerState::Open.into(), ..Default::default() };
    let incarnation = get(&server).await.incarnation;
    let of = |stats| v1::EndpointReport {
        subscription: "s".into(),
        incarnation: incarnation.clone(),
        stats: Some(stats),
        attempt_time: None,
    };
    let refused = async |bad: v1::EndpointReport| {
        let good = of(v1::PushStats { concurrency: 77, ..stats() });
        let request = v1::ReportEndpointsRequest { reports: vec![good, bad] };
        worker(&server).report_endpoints(request).await.unwrap_err().message().to_owned()
    };
    for (bad, why) in [
        (of(v1::PushStats { breaker: 9, ..stats() }), "stats.breaker: is 9"),
        (of(v1::PushStats { rate_limit: Some(f64::NAN), ..stats() }), "stats.rate_limit: is NaN"),
        (of(v1::PushStats { rate_limit: Some(-1.0), ..stats() }), "stats.rate_limit: is -1"),
        (v1::EndpointReport { subscription: String::new(), ..of(stats()) }, "subscription: "),
        (v1::EndpointReport { stats: None, ..of(stats()) }, "stats: is required"),
        (v1::EndpointReport { incarnation: String::new(), ..of(stats()) }, "incarnation: is no incarnation"),
    ] {
        let refused = refused(bad).await;
        assert!(refused.starts_with(&format!("reports[1].{why}")), "{refused}");
    }
    assert_eq!(server.stats().await.push.unwrap().concurrency, 0, "nothing was taken over");
}

#[tokio::test]
async fn what_a_worker_says_of_an_earlier_incarnation_is_not_taken_for_the_later_one() {
    let server = server().await;
    create(&server, "s").await;
    let before = get(&server).await.incarnation;
    let request = v1::DeleteSubscriptionRequest { name: "s".into() };
    server.subscriptions().delete_subscription(request).await.unwrap();
    create(&server, "s").await;
    let mut worker = worker(&server);
    let confirmed = v1::SetEndpointStateRequest {
        subscription: "s".into(),
        incarnation: before.clone(),
        endpoint: config().endpoint,
        state: v1::PushEndpointState::Active.into(),
        ..Default::default()
    };
    assert_eq!(worker.set_endpoint_state(confirmed).await.unwrap_err().code(), Code::NotFound);
    let begin = v1::BeginConfirmationRequest {
        subscription: "s".into(),
        incarnation: before.clone(),
        endpoint: config().endpoint,
        token: "a".repeat(43),
    };
    assert_eq!(worker.begin_confirmation(begin).await.unwrap_err().code(), Code::NotFound);
    let stats =
        v1::PushStats { breaker: v1::BreakerState::Closed.into(), delivered: 7, ..Default::default() };
    let figures = v1::EndpointReport {
        subscription: "s".into(),
        incarnation: before,
        stats: Some(stats),
        attempt_time: None,
    };
    worker.report_endpoints(v1::ReportEndpointsRequest { reports: vec![figures] }).await.unwrap();
    assert_eq!(server.stats().await.push.unwrap().delivered, 0);
    assert_eq!(get(&server).await.push_endpoint.unwrap().state(), v1::PushEndpointState::Pending);
}
