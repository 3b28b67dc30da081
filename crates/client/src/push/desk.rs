//! What webhook and layer have in common: read the body, verify it, answer requests for consent, and make a message of the rest.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header::ALLOW, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::{
    Confirmation, EndpointError, Pushed,
    answer::{self, HttpAnswer},
    key::{self, Key},
    read::{self, Arrived, Token},
};
use crate::clock;

const TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// A control character of a text in the SNS envelope is six bytes, and seven in an array.
const MAX_BODY: usize = 8 << 20;

type Consent = dyn Fn(&Confirmation) -> bool + Send + Sync;

/// How requests are received. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    keys: Vec<Arc<Key>>,
    consent: Option<Arc<Consent>>,
    tolerance: Duration,
    max_body: usize,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self { keys: Vec::new(), consent: None, tolerance: TOLERANCE, max_body: MAX_BODY }
    }
}

/// What a request came to.
pub(super) enum Received {
    /// A message, and the request that it came in.
    Message(Box<Message>),
    /// Nothing that anybody else need know of.
    Answered(HttpAnswer),
}

/// A message, and the request that it came in.
pub(super) struct Message {
    pub(super) pushed: Pushed,
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

impl Desk {
    pub(super) fn signing_secret(mut self, secret: &str) -> Result<Self, EndpointError> {
        self.keys.push(Arc::new(Key::read(secret)?));
        Ok(self)
    }

    pub(super) fn consent(mut self, consent: impl Fn(&Confirmation) -> bool + Send + Sync + 'static) -> Self {
        self.consent = Some(Arc::new(consent));
        self
    }

    pub(super) fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    pub(super) fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    pub(super) fn body_limit(&self) -> usize {
        self.max_body
    }

    /// Whether the owner wants the messages of a subscription.
    pub(super) fn consents(&self, to: &Confirmation) -> bool {
        self.consent.as_ref().is_none_or(|consent| consent(to))
    }

    pub(super) async fn receive<B>(&self, request: Request<B>) -> Received
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST && parts.method != Method::OPTIONS {
            return Received::Answered(not_allowed());
        }
        match Limited::new(body, self.max_body).collect().await {
            Ok(body) => self.accept(parts, body.to_bytes(), clock::unix_seconds()),
            Err(error) => Received::Answered(self.no_body(error.as_ref())),
        }
    }

    /// With the whole of the request, at this second since 1970.
    pub(super) fn accept(&self, parts: Parts, body: Bytes, now: u64) -> Received {
        if !self.keys.is_empty()
            && let Err(why) = key::verify(&self.keys, &parts.headers, &body, now, self.tolerance)
        {
            tracing::warn!(%why, "a push was not taken");
            return Received::Answered(answer::unverified(&why.to_string()));
        }
        match read::read(&parts, &body) {
            Ok(Arrived::Message(pushed)) => {
                Received::Message(Box::new(Message { pushed: *pushed, parts, body }))
            }
            Ok(Arrived::Confirmation(asked, token)) => Received::Answered(self.confirm(&asked, token)),
            Err(unreadable) => {
                tracing::warn!(%unreadable, "a push was not understood");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Received::Answered(answer::with_status(status, unreadable.to_string()))
            }
        }
    }

    fn confirm(&self, asked: &Confirmation, token: Token) -> HttpAnswer {
        if !self.consents(asked) {
            tracing::warn!(
                subscription = asked.subscription,
                "consent to a subscription's pushes was refused"
            );
            return answer::with_status(
                StatusCode::FORBIDDEN,
                "this endpoint does not want the subscription's messages",
            );
        }
        tracing::info!(subscription = asked.subscription, "consented to a subscription's pushes");
        match token {
            Token::InBody(token) => answer::with_status(StatusCode::OK, token),
            Token::Origin(origin) => allowed(origin),
        }
    }

    fn no_body(&self, error: &(dyn Error + Send + Sync + 'static)) -> HttpAnswer {
        if error.is::<LengthLimitError>() {
            let why = format!("the body has more than {} bytes", self.max_body);
            return answer::with_status(StatusCode::PAYLOAD_TOO_LARGE, why);
        }
        answer::with_status(StatusCode::INTERNAL_SERVER_ERROR, "the body did not arrive")
    }
}

/// As CloudEvents' Web Hooks specification has it, without a limit to the rate.
fn allowed(origin: HeaderValue) -> HttpAnswer {
    let mut response = answer::with_status(StatusCode::OK, "");
    response.headers_mut().insert("webhook-allowed-origin", origin);
    response.headers_mut().insert("webhook-allowed-rate", HeaderValue::from_static("*"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

fn not_allowed() -> HttpAnswer {
    let mut response = answer::with_status(StatusCode::METHOD_NOT_ALLOWED, "");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    response
}
