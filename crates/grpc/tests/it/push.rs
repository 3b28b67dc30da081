//! Subscriptions with a push endpoint: how they are shown, and how they confirm.

use std::{io, sync::Arc};

use fanfare_proto::v1::{self, push_authentication::Method};
use parking_lot::Mutex;
use tonic::Code;

use crate::{
    call::Call,
    fixture::{Server, mask, reason},
};

/// A signing secret; what is after its prefix is in no other text.
pub(crate) const SECRET: &str = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
/// In every secret of these tests.
const TELLTALE: &str = "c2VjcmV0";

pub(crate) fn config() -> v1::PushConfig {
    v1::PushConfig { endpoint: "https://example.com/hook".into(), ..Default::default() }
}

pub(crate) fn push_of(subscription: v1::Subscription) -> v1::PushConfig {
    subscription.settings.unwrap().push.unwrap()
}

pub(crate) async fn get(server: &Server) -> v1::Subscription {
    let request = v1::GetSubscriptionRequest { name: "s".into() };
    server.subscriptions().get_subscription(request).await.unwrap().into_inner().subscription.unwrap()
}

/// Every secret there can be.
fn secretive() -> v1::PushConfig {
    let basic = v1::BasicAuthentication { username: "me".into(), password: TELLTALE.into() };
    v1::PushConfig {
        authentication: Some(v1::PushAuthentication { method: Some(Method::Basic(basic)) }),
        client_certificate: Some(v1::PushClientCertificate {
            chain: "chain".into(),
            private_key: TELLTALE.into(),
        }),
        signing_secrets: vec![SECRET.into()],
        ..config()
    }
}

/// Topic `t`, and subscription `s` with an endpoint.
async fn server_with(push: v1::PushConfig) -> Server {
    let server = Server::start().await;
    let topic = v1::CreateTopicRequest { name: "t".into(), settings: None };
    server.topics().create_topic(topic).await.unwrap();
    server
        .create_subscription("s", v1::SubscriptionSettings { push: Some(push), ..Default::default() })
        .await;
    server
}

#[tokio::test]
async fn a_new_endpoint_is_shown_as_pending_with_its_defaults() {
    let server = server_with(config()).await;
    let shown = get(&server).await;
    assert_eq!(shown.push_endpoint.as_ref().unwrap().state(), v1::PushEndpointState::Pending);
    let push = push_of(shown);
    assert_eq!((push.content(), push.max_concurrency), (v1::PushContent::Raw, Some(64)));
    assert_eq!(push.request_timeout, Some(crate::fixture::seconds(15)));
    let stats = server.stats().await.push.unwrap();
    assert_eq!(stats.endpoint.unwrap().state(), v1::PushEndpointState::Pending);
    assert_eq!((stats.has_worker, stats.breaker), (false, v1::BreakerState::Unspecified.into()));
}

#[tokio::test]
async fn creating_it_again_with_the_same_secrets_changes_nothing_and_with_others_is_refused() {
    let server = server_with(secretive()).await;
    let create = |push| v1::CreateSubscriptionRequest {
        name: "s".into(),
        topic: "t".into(),
        settings: Some(v1::SubscriptionSettings { push: Some(push), ..Default::default() }),
        start: None,
    };
    server.subscriptions().create_subscription(create(secretive())).await.unwrap();
    let other = v1::PushConfig { signing_secrets: vec![], ..secretive() };
    let refused = server.subscriptions().create_subscription(create(other)).await.unwrap_err();
    assert_eq!(reason(&refused), "SUBSCRIPTION_EXISTS");
    assert!(!format!("{refused:?}").contains(TELLTALE), "{refused:?}");
}

#[tokio::test]
async fn no_answer_to_a_client_shows_a_secret() {
    let server = server_with(secretive()).await;
    let mut subscriptions = server.subscriptions();
    let name = || "s".to_owned();
    let settings = Some(v1::SubscriptionSettings { push: Some(secretive()), ..Default::default() });
    let create = v1::CreateSubscriptionRequest {
        name: name(),
        topic: "t".into(),
        settings: settings.clone(),
        start: None,
    };
    let update = v1::UpdateSubscriptionRequest {
        name: name(),
        settings,
        update_mask: mask(&["push"]),
        ..Default::default()
    };
    let edge = v1::log_place::Place::Edge(v1::LogEdge::Earliest.into());
    let target = Some(v1::LogPlace { place: Some(edge) });
    let answers = [
        format!("{:?}", subscriptions.create_subscription(create).await.unwrap()),
        format!(
            "{:?}",
            subscriptions.get_subscription(v1::GetSubscriptionRequest { name: name() }).await.unwrap()
        ),
        format!("{:?}", subscriptions.update_subscription(update).await.unwrap()),
        format!(
            "{:?}",
            subscriptions.list_subscriptions(v1::ListSubscriptionsRequest::default()).await.unwrap()
        ),
        format!(
            "{:?}",
            subscriptions.pause_subscription(v1::PauseSubscriptionRequest { name: name() }).await.unwrap()
        ),
        format!(
            "{:?}",
            subscriptions.resume_subscription(v1::ResumeSubscriptionRequest { name: name() }).await.unwrap()
        ),
        format!(
            "{:?}",
            subscriptions
                .seek_subscription(v1::SeekSubscriptionRequest { name: name(), target })
                .await
                .unwrap()
        ),
        format!("{:?}", server.stats().await),
    ];
    for answer in answers {
        assert!(!answer.contains(TELLTALE), "{answer}");
    }
}

