//! Carries messages to a webhook, over HTTP/1.1 or HTTP/2.
//!
//! # Limits
//!
//! No redirect is followed, no proxy is asked, nothing is decompressed. Of an answer, [`HEADERS`] headers, [`HEADER_BYTES`] of them and
//! 64 KiB of body are read; past that, or [`BODY_TIME`] after its head, it is cut, its status counts, and the connection is closed.

use std::{fmt, sync::Arc, time::Duration};

use broker::{AssignedEndpoint, Delivery};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use hyper_util::{
    client::legacy::{Builder, Client},
    rt::{TokioExecutor, TokioTimer},
};
use types::{Clock, Invalid, limits};

use crate::{
    Answer, Carrier, Consent, Content, Failure, Response,
    connect::{Connector, cut, failure},
    retry_after,
};

/// Connections that are kept while nothing is to be sent, and for how long.
const IDLE_CONNECTIONS: usize = 8;
const IDLE_TIME: Duration = Duration::from_secs(60);
/// Headers of an answer, and all their bytes; more is no answer.
const HEADERS: usize = 100;
const HEADER_BYTES: u16 = 16 << 10;
/// HTTP/1.1: bytes that are read ahead of what is asked for, the head included; the last read may add as many again.
const READ_AHEAD: usize = 32 << 10;
/// HTTP/2: bytes of one answer, and of all answers of a connection, that may come before they are asked for.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// Time for the body, once the head of an answer is there. Who has said the status has said what counts.
const BODY_TIME: Duration = Duration::from_secs(5);

/// One webhook, with its own connections.
pub struct Webhook {
    client: Client<Connector, Full<Bytes>>,
    content: Content,
    request_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Why nothing did, and in words.
type Failed = (Failure, String);

impl Webhook {
    /// # Errors
    /// No request can be made of the endpoint's settings.
    pub(crate) fn new(
        connector: Connector,
        endpoint: &AssignedEndpoint,
        uri: Uri,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Invalid> {
        Ok(Self {
            client: client_builder().build(connector),
            content: Content::new(endpoint, uri)?,
            request_timeout: endpoint.push.request_timeout,
            clock,
        })
    }

    async fn push(&self, message: &Delivery) -> Answer {
        match self.content.request(message, self.clock.now()) {
            Ok(request) => match self.exchange(request).await {
                Ok(reply) => self.answer(&reply),
                Err((failure, what)) => Answer::failed(failure, what),
            },
            Err(unsendable) => Answer::failed(Failure::Unsendable, cut(&unsendable.to_string())),
        }
    }

    /// One request and its answer.
    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Failed> {
        let response = self.client.request(request).await.map_err(|error| failure(&error))?;
        let (head, body) = response.into_parts();
        if head.status.is_informational() {
            return Err((Failure::Protocol, format!("answered {}, which was not asked for", head.status)));
        }
        let body = read(body).await.map_err(|error| failure(&error))?;
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    fn answer(&self, reply: &Reply) -> Answer {
        let error =
            if reply.status.is_success() { String::new() } else { format!("answered {}", reply.status) };
        Answer {
            response: Response::Http(reply.status.as_u16()),
            retry_after: retry_after(&reply.headers, self.clock.now()),
            body: first_of(&reply.body),
            error,
        }
    }
}

impl Carrier for Webhook {
    async fn deliver(&self, messages: &[Delivery]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages {
            answers.push(self.push(message).await);
        }
        answers
    }

    async fn confirm(&self, token: &str) -> Consent {
        let request = match self.content.confirmation(token, self.clock.now()) {
            Ok(request) => request,
            Err(unsendable) => return Consent::Failed(unsendable.to_string()),
        };
        let limit = self.request_timeout;
        match tokio::time::timeout(limit, self.exchange(request)).await {
            Ok(Ok(reply)) => self.content.consent(token, reply.status, &reply.headers, &reply.body),
            Ok(Err((_, what))) => Consent::Failed(what),
            Err(_) => Consent::Failed(format!("no answer in {limit:?}")),
        }
    }
}

impl Answer {
    /// There is no answer.
    pub(crate) fn failed(failure: Failure, error: String) -> Self {
        Self { response: Response::Failed(failure), retry_after: None, body: Bytes::new(), error }
    }
}

/// What all HTTP connections to endpoints have in common.
pub(crate) fn client_builder() -> Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIME)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        // On a connection that was closed while idle, and only if nothing of the request was sent.
        .retry_canceled_requests(true)
        .http1_max_headers(HEADERS)
        .http1_max_buf_size(READ_AHEAD)
        .http2_max_header_list_size(HEADER_BYTES.into())
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// The first KiB, in memory of its own: the log keeps it longer than the rest.
pub(crate) fn first_of(body: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&body[..body.len().min(limits::ATTEMPT_RESPONSE_BYTES)])
}

/// The body, as far as it is read. One that breaks off is an error, one that is cut is not.
async fn read<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Result<Bytes, B::Error> {
    let mut kept = BytesMut::new();
    match tokio::time::timeout(BODY_TIME, gather(&mut body, &mut kept)).await {
        Ok(Err(error)) => Err(error),
        Ok(Ok(())) | Err(_) => Ok(kept.freeze()),
    }
}

async fn gather<B: Body<Data = Bytes> + Unpin>(body: &mut B, kept: &mut BytesMut) -> Result<(), B::Error> {
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = limits::PUSH_RESPONSE_BYTES - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
