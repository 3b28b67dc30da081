//! The ways to the broker: several endpoints, TLS, the token.

use std::sync::Arc;

use fanfare_client::Message;
use fanfare_testkit::endpoints::Tls;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, service::interceptor::InterceptorLayer, transport::Server};

use super::*;

#[tokio::test]
async fn with_two_endpoints_one_may_be_away() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    orders_and_billing(&fanfare, SubscriptionSettings::default()).await;
    let proxies = [Proxy::start(fanfare.grpc()), Proxy::start(fanfare.grpc())];
    let client = quick(proxies[0].url()).endpoint(proxies[1].url()).build().unwrap();
    let publisher = client.publisher("orders").build();
    let mut messages = client.subscriber("billing").messages();
    let mut exchange = async |text: String| {
        publisher.publish(Message::new(text.clone())).await.unwrap();
        let delivery = messages.next().await.unwrap().unwrap();
        assert_eq!(delivery.text(), Some(text.as_str()));
        delivery.ack().await.unwrap();
        client.topics().get("orders").await.unwrap();
    };
    exchange("both".to_owned()).await;
    for round in 0..4 {
        let (away, there) = (&proxies[round % 2], &proxies[(round + 1) % 2]);
        there.heal();
        away.refuse().await;
        for number in 0..5 {
            exchange(format!("{round} {number}")).await;
        }
    }
    assert_eq!(figures(&fanfare).await, (21, 0, 21, 0));
    assert!(proxies.iter().all(|proxy| proxy.counts().connections > 0));
}

#[tokio::test]
async fn calls_go_round_the_endpoints() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    let proxies = [Proxy::start(fanfare.grpc()), Proxy::start(fanfare.grpc())];
    let client = quick(proxies[0].url()).endpoint(proxies[1].url()).build().unwrap();
    for number in 0..10 {
        client.topics().create(format!("topic-{number}")).await.unwrap();
    }
    assert!(proxies.iter().all(|proxy| proxy.counts().connections == 1), "{proxies:?}");
}

/// Publishes and consumes one message.
async fn works(client: &Client) {
    client.topics().create("orders").await.unwrap();
    client.subscriptions().create("billing", "orders").await.unwrap();
    client.publisher("orders").build().publish(Message::new("a")).await.unwrap();
    let mut messages = client.subscriber("billing").messages();
    messages.next().await.unwrap().unwrap().ack().await.unwrap();
    messages.shutdown().await;
}

/// Whether a call is answered, tried once.
async fn is_answered(builder: ClientBuilder) -> bool {
    builder.retry(RetryPolicy::never()).build().unwrap().server().info().await.is_ok()
}

#[tokio::test]
async fn a_client_that_trusts_the_certificate_speaks_tls() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    let proxy = Proxy::start_tls(fanfare.grpc(), Tls::Trusted);
    let trusting = quick(proxy.url()).trusted_certificates(proxy.authority().pem());
    works(&trusting.build().unwrap()).await;
}

#[tokio::test]
async fn a_client_speaks_with_nobody_whom_it_does_not_trust() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    for tls in [Tls::SelfSigned, Tls::WrongName, Tls::Expired, Tls::NotYetValid] {
        let proxy = Proxy::start_tls(fanfare.grpc(), tls);
        let trusting = quick(proxy.url()).trusted_certificates(proxy.authority().pem());
        assert!(!is_answered(trusting).await, "{tls:?}");
        assert_eq!(proxy.counts().from_client, 0, "{tls:?}");
    }
    let proxy = Proxy::start_tls(fanfare.grpc(), Tls::Trusted);
    assert!(!is_answered(quick(proxy.url())).await, "the system does not know it");
    let plain = quick(format!("http://{}", proxy.address()));
    assert!(!is_answered(plain.request_timeout(SECOND)).await, "it does not speak plainly");
}

#[tokio::test]
async fn the_name_in_the_certificate_can_be_another_than_the_endpoints() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    let proxy = Proxy::start_tls(fanfare.grpc(), Tls::WrongName);
    let trusting = quick(proxy.url()).trusted_certificates(proxy.authority().pem());
    assert!(is_answered(trusting.server_name("elsewhere.example")).await);
}

#[tokio::test]
async fn a_client_shows_its_own_certificate() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    let proxy = Proxy::start_tls(fanfare.grpc(), Tls::ClientCertificate);
    let trusting = || quick(proxy.url()).trusted_certificates(proxy.authority().pem());
    assert!(!is_answered(trusting()).await, "it must show one");
    let mine = proxy.authority().client("service");
    works(&trusting().identity(mine.chain, mine.private_key).build().unwrap()).await;
    let others = fanfare_testkit::endpoints::Authority::new().client("service");
    assert!(!is_answered(trusting().identity(others.chain, others.private_key)).await);
}

#[tokio::test]
async fn the_token_goes_with_every_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tokens: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = tokens.clone();
    let keep = move |request: Request<()>| {
        let token = request.metadata().get("authorization").map(|token| token.to_str().unwrap().to_owned());
        kept.lock().push(token.unwrap_or_default());
        Ok(request)
    };
    let routes = tonic::service::Routes::default();
    let server = Server::builder().layer(InterceptorLayer::new(keep)).add_routes(routes);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let client = quick(format!("http://{address}")).token("a-secret").build().unwrap();
    // There is nothing behind it that could answer.
    client.topics().get("orders").await.unwrap_err();
    client.publisher("orders").build().publish(Message::new("a")).await.unwrap_err();
    client.subscriber("billing").messages().next().await.unwrap().unwrap_err();
    client.settler("billing").ack(vec!["x".to_owned()]).await.unwrap_err();
    let tokens = tokens.lock().clone();
    assert!(tokens.len() >= 4, "{tokens:?}");
    assert!(tokens.iter().all(|token| token == "Bearer a-secret"), "{tokens:?}");
}