/// The lines of a log.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_line_shows_a_secret_whether_it_is_taken_or_refused() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // With one dispatcher only, a line that another test's thread comes to first is switched off for this one, too: what that thread's
    // dispatcher says of it, which is none, is kept. With two, all are asked.
    let _other = tracing::Dispatch::new(tracing_subscriber::registry());
    let _log = tracing::subscriber::set_default(log);
    let server = server_with(secretive()).await;
    let refused = |change: fn(&mut v1::PushConfig)| {
        let mut push = secretive();
        change(&mut push);
        let settings = Some(v1::SubscriptionSettings { push: Some(push), ..Default::default() });
        Call::from(v1::CreateSubscriptionRequest {
            name: "n".into(),
            topic: "t".into(),
            settings,
            start: None,
        })
    };
    let cases: [fn(&mut v1::PushConfig); 3] = [
        |push| push.signing_secrets.push("whsec_c2VjcmV0".into()),
        |push| push.max_batch = Some(0),
        |push| {
            let bearer = v1::BearerAuthentication { token: format!("{TELLTALE} {TELLTALE}") };
            push.authentication = Some(v1::PushAuthentication { method: Some(Method::Bearer(bearer)) });
        },
    ];
    for case in cases {
        let status = refused(case).send(&server).await.unwrap_err();
        assert!(!format!("{status:?}").contains(TELLTALE), "{status:?}");
    }
    let text = String::from_utf8_lossy(&lines.0.lock()).into_owned();
    assert!(text.contains("settings.push.signing_secrets[1]"), "refusals are logged: {text}");
    let bad = text.lines().find(|line| line.contains(TELLTALE));
    assert_eq!(bad, None);
}

fn confirm(token: &str) -> v1::ConfirmSubscriptionRequest {
    v1::ConfirmSubscriptionRequest { name: "s".into(), token: token.into() }
}

#[tokio::test]
async fn an_endpoint_confirms_once_with_the_token_that_it_was_sent() {
    let server = server_with(config()).await;
    let (token, other) = ("a".repeat(43), "b".repeat(43));
    let name = "s".parse().unwrap();
    assert!(
        server
            .broker
            .subscriber(&name)
            .unwrap()
            .begin_confirmation(&config().endpoint, &token)
            .await
            .unwrap()
    );
    let pending = get(&server).await.push_endpoint.unwrap();
    assert_eq!(pending.confirmation_requests, 1);
    assert!(pending.confirmation_request_time.is_some());
    assert!(!format!("{pending:?}").contains(&token));
    let refused = |status: tonic::Status| {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
        assert!(status.message().starts_with("token: "), "{status:?}");
        assert!(!format!("{status:?}").contains(&"b".repeat(40)), "{status:?}");
    };
    for wrong in ["", "short", &other, &"=".repeat(43), &"a".repeat(44)] {
        refused(server.subscriptions().confirm_subscription(confirm(wrong)).await.unwrap_err());
    }
    let confirmed = server.subscriptions().confirm_subscription(confirm(&token)).await.unwrap().into_inner();
    let endpoint = confirmed.subscription.unwrap().push_endpoint.unwrap();
    assert_eq!(endpoint.state(), v1::PushEndpointState::Active);
    refused(server.subscriptions().confirm_subscription(confirm(&token)).await.unwrap_err());
}

#[tokio::test]
async fn another_endpoint_has_to_confirm_anew() {
    let server = server_with(config()).await;
    let name = "s".parse().unwrap();
    server.broker.subscriber(&name).unwrap().endpoint_confirmed(&config().endpoint).await.unwrap();
    assert_eq!(get(&server).await.push_endpoint.unwrap().state(), v1::PushEndpointState::Active);
    let push = v1::PushConfig { endpoint: "https://example.org/".into(), ..config() };
    let settings = Some(v1::SubscriptionSettings { push: Some(push), ..Default::default() });
    let update = v1::UpdateSubscriptionRequest {
        name: "s".into(),
        settings,
        update_mask: mask(&["push.endpoint"]),
        ..Default::default()
    };
    let updated = server.subscriptions().update_subscription(update).await.unwrap().into_inner();
    let endpoint = updated.subscription.unwrap().push_endpoint.unwrap();
    assert_eq!(endpoint.state(), v1::PushEndpointState::Pending);
}
