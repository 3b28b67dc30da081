//! The JSON envelope of Amazon SNS, and the request for consent that looks like SNS's.

use bytes::Bytes;
use data_encoding::BASE64;
use fanfare_proto::v1;
use serde_json::Value as Json;

use super::{Unreadable, attribute, head::Head};
use crate::push::Confirmation;

const ENVELOPE: Unreadable = Unreadable::Body("the SNS envelope");
const CONFIRMATION: Unreadable = Unreadable::Body("a request for consent");

pub(super) fn notification(head: Head<'_>, body: &[u8], message: &mut v1::Message) -> Result<(), Unreadable> {
    let envelope: Json = serde_json::from_slice(body).map_err(|_| ENVELOPE)?;
    if text(&envelope, "MessageId") != Some(head.text("webhook-id")) {
        return Err(Unreadable::Id);
    }
    let data = text(&envelope, "Message").ok_or(ENVELOPE)?;
    message.data = match text(&envelope, "MessageEncoding") {
        Some("base64") => BASE64.decode(data.as_bytes()).map_err(|_| ENVELOPE)?.into(),
        _ => Bytes::copy_from_slice(data.as_bytes()),
    };
    message.content_type = head.text("fanfare-content-type").to_owned();
    // `Subject` is one of them already.
    let attributes = envelope.get("MessageAttributes").and_then(Json::as_object);
    attributes
        .into_iter()
        .flatten()
        .try_for_each(|(name, given)| attribute::of_envelope(name, given, message))
}

/// Who asks, and the token that is to go back.
pub(super) fn confirmation(body: &[u8]) -> Result<(Confirmation, String), Unreadable> {
    let question: Json = serde_json::from_slice(body).map_err(|_| CONFIRMATION)?;
    let of = |member| text(&question, member).ok_or(CONFIRMATION);
    let asked =
        Confirmation { subscription: of("SubscriptionArn")?.to_owned(), topic: of("TopicArn")?.to_owned() };
    Ok((asked, of("Token")?.to_owned()))
}

fn text<'a>(object: &'a Json, member: &str) -> Option<&'a str> {
    object.get(member)?.as_str()
}
