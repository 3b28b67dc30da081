//! Asking a webhook whether it wants the messages.
//!
//! `RAW` and `SNS_ENVELOPE`: a POST as SNS's subscription confirmation, whose token has to come back in the answer's body. CloudEvents: the
//! validation request of its Web Hooks specification, an OPTIONS whose answer has to name us as an allowed origin. That header is consent
//! as the specification has it: nobody sends it by chance, and it comes over the connection that we made. The token goes along all the
//! same, for an endpoint that would rather send it later, to `ConfirmSubscription`.

use bytes::Bytes;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value as Json, json};
use types::{Timestamp, push::ContentMode};

use super::{Content, Unsendable, fixed::is_cloud_events, headers::Headers, sns, text};
use crate::Consent;

/// Who asks, and who the deliveries come from.
pub(super) const ORIGIN: &str = "fanfare";
const ALLOWED_ORIGIN: &str = "webhook-allowed-origin";
const TOKEN_BYTES: usize = 32;

/// A new single-use token: 43 characters of URL-safe base64.
///
/// # Errors
/// The system has no random numbers.
pub fn new_token() -> Result<String, getrandom::Error> {
    let mut token = [0; TOKEN_BYTES];
    getrandom::fill(&mut token)?;
    Ok(BASE64URL_NOPAD.encode(&token))
}

impl Content {
    /// The request for consent, with a token that is to come back.
    ///
    /// # Errors
    /// See [`Unsendable`].
    pub fn confirmation(&self, token: &str, now: Timestamp) -> Result<Request<Full<Bytes>>, Unsendable> {
        let id = confirmation_id(token);
        let mut headers = self.fixed.clone();
        if is_cloud_events(self.mode) {
            headers.set("fanfare-confirmation-token", token)?;
            if let Some(rate) = self.rate {
                // Whole requests a minute, at least one.
                headers.set("webhook-request-rate", &format!("{:.0}", (rate * 60.0).ceil()))?;
            }
            return self.seal(Method::OPTIONS, &id, now, headers, Bytes::new());
        }
        self.sns_headers(&id, &mut headers)?;
        let body = json!({
            "Type": "SubscriptionConfirmation",
            "MessageId": id,
            "Token": token,
            "TopicArn": self.topic,
            "SubscriptionArn": self.subscription,
            "Message": format!(
                "Subscription {} of topic {} is to be pushed to this endpoint. Answer with the token, or send it to \
                 fanfare.v1.SubscriptionService/ConfirmSubscription.",
                self.subscription, self.topic
            ),
            "Timestamp": text::millis(now),
        });
        self.seal(Method::POST, &id, now, headers, body.to_string().into())
    }

    fn sns_headers(&self, id: &str, headers: &mut Headers) -> Result<(), Unsendable> {
        let envelope = self.mode == ContentMode::SnsEnvelope;
        headers.set("content-type", if envelope { sns::CONTENT_TYPE } else { "application/json" })?;
        headers.set("x-amz-sns-message-type", "SubscriptionConfirmation")?;
        headers.set("x-amz-sns-message-id", id)?;
        headers.set("x-amz-sns-topic-arn", &self.topic)
    }

    /// What an answer to the request for consent means.
    pub fn consent(&self, token: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Consent {
        if !status.is_success() {
            return Consent::Failed(format!(
                "the endpoint answered the request for its consent with {}",
                status.as_u16()
            ));
        }
        let given = if is_cloud_events(self.mode) { allows_us(headers) } else { says(body, token) };
        if given { Consent::Given } else { Consent::NotYet }
    }
}

/// One for each token, without saying anything of it, and without a full stop.
fn confirmation_id(token: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    format!("confirmation-{}", &HEXLOWER.encode(digest.as_ref())[..32])
}

fn allows_us(headers: &HeaderMap) -> bool {
    let mut allowed = headers.get_all(ALLOWED_ORIGIN).iter().filter_map(|value| value.to_str().ok());
    allowed.any(|origin| matches!(origin.trim(), "*") || origin.trim().eq_ignore_ascii_case(ORIGIN))
}

/// The token alone, or in an object. A server that sends back whatever it gets has not agreed to anything, so an object that looks like our
/// request does not count.
fn says(body: &[u8], token: &str) -> bool {
    if body.trim_ascii() == token.as_bytes() {
        return true;
    }
    let Ok(Json::Object(answer)) = serde_json::from_slice(body) else { return false };
    let echoed = answer.contains_key("Type");
    let found = answer.get("token").or_else(|| answer.get("Token"));
    !echoed && found.and_then(Json::as_str) == Some(token)
}
