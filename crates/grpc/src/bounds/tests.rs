use fanfare_proto::v1::{attribute_value::Value::Array, test_filter_request::Subject};
use proptest::prelude::*;
use prost_types::{ListValue, Struct, Value, value::Kind};

use super::*;

fn refused<T: Bounded + std::fmt::Debug>(request: &T) -> String {
    let refusal = open(Undecoded::<T>::new(request.encode_to_vec().into())).unwrap_err();
    v1::RequestError::from(refusal).message
}

fn passes<T: Bounded + PartialEq + std::fmt::Debug>(request: &T) {
    assert_eq!(open(Undecoded::<T>::new(request.encode_to_vec().into())).unwrap(), *request);
}

fn named(count: usize) -> std::collections::BTreeMap<String, String> {
    (0..count).map(|number| (number.to_string(), String::new())).collect()
}

fn publish(messages: usize, attributes: usize) -> v1::PublishRequest {
    let message = v1::NewMessage { attributes: named(attributes), ..Default::default() };
    v1::PublishRequest { topic: "t".into(), messages: vec![message; messages] }
}

#[test]
fn each_limit_is_allowed_and_one_more_is_not() {
    passes(&publish(1_000, 1));
    passes(&publish(1, 100));
    passes(&publish(0, 0));
    assert_eq!(refused(&publish(1_001, 0)), "messages: has 1001 entries, must have 1 to 1000");
    assert_eq!(refused(&publish(2, 101)), "messages[0].attributes: has 101 entries, must have 0 to 100");
    let acknowledge =
        |count| v1::AcknowledgeRequest { ack_ids: vec![String::new(); count], ..Default::default() };
    passes(&acknowledge(10_000));
    assert_eq!(refused(&acknowledge(10_001)), "ack_ids: has 10001 entries, must have 1 to 10000");
    let create = |count| {
        let settings = Some(v1::SubscriptionSettings { labels: named(count), ..Default::default() });
        v1::CreateSubscriptionRequest { settings, ..Default::default() }
    };
    passes(&create(64));
    assert_eq!(refused(&create(65)), "settings.labels: there are 65, the limit is 64");
    let update = |count| {
        let update_mask = Some(prost_types::FieldMask { paths: vec![String::new(); count] });
        v1::UpdateTopicRequest { update_mask, ..Default::default() }
    };
    passes(&update(64));
    assert_eq!(refused(&update(65)), "update_mask: has 65 entries, must have 1 to 64");
}

fn push_settings(change: impl FnOnce(&mut v1::PushConfig)) -> Option<v1::SubscriptionSettings> {
    let mut push = v1::PushConfig::default();
    change(&mut push);
    Some(v1::SubscriptionSettings { push: Some(push), ..Default::default() })
}

#[test]
fn what_repeats_in_push_settings_is_counted_in_creation_and_in_update() {
    type Fill = fn(&mut v1::PushConfig, usize);
    let cases: [(Fill, usize, &str); 4] = [
        (|push, count| push.headers = named(count), 32, "headers"),
        (|push, count| push.signing_secrets = vec![String::new(); count], 2, "signing_secrets"),
        (|push, count| push.error_rules = vec![v1::PushErrorRule::default(); count], 32, "error_rules"),
        (|push, count| push.signing_keys = vec![v1::PushSigningKey::default(); count], 2, "signing_keys"),
    ];
    for (fill, limit, field) in cases {
        let settings = |count| push_settings(|push| fill(push, count));
        let create =
            |count| v1::CreateSubscriptionRequest { settings: settings(count), ..Default::default() };
        let update =
            |count| v1::UpdateSubscriptionRequest { settings: settings(count), ..Default::default() };
        let why = format!("settings.push.{field}: there are {}, the limit is {limit}", limit + 1);
        passes(&create(limit));
        assert_eq!(refused(&create(limit + 1)), why);
        passes(&update(limit));
        assert_eq!(refused(&update(limit + 1)), why);
        let twice = [create(limit).encode_to_vec(), create(1).encode_to_vec()].concat();
        let pieces = open(Undecoded::<v1::CreateSubscriptionRequest>::new(twice.into()));
        // Equal names of a map are one entry once they are merged, and counted as they came.
        assert_eq!(v1::RequestError::from(pieces.unwrap_err()).message, why);
    }
}

