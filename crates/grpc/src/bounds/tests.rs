use proptest::prelude::*;

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
