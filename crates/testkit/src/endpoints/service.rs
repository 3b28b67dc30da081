//! What happens to one request.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};

use super::{
    behaviour::{Behaviour, Consent, Reply},
    endpoint::State,
    records::{Request, Totals},
    wire::Wire,
};

/// Bytes of a request's body, at most.
const REQUEST_BYTES: usize = 16 << 20;

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// No answer was given; the server gives the connection up.
#[derive(Debug, thiserror::Error)]
#[error("spoilt on purpose")]
pub(super) struct Spoilt;

/// Records a request and does what is to be done with it.
pub(super) async fn answer(
    state: Arc<State>,
    wire: Wire,
    connection: u64,
    request: http::Request<Incoming>,
) -> Result<Response<Body>, Spoilt> {
    let request = read(&state, connection, request).await?;
    if request.is_confirmation() {
        let consent = state.consent.lock().clone();
        let reply = consent_to(&request, consent);
        state.records.keep(request, |totals| totals.confirmations += 1);
        return Ok(reply.into_response());
    }
    let _in_flight = state.records.while_alive(Totals::begin_flight, |totals| totals.in_flight -= 1);
    let behaviour = state.take(request);
    behave(&state, &wire, behaviour).await
}

/// Waits for the whole of it; one that breaks off is none.
async fn read(state: &State, connection: u64, request: http::Request<Incoming>) -> Result<Request, Spoilt> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES).collect().await.map_err(|_| Spoilt)?.to_bytes();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let at = state.records.now();
    Ok(Request { method: head.method, path, headers: head.headers, body, at, connection })
}

fn consent_to(request: &Request, consent: Consent) -> Reply {
    let token = request.token().unwrap_or_default();
    let allowed = |reply: Reply| match request.header("webhook-request-origin") {
        Some(_) => reply.header("webhook-allowed-origin", "*"),
        None => reply,
    };
    match consent {
        Consent::Echo => allowed(Reply::ok().body(token)),
        Consent::EchoJson => allowed(Reply::ok().body(serde_json::json!({"token": token}).to_string())),
        Consent::Later => Reply::ok(),
        Consent::Wrong => Reply::ok().body("A".repeat(token.len())),
        Consent::Answer(reply) => reply,
    }
}

async fn behave(state: &State, wire: &Wire, behaviour: Behaviour) -> Result<Response<Body>, Spoilt> {
    match behaviour {
        Behaviour::Answer(reply) => Ok(reply.into_response()),
        Behaviour::Hold(reply) => {
            let _held = state.records.while_alive(|totals| totals.held += 1, |totals| totals.held -= 1);
            state.gate.pass().await;
            Ok(reply.into_response())
        }
        Behaviour::Slow(delay, reply) => {
            let _ = tokio::time::timeout(delay, std::future::pending::<()>()).await;
            Ok(reply.into_response())
        }
        Behaviour::EndlessBody => Ok(Response::new(endless())),
        Behaviour::StalledBody => Ok(Response::new(stalled())),
        // On a connection that was open before.
        Behaviour::BlackHole => std::future::pending().await,
        spoilt => spoil(wire, &spoilt).await,
    }
}

/// Writes past HTTP, and ends the connection.
async fn spoil(wire: &Wire, behaviour: &Behaviour) -> Result<Response<Body>, Spoilt> {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf of";
    // Whether the other side still listens is its own business.
    let _ = match behaviour {
        Behaviour::EndlessHeaders => endless_headers(wire).await,
        Behaviour::Garbage => wire.write(b"\x00\xffthis is no HTTP\r\n\r\n\x16\x03\x01").await,
        Behaviour::HalfAnswer => wire.write(half).await,
        Behaviour::ResetMidAnswer => wire.write(half).await.inspect(|()| wire.reset_at_end()),
        _ => {
            wire.reset_at_end();
            Ok(())
        }
    };
    wire.cut();
    Err(Spoilt)
}

async fn endless_headers(wire: &Wire) -> std::io::Result<()> {
    wire.write(b"HTTP/1.1 200 OK\r\n").await?;
    loop {
        wire.write(b"x-more: and one more of them\r\n").await?;
    }
}

fn endless() -> Body {
    let frame = |()| Ok(Frame::data(Bytes::from_static(&[b'x'; 4096])));
    StreamBody::new(stream::repeat(()).map(frame)).boxed_unsync()
}

fn stalled() -> Body {
    let first = stream::once(async { Ok(Frame::data(Bytes::from_static(b"x"))) });
    StreamBody::new(first.chain(stream::pending())).boxed_unsync()
}

impl Reply {
    /// What makes no header is what a test got wrong.
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Full::new(self.body).boxed_unsync());
        *response.status_mut() = StatusCode::from_u16(self.status).expect("a status is 100 to 999");
        for (name, value) in self.headers {
            let name: http::HeaderName = name.parse().expect("a header's name");
            response.headers_mut().append(name, value.parse().expect("a header's value"));
        }
        response
    }
}
