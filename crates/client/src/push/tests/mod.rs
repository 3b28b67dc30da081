//! The vectors are the examples of docs/PUSH.md, which a test of crate `push` compares with what the broker sends.

mod grpc;
mod key;
mod layer;
mod modes;
mod webhook;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use parking_lot::Mutex;
use tower::Service as _;

use super::*;

const DOCUMENT: &str = include_str!("../../../../../docs/PUSH.md");
/// The secret, and the time of the signatures, of the examples.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: u64 = 1_795_525_201;
const TOKEN: &str = "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const CONFIRMATION_ID: &str = "confirmation-8c544a522abd1bb1a3b983faf2dab0c8";
const BILLING: &str = "projects/default/subscriptions/billing";
const ORDERS: &str = "projects/default/topics/orders";

/// The `n`-th example that begins with this line.
fn shown(first_line: &str, n: usize) -> &'static str {
    let start = format!("```\n{first_line}\n");
    let block = DOCUMENT.split(start.as_str()).nth(n + 1).unwrap();
    block.split("\n```").next().unwrap()
}

fn parse(method: Method, shown: &str, into: Request<()>) -> Request<Full<Bytes>> {
    let (headers, body) = shown.split_once("\n\n").unwrap_or((shown.trim_end(), ""));
    let (mut parts, ()) = into.into_parts();
    parts.method = method;
    for (name, value) in headers.lines().map(|line| line.split_once(": ").unwrap()) {
        parts.headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static(leak(value)));
    }
    Request::from_parts(parts, Full::from(body.to_owned()))
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// What the later examples leave out because it would be the same.
fn same() -> Request<()> {
    let (raw, _) = shown("POST /fanfare", 2).split_once("\n\n").unwrap();
    let mut request = Request::new(());
    for (name, value) in raw.lines().map(|line| line.split_once(": ").unwrap()) {
        let own =
            name.starts_with("fanfare-attribute-") || matches!(name, "content-type" | "webhook-signature");
        if !own {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
    }
    request
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    Raw,
    Binary,
    Structured,
    Sns,
}

const MODES: [Mode; 4] = [Mode::Raw, Mode::Binary, Mode::Structured, Mode::Sns];

fn delivery(mode: Mode) -> Request<Full<Bytes>> {
    let n = match mode {
        Mode::Raw => 2,
        Mode::Binary => 3,
        Mode::Structured => 4,
        Mode::Sns => 5,
    };
    parse(Method::POST, shown("POST /fanfare", n), same())
}

fn question(mode: Mode) -> Request<Full<Bytes>> {
    let request = match mode {
        Mode::Raw => parse(Method::POST, shown("POST /fanfare", 0), same()),
        Mode::Sns => parse(Method::POST, shown("POST /fanfare", 1), same()),
        Mode::Binary | Mode::Structured => parse(Method::OPTIONS, shown("OPTIONS /fanfare", 0), same()),
    };
    with(request, "webhook-id", CONFIRMATION_ID)
}

fn with<B>(mut request: Request<B>, name: &'static str, value: &str) -> Request<B> {
    request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    request
}

fn without<B>(mut request: Request<B>, name: &'static str) -> Request<B> {
    request.headers_mut().remove(name);
    request
}

fn whole(request: Request<Full<Bytes>>) -> (http::request::Parts, Bytes) {
    let (parts, body) = request.into_parts();
    (parts, bytes(body))
}

fn bytes(body: Full<Bytes>) -> Bytes {
    body.collect().now_or_never().unwrap().unwrap().to_bytes()
}

/// What a desk without secrets makes of it.
fn pushed(request: Request<Full<Bytes>>) -> Pushed {
    let (parts, body) = whole(request);
    match read::read(&parts, &body).unwrap() {
        read::Arrived::Message(pushed) => *pushed,
        other => panic!("{other:?}"),
    }
}

/// Keeps what it is given, and answers this.
fn keeper(
    answer: Answer,
) -> (impl Fn(Pushed) -> futures_util::future::Ready<Answer>, Arc<Mutex<Vec<Pushed>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let handler = move |pushed| {
        keep.lock().push(pushed);
        futures_util::future::ready(answer.clone())
    };
    (handler, kept)
}

/// What the webhook answers: status, headers, body.
async fn ask<H, F>(endpoint: Endpoint<H>, request: Request<Full<Bytes>>) -> Response<Bytes>
where
    H: Fn(Pushed) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    endpoint.webhook().call(request).await.unwrap().map(bytes)
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}
