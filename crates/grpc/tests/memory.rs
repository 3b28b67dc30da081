//! What a hostile request costs the server in memory. A binary of its own: it looks at the peak of its whole process.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

#[path = "it/fixture.rs"]
#[allow(dead_code, reason = "shared with the other binary")]
mod fixture;
#[path = "it/raw.rs"]
mod raw;

use tonic::{Code, Status};

use fixture::{Server, reason};

/// What one request of 4 MiB may cost: itself, a few times over, and nothing made of its parts, which takes 440 MiB.
const MOST: u64 = 48 << 20;

/// The most memory the process ever had.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Field 1, which is a name in each of them, and 4 MiB of this field, empty.
fn bomb(tag: u8) -> Vec<u8> {
    let name = [10, 1, b't'];
    [&name[..], &[(tag << 3) | 2, 0].repeat((4 << 20) / 2 - name.len())].concat()
}

/// A field of this tag around these bytes.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![(tag << 3) | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut field);
    [field, bytes.to_vec()].concat()
}

/// The entry of an attribute that has this array.
fn attribute(name: &str, array: &[u8]) -> Vec<u8> {
    field(10, &[field(1, name.as_bytes()), field(2, &field(3, array))].concat())
}

/// A `PublishRequest` of these messages.
fn publish(messages: &[Vec<u8>]) -> Vec<u8> {
    let messages = messages.iter().flat_map(|message| field(2, message));
    field(1, b"t").into_iter().chain(messages).collect()
}

/// Two million parts in one field.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let rows = [
        ("PublisherService/Publish", 2),
        ("PublisherService/PublishStream", 2),
        ("SubscriberService/Acknowledge", 2),
        ("SubscriberService/Nack", 2),
        ("SubscriberService/ExtendLease", 2),
        ("SubscriberService/StreamingPull", 5),
        ("SubscriberService/StreamingPull", 6),
        ("SubscriberService/StreamingPull", 7),
    ];
    rows.map(|(method, tag)| (method, bomb(tag))).into()
}

/// The same in an attribute's array, or as many as are counted in all arrays of all messages.
fn arrays() -> Vec<(&'static str, Vec<u8>)> {
    let empty = [10, 0].repeat(2 << 20);
    let nested = field(1, &field(6, &empty));
    let full = (0..4).flat_map(|n| attribute(&n.to_string(), &[10, 0].repeat(256))).collect();
    vec![
        ("PublisherService/Publish", publish(&[attribute("one array", &empty)])),
        ("PublisherService/Publish", publish(&[attribute("an array in an array", &nested)])),
        ("SubscriptionService/TestFilter", field(3, &attribute("a message to try", &empty))),
        ("PublisherService/Publish", publish(&vec![full; 1_000])),
    ]
}

/// One test: what runs beside it would be counted too.
#[tokio::test]
async fn a_request_of_two_million_empty_parts_is_refused_and_never_taken_apart() {
    let server = Server::with_topic().await;
    for (row, (method, request)) in bombs().into_iter().chain(arrays()).enumerate() {
        let before = peak();
        let status = raw::send(&server, method, request).await.unwrap_err();
        let cost = peak() - before;
        assert_invalid(&status, method);
        assert!(cost < MOST, "{method}, row {row}: {} MiB", cost >> 20);
    }
}

fn assert_invalid(status: &Status, method: &str) {
    assert_eq!(
        (status.code(), reason(status).as_str()),
        (Code::InvalidArgument, "INVALID_FIELD"),
        "{method}"
    );
}
