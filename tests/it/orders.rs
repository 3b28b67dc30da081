//! The main job on real input: the 1,000 order events that the binary carries for `fanfare demo`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    process::Command,
};

use fanfare_proto::v1::{AcknowledgeRequest, LeaseOutcome, ReceivedMessage};
use serde_json::{Value, json};

use crate::support::{
    Fanfare, Start,
    client::{self, Subscriber, pull, subscriber},
    tools,
};

const EVENTS: usize = 1_000;

/// The file of events, a message a line.
fn shipped() -> File {
    File::open(tools::file("../crates/cli/data/orders.jsonl")).unwrap()
}

/// Each as a request of PublishStream.
fn requests() -> (String, Vec<Value>) {
    let mut program = Command::new("python3");
    program.arg("-B").arg(tools::file("data/requests.py")).arg("orders").stdin(shipped());
    let output = program.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let requests = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (text, requests)
}

/// What identifies an event in the file, and when it is delivered.
fn names(requests: &[Value]) -> BTreeSet<String> {
    let name = |request: &Value| request["messages"][0]["deduplication_id"].as_str().unwrap().to_owned();
    requests.iter().map(name).collect()
}

/// Takes and settles up to `count`; what was confirmed, in the order of its delivery.
async fn take(consumer: &mut Subscriber, subscription: &str, count: usize) -> Vec<ReceivedMessage> {
    let mut taken: Vec<ReceivedMessage> = Vec::new();
    while taken.len() < count {
        let most = u32::try_from(count - taken.len()).unwrap().min(100);
        let messages = pull(consumer, subscription, most, 10).await;
        assert!(!messages.is_empty(), "{subscription}: {} of {count}", taken.len());
        let ack_ids = messages.iter().map(|message| message.ack_id.clone()).collect();
        let request = AcknowledgeRequest { subscription: subscription.into(), ack_ids };
        let results = consumer.acknowledge(request).await.unwrap().into_inner().results;
        assert!(results.iter().all(|result| result.outcome() == LeaseOutcome::Ok), "{results:?}");
        taken.extend(messages);
    }
    taken
}

fn is_exactly(taken: &[ReceivedMessage], requests: &[Value]) {
    let name = |message: &ReceivedMessage| message.message.as_ref().unwrap().deduplication_id.clone();
    assert_eq!(taken.len(), EVENTS, "none twice");
    assert_eq!(taken.iter().map(name).collect::<BTreeSet<_>>(), names(requests));
}

fn is_in_order_of_each_customer(taken: &[ReceivedMessage]) {
    let mut last = BTreeMap::new();
    for message in taken {
        let customer = &message.message.as_ref().unwrap().ordering_key;
        let before = last.insert(customer, message.sequence).unwrap_or(0);
        assert!(before < message.sequence, "{customer}: {before} before {}", message.sequence);
    }
    assert!(last.len() > 50, "many customers");
}

async fn with_orders() -> (Fanfare, crate::support::Directory, Vec<Value>) {
    let (fanfare, directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    client::subscribe(&fanfare, "shipping", &json!({"ordered": true}));
    let (text, requests) = requests();
    let answers = fanfare.grpcurl().answers("PublisherService/PublishStream", &text).unwrap();
    let matched = |answer: &Value| answer["published"]["results"][0]["matchedSubscriptions"] == 2;
    assert_eq!(answers.iter().filter(|answer| matched(answer)).count(), EVENTS);
    (fanfare, directory, requests)
}

#[tokio::test]
async fn a_thousand_orders_reach_two_subscriptions_one_of_them_across_kill_minus_nine() {
    let (fanfare, directory, requests) = with_orders().await;
    let mut consumer = subscriber(&fanfare).await;
    let mut billing = take(&mut consumer, "billing", 400).await;
    let held = pull(&mut consumer, "billing", 100, 10).await;
    assert_eq!(held.len(), 100, "these are under lease when it dies");
    fanfare.kill();

    let fanfare = Start::on(&directory.path().join("data")).ready().await;
    let mut consumer = subscriber(&fanfare).await;
    billing.extend(take(&mut consumer, "billing", EVENTS - 400).await);
    let shipping = take(&mut consumer, "shipping", EVENTS).await;
    is_exactly(&billing, &requests);
    is_exactly(&shipping, &requests);
    is_in_order_of_each_customer(&shipping);
    for subscription in ["billing", "shipping"] {
        assert!(pull(&mut consumer, subscription, 1, 0).await.is_empty(), "nothing comes again");
    }
}

#[test]
fn the_script_that_the_readme_quotes_works_as_it_says() {
    let mut script = Command::new(tools::file("orders.sh"));
    script.env("FANFARE_BIN", tools::fanfare()).env("GRPCURL", tools::tool("GRPCURL"));
    let output = script.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let expected =
        "published 1000\nbilling took 1000, different ones 1000\nshipping took 1000, different ones 1000\n";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn the_shipped_file_is_what_its_generator_writes() {
    let output = Command::new("python3").arg("-B").arg(tools::file("data/make_orders.py")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let shipped = io::read_to_string(shipped()).unwrap();
    assert!(output.stdout == shipped.as_bytes(), "run tests/data/make_orders.py again");
}