#[test]
fn what_a_worker_reports_at_a_time_is_counted() {
    let attempts = |count| v1::ReportAttemptsRequest {
        reports: vec![v1::AttemptReport::default(); count],
        ..Default::default()
    };
    let endpoints =
        |count| v1::ReportEndpointsRequest { reports: vec![v1::EndpointReport::default(); count] };
    passes(&attempts(1_000));
    passes(&endpoints(1_000));
    assert_eq!(refused(&attempts(1_001)), "reports: has 1001 entries, must have 1 to 1000");
    assert_eq!(refused(&endpoints(1_001)), "reports: has 1001 entries, must have 1 to 1000");
}

fn nulls(count: usize) -> v1::AttributeValue {
    let values = vec![Value { kind: Some(Kind::NullValue(0)) }; count];
    v1::AttributeValue { value: Some(Array(ListValue { values })) }
}

fn typed(arrays: impl IntoIterator<Item = usize>) -> v1::NewMessage {
    let arrays = arrays.into_iter().enumerate().map(|(index, count)| (format!("a{index}"), nulls(count)));
    v1::NewMessage { typed_attributes: arrays.collect(), ..Default::default() }
}

fn of(message: v1::NewMessage) -> v1::PublishRequest {
    v1::PublishRequest { topic: "t".into(), messages: vec![v1::NewMessage::default(), message] }
}

fn tried(message: v1::NewMessage) -> v1::TestFilterRequest {
    v1::TestFilterRequest { subject: Some(Subject::Message(message)), ..Default::default() }
}

#[test]
fn typed_attributes_and_the_elements_of_their_arrays_are_counted() {
    passes(&of(typed([256; 4])));
    passes(&of(v1::NewMessage { attributes: named(40), ..typed([0; 60]) }));
    let long = refused(&of(typed([0, 257])));
    assert_eq!(long, "messages[1].typed_attributes[\"a1\"].array: has 257 entries, must have 0 to 256");
    let elements = refused(&of(typed([205; 5])));
    assert_eq!(
        elements,
        "messages[1].typed_attributes: has 1025 elements in all its arrays, the limit is 1024"
    );
    let both = refused(&of(v1::NewMessage { attributes: named(40), ..typed([0; 61]) }));
    assert_eq!(both, "messages[1].typed_attributes: makes 101 with those in attributes, the limit is 100");
}

#[test]
fn arrays_and_objects_in_an_array_are_refused_before_anyone_looks_into_them() {
    let list = Kind::ListValue(ListValue { values: vec![Value::default(); 10_000] });
    for kind in [list, Kind::StructValue(Struct::default())] {
        let values = vec![Value { kind: Some(Kind::BoolValue(true)) }, Value { kind: Some(kind) }];
        let value = v1::AttributeValue { value: Some(Array(ListValue { values })) };
        let message = v1::NewMessage { typed_attributes: [("n".into(), value)].into(), ..Default::default() };
        let refused = refused(&of(message));
        assert!(
            refused.starts_with("messages[1].typed_attributes[\"n\"].array[1]: is an array"),
            "{refused}"
        );
    }
}

#[test]
fn a_message_to_try_a_filter_on_is_counted_as_one_that_is_published() {
    passes(&tried(typed([256; 4])));
    assert_eq!(
        refused(&tried(publish(1, 101).messages.remove(0))),
        "message.attributes: has 101 entries, must have 0 to 100"
    );
    assert!(refused(&tried(typed([257]))).starts_with("message.typed_attributes[\"a0\"].array: has 257"));
    let pieces = [tried(typed([250; 4])).encode_to_vec(), tried(typed([10; 3])).encode_to_vec()].concat();
    let refusal = open(Undecoded::<v1::TestFilterRequest>::new(pieces.into())).unwrap_err();
    assert!(format!("{refusal:?}").contains("has 1030 elements"), "{refusal:?}");
}

