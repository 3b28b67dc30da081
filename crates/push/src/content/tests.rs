mod cloud_events;
mod confirmation;
mod document;
mod headers;
mod raw;
mod sns;

use std::{collections::BTreeMap, sync::Arc};

use data_encoding::BASE64;
use fanfare_proto::v1::{AttributeValue, attribute_value::Value};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use serde_json::json;
use types::{
    AckId, LeaseId, LogId, MessageId, SubscriptionUid,
    push::{Authentication, EndpointStatus, PushSettings, Secret},
};

use super::*;

/// 2026-11-24T13:00:00.123456Z
const PUBLISHED: Timestamp = Timestamp::from_micros(1_795_525_200_123_456);
/// A second and a half later.
const NOW: Timestamp = Timestamp::from_micros(1_795_525_201_623_456);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: MessageId = MessageId { log: LogId(7), sequence: 42 };

fn settings(content: ContentMode) -> PushSettings {
    PushSettings { endpoint: "https://example.com/in?x=1".into(), content, ..PushSettings::default() }
}

fn endpoint(push: PushSettings) -> AssignedEndpoint {
    AssignedEndpoint {
        subscription: "billing".parse().unwrap(),
        topic: "orders".parse().unwrap(),
        uid: SubscriptionUid(9),
        push: Arc::new(push),
        status: EndpointStatus::Active,
    }
}

fn delivery(payload: impl Into<Bytes>) -> Delivery {
    Delivery {
        ack_id: AckId { subscription: SubscriptionUid(9), sequence: ID.sequence, lease: LeaseId(1) },
        message_id: ID,
        published_at: PUBLISHED,
        deadline: NOW,
        attempt: 3,
        first_delivery: false,
        payload: payload.into(),
    }
}

fn message(data: &'static [u8], content_type: &str, attributes: &[(&str, &str)]) -> v1::Message {
    v1::Message {
        data: Bytes::from_static(data),
        content_type: content_type.into(),
        correlation_id: "c-1".into(),
        attributes: attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..v1::Message::default()
    }
}

fn typed(values: impl IntoIterator<Item = (&'static str, Value)>) -> BTreeMap<String, AttributeValue> {
    values.into_iter().map(|(name, value)| (name.into(), AttributeValue { value: Some(value) })).collect()
}

fn array(values: impl IntoIterator<Item = prost_types::value::Kind>) -> Value {
    let values = values.into_iter().map(|kind| prost_types::Value { kind: Some(kind) }).collect();
    Value::Array(prost_types::ListValue { values })
}

fn content_of(endpoint: &AssignedEndpoint) -> Result<Content, Invalid> {
    Content::new(endpoint, endpoint.push.endpoint.parse().unwrap())
}

fn request(push: PushSettings, message: &v1::Message) -> Result<Request<Full<Bytes>>, Unsendable> {
    let payload = message.encode_to_vec();
    content_of(&endpoint(push)).unwrap().request(&delivery(payload), NOW)
}

/// The request's headers but those that every request has, and its body.
fn sent(push: PushSettings, message: &v1::Message) -> (BTreeMap<String, String>, Bytes) {
    let (parts, body) = request(push, message).unwrap().into_parts();
    (texts(&parts.headers), bytes(body))
}

fn texts(headers: &http::HeaderMap) -> BTreeMap<String, String> {
    headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

fn bytes(body: Full<Bytes>) -> Bytes {
    body.collect().now_or_never().unwrap().unwrap().to_bytes()
}

fn json_of(body: &[u8]) -> serde_json::Value {
    serde_json::from_slice(body).unwrap()
}
