//! Endpoints against the broker's own push worker: each content mode and gRPC, from the request for consent to the dead letters.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::{fmt::Debug, net::SocketAddr, time::Duration};

use fanfare_client::{
    Client, Message,
    proto::{
        ExponentialBackoff, GetSubscriptionStatsResponse, PushConfig, PushContent, PushDisabledReason,
        PushEndpointState, RetryPolicy, SubscriptionSettings, retry_policy::Policy,
    },
    push::{Answer, Endpoint, Pushed, VerifyLayer},
};
use fanfare_testkit::{Broker, broker::Pace};
use tokio::{
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    time::{interval, timeout},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The private key is `whsk_` and the base64 of these bytes.
const SEED: &str = "TESTSIGNINGKEYDONOTUSETHISFORANY";
const LONGEST: Duration = Duration::from_secs(30);

const MODES: [PushContent; 4] = [
    PushContent::Raw,
    PushContent::CloudEventsBinary,
    PushContent::CloudEventsStructured,
    PushContent::SnsEnvelope,
];

/// A broker with topic `orders`, and a subscription `billing` that is pushed.
struct World {
    broker: Broker,
    client: Client,
}

impl World {
    async fn new(push: PushConfig) -> Self {
        let broker = Broker::builder().pace(Pace::Real).start().await;
        let client = broker.client();
        client.topics().create("orders").await.unwrap();
        let backoff = |millis| Some(prost_types::Duration { seconds: 0, nanos: millis * 1_000_000 });
        let exponential =
            ExponentialBackoff { min_backoff: backoff(100), max_backoff: backoff(100), ..Default::default() };
        let settings = SubscriptionSettings {
            retry: Some(RetryPolicy { policy: Some(Policy::Exponential(exponential)) }),
            push: Some(push),
            ..SubscriptionSettings::default()
        };
        client.subscriptions().create("billing", "orders").settings(settings).await.unwrap();
        Self { broker, client }
    }

    async fn publish(&self, message: Message) -> String {
        self.client.publisher("orders").build().publish(message).await.unwrap().message_id
    }

    /// The subscription's figures, once they are as wanted.
    async fn figures(
        &self,
        wanted: impl Fn(&GetSubscriptionStatsResponse) -> bool,
    ) -> GetSubscriptionStatsResponse {
        eventually(async || {
            let figures = self.client.server().subscription_stats("billing").await.unwrap();
            if wanted(&figures) { Ok(figures) } else { Err(figures) }
        })
        .await
    }

    async fn state(&self, wanted: PushEndpointState) -> fanfare_client::proto::PushEndpoint {
        eventually(async || {
            let endpoint = self.client.subscriptions().get("billing").await.unwrap().push_endpoint.unwrap();
            if endpoint.state() == wanted { Ok(endpoint) } else { Err(endpoint) }
        })
        .await
    }
}

/// What nothing announces, looked for until it is there.
async fn eventually<T, E: Debug>(mut look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let mut ticks = interval(Duration::from_millis(20));
    let mut last = None;
    for _ in 0..1_500 {
        ticks.tick().await;
        match look().await {
            Ok(found) => return found,
            Err(not_yet) => last = Some(not_yet),
        }
    }
    panic!("never, at last {last:?}")
}

/// A handler that answers by what the message says, and what it has got.
fn handler() -> (impl Fn(Pushed) -> std::future::Ready<Answer> + Clone, Receiver<Pushed>) {
    let (sender, got) = channel(100);
    let handler = move |pushed: Pushed| {
        let answer = match (pushed.text(), pushed.delivery_attempt()) {
            (Some("twice"), 1) => Answer::Retry(None),
            (Some("later"), 1) => Answer::Retry(Some(Duration::from_secs(1))),
            (Some("panic"), 1) => panic!("on purpose"),
            (Some("never"), _) => Answer::Reject("no such order".into()),
            (Some("gone"), _) => Answer::Gone,
            _ => Answer::Taken,
        };
        sender.try_send(pushed).unwrap();
        std::future::ready(answer)
    };
    (handler, got)
}

async fn next(got: &mut Receiver<Pushed>) -> Pushed {
    timeout(LONGEST, got.recv()).await.expect("a push comes").unwrap()
}

/// In axum, as the documentation shows it.
async fn serve(app: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn serve_webhook(endpoint: Endpoint<impl Handler>) -> String {
    let app = axum::Router::new().route_service("/hook", endpoint.webhook());
    format!("http://{}/hook", serve(app).await)
}

async fn serve_grpc(endpoint: Endpoint<impl Handler>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = tonic::transport::Server::builder().add_service(endpoint.grpc());
    tokio::spawn(async move { server.serve_with_incoming(incoming).await });
    format!("grpc://{address}")
}

trait Handler: Fn(Pushed) -> std::future::Ready<Answer> + Send + Sync + 'static {}
impl<H: Fn(Pushed) -> std::future::Ready<Answer> + Send + Sync + 'static> Handler for H {}

fn to(endpoint: String, content: PushContent) -> PushConfig {
    PushConfig { endpoint, content: content.into(), ..PushConfig::default() }
}

fn signed(endpoint: String, content: PushContent) -> PushConfig {
    PushConfig { signing_secrets: vec![SECRET.into()], ..to(endpoint, content) }
}

fn order() -> Message {
    Message::new(r#"{"order": 4711}"#)
        .content_type("application/json")
        .attribute("type", "order.created")
        .number("total", 99.5)
        .ordering_key("Kunde 7 – größer")
        .group_id("nord")
        .correlation_id("checkout-8f2c")
}

/// What every mode must tell of [`order`].
fn check(pushed: &Pushed, id: &str, mode: &str) {
    assert_eq!(pushed.subscription(), "projects/default/subscriptions/billing", "{mode}");
    assert_eq!(pushed.message_id(), id, "{mode}");
    assert_eq!(pushed.text(), Some(r#"{"order": 4711}"#), "{mode}");
    assert_eq!(pushed.content_type(), "application/json", "{mode}");
    assert_eq!(pushed.attribute("type"), Some("order.created"), "{mode}");
    assert_eq!(pushed.ordering_key(), "Kunde 7 – größer", "{mode}");
    assert_eq!(pushed.message().group_id, "nord", "{mode}");
    assert_eq!(pushed.correlation_id(), "checkout-8f2c", "{mode}");
    assert_eq!(pushed.delivery_attempt(), 1, "{mode}");
    assert!(pushed.sequence() > 0, "{mode}");
}

async fn confirmed_and_delivered(push: PushConfig, mode: &str, got: &mut Receiver<Pushed>) {
    let world = World::new(push).await;
    let id = world.publish(order()).await;
    check(&next(got).await, &id, mode);
    world.figures(|figures| figures.acked == 1).await;
    world.state(PushEndpointState::Active).await;
}

/// Everything that a message can come to, but the end of the endpoint.
async fn taken_again_and_rejected(push: PushConfig, got: &mut Receiver<Pushed>) {
    let world = World::new(push).await;
    for data in ["twice", "later", "panic", "never", "well"] {
        world.publish(Message::new(data)).await;
    }
    let figures = world.figures(|figures| figures.acked == 4 && figures.dead_letters == 1).await;
    assert_eq!((figures.dead_lettered, figures.backlog), (1, 0), "{figures:?}");
    let mut seen: Vec<_> = std::iter::from_fn(|| got.try_recv().ok())
        .map(|pushed| (pushed.text().unwrap().to_owned(), pushed.delivery_attempt()))
        .collect();
    seen.sort();
    let expected =
        [("later", 1), ("later", 2), ("never", 1), ("panic", 2), ("twice", 1), ("twice", 2), ("well", 1)];
    assert_eq!(seen, expected.map(|(data, attempt)| (data.to_owned(), attempt)));
}

async fn disabled_when_gone(push: PushConfig, got: &mut Receiver<Pushed>) {
    let world = World::new(push).await;
    world.publish(Message::new("gone")).await;
    assert_eq!(next(got).await.text(), Some("gone"));
    let endpoint = world.state(PushEndpointState::Disabled).await;
    assert_eq!(endpoint.disabled_reason(), PushDisabledReason::Gone);
    let figures = world.figures(|_| true).await;
    assert_eq!((figures.backlog, figures.dead_letters), (1, 0), "the backlog stays");
}

#[tokio::test]
async fn a_webhook_consents_and_gets_the_same_message_in_every_content_mode() {
    for mode in MODES {
        let (handler, mut got) = handler();
        let endpoint = Endpoint::new(handler).signing_secret(SECRET).unwrap();
        let url = serve_webhook(endpoint).await;
        confirmed_and_delivered(signed(url, mode), mode.as_str_name(), &mut got).await;
    }
}

#[tokio::test]
async fn a_grpc_endpoint_consents_and_gets_the_same_message() {
    let (handler, mut got) = handler();
    let url = serve_grpc(Endpoint::new(handler)).await;
    confirmed_and_delivered(to(url, PushContent::Raw), "gRPC", &mut got).await;
}

#[tokio::test]
async fn a_webhooks_answers_come_to_what_they_say() {
    let (handler, mut got) = handler();
    let endpoint = Endpoint::new(handler).signing_secret(SECRET).unwrap();
    let url = serve_webhook(endpoint).await;
    taken_again_and_rejected(signed(url, PushContent::Raw), &mut got).await;
}

#[tokio::test]
async fn a_grpc_endpoints_answers_come_to_what_they_say() {
    let (handler, mut got) = handler();
    let url = serve_grpc(Endpoint::new(handler)).await;
    taken_again_and_rejected(to(url, PushContent::Raw), &mut got).await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_and_its_backlog_stays() {
    let (handler, mut got) = handler();
    let url = serve_webhook(Endpoint::new(handler.clone())).await;
    disabled_when_gone(to(url, PushContent::Raw), &mut got).await;
    let url = serve_grpc(Endpoint::new(handler)).await;
    disabled_when_gone(to(url, PushContent::Raw), &mut got).await;
}

#[tokio::test]
async fn consent_that_is_refused_keeps_the_endpoint_pending_and_says_why() {
    for mode in MODES {
        let (handler, _got) = handler();
        let endpoint =
            Endpoint::new(handler).consent(|asked| asked.topic != "projects/default/topics/orders");
        let world = World::new(to(serve_webhook(endpoint).await, mode)).await;
        let refused = |figures: &GetSubscriptionStatsResponse| last_error(figures).contains("with 403");
        world.figures(refused).await;
        world.state(PushEndpointState::Pending).await;
    }
}

fn last_error(figures: &GetSubscriptionStatsResponse) -> &str {
    figures.push.as_ref().map(|push| push.last_error.as_str()).unwrap_or_default()
}

/// With a wrong secret from the start the endpoint does not even consent.
#[tokio::test]
async fn an_endpoint_with_another_secret_does_not_consent() {
    let (handler, _got) = handler();
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let endpoint = Endpoint::new(handler).signing_secret(other).unwrap();
    let world = World::new(signed(serve_webhook(endpoint).await, PushContent::Raw)).await;
    world.figures(|figures| last_error(figures).contains("with 503")).await;
    world.state(PushEndpointState::Pending).await;
}

/// The secret is changed at the broker and not at the receiver.
#[tokio::test]
async fn a_wrong_secret_costs_one_attempt_a_minute_and_no_message() {
    let (handler, mut got) = handler();
    let endpoint = Endpoint::new(handler).signing_secret(SECRET).unwrap();
    let world = World::new(signed(serve_webhook(endpoint).await, PushContent::Raw)).await;
    world.state(PushEndpointState::Active).await;
    let other = vec!["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()];
    set_secrets(&world, other).await;
    world.publish(Message::new("one")).await;
    world.publish(Message::new("two")).await;
    let figures = world.figures(|figures| last_error(figures).contains("503")).await;
    assert_eq!((figures.failed_attempts, figures.backlog), (1, 2), "{figures:?}");
    set_secrets(&world, vec![SECRET.to_owned()]).await;
    world.broker.advance(Duration::from_secs(61)).await;
    let mut came =
        [next(&mut got).await, next(&mut got).await].map(|pushed| pushed.text().unwrap().to_owned());
    came.sort();
    assert_eq!(came, ["one", "two"]);
    let figures = world.figures(|figures| figures.acked == 2).await;
    assert_eq!(figures.dead_letters, 0, "{figures:?}");
}

async fn set_secrets(world: &World, secrets: Vec<String>) {
    let push = PushConfig { signing_secrets: secrets, ..PushConfig::default() };
    let settings = SubscriptionSettings { push: Some(push), ..SubscriptionSettings::default() };
    let mask = ["push.signing_secrets"];
    world.client.subscriptions().update_settings("billing", settings, mask).await.unwrap();
}

#[tokio::test]
async fn ed25519_signatures_verify_with_the_public_key_that_the_broker_shows() {
    let (handler, mut got) = handler();
    let private = format!("whsk_{}", data_encoding::BASE64.encode(SEED.as_bytes()));
    let push = |url| PushConfig { signing_secrets: vec![private.clone()], ..to(url, PushContent::Raw) };
    let any = serve_webhook(Endpoint::new(handler.clone())).await;
    let shown = World::new(push(any)).await;
    let settings = shown.client.subscriptions().get("billing").await.unwrap().settings.unwrap();
    let public = settings.push.unwrap().signing_keys[0].public_key.clone();
    let endpoint = Endpoint::new(handler).signing_secret(public).unwrap();
    confirmed_and_delivered(push(serve_webhook(endpoint).await), "Ed25519", &mut got).await;
}

#[tokio::test]
async fn a_handler_of_ones_own_behind_the_layer_gets_what_is_verified() {
    let (sender, mut got) = channel(10);
    let hook = move |axum::Extension(pushed): axum::Extension<Pushed>| async move {
        sender.try_send(pushed).unwrap();
        Answer::Taken.into_response()
    };
    let layer = VerifyLayer::new().signing_secret(SECRET).unwrap();
    let app = axum::Router::new().route("/hook", axum::routing::post(hook)).layer(layer);
    let url = format!("http://{}/hook", serve(app).await);
    for mode in [PushContent::CloudEventsBinary, PushContent::SnsEnvelope] {
        confirmed_and_delivered(signed(url.clone(), mode), mode.as_str_name(), &mut got).await;
    }
}
