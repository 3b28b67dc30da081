use proptest::prelude::*;
use types::{KeyHash, MessageMeta};

use super::*;

fn written(write: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut out = BytesMut::new();
    write(&mut out);
    out.freeze()
}

proptest! {
    #[test]
    fn a_message_record_comes_back_as_it_was_written(
        ordinal: u64,
        key in prop::option::of("[a-z]{0,300}"),
        id in prop::option::of("[a-z]{0,128}"),
        correlation in "[a-z]{1,128}",
        deliver: u64,
        expire in prop::option::of(any::<u64>()),
        payload in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let meta = MessageMeta {
            ordering_key: key.clone().map(Into::into),
            deduplication_id: id.clone().map(Into::into),
            correlation_id: correlation.clone().into(),
            deliver_at: Timestamp::from_micros(deliver),
            expire_at: expire.map(Timestamp::from_micros),
        };
        let message = Message {
            ordinal,
            deliver_at: meta.deliver_at,
            expire_at: meta.expire_at,
            key: key.as_deref().map(KeyHash::of),
            deduplication_id: id.map(Bytes::from),
            correlation_id: Bytes::from(correlation),
            payload: Bytes::from(payload.clone()),
        };
        let record = written(|out| write_message(out, ordinal, &meta, &payload));
        prop_assert!(record.len() <= MESSAGE_OVERHEAD + payload.len() + 128 + 128 + 300);
        prop_assert_eq!(Record::read(&record), Ok(Record::Message(message.clone())));
        let carried = written(|out| write_carried(out, 7, Timestamp::from_micros(9), &record));
        prop_assert_eq!(
            Record::read(&carried),
            Ok(Record::Carried { sequence: 7, published_at: Timestamp::from_micros(9), message })
        );
    }

    #[test]
    fn bytes_that_are_no_record_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = Record::read(&Bytes::from(bytes));
    }

    #[test]
    fn a_queue_record_comes_back_as_it_was_written(uid: u64, ordinal: u64, sequences in prop::collection::vec(any::<u64>(), 0..20)) {
        let record = queue::Record::Settled { sequences };
        let bytes = written(|out| { out.put_u8(0); out.clear(); write_queue(out, SubscriptionUid(uid), ordinal, &record); });
        prop_assert_eq!(Record::read(&bytes), Ok(Record::Queue { uid: SubscriptionUid(uid), ordinal, record }));
    }
}

#[test]
fn acknowledgements_of_every_release_are_read_and_what_is_written_stays_as_it_is() {
    let head: Vec<u8> = [&[QUEUE][..], &9_u64.to_le_bytes(), &10_u64.to_le_bytes()].concat();
    let rows = [
        (queue::Record::Settled { sequences: vec![3, 300] }, &[0, 2, 3, 0xac, 2][..]),
        (queue::Record::SettledRuns { runs: vec![(3, 2), (300, 1)] }, &[11, 2, 3, 2, 0xac, 2, 1]),
    ];
    for (record, fields) in rows {
        let bytes = Bytes::from([&head[..], fields].concat());
        assert_eq!(written(|out| write_queue(out, SubscriptionUid(9), 10, &record)), bytes);
        let read = Record::Queue { uid: SubscriptionUid(9), ordinal: 10, record };
        assert_eq!(Record::read(&bytes), Ok(read));
    }
}

#[test]
fn an_attempt_comes_back_to_who_asks_for_its_message_and_is_stored_as_ever() {
    let attempt = Attempt {
        number: 300,
        started_at: Timestamp::from_micros(1),
        latency: std::time::Duration::new(2, 3),
        status: Some(503),
        class: types::push::AttemptClass::Retryable,
        response: vec![7, 8],
        error: "ü".into(),
    };
    let uid = SubscriptionUid(9);
    let bytes = written(|out| write_attempt(out, uid, 10, &attempt));
    let fields = [0xac, 2, 1, 2, 3, 1, 0xf7, 3, 9, 2, 7, 8, 2, 0xc3, 0xbc];
    let head: Vec<u8> = [&[6][..], &9_u64.to_le_bytes(), &10_u64.to_le_bytes()].concat();
    assert_eq!(bytes, [&head[..], &fields].concat());
    assert_eq!(read_attempt_of(&bytes, uid, 10), Ok(Some(attempt.clone())));
    assert_eq!(read_attempt_of(&bytes, uid, 11), Ok(None));
    assert_eq!(read_attempt_of(&bytes, SubscriptionUid(8), 10), Ok(None));
    assert_eq!(Record::read(&bytes), Ok(Record::Attempt { uid, sequence: 10, attempt }));
    assert!(Record::read(&bytes.slice(..bytes.len() - 1)).is_err());
}

#[test]
fn events_come_back_as_they_were_written() {
    let event = TopicEvent::Updated { settings: TopicSettings::default() };
    assert_eq!(Record::read(&written(|out| write_topic(out, &event))), Ok(Record::Topic(event)));
    let status = EndpointStatus::Disabled {
        reason: types::push::DisabledReason::BreakerOpen,
        at: Timestamp::from_micros(5),
    };
    let event = SubscriptionEvent::Endpoint { uid: SubscriptionUid(9), status };
    let bytes = written(|out| write_subscription(out, &event));
    let text = r#"{"Endpoint":{"uid":9,"status":{"disabled":{"reason":"breaker_open","at":5}}}}"#;
    assert_eq!(bytes.slice(1..), text.as_bytes());
    assert_eq!(Record::read(&bytes), Ok(Record::Subscription(event)));
    let event = SubscriptionEvent::Created {
        name: "s".parse().unwrap(),
        settings: SubscriptionSettings::default(),
        created_at: Timestamp::from_micros(1),
        start: Some(Start { cursor: 3, ordinal: 2 }),
    };
    assert_eq!(
        Record::read(&written(|out| write_subscription(out, &event))),
        Ok(Record::Subscription(event))
    );
}
