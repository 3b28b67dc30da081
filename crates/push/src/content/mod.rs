//! What a webhook gets: requests made of messages, in one of four modes, and the request for its consent.
//!
//! # Invariants
//!
//! - A message is decoded once for each attempt, and its data is not copied in the modes in which it is the body.
//! - What is the same in every request (address, headers, credentials, keys) is made once for an endpoint.
//! - Nothing of a message gets lost in silence: what the mode has no place for is in `fanfare-attribute-…` headers, and what does not fit
//!   is an error.
//! - The broker's headers win over the owner's; credentials are marked as such, so that no log shows them.
//!
//! # Limits
//!
//! [`HEADER_BYTES`] for all headers of a request, because common servers refuse more; of these [`FIXED_HEADER_BYTES`] for what the owner
//! sets. The body is at most a little more than 7 times a message: control characters of a text in the SNS envelope, escaped twice in an array.

mod attribute;
mod cloud_events;
mod confirmation;
mod fixed;
mod headers;
mod raw;
mod sns;
#[cfg(test)]
mod tests;
mod text;

use broker::{AssignedEndpoint, Delivery};
use bytes::Bytes;
use fanfare_proto::v1;
use http::{Method, Request, Uri};
use http_body_util::Full;
use prost::Message as _;
use types::{Invalid, Timestamp, push::ContentMode};

use crate::sign::Signer;

pub use confirmation::new_token;
use headers::Headers;
pub use headers::{FIXED_HEADER_BYTES, HEADER_BYTES};

/// Why a message cannot be put into a request. It would not be otherwise at the next attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// It was not encoded by this API, or is damaged.
    #[error("what is stored is no message of this API")]
    Undecodable,
    /// A value that no header can have.
    #[error("the value of {0} cannot be put into a header")]
    Header(String),
    /// More headers than servers take.
    #[error(
        "the headers have {bytes} bytes, the limit is {limit}; the content SNS_ENVELOPE has attributes in the body, and so has CLOUD_EVENTS_STRUCTURED those whose names CloudEvents allows"
    )]
    TooManyHeaders {
        /// How many.
        bytes: usize,
        /// How many are taken.
        limit: usize,
    },
}

/// Makes the requests to one webhook.
#[derive(Debug)]
pub struct Content {
    mode: ContentMode,
    uri: Uri,
    /// Bytes of the address, which count with the headers.
    uri_bytes: usize,
    topic: String,
    subscription: String,
    rate: Option<f64>,
    fixed: Headers,
    signer: Signer,
}

/// A message on its way into a request.
#[derive(Debug, Clone, Copy)]
struct Event<'a> {
    delivery: &'a Delivery,
    message: &'a v1::Message,
    id: &'a str,
    content: &'a Content,
}

impl Content {
    /// Makes ready what is the same in every request. The address is what the guard has read out of the settings.
    ///
    /// # Errors
    /// A setting that no request can be made of; the field is a path from the push settings.
    pub fn new(endpoint: &AssignedEndpoint, uri: Uri) -> Result<Self, Invalid> {
        let push = &endpoint.push;
        Ok(Self {
            mode: push.content,
            uri_bytes: uri.to_string().len(),
            uri,
            topic: endpoint.topic.to_string(),
            subscription: endpoint.subscription.to_string(),
            rate: push.max_receives_per_second,
            fixed: fixed::headers(endpoint)?,
            signer: Signer::new(&push.signing_secrets)?,
        })
    }

    /// The request for one attempt to deliver one message. Its address is absolute and it has no `host` header: both are the client's
    /// business.
    ///
    /// # Errors
    /// See [`Unsendable`].
    pub fn request(&self, delivery: &Delivery, now: Timestamp) -> Result<Request<Full<Bytes>>, Unsendable> {
        let message = v1::Message::decode(delivery.payload.clone()).map_err(|_| Unsendable::Undecodable)?;
        let id = delivery.message_id.to_string();
        let event = Event { delivery, message: &message, id: &id, content: self };
        let mut headers = self.fixed.clone();
        event.common(&mut headers)?;
        let body = match self.mode {
            ContentMode::Raw => raw::write(&event, &mut headers)?,
            ContentMode::CloudEventsBinary => cloud_events::binary(&event, &mut headers)?,
            ContentMode::CloudEventsStructured => cloud_events::structured(&event, &mut headers)?,
            ContentMode::SnsEnvelope => sns::write(&event, &mut headers)?,
        };
        self.seal(Method::POST, &id, now, headers, body)
    }

    /// Signs, and puts it all together.
    fn seal(
        &self,
        method: Method,
        id: &str,
        now: Timestamp,
        mut headers: Headers,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Unsendable> {
        let seconds = now.as_micros() / 1_000_000;
        headers.set("webhook-id", id)?;
        headers.set("webhook-timestamp", &seconds.to_string())?;
        if let Some(signature) = self.signer.sign(id, seconds, &body) {
            headers.set("webhook-signature", &signature)?;
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers.fit(self.uri_bytes)?;
        Ok(request)
    }
}

impl Event<'_> {
    /// What every mode says of a message.
    fn common(&self, headers: &mut Headers) -> Result<(), Unsendable> {
        let Event { delivery, message, .. } = self;
        headers.set("fanfare-delivery-attempt", &delivery.attempt.to_string())?;
        headers.set("fanfare-sequence", &delivery.message_id.sequence.to_string())?;
        headers.set("fanfare-publish-time", &text::micros(delivery.published_at))?;
        for (name, value) in [
            ("fanfare-ordering-key", &*text::in_header(&message.ordering_key)),
            ("fanfare-group-id", &*text::in_header(&message.group_id)),
            ("x-correlation-id", message.correlation_id.as_str()),
            ("traceparent", message.traceparent.as_str()),
            ("tracestate", message.tracestate.as_str()),
        ] {
            if !value.is_empty() {
                headers.set(name, value)?;
            }
        }
        Ok(())
    }

    /// What the publisher said of the data.
    fn content_type(&self) -> &str {
        let given = self.message.content_type.trim();
        if given.is_empty() { "application/octet-stream" } else { given }
    }
}
