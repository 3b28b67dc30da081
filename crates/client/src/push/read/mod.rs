//! Making a message of a request, whatever the content mode.
//!
//! Which mode it is, the request itself says: `webhook-request-origin` is in CloudEvents deliveries and in nothing else, `ce-specversion` in their
//! binary mode, `x-amz-sns-message-type` in the SNS envelope and in requests for consent. The ID, which is signed, has to agree on what is a
//! request for consent, so that nobody can make the one of the other by changing headers, which are not signed.

mod attribute;
mod cloud_events;
mod head;
mod sns;

use bytes::Bytes;
use fanfare_proto::v1;
use http::{HeaderValue, Method, request::Parts};

use self::head::Head;
use super::{Confirmation, Pushed};

/// Before the ID of each request for consent, and of no message.
const CONFIRMATION_ID: &str = "confirmation-";

/// What a request is.
#[derive(Debug)]
pub(super) enum Arrived {
    /// A message.
    Message(Box<Pushed>),
    /// The question whether messages are wanted, and what says yes.
    Confirmation(Confirmation, Token),
}

/// What says yes.
#[derive(Debug)]
pub(super) enum Token {
    /// The token, as the answer's body.
    InBody(String),
    /// Who asks, as an origin that is allowed.
    Origin(HeaderValue),
}

/// Why a request is none of the broker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the header {0} is missing or malformed")]
    Header(&'static str),
    #[error("the body is not as {0} has it")]
    Body(&'static str),
    #[error("webhook-id is not the one of such a request")]
    Id,
}

pub(super) fn read(parts: &Parts, body: &Bytes) -> Result<Arrived, Unreadable> {
    let head = Head(&parts.headers);
    let asks = head.text("webhook-id").starts_with(CONFIRMATION_ID);
    if parts.method == Method::OPTIONS {
        return if asks { origin(head) } else { Err(Unreadable::Id) };
    }
    let kind = head.text("x-amz-sns-message-type");
    if asks != (kind == "SubscriptionConfirmation") {
        return Err(Unreadable::Id);
    }
    if asks {
        let (asked, token) = sns::confirmation(body)?;
        return Ok(Arrived::Confirmation(asked, Token::InBody(token)));
    }
    message(head, body).map(|pushed| Arrived::Message(Box::new(pushed)))
}

/// The validation request of CloudEvents' Web Hooks specification.
fn origin(head: Head<'_>) -> Result<Arrived, Unreadable> {
    const ORIGIN: &str = "webhook-request-origin";
    let origin = head.0.get(ORIGIN).ok_or(Unreadable::Header(ORIGIN))?;
    let subscription = head.required("fanfare-subscription")?.to_owned();
    let asked = Confirmation { subscription, topic: head.text("fanfare-topic").to_owned() };
    Ok(Arrived::Confirmation(asked, Token::Origin(origin.clone())))
}

fn message(head: Head<'_>, body: &Bytes) -> Result<Pushed, Unreadable> {
    let mut delivery = head.delivery()?;
    let mut message = head.message();
    if head.has("webhook-request-origin") {
        if head.has("ce-specversion") {
            cloud_events::binary(head, body, &mut message);
        } else {
            cloud_events::structured(body, &mut delivery, &mut message)?;
        }
        attribute::of_headers(head, &mut message);
    } else if head.text("x-amz-sns-message-type") == "Notification" {
        sns::notification(head, body, &mut message)?;
    } else {
        message.data = body.clone();
        message.content_type = content_type(head.text("content-type"));
        attribute::of_headers(head, &mut message);
    }
    delivery.message = Some(message);
    Ok(Pushed::new(head.required("fanfare-subscription")?.to_owned(), delivery))
}

/// What the broker says if the publisher has said nothing is nothing.
fn content_type(given: &str) -> String {
    if given == "application/octet-stream" { String::new() } else { given.to_owned() }
}

/// A text as the attribute of a message.
fn text_attribute(message: &mut v1::Message, name: String, value: String) {
    message.attributes.entry(name).or_insert(value);
}
