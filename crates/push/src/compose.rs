//! What a webhook's requests are made of, until the content modes are there.

use std::{convert::Infallible, time::Duration};

use broker::{AssignedEndpoint, Delivery};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use types::{Invalid, Timestamp};

use crate::Consent;

#[derive(Debug)]
pub(crate) struct Content;

impl Content {
    pub(crate) fn new(_: &AssignedEndpoint) -> Result<Self, Invalid> {
        Ok(Self)
    }

    pub(crate) fn request(
        &self,
        message: &Delivery,
        _: Timestamp,
    ) -> Result<Request<Full<Bytes>>, Infallible> {
        Ok(post(message.payload.clone()))
    }

    pub(crate) fn confirmation(&self, token: &str, _: Timestamp) -> Result<Request<Full<Bytes>>, Infallible> {
        Ok(post(Bytes::from(token.to_owned())))
    }

    pub(crate) fn consent(&self, token: &str, status: StatusCode, _: &HeaderMap, body: &[u8]) -> Consent {
        match status.is_success() {
            true if body == token.as_bytes() => Consent::Given,
            true => Consent::NotYet,
            false => Consent::Failed(status.to_string()),
        }
    }
}

fn post(body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    request
}

pub(crate) fn retry_after(headers: &HeaderMap, _: Timestamp) -> Option<Duration> {
    headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}