#[test]
fn the_ack_ids_of_one_request_are_counted_together() {
    let ids = |count| vec![String::new(); count];
    let request = |acks, nacked| v1::StreamingPullRequest {
        acks: ids(acks),
        nacks: vec![v1::StreamNack { ack_ids: ids(nacked), delay: None }],
        extensions: vec![v1::StreamExtension { ack_ids: ids(1), ack_deadline: None }],
        ..Default::default()
    };
    passes(&request(5_000, 4_999));
    assert_eq!(refused(&request(5_000, 5_000)), "acks: the request has 10001 ack IDs, the limit is 10000");
    let empty = v1::StreamingPullRequest { nacks: vec![Default::default(); 10_001], ..Default::default() };
    assert_eq!(refused(&empty), "nacks: has 10001 entries, must have 0 to 10000");
}

#[test]
fn settings_that_come_in_pieces_are_counted_together() {
    let piece = |from: usize| {
        let labels = (from..from + 40).map(|number| (number.to_string(), String::new())).collect();
        let settings = Some(v1::TopicSettings { labels, ..Default::default() });
        v1::CreateTopicRequest { settings, ..Default::default() }.encode_to_vec()
    };
    let both = [piece(0), piece(40)].concat();
    assert_eq!(v1::CreateTopicRequest::decode(&*both).unwrap().settings.unwrap().labels.len(), 80, "merged");
    let refusal = open(Undecoded::<v1::CreateTopicRequest>::new(both.into())).unwrap_err();
    assert!(format!("{refusal:?}").contains("there are 80"), "{refusal:?}");
}

#[test]
fn the_weight_counts_what_the_parts_take_beside_their_bytes() {
    let request = publish(10, 3);
    let bytes = request.encoded_len();
    let checked = check(Undecoded::<v1::PublishRequest>::new(request.encode_to_vec().into())).unwrap();
    assert_eq!(checked.weight(), bytes + 10 * MESSAGE + 30 * ATTRIBUTE);
    let request = of(typed([7, 5]));
    let bytes = request.encoded_len();
    let checked = check(Undecoded::<v1::PublishRequest>::new(request.encode_to_vec().into())).unwrap();
    assert_eq!(checked.weight(), bytes + 2 * MESSAGE + 2 * ATTRIBUTE + 12 * size_of::<Value>());
}

#[test]
fn what_a_part_takes_is_no_more_than_its_weight() {
    assert!(size_of::<v1::NewMessage>() <= MESSAGE, "{}", size_of::<v1::NewMessage>());
    assert!(size_of::<(String, v1::AttributeValue)>() <= ATTRIBUTE);
    assert!(size_of::<v1::PushErrorRule>() <= TEXT && size_of::<v1::PushSigningKey>() <= ATTRIBUTE);
    assert!(size_of::<v1::AttemptReport>() <= REPORT && size_of::<v1::EndpointReport>() <= REPORT);
}

#[test]
fn what_is_no_protobuf_is_unreadable_and_not_a_field_at_fault() {
    let refusal = open(Undecoded::<v1::PublishRequest>::new(Bytes::from_static(&[18, 9, 1]))).unwrap_err();
    assert_eq!(refusal.reason(), Reason::UnreadableRequest);
}

/// How many parts the request has once it is decoded.
fn parts(request: &v1::StreamingPullRequest) -> usize {
    let nacked: usize = request.nacks.iter().map(|nack| nack.ack_ids.len()).sum();
    request.acks.len() + nacked + request.nacks.len() + request.extensions.len()
}

proptest! {
    #[test]
    fn whatever_the_bytes_are_nothing_decodes_to_more_than_was_counted(
        bytes in proptest::collection::vec(prop_oneof![Just(0x2a_u8), Just(0x32), Just(0x3a), Just(0x0a), 0..8_u8], 0..200)
    ) {
        let request = Undecoded::<v1::StreamingPullRequest>::new(bytes.clone().into());
        match (check(request), v1::StreamingPullRequest::decode(&*bytes)) {
            (Ok(checked), Ok(decoded)) => prop_assert!(parts(&decoded) * TEXT <= checked.weight() - bytes.len()),
            (Err(refusal), _) => prop_assert_eq!(refusal.reason(), Reason::UnreadableRequest),
            (Ok(_), Err(_)) => {}
        }
    }
}
